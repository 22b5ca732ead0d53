package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func endingCases() []promise {
	return []promise{
		{"ending/logout", "every living token of the user ends, is counted once, and nobody else's does", logout},
		{"ending/all or the others", "a password change ends the other sessions and keeps the one that made it", endOthers},
		{"ending/deletion", "the tokens of a deleted user must not live on", endDeleted},
		{"ending/against a refresh", "a session that is refreshed at the moment of a logout must not survive it", endAgainstRefresh},
		{"ending/against a login", "a login with the old password at the moment of its change must not survive it", endAgainstLogin},
		{"ending/everything at once", "acts that lock the same rows must not deadlock", everythingAtOnce},
	}
}

func logout(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	access, refresh := login(t, s, alice)
	next, nextRefresh := pairOf(alice.ID, access.SessionID)
	must(t, rotate(t, s, refresh.JTI, refresh.Hash, next, nextRefresh, now))
	expired, expiredRefresh := pair(alice)
	expired.ExpiresAt = now.Add(-time.Second)
	must(t, begin(t, s, expired, expiredRefresh, hash, now))
	foreign, _ := login(t, s, bob)
	n, err := s.EndSessions(t.Context(), alice.ID, uuid.Nil, By(now.Add(time.Second)))
	must(t, err)
	equal(t, "the number of tokens ended", n, 4) // access, next, nextRefresh, expiredRefresh
	for _, token := range []authn.Token{access, refresh, next, nextRefresh, expired, expiredRefresh} {
		want(t, "a token after the logout", liveness(t, s, token, now.Add(-time.Hour)), authn.ErrTokenSpent)
	}
	must(t, liveness(t, s, foreign, now))
	n, err = s.EndSessions(t.Context(), alice.ID, uuid.Nil, By(now))
	must(t, err)
	equal(t, "the number of tokens ended by a second logout", n, 0)
	n, err = s.EndSessions(t.Context(), uuid.New(), uuid.Nil, By(now))
	must(t, err)
	equal(t, "the number of tokens of nobody", n, 0)
	again, _ := login(t, s, alice)
	must(t, liveness(t, s, again, now)) // a logout is no lock
}

func endOthers(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	mine, mineRefresh := login(t, s, u)
	other, otherRefresh := login(t, s, u)
	change := authn.UserChange{Verified: ptr(true), KeepSession: mine.SessionID, Act: By(now)}
	_, err := s.UpdateUser(t.Context(), u.ID, change)
	must(t, err)
	must(t, liveness(t, s, other, now)) // without EndSessions nothing ends
	change.EndSessions = true
	_, err = s.UpdateUser(t.Context(), u.ID, change)
	must(t, err)
	for _, token := range []authn.Token{other, otherRefresh} {
		want(t, "a token of another session", liveness(t, s, token, now), authn.ErrTokenSpent)
	}
	for _, token := range []authn.Token{mine, mineRefresh} {
		want(t, "a token of the own session", liveness(t, s, token, now), nil)
	}
	_, err = s.UpdateUser(t.Context(), u.ID, authn.UserChange{EndSessions: true, Act: By(now)})
	must(t, err)
	want(t, "the own session when all end", liveness(t, s, mine, now), authn.ErrTokenSpent)
}

func endDeleted(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	access, _ := login(t, s, alice)
	foreign, _ := login(t, s, bob)
	must(t, s.DeleteUser(t.Context(), alice.ID, By(now)))
	want(t, "a token of the deleted user", liveness(t, s, access, now), authn.ErrTokenNotFound)
	must(t, liveness(t, s, foreign, now))
	namesake := alice
	namesake.ID = uuid.New()
	add(t, s, namesake)
	want(t, "the old token beside a namesake", liveness(t, s, access, now), authn.ErrTokenNotFound)
}

// endings are the ways in which all sessions of a user end.
var endings = map[string]func(t *testing.T, s Store, id uuid.UUID) error{
	"logout": func(t *testing.T, s Store, id uuid.UUID) error {
		_, err := s.EndSessions(t.Context(), id, uuid.Nil, By(now))
		return err
	},
	"password change": func(t *testing.T, s Store, id uuid.UUID) error {
		_, err := s.UpdateUser(t.Context(), id, authn.UserChange{PasswordHash: ptr("$2b$12$new"), EndSessions: true, Act: By(now)})
		return err
	},
	"disabling": func(t *testing.T, s Store, id uuid.UUID) error {
		_, err := s.UpdateUser(t.Context(), id, authn.UserChange{Active: ptr(false), EndSessions: true, Act: By(now)})
		return err
	},
	"deletion": func(t *testing.T, s Store, id uuid.UUID) error { return s.DeleteUser(t.Context(), id, By(now)) },
}

