package storetest

import (
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func countEvents(t *testing.T, db Database) {
	s := db.open(t)
	kinds := []authn.EventKind{authn.EventLogin, authn.EventLoginFailed}
	counts := func() map[authn.EventCount]bool {
		found, err := s.CountEvents(t.Context(), kinds, now, now.Add(3*time.Hour), time.Hour)
		must(t, err)
		set := map[authn.EventCount]bool{}
		for _, c := range found {
			set[c] = true
		}
		equal(t, "the number of counts, each kind and step once", len(set), len(found))
		return set
	}
	equal(t, "the counts of nothing", counts(), map[authn.EventCount]bool{})
	var all []authn.Event
	put := func(kind authn.EventKind, after time.Duration, events int) {
		all = append(all, authn.Event{
			At: now.Add(after), Kind: kind, Outcome: authn.Success, Actor: authn.Actor{Kind: authn.ActorSystem}, Count: events,
		})
	}
	put(authn.EventLogin, -time.Microsecond, 100) // too early
	put(authn.EventLogin, 0, 1)
	put(authn.EventLogin, time.Hour-time.Microsecond, 1)
	put(authn.EventLogin, time.Hour, 1)
	put(authn.EventLogin, 3*time.Hour-time.Microsecond, 5_000_000_000)
	put(authn.EventLogin, 3*time.Hour, 100) // too late
	put(authn.EventLoginFailed, time.Minute, 7)
	put(authn.EventLoginFailed, 2*time.Minute, 8)
	put(authn.EventLocked, time.Minute, 100) // not asked for
	must(t, s.RecordEvents(t.Context(), all...))
	equal(t, "the counts", counts(), map[authn.EventCount]bool{
		{Kind: authn.EventLogin, Step: 0, Events: 2}:             true,
		{Kind: authn.EventLogin, Step: 1, Events: 1}:             true,
		{Kind: authn.EventLogin, Step: 2, Events: 5_000_000_000}: true,
		{Kind: authn.EventLoginFailed, Step: 0, Events: 15}:      true,
	})
}
