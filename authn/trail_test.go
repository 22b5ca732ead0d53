package authn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// trailOf is the trail on the store of m.
func (m *mind) trailOf() *authn.Trail {
	return authn.NewTrail(authn.TrailConfig{Store: m.store, Now: m.clock.Now, Log: discard()})
}

// events returns those that the filter wants, the newest first.
func (m *mind) events(t testing.TB, kinds ...authn.EventKind) []authn.Event {
	t.Helper()
	events, err := m.store.ListEvents(t.Context(), authn.EventFilter{Kinds: kinds}, authn.EventPlace{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func keptOut(at time.Time, n int) authn.Event {
	address := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	from := authn.Client{Address: address, UserAgent: "test", RequestID: fmt.Sprintf("request-%d", n)}
	return authn.DeniedEvent(nil, from, at, "no_credentials", authn.Details{authn.DetailRoute: "all"})
}

// A flood becomes two rows a minute, and every one of it is counted.
func TestTrailCounts(t *testing.T) {
	m := newMind(t, options{})
	trail := m.trailOf()
	for range 1000 {
		trail.Counted(keptOut(m.clock.Now(), 1))
		m.clock.advance(time.Millisecond)
	}
	trail.Counted(keptOut(m.clock.Now(), 2)) // somebody else
	trail.Flush(t.Context(), false)
	trail.Flush(t.Context(), false)
	if got := m.events(t, authn.EventRequestDenied); len(got) != 2 || got[0].Count != 1 || got[1].Count != 1 {
		t.Fatalf("%d rows at first, want one for each client: %v", len(got), got)
	}
	m.clock.advance(time.Minute)
	trail.Flush(t.Context(), false)
	got := m.events(t, authn.EventRequestDenied)
	if len(got) != 3 {
		t.Fatalf("%d rows after a minute, want 3", len(got))
	}
	sum := 0
	for _, e := range got {
		if sum += e.Count; e.Count > 1 && e.Details[authn.DetailSince] == "" {
			t.Error("it is not told since when the repeats are counted")
		}
	}
	if sum != 1001 {
		t.Errorf("%d events are counted, want 1001", sum)
	}
	m.clock.advance(time.Hour)
	trail.Counted(keptOut(m.clock.Now(), 1)) // a new window
	trail.Flush(t.Context(), true)
	if got := m.events(t, authn.EventRequestDenied); len(got) != 4 || got[0].Count != 1 {
		t.Errorf("%d rows after another one, want 4", len(got))
	}
}

// Ten thousand different ones take no more rows than are counted at a time, and none is lost.
func TestTrailIsBounded(t *testing.T) {
	m := newMind(t, options{})
	trail := m.trailOf()
	for n := range 10_000 {
		trail.Counted(keptOut(m.clock.Now(), n))
	}
	trail.Flush(t.Context(), true)
	rows, sum := 0, 0
	for place := (authn.EventPlace{}); ; {
		events, err := m.store.ListEvents(t.Context(), authn.EventFilter{Kinds: []authn.EventKind{authn.EventRequestDenied}}, place, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			rows, sum, place = rows+1, sum+e.Count, e.Place()
		}
		if len(events) < 1000 {
			break
		}
	}
	if rows > 1026 || sum != 10_000 {
		t.Errorf("%d rows count %d, want at most 1026 rows that count 10000", rows, sum)
	}
}

// What comes while counts are written is not lost either.
func TestTrailCountsWhileWriting(t *testing.T) {
	m := newMind(t, options{})
	trail := m.trailOf()
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for n := range 500 {
				trail.Counted(keptOut(m.clock.Now(), n%3))
			}
		})
	}
	for range 20 {
		trail.Flush(t.Context(), true)
	}
	work.Wait()
	trail.Flush(t.Context(), true)
	trail.Flush(t.Context(), true)
	sum := 0
	for _, e := range m.events(t, authn.EventRequestDenied) {
		sum += e.Count
	}
	if sum != 2000 {
		t.Errorf("%d are counted, want 2000", sum)
	}
}

