package storetest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// event is one with everything, the n-th.
func event(n int, at time.Time) authn.Event {
	return authn.Event{
		At: at, Kind: authn.EventLoginFailed, Outcome: authn.Failure, Reason: "invalid_grant",
		Actor: authn.Actor{Kind: authn.ActorClient, ID: fmt.Sprintf("client%d", n)}, Subject: uuid.New(), Session: uuid.New(),
		From: authn.Client{
			Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), UserAgent: "test/1", RequestID: fmt.Sprintf("request-%d", n),
		},
		Count: n + 1, Details: authn.Details{authn.DetailUsername: `"=1+1"`, authn.DetailRoles: "a,b"},
	}
}

// list returns what a filter finds, without ids.
func list(t *testing.T, s Store, f authn.EventFilter) []authn.Event {
	t.Helper()
	events, err := s.ListEvents(t.Context(), f, authn.EventPlace{}, 1000)
	must(t, err)
	for i := range events {
		events[i].ID = 0
	}
	return events
}

func recorded(t *testing.T, db Database) {
	s := db.open(t)
	must(t, s.RecordEvents(t.Context()))
	full := event(1, now)
	bare := authn.Event{At: now.Add(time.Second), Kind: authn.EventRequestDenied, Outcome: authn.Failure, Actor: authn.Actor{Kind: authn.ActorAnonymous}}
	six := event(2, now.Add(2*time.Second))
	six.From.Address = netip.MustParseAddr("2001:db8::7")
	must(t, s.RecordEvents(t.Context(), full, bare, six))
	bare.Count, bare.Details = 1, authn.Details{}
	equal(t, "the trail", list(t, s, authn.EventFilter{}), []authn.Event{six, bare, full})
	if err := s.RecordEvents(t.Context(), event(3, now), authn.Event{At: now, Kind: authn.EventLogin}); err == nil {
		t.Error("an event of nobody was kept")
	}
	equal(t, "the number of events when one of two is refused", len(trail(t, s)), 3)
}

func strangeTexts(t *testing.T, db Database) {
	s := db.open(t)
	by := someone(now)
	by.From.UserAgent = "a\x00b\xffc" + strings.Repeat("ö", 600)
	by.From.Address = netip.MustParseAddr("fe80::1%eth0")
	must(t, s.CreateUser(t.Context(), person("alice"), by))
	e := trail(t, s)[0]
	if !strings.HasPrefix(e.From.UserAgent, "a?b?cö") || len(e.From.UserAgent) > 1024 || !strings.HasSuffix(e.From.UserAgent, "ö") {
		t.Errorf("the user agent is kept as %q", e.From.UserAgent)
	}
	equal(t, "the address", e.From.Address.String(), "fe80::1")
}

