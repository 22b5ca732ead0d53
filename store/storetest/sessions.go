package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func sessionCases() []promise {
	return []promise{
		{"session/kept as given", "people recognize their devices by what is listed", sessionKept},
		{"session/list", "the list shows what lives, the latest login first, and nobody else's", sessionList},
		{"session/of another user", "who guesses an id must learn nothing and end nothing", sessionOfAnother},
		{"session/end one", "the lost phone is signed out and the laptop is not", endOne},
		{"session/end one token", "a revoked access token is dead, and its session lives on", endOneToken},
		{"session/begins with its own tokens", "a session with the tokens of another could not be ended", beginsWithItsOwn},
		{"session/seen", "a replica that reports late must not make a session look idle", sessionSeen},
		{"session/seen at once", "replicas that have seen the same sessions must not stop each other", sessionsSeenAtOnce},
	}
}

func sessionKept(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := pair(u)
	session := authn.Session{
		ID: refresh.SessionID, UserID: u.ID, CreatedAt: now.Add(-time.Minute), LastSeenAt: now, ClientAddress: "2001:db8::1",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; 漢字) Gecko/20100101 " + strings.Repeat("x", 2000),
	}
	must(t, s.BeginSession(t.Context(), session, access, refresh, hash, authn.SessionPolicy{}, By(now)))
	for _, replica := range []Store{s, db.open(t)} {
		got, err := replica.SessionByID(t.Context(), u.ID, session.ID)
		must(t, err)
		equal(t, "the session", got, session)
	}
	u.LastLogin = session.CreatedAt
	stored(t, s, u)
	_, err := s.EndSession(t.Context(), u.ID, session.ID, By(now.Add(time.Hour)))
	must(t, err)
	session.EndedAt = now.Add(time.Hour)
	got, err := s.SessionByID(t.Context(), u.ID, session.ID)
	must(t, err)
	equal(t, "the session that has ended", got, session)
}

// loginAt keeps a session that begins at a time, with tokens that live for a month.
func loginAt(t *testing.T, s Store, u authn.User, at time.Time) (authn.Session, authn.Token) {
	t.Helper()
	session, access, refresh := sessionAt(u, at)
	must(t, s.BeginSession(t.Context(), session, access, refresh, u.PasswordHash, authn.SessionPolicy{}, By(now)))
	return session, refresh
}

func sessionAt(u authn.User, at time.Time) (session authn.Session, access, refresh authn.Token) {
	access, refresh = pair(u)
	access.CreatedAt, refresh.CreatedAt = at, at
	access.ExpiresAt, refresh.ExpiresAt = at.Add(time.Hour), at.Add(30*24*time.Hour)
	return sessionOf(refresh, at), access, refresh
}

func sessionList(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	list := func(u authn.User, p authn.SessionPolicy, at time.Time) []authn.Session {
		sessions, err := s.ListSessions(t.Context(), u.ID, p, at)
		must(t, err)
		return sessions
	}
	equal(t, "the sessions of who has none", list(alice, authn.SessionPolicy{}, now), []authn.Session{})
	middle, _ := loginAt(t, s, alice, now.Add(time.Minute))
	first, _ := loginAt(t, s, alice, now)
	last, _ := loginAt(t, s, alice, now.Add(2*time.Minute))
	ended, _ := loginAt(t, s, alice, now.Add(3*time.Minute))
	foreign, _ := loginAt(t, s, bob, now)
	_, err := s.EndSession(t.Context(), alice.ID, ended.ID, By(now))
	must(t, err)
	at := now.Add(10 * time.Minute)
	equal(t, "the sessions", list(alice, authn.SessionPolicy{}, at), []authn.Session{last, middle, first})
	equal(t, "the sessions of the other user", list(bob, authn.SessionPolicy{}, at), []authn.Session{foreign})
	equal(t, "the sessions of nobody", list(person("nobody"), authn.SessionPolicy{}, at), []authn.Session{})
	for name, p := range map[string]authn.SessionPolicy{
		"idle": {IdleTimeout: 9 * time.Minute}, "lifetime": {MaxLifetime: 9 * time.Minute},
	} {
		equal(t, "the sessions that live by "+name, list(alice, p, at), []authn.Session{last})
		equal(t, "those a microsecond earlier", list(alice, p, at.Add(-time.Microsecond)), []authn.Session{last, middle})
	}
	equal(t, "the sessions when their tokens have expired", list(alice, authn.SessionPolicy{}, now.Add(31*24*time.Hour)), []authn.Session{})
}

func sessionOfAnother(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	session, refresh := loginAt(t, s, alice, now)
	for name, c := range map[string][2]uuid.UUID{
		"another user's": {bob.ID, session.ID}, "nobody's": {uuid.New(), session.ID}, "no session": {alice.ID, uuid.New()},
	} {
		_, err := s.SessionByID(t.Context(), c[0], c[1])
		want(t, "reading "+name, err, authn.ErrSessionNotFound)
		n, err := s.EndSession(t.Context(), c[0], c[1], By(now))
		want(t, "ending "+name, err, authn.ErrSessionNotFound)
		equal(t, "tokens ended", n, 0)
	}
	must(t, liveness(t, s, refresh, now))
	got, err := s.SessionByID(t.Context(), alice.ID, session.ID)
	must(t, err)
	equal(t, "the session", got, session)
}

