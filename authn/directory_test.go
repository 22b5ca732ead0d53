package authn_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// found is the page of a query by an administrator, and the names on it.
func (m *mind) found(t *testing.T, q authn.UserQuery) (names []string, page authn.UserPage) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, err := m.accounts.Search(t.Context(), authn.Operator(), q)
	if err != nil {
		t.Fatal(err)
	}
	names = []string{}
	for _, u := range page.Users {
		names = append(names, u.Username)
	}
	return names, page
}

func TestSearch(t *testing.T) {
	m := newMind(t, options{lockout: authn.LockoutPolicy{Failures: 2, Duration: 5 * time.Minute}})
	for _, name := range []string{"alice", "Bob", "straße", "a_b"} {
		m.user(t, name)
		m.clock.advance(time.Second)
	}
	alice, err := m.accounts.Find(t.Context(), authn.Operator(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	update := authn.AccountUpdate{Roles: &[]string{"staff"}, Admin: ptr(true)}
	if _, err := m.accounts.Update(t.Context(), authn.Operator(), alice.ID, update, from); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := m.logins.Login(t.Context(), "bob", "wrong password", from); code(t, err) != authn.CodeInvalidGrant {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		filter authn.UserFilter
		want   []string
	}{
		"nothing":               {authn.UserFilter{}, []string{"alice", "bob", "straße", "a_b"}},
		"another case":          {authn.UserFilter{Text: "ALI"}, []string{"alice"}},
		"another width":         {authn.UserFilter{Text: "ｂｏ"}, []string{"bob"}},
		"space around it":       {authn.UserFilter{Text: " bob\t"}, []string{"bob"}},
		"a part of an address":  {authn.UserFilter{Text: "E@EXAMPLE"}, []string{"alice", "straße"}},
		"a sign of a pattern":   {authn.UserFilter{Text: "_"}, []string{"a_b"}},
		"what no name can have": {authn.UserFilter{Text: "a b"}, []string{}},
		"an id":                 {authn.UserFilter{Text: strings.ToUpper(alice.ID.String())}, []string{"alice"}},
		"a role":                {authn.UserFilter{Role: "staff"}, []string{"alice"}},
		"administrators":        {authn.UserFilter{Admin: ptr(true)}, []string{"alice"}},
		"locked":                {authn.UserFilter{Locked: ptr(true)}, []string{"bob"}},
		"not locked":            {authn.UserFilter{Locked: ptr(false), Text: "b"}, []string{"a_b"}},
	} {
		if got, _ := m.found(t, authn.UserQuery{UserFilter: c.filter}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	_, page := m.found(t, authn.UserQuery{Order: authn.ByName})
	for _, u := range page.Users {
		if want := m.clock.Now().Add(5 * time.Minute); u.LockedUntil.Equal(want) != (u.Username == "bob") {
			t.Errorf("%s is locked until %v", u.Username, u.LockedUntil)
		}
	}
	m.clock.advance(5 * time.Minute)
	if got, _ := m.found(t, authn.UserQuery{UserFilter: authn.UserFilter{Locked: ptr(true)}}); len(got) != 0 {
		t.Errorf("locked when the lock is over: %q", got)
	}
}

func TestSearchRefusals(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	m.clock.advance(time.Second)
	m.user(t, "bob")
	asAlice := m.caller(t, "alice")
	if _, err := m.accounts.Search(t.Context(), asAlice, authn.UserQuery{Limit: 10}); code(t, err) != authn.CodeForbidden {
		t.Errorf("a search by who is no administrator: %v", err)
	}
	_, page := m.found(t, authn.UserQuery{Limit: 1})
	for name, c := range map[string]struct {
		query authn.UserQuery
		field string
	}{
		"a control character":         {authn.UserQuery{UserFilter: authn.UserFilter{Text: "a\x00b"}, Limit: 1}, "search"},
		"no text":                     {authn.UserQuery{UserFilter: authn.UserFilter{Text: "\xff"}, Limit: 1}, "search"},
		"too much":                    {authn.UserQuery{UserFilter: authn.UserFilter{Text: strings.Repeat("x", 255)}, Limit: 1}, "search"},
		"what is no role":             {authn.UserQuery{UserFilter: authn.UserFilter{Role: "a,b"}, Limit: 1}, "role"},
		"an order that there is not":  {authn.UserQuery{Order: "email", Limit: 1}, "order"},
		"no limit":                    {authn.UserQuery{}, "limit"},
		"more than a page":            {authn.UserQuery{Limit: 101}, "limit"},
		"less than nothing":           {authn.UserQuery{Limit: 1, Skip: -1}, "skip"},
		"no cursor":                   {authn.UserQuery{Limit: 1, Cursor: "x"}, "cursor"},
		"a cursor of another list":    {authn.UserQuery{Limit: 1, Cursor: authn.UserCursor(page.Users[0].User)}, "cursor"},
		"a cursor of another order":   {authn.UserQuery{Limit: 1, Cursor: page.Next, Order: authn.ByName}, "cursor"},
		"a cursor the other way":      {authn.UserQuery{Limit: 1, Cursor: page.Next, Order: authn.NewestFirst}, "cursor"},
		"a cursor with no name in it": {authn.UserQuery{Limit: 1, Cursor: withEnd(t, page.Next, "\x00")}, "cursor"},
		"a cursor with no text in it": {authn.UserQuery{Limit: 1, Cursor: withEnd(t, page.Next, "\xff")}, "cursor"},
	} {
		_, err := m.accounts.Search(t.Context(), authn.Operator(), c.query)
		if e := authn.Fault(err); err == nil || e.Code != authn.CodeInvalidRequest || e.Field != c.field {
			t.Errorf("%s: %v, want the field %s to be refused", name, err, c.field)
		}
	}
	if got, _ := m.found(t, authn.UserQuery{Limit: 1, Cursor: page.Next, Order: authn.OldestFirst}); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("behind the first page: %q", got)
	}
}

// withEnd is a cursor with more behind it.
func withEnd(t *testing.T, cursor, more string) string {
	t.Helper()
	bytes, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(append(bytes, more...))
}

// Pages go on from where the last one ended and back again, in every order, while users come and go.
func TestSearchPages(t *testing.T) {
	for _, order := range authn.UserOrders() {
		t.Run(string(order), func(t *testing.T) {
			m := newMind(t, options{})
			for i := range 7 {
				m.user(t, fmt.Sprintf("user%d", (i*3)%7))
				m.clock.advance(time.Second)
			}
			all, _ := m.found(t, authn.UserQuery{Order: order})
			first, page1 := m.found(t, authn.UserQuery{Order: order, Limit: 3})
			second, page2 := m.found(t, authn.UserQuery{Order: order, Limit: 3, Cursor: page1.Next})
			third, page3 := m.found(t, authn.UserQuery{Order: order, Limit: 3, Cursor: page2.Next})
			if diff := cmp.Diff(all, slices.Concat(first, second, third)); diff != "" || page1.Previous != "" || page3.Next != "" {
				t.Errorf("forward (-all +pages):\n%s first %+v, last %+v", diff, page1.Previous, page3.Next)
			}
			back, _ := m.found(t, authn.UserQuery{Order: order, Limit: 3, Cursor: page3.Previous})
			if !slices.Equal(back, second) {
				t.Errorf("back from the third page: %q, want %q", back, second)
			}
			// Who is added at the beginning is on the first page when somebody comes back to it, and moves nobody of the second.
			m.user(t, "user9")
			m.user(t, "user00")
			again, _ := m.found(t, authn.UserQuery{Order: order, Limit: 3, Cursor: page1.Next})
			if !slices.Equal(again, second) {
				t.Errorf("the second page is %q now, it was %q", again, second)
			}
			m.remove(t, first[1])
			m.remove(t, second[0])
			now, _ := m.found(t, authn.UserQuery{Order: order})
			front, page := m.found(t, authn.UserQuery{Order: order, Limit: 3, Cursor: page2.Previous})
			at := slices.Index(now, second[1])
			if want := now[max(0, at-3):at]; at < 3 && !slices.Equal(front, now[:3]) || at >= 3 && !slices.Equal(front, want) {
				t.Errorf("back at the beginning: %q of %q", front, now)
			}
			if page.Previous == "" != (at <= 3) || page.Next == "" {
				t.Errorf("there is something before: %v, and behind: %v", page.Previous != "", page.Next != "")
			}
		})
	}
}

func (m *mind) remove(t *testing.T, name string) {
	t.Helper()
	u, err := m.accounts.Find(t.Context(), authn.Operator(), name)
	if err == nil {
		err = m.accounts.Delete(t.Context(), authn.Operator(), u.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A page in front of a place that the beginning cuts short is a whole one all the same.
func TestSearchFillsTheFirstPage(t *testing.T) {
	m := newMind(t, options{})
	for i := range 5 {
		m.user(t, fmt.Sprintf("user%d", i))
	}
	_, page := m.found(t, authn.UserQuery{Order: authn.ByName, Limit: 2})
	_, page = m.found(t, authn.UserQuery{Order: authn.ByName, Limit: 2, Cursor: page.Next})
	m.remove(t, "user0")
	got, page := m.found(t, authn.UserQuery{Order: authn.ByName, Limit: 2, Cursor: page.Previous})
	if !slices.Equal(got, []string{"user1", "user2"}) || page.Previous != "" || page.Next == "" {
		t.Errorf("%q, before: %q, after: %q", got, page.Previous, page.Next)
	}
	got, page = m.found(t, authn.UserQuery{Order: authn.ByName, Limit: 2, Skip: 2})
	if !slices.Equal(got, []string{"user3", "user4"}) || page.Next != "" {
		t.Errorf("skipping two: %q, after: %q", got, page.Next)
	}
}

func TestAllSessions(t *testing.T) {
	m := newMind(t, options{policy: authn.SessionPolicy{IdleTimeout: time.Hour}})
	sessions := authn.NewSessions(authn.SessionsConfig{Store: m.store, Policy: m.config.Sessions, Now: m.clock.Now, Log: discard()})
	root := m.admin(t, "root")
	alice := m.user(t, "alice")
	for range 3 {
		m.clock.advance(time.Second)
		m.login(t, "alice")
	}
	asAlice := m.caller(t, "alice")
	if _, err := sessions.ListAll(t.Context(), asAlice, authn.SessionQuery{Limit: 10}); code(t, err) != authn.CodeForbidden {
		t.Errorf("all sessions, by who is no administrator: %v", err)
	}
	for _, q := range []authn.SessionQuery{{}, {Limit: 101}, {Limit: 1, Cursor: "x"}, {Limit: 1, Cursor: authn.UserCursor(alice)}} {
		if _, err := sessions.ListAll(t.Context(), root, q); code(t, err) != authn.CodeInvalidRequest {
			t.Errorf("%+v: %v", q, err)
		}
	}
	list := func(q authn.SessionQuery) authn.SessionPage {
		t.Helper()
		q.Limit = max(q.Limit, 2)
		page, err := sessions.ListAll(t.Context(), root, q)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	var got []string
	page := list(authn.SessionQuery{})
	for {
		for _, s := range page.Sessions {
			got = append(got, fmt.Sprintf("%s %v", s.Username, s.Current))
			if !s.ExpiresAt.Equal(s.LastSeenAt.Add(time.Hour)) {
				t.Errorf("%+v", s)
			}
		}
		if page.Next == "" {
			break
		}
		page = list(authn.SessionQuery{Cursor: page.Next})
	}
	want := []string{"alice false", "alice false", "alice false", "alice false", "root true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the sessions (-want +got):\n%s", diff)
	}
	if back := list(authn.SessionQuery{Cursor: page.Previous}); len(back.Sessions) != 2 || back.Next == "" || back.Previous == "" {
		t.Errorf("back from the last page: %+v", back)
	}
	if own := list(authn.SessionQuery{User: root.UserID}); len(own.Sessions) != 1 || own.Sessions[0].ID != root.SessionID {
		t.Errorf("those of one: %+v", own)
	}
	if none := list(authn.SessionQuery{User: uuid.New()}); len(none.Sessions) != 0 || none.Next != "" {
		t.Errorf("those of nobody: %+v", none)
	}
	m.clock.advance(time.Hour)
	if left := list(authn.SessionQuery{}); len(left.Sessions) != 0 {
		t.Errorf("when their time is over: %+v", left)
	}
}

// Of two who look at a user, the one who changes them later is told, and has changed nothing.
func TestChangedMeanwhile(t *testing.T) {
	m := newMind(t, options{})
	root := m.admin(t, "root")
	alice := m.user(t, "alice")
	m.clock.advance(time.Second)
	seen := alice.UpdatedAt
	change := func(u authn.AccountUpdate) (authn.User, error) {
		u.IfUpdatedAt = seen
		return m.accounts.Update(t.Context(), root, alice.ID, u, from)
	}
	changed, err := change(authn.AccountUpdate{Roles: &[]string{"staff"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = change(authn.AccountUpdate{Roles: &[]string{"writer"}}); code(t, err) != authn.CodeChanged {
		t.Errorf("a change of what is no longer so: %v", err)
	}
	if _, err = change(authn.AccountUpdate{Password: ptr("another password")}); code(t, err) != authn.CodeChanged {
		t.Errorf("a password set on what is no longer so: %v", err)
	}
	m.login(t, "alice") // which is no change
	seen = changed.UpdatedAt
	m.clock.advance(time.Second)
	if changed, err = change(authn.AccountUpdate{Email: ptr("new@example.com")}); err != nil || !slices.Equal(changed.Roles, []string{"staff"}) {
		t.Errorf("%+v, %v", changed, err)
	}
}
