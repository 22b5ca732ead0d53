package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func arrivalCases() []promise {
	return []promise{
		{"sign-ins/kept with the session", "what is kept otherwise than it was compares as another place or device; " +
			"and who did not get in would make the next attempt look usual", arrivalKept},
		{"sign-ins/nearest first", "the risk is that of the nearest; another order on another database is another risk", arrivalOrder},
		{"sign-ins/the last hundred, while there is the user", "the history of a busy account would grow without end, " +
			"and where somebody was would outlive their account", arrivalBound},
	}
}

// arriving keeps a session of u with a sign-in.
func arriving(t *testing.T, s Store, u authn.User, a authn.Arrival) error {
	t.Helper()
	access, refresh := pair(u)
	session := sessionOf(refresh, a.At)
	session.Country, session.City, session.Arrival = a.Place.Country, a.Place.City, &a
	return s.BeginSession(t.Context(), session, access, refresh, u.PasswordHash, authn.SessionPolicy{}, By(now))
}

// history returns the sign-ins of a user without the numbers that the store gave them.
func history(t *testing.T, s Store, user uuid.UUID, near authn.Vector) []authn.Arrival {
	t.Helper()
	all, err := s.Arrivals(t.Context(), user, near)
	must(t, err)
	for i := range all {
		if all[i].Kept == 0 {
			t.Errorf("sign-in %d has no number", i)
		}
		all[i].Kept = 0
	}
	return all
}

func arrivalOf(u authn.User, at time.Time, first int8) authn.Arrival {
	return authn.Arrival{
		UserID: u.ID, At: at, Address: "192.0.2.7", Network: "192.0.2.0/24", Device: "Firefox on Linux",
		Place:  authn.Place{Country: "NO", City: "Oslo", Located: true, Latitude: 59.911491, Longitude: -10.7579331, Accuracy: 20, ASN: 4294967295},
		Vector: authn.Vector{0: first, 1: -127, authn.VectorSize - 1: 127},
	}
}

func arrivalKept(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	equal(t, "the history of who never signed in", history(t, s, alice.ID, authn.Vector{}), []authn.Arrival{})
	equal(t, "that of nobody", history(t, s, uuid.New(), authn.Vector{}), []authn.Arrival{})
	known, unknown := arrivalOf(alice, now, 1), authn.Arrival{UserID: alice.ID, At: now.Add(time.Hour), Network: "unknown", Device: "Unknown"}
	null := arrivalOf(alice, now, 0)
	null.Place = authn.Place{Located: true} // off the coast of Africa, and not nowhere
	must(t, arriving(t, s, alice, known))
	must(t, arriving(t, s, alice, unknown))
	must(t, arriving(t, s, alice, null))
	must(t, arriving(t, s, bob, arrivalOf(bob, now, 7)))
	login(t, s, bob) // of a replica that compares nothing
	got := history(t, db.open(t), alice.ID, known.Vector)
	equal(t, "the history", got, []authn.Arrival{known, null, unknown})
	equal(t, "that of the other user", len(history(t, s, bob.ID, authn.Vector{})), 1)

	sessions, err := s.ListSessions(t.Context(), alice.ID, authn.SessionPolicy{}, now)
	must(t, err)
	var places []string
	for _, session := range sessions {
		places = append(places, session.City+" "+session.Country)
	}
	slices.Sort(places)
	equal(t, "where the sessions began", places, []string{" ", " ", "Oslo NO"})
	arrivalNotKept(t, s, add(t, s, person("carol")))
}

func arrivalNotKept(t *testing.T, s Store, u authn.User) {
	t.Helper()
	access, refresh := pair(u)
	session, a := sessionOf(refresh, now), arrivalOf(u, now, 1)
	session.Arrival = &a
	err := s.BeginSession(t.Context(), session, access, refresh, "another hash", authn.SessionPolicy{}, By(now))
	want(t, "a session after the password was changed", err, authn.ErrStale)
	foreign := arrivalOf(person("bob"), now, 1)
	session.Arrival = &foreign
	if err := s.BeginSession(t.Context(), session, access, refresh, u.PasswordHash, authn.SessionPolicy{}, By(now)); err == nil {
		t.Error("a session with another user's sign-in was kept")
	}
	equal(t, "the history", history(t, s, u.ID, authn.Vector{}), []authn.Arrival{})
}

func arrivalOrder(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	for i, first := range []int8{3, -3, 100, 0, 3} {
		must(t, arriving(t, s, alice, arrivalOf(alice, now.Add(-time.Duration(i)*time.Hour), first))) // each by a clock that was set back
	}
	order := func(near int8) (firsts []int8) {
		for _, a := range history(t, s, alice.ID, authn.Vector{0: near}) {
			firsts = append(firsts, a.Vector[0])
		}
		return firsts
	}
	equal(t, "around 0, as near the later kept first", order(0), []int8{0, 3, -3, 3, 100})
	equal(t, "around 127", order(127), []int8{100, 3, 3, 0, -3})
	equal(t, "around -128", order(-128), []int8{-3, 0, 3, 3, 100})
}

func arrivalBound(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	must(t, arriving(t, s, bob, arrivalOf(bob, now, 1)))
	for i := range authn.HistorySize + 3 {
		must(t, arriving(t, s, alice, arrivalOf(alice, now.Add(-time.Duration(i)*time.Second), int8(i%100))))
	}
	kept := history(t, s, alice.ID, authn.Vector{})
	equal(t, "sign-ins kept", len(kept), authn.HistorySize)
	for _, a := range kept {
		if a.At.After(now.Add(-3 * time.Second)) {
			t.Errorf("one of the first three is still there: %v before the last", now.Sub(a.At))
		}
	}
	must(t, s.DeleteUser(t.Context(), alice.ID, By(now)))
	equal(t, "the history of who is gone", history(t, s, alice.ID, authn.Vector{}), []authn.Arrival{})
	equal(t, "that of who stays", len(history(t, s, bob.ID, authn.Vector{})), 1)
	if err := arriving(t, s, alice, arrivalOf(alice, now, 1)); !errors.Is(err, authn.ErrUserNotFound) {
		t.Errorf("a sign-in of who is gone: %v", err)
	}
}
