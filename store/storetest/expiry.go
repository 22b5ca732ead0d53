package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func expiryCases() []promise {
	return []promise{
		{"expiry/bounds of the policy", "a session that is over by the policy must not be refreshed, at the microsecond", policyBounds},
		{"expiry/sweep", "what is over by the policy ends for those who only look at the feed", sweep},
		{"expiry/sweep of many", "a shortened bound ends everything, in however many steps", sweepMany},
		{"expiry/sweep against being seen", "a session in use must not end because its owner was idle before", sweepAgainstSeen},
		{"expiry/purge of sessions", "what is over goes, what may still be asked about stays, and streams hear of it", purgeSessions},
		{"expiry/purge of many sessions", "each is told of once, however many replicas purge", purgeManySessions},
	}
}

func policyBounds(t *testing.T, db Database) {
	s := db.open(t)
	seen := now.Add(10 * time.Minute)
	for _, c := range []struct {
		name   string
		policy authn.SessionPolicy
		end    time.Time // zero: none
	}{
		{"no bound", authn.SessionPolicy{}, time.Time{}},
		{"idle", authn.SessionPolicy{IdleTimeout: time.Hour}, seen.Add(time.Hour)},
		{"lifetime", authn.SessionPolicy{MaxLifetime: time.Hour}, now.Add(time.Hour)},
		{"both, idle first", authn.SessionPolicy{IdleTimeout: 20 * time.Minute, MaxLifetime: time.Hour}, seen.Add(20 * time.Minute)},
		{"both, lifetime first", authn.SessionPolicy{IdleTimeout: 55 * time.Minute, MaxLifetime: time.Hour}, now.Add(time.Hour)},
		{"shorter than its age", authn.SessionPolicy{MaxLifetime: time.Second}, now.Add(time.Second)},
	} {
		u := add(t, s, person(c.name))
		session, refresh := loginAt(t, s, u, now)
		must(t, s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{session.ID: seen}, authn.SessionPolicy{}))
		access, next := pairOf(u.ID, session.ID)
		use := func(at time.Time) error {
			_, _, err := s.RotateRefresh(t.Context(), authn.Rotation{
				JTI: refresh.JTI, Hash: refresh.Hash, Access: access, Refresh: next, Policy: c.policy, Act: By(at),
			})
			return err
		}
		before := now.Add(20 * 24 * time.Hour)
		if !c.end.IsZero() {
			want(t, c.name+": at the end", use(c.end), authn.ErrTokenSpent)
			want(t, c.name+": after the end", use(c.end.Add(time.Hour)), authn.ErrTokenSpent)
			before = c.end.Add(-time.Microsecond)
		}
		want(t, c.name+": what was asked for", liveness(t, s, next, now), authn.ErrTokenNotFound)
		want(t, c.name+": before the end", use(before), nil)
	}
}

func sweep(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	old, oldToken := loginAt(t, s, u, now)
	idle, idleToken := loginAt(t, s, u, now.Add(time.Minute))
	busy, busyToken := loginAt(t, s, u, now.Add(time.Minute))
	at := now.Add(time.Hour)
	must(t, s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{old.ID: at, busy.ID: at}, authn.SessionPolicy{}))
	end := func(p authn.SessionPolicy, at time.Time) int {
		n, err := s.EndExpiredSessions(t.Context(), p, at)
		must(t, err)
		return n
	}
	both := authn.SessionPolicy{IdleTimeout: 59 * time.Minute, MaxLifetime: time.Hour}
	equal(t, "ended without a policy", end(authn.SessionPolicy{}, at.Add(1000*time.Hour)), 0)
	equal(t, "ended a microsecond before", end(both, at.Add(-time.Microsecond)), 0)
	must(t, liveness(t, s, oldToken, now))
	equal(t, "ended", end(both, at), 2)
	for _, token := range []authn.Token{oldToken, idleToken} {
		want(t, "a token of a session that is over", liveness(t, s, token, now), authn.ErrTokenSpent)
	}
	must(t, liveness(t, s, busyToken, now))
	for _, session := range []authn.Session{old, idle} {
		got, err := s.SessionByID(t.Context(), u.ID, session.ID)
		must(t, err)
		equal(t, "the end of the session", got.EndedAt, at)
	}
	equal(t, "ended again", end(both, at), 0)
}

func sweepMany(t *testing.T, db Database) {
	stores := db.replicas(t)
	const sessions = 1050 // more than a batch
	var users []authn.User
	for i := range 7 {
		users = append(users, add(t, stores[0], person(fmt.Sprintf("user%d", i))))
	}
	for i := range sessions {
		loginAt(t, stores[0], users[i%len(users)], now)
	}
	loginAt(t, stores[0], users[0], now.Add(time.Second))
	counts := make([]int, 2)
	errs := atOnce(2, func(i int) (err error) {
		counts[i], err = stores[i].EndExpiredSessions(t.Context(), authn.SessionPolicy{MaxLifetime: time.Hour}, now.Add(time.Hour))
		return err
	})
	equal(t, "the number of sweeps without error", tally(t, errs), 2)
	equal(t, "the number of sessions that two sweeps ended", counts[0]+counts[1], sessions)
	changes, _, err := stores[0].Changes(t.Context(), authn.Cursor{})
	must(t, err)
	equal(t, "the number of changes", len(changes), sessions)
	equal(t, "the sessions left of the first user", len(listed(t, stores[0], users[0], now)), 1)
}