// A store that is away keeps no refusal from being one, and what was counted is written when it is back.
func TestTrailWithoutStore(t *testing.T) {
	m := newMind(t, options{})
	broken := &brokenTrail{AuditStore: m.store}
	var log strings.Builder
	trail := authn.NewTrail(authn.TrailConfig{Store: broken, Now: m.clock.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	broken.err = errors.New("away")
	m.config.Trail = trail
	logins := authn.NewLogins(m.config)
	m.user(t, "alice")
	if _, err := logins.Login(t.Context(), "alice", "wrong password", from); code(t, err) != authn.CodeInvalidGrant {
		t.Errorf("a wrong password without a trail: %v", err)
	}
	if !strings.Contains(log.String(), "could not be kept") || strings.Contains(log.String(), "wrong password") {
		t.Errorf("the log says %q", log.String())
	}
	trail.Counted(keptOut(m.clock.Now(), 1))
	trail.Counted(keptOut(m.clock.Now(), 1))
	trail.Flush(t.Context(), false)
	broken.err = nil
	trail.Flush(t.Context(), true)
	if got := m.events(t, authn.EventRequestDenied); len(got) != 2 {
		t.Errorf("%d rows when the store is back, want 2", len(got))
	}
}

// brokenTrail is a store whose trail can be away.
type brokenTrail struct {
	authn.AuditStore
	err error
}

func (b *brokenTrail) RecordEvents(ctx context.Context, events ...authn.Event) error {
	if b.err != nil {
		return b.err
	}
	return b.AuditStore.RecordEvents(ctx, events...)
}

// Every refusal of a login is told, of whom and why, and never the name that was typed if it is nobody's.
func TestLoginRefusalsAreTold(t *testing.T) {
	m := newMind(t, options{failures: 3})
	m.config.Trail = m.trailOf()
	logins := authn.NewLogins(m.config)
	alice := m.user(t, "alice")
	for range 4 {
		_, _ = logins.Login(t.Context(), "alice", "wrong password", from)
	}
	_, _ = logins.Login(t.Context(), "hunter2 typed as a name", "wrong password", from)
	m.config.Trail.Flush(t.Context(), true)
	var told []string
	for _, e := range m.events(t, authn.EventLoginFailed, authn.EventLocked) {
		whose := "nobody"
		if e.Subject == alice.ID {
			whose = "alice"
		}
		told = append(told, fmt.Sprintf("%s %s %s", whose, e.Kind, e.Reason))
		if text := fmt.Sprint(e); strings.Contains(text, "hunter2") || strings.Contains(text, "wrong password") {
			t.Errorf("an event repeats what was typed: %s", text)
		}
		if e.From.Address != from.Address || e.From.UserAgent != from.UserAgent {
			t.Errorf("%s came from %v", e.Kind, e.From)
		}
	}
	slices.Sort(told)
	want := []string{
		"alice account_locked ", "alice login_failed account_locked",
		"alice login_failed invalid_grant", "alice login_failed invalid_grant", "alice login_failed invalid_grant",
		"nobody login_failed invalid_grant",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Users see what concerns them and nothing of whoever else did it; administrators see all.
func TestTrailIsShown(t *testing.T) {
	m := newMind(t, options{})
	trail := m.trailOf()
	alice, bob := m.user(t, "alice"), m.user(t, "bob")
	root := &authn.Identity{UserID: bob.ID, SessionID: uuid.New(), Admin: true, From: authn.Client{
		Address: netip.MustParseAddr("203.0.113.99"), UserAgent: "the administrator's", RequestID: "of-root",
	}}
	m.login(t, "alice")
	m.login(t, "bob")
	sessions := authn.NewSessions(authn.SessionsConfig{Store: m.store, Now: m.clock.Now, Log: discard()})
	if _, err := sessions.EndAll(t.Context(), root, alice.ID); err != nil {
		t.Fatal(err)
	}
	self := &authn.Identity{UserID: alice.ID, SessionID: uuid.New(), From: from}
	page, err := trail.ListOwn(t.Context(), self, authn.EventQuery{Limit: 10, EventFilter: authn.EventFilter{Subject: bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range page.Events {
		told = append(told, fmt.Sprint(e.Kind, " ", e.Actor.Kind, " ", e.From.Address.IsValid()))
		if text := fmt.Sprint(e); e.Subject != alice.ID || strings.Contains(text, bob.ID.String()) || strings.Contains(text, "of-root") ||
			strings.Contains(text, "203.0.113.99") || strings.Contains(text, root.SessionID.String()) {
			t.Errorf("alice is shown %s", text)
		}
	}
	if diff := cmp.Diff([]string{"session_revoked administrator false", "login user true", "user_created administrator false"}, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := trail.List(t.Context(), self, authn.EventQuery{Limit: 10}); code(t, err) != authn.CodeForbidden {
		t.Errorf("alice reads the whole trail: %v", err)
	}
	if _, err := trail.ListOwn(t.Context(), authn.Operator(), authn.EventQuery{Limit: 10}); code(t, err) != authn.CodeNotFound {
		t.Errorf("nobody's own trail: %v", err)
	}
	all, err := trail.List(t.Context(), root, authn.EventQuery{Limit: 100})
	if err != nil || len(all.Events) < 5 || all.Events[0].Actor.ID != bob.ID.String() || all.Events[0].From != root.From {
		t.Errorf("an administrator is shown %v, error %v", all.Events, err)
	}
}

// A trail is read to its end in pages, and all at once, with the same result; a cursor of somebody's own making is refused.
func TestTrailPages(t *testing.T) {
	m := newMind(t, options{})
	trail := m.trailOf()
	for n := range 1500 {
		trail.Counted(keptOut(m.clock.Now(), n%900))
	}
	trail.Flush(t.Context(), true)
	var paged []int64
	q := authn.EventQuery{Limit: 7}
	for more := true; more; {
		page, err := trail.List(t.Context(), authn.Operator(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			paged = append(paged, e.ID)
		}
		q.Cursor, more = page.Next, page.Next != ""
	}
	for limit, want := range map[int]int{0: len(paged), 1: 1, 1000: 1000, 1001: 1001} {
		var all []int64
		for e, err := range trail.All(t.Context(), authn.Operator(), authn.EventQuery{Limit: limit}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e.ID)
		}
		if !slices.Equal(all, paged[:want]) {
			t.Errorf("%d events with limit %d, want the first %d of the pages", len(all), limit, want)
		}
	}
	for _, cursor := range []string{"1", "AAAA", q.Cursor + "A", strings.Repeat("A", 1000), "../.."} {
		if _, err := trail.List(t.Context(), authn.Operator(), authn.EventQuery{Limit: 1, Cursor: cursor}); code(t, err) != authn.CodeInvalidRequest {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	for _, limit := range []int{0, -1, 1001} {
		if _, err := trail.List(t.Context(), authn.Operator(), authn.EventQuery{Limit: limit}); code(t, err) != authn.CodeInvalidRequest {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestEventFilterSet(t *testing.T) {
	id := uuid.NewString()
	for name, texts := range map[string]map[string]bool{
		"kind":       {"login": true, "login, logout": true, "": false, "Login": false, "login,": false, "%": false},
		"actor":      {"operator": true, "system": true, "anonymous": true, "user": true, "client": true, "user:" + id: true, "client:billing": true, "": false, "user:alice": false, "client:": false, "operator:x": false, "administrator": false},
		"user":       {id: true, "": false, "alice": false, uuid.Nil.String(): false},
		"session":    {id: true, "x": false},
		"client":     {"192.0.2.1": true, "192.0.2.0/24": true, "2001:db8::/32": true, "::ffff:192.0.2.1": true, "": false, "localhost": false, "192.0.2.0/33": false},
		"outcome":    {"success": true, "failure": true, "": false, "denied": false},
		"request_id": {"abc": true, "": false, strings.Repeat("a", 129): false},
		"since":      {"2026-01-31T12:00:00Z": true, "2026-01-31T12:00:00.5+02:00": true, "2026-01-31": false, "0000-01-01T00:00:00Z": false, "yesterday": false},
		"until":      {"2026-01-31T12:00:00Z": true, "": false},
		"nonsense":   {"x": false},
	} {
		for text, good := range texts {
			var f authn.EventFilter
			err := f.Set(name, text)
			if (err == nil) != good || err != nil && (code(t, err) != authn.CodeInvalidRequest || strings.Contains(err.Error(), "alice")) {
				t.Errorf("%s %q: %v, want good %v", name, text, err, good)
			}
		}
	}
}