func eventFilters(t *testing.T, db Database) {
	s := db.open(t)
	var all []authn.Event // the newest first
	for n := range 6 {
		all = append(all, event(n, now.Add(time.Duration(-n)*time.Second)))
	}
	all[1].Kind, all[1].Outcome = authn.EventLogin, authn.Success
	all[2].Actor = authn.Actor{Kind: authn.ActorOperator}
	all[3].From.Address = netip.MustParseAddr("2001:db8:1::7")
	all[4].From.Address, all[4].Subject, all[4].Session = netip.Addr{}, uuid.Nil, uuid.Nil
	all[5].From.Address = netip.MustParseAddr("203.0.113.9")
	must(t, s.RecordEvents(t.Context(), all...))
	for name, c := range map[string]struct {
		filter authn.EventFilter
		want   []int
	}{
		"everything":        {authn.EventFilter{}, []int{0, 1, 2, 3, 4, 5}},
		"a kind":            {authn.EventFilter{Kinds: []authn.EventKind{authn.EventLogin}}, []int{1}},
		"two kinds":         {authn.EventFilter{Kinds: []authn.EventKind{authn.EventLogin, authn.EventLoginFailed}}, []int{0, 1, 2, 3, 4, 5}},
		"another kind":      {authn.EventFilter{Kinds: []authn.EventKind{authn.EventLogout}}, nil},
		"an outcome":        {authn.EventFilter{Outcome: authn.Success}, []int{1}},
		"an actor":          {authn.EventFilter{Actor: all[3].Actor}, []int{3}},
		"a kind of actor":   {authn.EventFilter{Actor: authn.Actor{Kind: authn.ActorClient}}, []int{0, 1, 3, 4, 5}},
		"a subject":         {authn.EventFilter{Subject: all[2].Subject}, []int{2}},
		"a session":         {authn.EventFilter{Session: all[0].Session}, []int{0}},
		"a request":         {authn.EventFilter{RequestID: "request-5"}, []int{5}},
		"an address":        {authn.EventFilter{Network: netip.MustParsePrefix("192.0.2.1/32")}, []int{1}},
		"a network":         {authn.EventFilter{Network: netip.MustParsePrefix("192.0.2.99/24")}, []int{0, 1, 2}},
		"a network of IPv6": {authn.EventFilter{Network: netip.MustParsePrefix("2001:db8::/32")}, []int{3}},
		"all of IPv4":       {authn.EventFilter{Network: netip.MustParsePrefix("0.0.0.0/0")}, []int{0, 1, 2, 5}},
		"since":             {authn.EventFilter{Since: all[2].At}, []int{0, 1, 2}},
		"until":             {authn.EventFilter{Until: all[2].At}, []int{3, 4, 5}},
		"a time":            {authn.EventFilter{Since: all[4].At, Until: all[2].At}, []int{3, 4}},
		"several":           {authn.EventFilter{Subject: all[0].Subject, Outcome: authn.Success}, nil},
	} {
		var want []authn.Event
		for _, i := range c.want {
			want = append(want, all[i])
		}
		equal(t, name, slices.Clip(list(t, s, c.filter)), append([]authn.Event{}, want...))
	}
}

func eventPages(t *testing.T, db Database) {
	s := db.open(t)
	var ids []int64
	for n := range 20 { // five share each time
		must(t, s.RecordEvents(t.Context(), event(n, now.Add(time.Duration(n/5)*time.Microsecond))))
	}
	for _, e := range trail(t, s) {
		ids = append(ids, e.ID)
	}
	slices.Reverse(ids)
	for size := 1; size <= 21; size += 3 {
		var got []int64
		var place authn.EventPlace
		for range 30 {
			page, err := s.ListEvents(t.Context(), authn.EventFilter{Outcome: authn.Failure}, place, size)
			must(t, err)
			for _, e := range page {
				got = append(got, e.ID)
				place = e.Place()
			}
			if len(page) < size {
				break
			}
			must(t, s.RecordEvents(t.Context(), authn.Event{ // arrives meanwhile
				At: now.Add(time.Hour), Kind: authn.EventLogin, Outcome: authn.Failure, Actor: authn.Actor{Kind: authn.ActorSystem},
			}))
		}
		got = got[len(got)-len(ids):] // those that had arrived before come first
		equal(t, fmt.Sprintf("the events in pages of %d", size), got, ids)
	}
}

func purgeEvents(t *testing.T, db Database) {
	s := db.open(t)
	many := make([]authn.Event, 2100)
	for i := range many {
		many[i] = event(i, now.Add(time.Duration(i-2050)*time.Second))
	}
	must(t, s.RecordEvents(t.Context(), many...))
	n, err := s.PurgeEvents(t.Context(), now)
	must(t, err)
	equal(t, "the number of events removed", n, 2050)
	equal(t, "the events left", len(trail(t, s)), 50)
	equal(t, "the oldest one left", list(t, s, authn.EventFilter{})[49].At, now)
	before := trail(t, s)[49].ID
	must(t, s.RecordEvents(t.Context(), event(1, now)))
	if after := trail(t, s)[50].ID; after <= before {
		t.Errorf("the id %d was given after %d", after, before)
	}
}