func sweepAgainstSeen(t *testing.T, db Database) {
	stores := db.replicas(t)
	p := authn.SessionPolicy{IdleTimeout: time.Hour}
	at := now.Add(time.Hour)
	for round := range 10 {
		u := add(t, stores[0], person(fmt.Sprintf("user%d", round)))
		session, refresh := loginAt(t, stores[0], u, now)
		ended := 0
		errs := atOnce(2, func(i int) (err error) {
			if i == 0 {
				ended, err = stores[0].EndExpiredSessions(t.Context(), p, at)
				return err
			}
			return stores[1].SeeSessions(t.Context(), map[uuid.UUID]time.Time{session.ID: at}, authn.SessionPolicy{})
		})
		equal(t, "the number of calls without error", tally(t, errs), 2)
		answer := error(nil)
		if ended == 1 {
			answer = authn.ErrTokenSpent
		}
		want(t, "the token of the session", liveness(t, stores[0], refresh, at), answer)
	}
}

func purgeSessions(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := login(t, s, u) // tokens for an hour and a day
	renewed, renewedRefresh := login(t, s, u)
	ended, _ := loginAt(t, s, u, now)
	_, err := s.EndSession(t.Context(), u.ID, ended.ID, By(now.Add(time.Hour)))
	must(t, err)
	next, nextRefresh := pairOf(u.ID, renewed.SessionID)
	nextRefresh.ExpiresAt = now.Add(48 * time.Hour)
	must(t, rotate(t, s, renewedRefresh.JTI, renewedRefresh.Hash, next, nextRefresh, now))
	cursor := here(t, s)
	purge := func(before time.Time) int {
		n, err := s.PurgeSessions(t.Context(), before)
		must(t, err)
		return n
	}
	equal(t, "purged at the moment of an end", purge(now.Add(time.Hour)), 0)
	equal(t, "purged after the end", purge(now.Add(time.Hour+time.Microsecond)), 1)
	_, err = s.SessionByID(t.Context(), u.ID, ended.ID)
	want(t, "the purged session", err, authn.ErrSessionNotFound)
	equal(t, "purged at the moment of expiry", purge(refresh.ExpiresAt), 0)
	equal(t, "purged after the expiry", purge(refresh.ExpiresAt.Add(time.Microsecond)), 1)
	_, err = s.SessionByID(t.Context(), u.ID, access.SessionID)
	want(t, "the session of expired tokens", err, authn.ErrSessionNotFound)
	_, err = s.SessionByID(t.Context(), u.ID, renewed.SessionID)
	want(t, "the session that was renewed", err, nil)
	expectPurged(t, s, &cursor, access.SessionID)
	equal(t, "purged after all have expired", purge(nextRefresh.ExpiresAt.Add(time.Microsecond)), 1)
	expectPurged(t, s, &cursor, renewed.SessionID)

	want(t, "the refresh of a session that is no more", rotate(t, s, nextRefresh.JTI, nextRefresh.Hash,
		withID(next), withID(nextRefresh), now), authn.ErrTokenSpent)
	n, err := s.EndSessions(t.Context(), u.ID, uuid.Nil, By(now))
	must(t, err)
	equal(t, "the tokens that a logout finds without their session", n, 5)
}

// expectPurged expects the ends of the sessions, at times of the store's own.
func expectPurged(t *testing.T, s Store, cursor *authn.Cursor, sessions ...uuid.UUID) {
	t.Helper()
	changes, next, err := s.Changes(t.Context(), *cursor)
	must(t, err)
	*cursor = next
	var ended []uuid.UUID
	for _, c := range changes {
		if c.Kind != authn.SessionEnded || c.UserID == uuid.Nil || c.At.IsZero() {
			t.Errorf("the purge told %+v", c)
		}
		ended = append(ended, c.SessionID)
	}
	equal(t, "the sessions that a purge ended", ended, sessions)
}

func purgeManySessions(t *testing.T, db Database) {
	stores := db.replicas(t)
	const sessions = 1050 // more than a batch
	u := add(t, stores[0], person("alice"))
	for range sessions {
		loginAt(t, stores[0], u, now)
	}
	counts := make([]int, 2)
	errs := atOnce(2, func(i int) (err error) {
		counts[i], err = stores[i].PurgeSessions(t.Context(), now.Add(1000*time.Hour))
		return err
	})
	equal(t, "the number of purges without error", tally(t, errs), 2)
	equal(t, "the number of sessions that two purges removed", counts[0]+counts[1], sessions)
	changes, _, err := stores[0].Changes(t.Context(), authn.Cursor{})
	must(t, err)
	equal(t, "the number of changes", len(changes), sessions)
}

// withID returns the same token under another name.
func withID(token authn.Token) authn.Token {
	token.ID = uuid.New()
	token.JTI = token.ID.String()
	return token
}
