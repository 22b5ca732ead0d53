package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func limitCases() []promise {
	return []promise{
		{"limit/evicts the oldest", "one login more ends the oldest session, whose tokens must die with it", evictsOldest},
		{"limit/refuses", "where the policy says so, a login is refused and nothing of it is kept", refusesLogin},
		{"limit/counts what lives", "sessions that are over must not keep anybody out", countsLiving},
		{"limit/many logins at once", "logins at one moment must not all see the last free place", loginsAtOnce},
	}
}

// beginUnder begins a session under a policy.
func beginUnder(t *testing.T, s Store, u authn.User, p authn.SessionPolicy, at time.Time) (authn.Session, authn.Token, error) {
	t.Helper()
	session, access, refresh := sessionAt(u, at)
	return session, refresh, s.BeginSession(t.Context(), session, access, refresh, u.PasswordHash, p, By(now))
}

func listed(t *testing.T, s Store, u authn.User, at time.Time) (ids []uuid.UUID) {
	t.Helper()
	sessions, err := s.ListSessions(t.Context(), u.ID, authn.SessionPolicy{}, at)
	must(t, err)
	for _, session := range sessions {
		ids = append(ids, session.ID)
	}
	return ids
}

func evictsOldest(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	foreign, _ := loginAt(t, s, bob, now.Add(-time.Hour))
	p := authn.SessionPolicy{MaxPerUser: 3, EvictOldest: true}
	var sessions []authn.Session
	var tokens []authn.Token
	for _, age := range []int{1, 0, 2, 3} { // the second is the oldest, whoever was seen when
		session, refresh, err := beginUnder(t, s, alice, p, now.Add(time.Duration(age)*time.Minute))
		must(t, err)
		sessions, tokens = append(sessions, session), append(tokens, refresh)
		must(t, s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{session.ID: now.Add(time.Hour)}, authn.SessionPolicy{}))
	}
	equal(t, "the sessions", listed(t, s, alice, now), []uuid.UUID{sessions[3].ID, sessions[2].ID, sessions[0].ID})
	want(t, "a token of the evicted session", liveness(t, s, tokens[1], now), authn.ErrTokenSpent)
	must(t, liveness(t, s, tokens[0], now))
	shorter := authn.SessionPolicy{MaxPerUser: 1, EvictOldest: true} // applies to what is there
	session, _, err := beginUnder(t, s, alice, shorter, now.Add(4*time.Minute))
	must(t, err)
	equal(t, "the sessions under a shorter limit", listed(t, s, alice, now), []uuid.UUID{session.ID})
	equal(t, "the sessions of the other user", listed(t, s, bob, now), []uuid.UUID{foreign.ID})
	_, _, err = beginUnder(t, s, alice, authn.SessionPolicy{}, now.Add(5*time.Minute))
	must(t, err)
	equal(t, "the number of sessions without a limit", len(listed(t, s, alice, now)), 2)
}

func refusesLogin(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	p := authn.SessionPolicy{MaxPerUser: 2}
	one, _, err := beginUnder(t, s, u, p, now)
	must(t, err)
	two, _, err := beginUnder(t, s, u, p, now.Add(time.Minute))
	must(t, err)
	three, token, err := beginUnder(t, s, u, p, now.Add(2*time.Minute))
	want(t, "one more", err, authn.ErrTooManySessions)
	equal(t, "the sessions", listed(t, s, u, now), []uuid.UUID{two.ID, one.ID})
	want(t, "the token of the refused login", liveness(t, s, token, now), authn.ErrTokenNotFound)
	_, err = s.SessionByID(t.Context(), u.ID, three.ID)
	want(t, "the refused session", err, authn.ErrSessionNotFound)
	u.LastLogin = now.Add(time.Minute)
	stored(t, s, u) // it was no login
	_, err = s.EndSession(t.Context(), u.ID, one.ID, By(now))
	must(t, err)
	_, _, err = beginUnder(t, s, u, p, now.Add(2*time.Minute))
	want(t, "one more after another has ended", err, nil)
}

func countsLiving(t *testing.T, db Database) {
	s := db.open(t)
	for name, p := range map[string]authn.SessionPolicy{
		"idle":     {MaxPerUser: 1, IdleTimeout: time.Hour},
		"old":      {MaxPerUser: 1, MaxLifetime: time.Hour},
		"tokens":   {MaxPerUser: 1},
		"evicting": {MaxPerUser: 1, MaxLifetime: time.Hour, EvictOldest: true},
	} {
		u := add(t, s, person(name))
		_, _, err := beginUnder(t, s, u, p, now)
		must(t, err)
		over := now.Add(time.Hour)
		if name == "tokens" {
			over = now.Add(30 * 24 * time.Hour)
		}
		_, _, err = beginUnder(t, s, u, p, over.Add(-time.Microsecond))
		if p.EvictOldest {
			must(t, err)
			continue
		}
		want(t, name+": while the session lives", err, authn.ErrTooManySessions)
		_, _, err = beginUnder(t, s, u, p, over)
		want(t, name+": when it is over", err, nil)
	}
}

func loginsAtOnce(t *testing.T, db Database) {
	stores := db.replicas(t)
	for _, evict := range []bool{false, true} {
		u := person("alice")
		if evict {
			u = person("bob")
		}
		add(t, stores[0], u)
		p := authn.SessionPolicy{MaxPerUser: 3, EvictOldest: evict}
		const n = 20
		errs := atOnce(n, func(i int) error {
			session, access, refresh := sessionAt(u, now.Add(time.Duration(i)*time.Second))
			return stores[i%2].BeginSession(t.Context(), session, access, refresh, hash, p, By(now))
		})
		began := 3
		if evict {
			began = n
		}
		equal(t, "the number of logins", tally(t, errs, authn.ErrTooManySessions), began)
		equal(t, "the number of sessions", len(listed(t, stores[0], u, now)), 3)
	}
}