func endAgainstRefresh(t *testing.T, db Database) {
	stores := db.replicas(t)
	for name, end := range endings {
		for round := range 10 {
			what := fmt.Sprintf("%s, round %d", name, round)
			u := add(t, stores[0], person(what))
			access, refresh := login(t, stores[0], u)
			next, nextRefresh := pairOf(u.ID, refresh.SessionID)
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					return end(t, stores[0], u.ID)
				}
				return rotate(t, stores[1], refresh.JTI, refresh.Hash, next, nextRefresh, now)
			})
			want(t, what, errs[0], nil)
			tally(t, errs[1:], authn.ErrTokenSpent, authn.ErrUserInactive, authn.ErrUserNotFound)
			noneLives(t, what, stores[1], access, refresh, next, nextRefresh)
		}
	}
}

func endAgainstLogin(t *testing.T, db Database) {
	stores := db.replicas(t)
	for name, end := range endings {
		if name == "logout" {
			continue // a login beside a logout is a new session, and may live
		}
		for round := range 10 {
			what := fmt.Sprintf("%s, round %d", name, round)
			u := add(t, stores[0], person(what))
			access, refresh := pair(u)
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					return end(t, stores[0], u.ID)
				}
				return begin(t, stores[1], access, refresh, u.PasswordHash, now)
			})
			want(t, what, errs[0], nil)
			tally(t, errs[1:], authn.ErrStale, authn.ErrUserInactive, authn.ErrUserNotFound)
			noneLives(t, what, stores[1], access, refresh)
		}
	}
}

func noneLives(t *testing.T, what string, s Store, tokens ...authn.Token) {
	t.Helper()
	for _, token := range tokens {
		err := liveness(t, s, token, now)
		if !errors.Is(err, authn.ErrTokenSpent) && !errors.Is(err, authn.ErrTokenNotFound) && !errors.Is(err, authn.ErrUserInactive) {
			t.Errorf("%s: a token lives on, or it cannot be told: %v", what, err)
		}
	}
}

func everythingAtOnce(t *testing.T, db Database) {
	stores := db.replicas(t)
	for round := range 5 {
		u := add(t, stores[0], administrator(fmt.Sprintf("alice%d", round)))
		other := add(t, stores[0], administrator(fmt.Sprintf("bob%d", round)))
		access, refresh := login(t, stores[0], u)
		_, otherRefresh := login(t, stores[0], other)
		acts := []func(s Store) error{
			func(s Store) error { _, err := s.EndSessions(t.Context(), u.ID, uuid.Nil, By(now)); return err },
			func(s Store) error { _, err := s.EndSessions(t.Context(), other.ID, uuid.Nil, By(now)); return err },
			func(s Store) error { _, err := s.PurgeTokens(t.Context(), now.Add(48*time.Hour)); return err },
			func(s Store) error { return s.DeleteUser(t.Context(), u.ID, By(now)) },
			func(s Store) error { return s.DeleteUser(t.Context(), other.ID, By(now)) },
			func(s Store) error {
				_, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{Admin: ptr(false), EndSessions: true, Act: By(now)})
				return err
			},
			func(s Store) error {
				access, next := pairOf(u.ID, refresh.SessionID)
				return rotate(t, s, refresh.JTI, refresh.Hash, access, next, now)
			},
			func(s Store) error {
				access, next := pair(other)
				return begin(t, s, access, next, hash, now)
			},
			func(s Store) error {
				at := now.Add(time.Second)
				return s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{refresh.SessionID: at, otherRefresh.SessionID: at}, authn.SessionPolicy{})
			},
			func(s Store) error {
				_, err := s.EndExpiredSessions(t.Context(), authn.SessionPolicy{IdleTimeout: time.Hour}, now.Add(time.Hour))
				return err
			},
			func(s Store) error { return s.EndToken(t.Context(), access.JTI, By(now)) },
			func(s Store) error { _, err := s.PurgeSessions(t.Context(), now.Add(48*time.Hour)); return err },
			func(s Store) error { _, err := s.PurgeChanges(t.Context(), now.Add(48*time.Hour)); return err },
			func(s Store) error { _, _, err := s.Changes(t.Context(), authn.Cursor{}); return err },
		}
		errs := atOnce(3*len(acts), func(i int) error { return acts[i%len(acts)](stores[i%2]) })
		tally(t, errs, authn.ErrUserNotFound, authn.ErrTokenNotFound, authn.ErrTokenSpent, authn.ErrTokenReused, authn.ErrLastAdministrator)
	}
}
