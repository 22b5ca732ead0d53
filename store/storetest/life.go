package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func lifeCases() []promise {
	return []promise{
		{"life/restart", "users, sessions, logouts, locks and keys must survive a restart", restart},
		{"life/replicas see each other", "a logout on one replica must hold on the other with the next request", seeEachOther},
		{"life/many opens at once", "replicas that are started together find an empty database and bring up one schema", manyOpens},
		{"life/closed", "a closed store must say that it is unavailable, and never answer as if nothing were there", closed},
		{"life/a caller who gives up", "an abandoned request must not write later, nor break the connection for the next", givesUp},
	}
}

func restart(t *testing.T, db Database) {
	before, err := db(t.Context())
	must(t, err)
	u := add(t, before, person("alice"))
	ended, endedRefresh := login(t, before, u)
	n, err := before.EndSessions(t.Context(), u.ID, uuid.Nil, By(now))
	must(t, err)
	equal(t, "the number of tokens ended", n, 2)
	access, refresh := login(t, before, u)
	key, err := before.AddKey(t.Context(), newKey(1, authn.SignAccess, "EdDSA"), "", By(now))
	must(t, err)
	failTimes(t, before, "alice", 5, now)
	must(t, before.Close())

	s := db.open(t)
	must(t, s.Ping(t.Context()))
	u.LastLogin = now
	stored(t, s, u)
	for _, token := range []authn.Token{ended, endedRefresh} {
		want(t, "a token of before the logout", liveness(t, s, token, now), authn.ErrTokenSpent)
	}
	for _, token := range []authn.Token{access, refresh} {
		must(t, liveness(t, s, token, now))
	}
	attempt(t, s, "alice", now, now.Add(policy.Duration))
	again, err := s.AddKey(t.Context(), newKey(2, authn.SignAccess, "EdDSA"), "", By(now))
	must(t, err)
	equal(t, "the key", again, key)
}

func seeEachOther(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	for i := range 20 {
		here, there := stores[i%2], stores[1-i%2]
		access, _ := login(t, here, u)
		must(t, liveness(t, there, access, now))
		_, err := there.EndSessions(t.Context(), u.ID, uuid.Nil, By(now))
		must(t, err)
		want(t, "the token after a logout on the other replica", liveness(t, here, access, now), authn.ErrTokenSpent)
	}
}

func manyOpens(t *testing.T, db Database) {
	stores := make([]Store, 5)
	errs := atOnce(len(stores), func(i int) (err error) {
		if stores[i], err = db(t.Context()); err != nil {
			return err
		}
		return stores[i].Ping(t.Context())
	})
	equal(t, "the number of stores that opened", tally(t, errs), len(stores))
	for _, s := range stores {
		if s != nil {
			must(t, s.Close())
		}
	}
}

func closed(t *testing.T, db Database) {
	s, err := db(t.Context())
	must(t, err)
	u := add(t, s, person("alice"))
	must(t, s.Close())
	want(t, "a ping of a closed store", s.Ping(t.Context()), authn.ErrUnavailable)
	_, err = s.UserByID(t.Context(), u.ID)
	want(t, "a lookup in a closed store", err, authn.ErrUnavailable)
	_, err = s.EndSessions(t.Context(), u.ID, uuid.Nil, By(now))
	want(t, "a logout in a closed store", err, authn.ErrUnavailable)
}

func givesUp(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.UpdateUser(gone, u.ID, authn.UserChange{Verified: ptr(false), Act: By(now)})
	want(t, "an update by who has gone", err, context.Canceled)
	_, err = s.UserByID(gone, u.ID)
	want(t, "a lookup by who has gone", err, context.Canceled)
	errs := atOnce(30, func(i int) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*50*time.Microsecond)
		defer cancel()
		_, err := s.UserByID(ctx, u.ID)
		return err
	})
	tally(t, errs, authn.ErrUnavailable)
	for range 30 {
		stored(t, s, u)
	}
}