func endOne(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := login(t, s, u)
	other, otherRefresh := login(t, s, u)
	n, err := s.EndSession(t.Context(), u.ID, access.SessionID, By(now))
	must(t, err)
	equal(t, "the number of tokens ended", n, 2)
	for _, token := range []authn.Token{access, refresh} {
		want(t, "a token of the session", liveness(t, s, token, now), authn.ErrTokenSpent)
	}
	for _, token := range []authn.Token{other, otherRefresh} {
		must(t, liveness(t, s, token, now))
	}
	_, err = s.EndSession(t.Context(), u.ID, access.SessionID, By(now))
	want(t, "ending it again", err, authn.ErrSessionNotFound)
	next, nextRefresh := pairOf(u.ID, access.SessionID)
	want(t, "its refresh", rotate(t, s, refresh.JTI, refresh.Hash, next, nextRefresh, now), authn.ErrTokenSpent)
	n, err = s.EndSessions(t.Context(), u.ID, other.SessionID, By(now))
	must(t, err)
	equal(t, "the number of tokens of the sessions beside the other", n, 0)
	must(t, liveness(t, s, other, now))
}

func endOneToken(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := login(t, s, u)
	other, _ := login(t, s, u)
	for _, jti := range []string{access.JTI, access.JTI, refresh.JTI, "unknown", "", "a\x00b"} {
		must(t, s.EndToken(t.Context(), jti, By(now)))
	}
	want(t, "the token", liveness(t, s, access, now), authn.ErrTokenSpent)
	must(t, liveness(t, s, refresh, now)) // a refresh token ends with its session alone
	must(t, liveness(t, s, other, now))
	next, nextRefresh := pairOf(u.ID, access.SessionID)
	must(t, rotate(t, s, refresh.JTI, refresh.Hash, next, nextRefresh, now))
	must(t, liveness(t, s, next, now))
}

func beginsWithItsOwn(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	access, refresh := pair(alice)
	for name, change := range map[string]func(*authn.Session){
		"another session": func(s *authn.Session) { s.ID = uuid.New() },
		"another user":    func(s *authn.Session) { s.UserID = bob.ID },
	} {
		session := sessionOf(refresh, now)
		change(&session)
		err := s.BeginSession(t.Context(), session, access, refresh, hash, authn.SessionPolicy{}, By(now))
		if err == nil || errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("tokens of %s: got %v", name, err)
		}
	}
	must(t, begin(t, s, access, refresh, hash, now))
	again, againRefresh := pairOf(alice.ID, access.SessionID)
	if err := begin(t, s, again, againRefresh, hash, now); err == nil {
		t.Error("a second session got the id of the first")
	}
	want(t, "the token of the refused session", liveness(t, s, again, now), authn.ErrTokenNotFound)
}

// seenAt fails unless the session was last seen at a time.
func seenAt(t *testing.T, s Store, session authn.Session, at time.Time) {
	t.Helper()
	got, err := s.SessionByID(t.Context(), session.UserID, session.ID)
	must(t, err)
	equal(t, "when the session was seen", got.LastSeenAt, at)
}

func sessionSeen(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	one, refresh := loginAt(t, s, u, now)
	two, _ := loginAt(t, s, u, now)
	must(t, s.SeeSessions(t.Context(), nil, authn.SessionPolicy{}))
	seen := map[uuid.UUID]time.Time{one.ID: now.Add(time.Minute), two.ID: now.Add(2*time.Minute + time.Nanosecond)}
	for range 1500 { // more than a batch, of sessions that are no more
		seen[uuid.New()] = now.Add(time.Hour)
	}
	must(t, s.SeeSessions(t.Context(), seen, authn.SessionPolicy{}))
	seenAt(t, s, one, now.Add(time.Minute))
	seenAt(t, s, two, now.Add(2*time.Minute))
	must(t, s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{one.ID: now.Add(59 * time.Second), two.ID: now.Add(3 * time.Minute)}, authn.SessionPolicy{}))
	seenAt(t, s, one, now.Add(time.Minute)) // never back
	seenAt(t, s, two, now.Add(3*time.Minute))
	// One that was idle for too long, or is too old, is over, though nobody has ended it yet.
	see := func(at time.Time, p authn.SessionPolicy) {
		t.Helper()
		must(t, s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{two.ID: at}, p))
	}
	see(now.Add(13*time.Minute), authn.SessionPolicy{IdleTimeout: 10 * time.Minute, MaxLifetime: time.Hour})
	seenAt(t, s, two, now.Add(3*time.Minute))
	see(now.Add(12*time.Minute), authn.SessionPolicy{MaxLifetime: 12 * time.Minute})
	seenAt(t, s, two, now.Add(3*time.Minute))
	see(now.Add(13*time.Minute-time.Microsecond), authn.SessionPolicy{IdleTimeout: 10 * time.Minute, MaxLifetime: time.Hour})
	seenAt(t, s, two, now.Add(13*time.Minute-time.Microsecond))

	next, nextRefresh := pairOf(u.ID, one.ID)
	must(t, rotate(t, s, refresh.JTI, refresh.Hash, next, nextRefresh, now.Add(30*time.Second)))
	seenAt(t, s, one, now.Add(time.Minute)) // not by a refresh either
	last, lastRefresh := pairOf(u.ID, one.ID)
	must(t, rotate(t, s, nextRefresh.JTI, nextRefresh.Hash, last, lastRefresh, now.Add(5*time.Minute)))
	seenAt(t, s, one, now.Add(5*time.Minute))
}

func sessionsSeenAtOnce(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	var sessions []authn.Session
	for range 20 {
		session, _ := loginAt(t, stores[0], u, now)
		sessions = append(sessions, session)
	}
	const n = 30
	errs := atOnce(n, func(i int) error {
		seen := map[uuid.UUID]time.Time{}
		for _, session := range sessions {
			seen[session.ID] = now.Add(time.Duration(i) * time.Second)
		}
		return stores[i%2].SeeSessions(t.Context(), seen, authn.SessionPolicy{})
	})
	equal(t, "the number of calls without error", tally(t, errs), n)
	for _, session := range sessions {
		seenAt(t, stores[1], session, now.Add((n-1)*time.Second))
	}
}
