package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func cookieCases() []promise {
	return []promise{
		{"cookie/owner", "a browser is known by its cookie for as long as its session lives, and by no other text", cookieOwner},
		{"cookie/ends with its session", "a logout is one for browsers too", cookieEnds},
		{"cookie/remembered", "who asked to be remembered is not forgotten for being away", cookieRemembered},
		{"cookie/new value", "what somebody has read over a shoulder is worth nothing after a change of the password", cookieReplaced},
		{"cookie/other rights", "a cookie holds no more than it was given for", cookieOfOtherRights},
		{"cookie/of its own session", "a cookie of another session could not be ended with this one", cookieOfItsOwn},
	}
}

// browserAt keeps a session that a browser holds by a cookie for a month.
func browserAt(t *testing.T, s Store, u authn.User, at time.Time, remembered bool) (authn.Session, authn.Cookie) {
	t.Helper()
	session := authn.Session{ID: uuid.New(), UserID: u.ID, CreatedAt: at, LastSeenAt: at, UserAgent: "Browser", Remembered: remembered}
	cookie := cookieOf(session, at)
	must(t, s.BeginCookieSession(t.Context(), session, cookie, u.PasswordHash, authn.SessionPolicy{}, By(at)))
	return session, cookie
}

func cookieOf(s authn.Session, at time.Time) authn.Cookie {
	hash := strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", "")
	return authn.Cookie{Hash: hash, SessionID: s.ID, CreatedAt: at, ExpiresAt: at.Add(30 * 24 * time.Hour)}
}

// owns returns the error of asking for the owner of a cookie.
func owns(t *testing.T, s Store, cookie authn.Cookie, p authn.SessionPolicy, at time.Time) error {
	t.Helper()
	_, _, _, err := s.CookieOwner(t.Context(), cookie.Hash, p, at)
	return err
}

func cookieOwner(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	session, cookie := browserAt(t, s, alice, now, false)
	for _, replica := range []Store{s, db.open(t)} {
		user, kept, got, err := replica.CookieOwner(t.Context(), cookie.Hash, authn.SessionPolicy{}, now)
		must(t, err)
		equal(t, "the user", user.ID, alice.ID)
		equal(t, "the session", kept, session)
		equal(t, "the cookie", got, cookie)
	}
	listed, err := s.ListSessions(t.Context(), alice.ID, authn.SessionPolicy{}, now)
	must(t, err)
	equal(t, "the list", listed, []authn.Session{session})
	for what, hash := range map[string]string{
		"none": "", "another": strings.Repeat("0", 64), "upper case": strings.ToUpper(cookie.Hash), "NUL": cookie.Hash + "\x00",
		"a pattern": "%", "a part": cookie.Hash[:63], "no UTF-8": "\xff",
	} {
		want(t, what, owns(t, s, authn.Cookie{Hash: hash}, authn.SessionPolicy{}, now), authn.ErrTokenNotFound)
	}
	want(t, "before its end", owns(t, s, cookie, authn.SessionPolicy{}, cookie.ExpiresAt.Add(-time.Microsecond)), nil)
	want(t, "at its end", owns(t, s, cookie, authn.SessionPolicy{}, cookie.ExpiresAt), authn.ErrTokenSpent)
	inactive := false
	_, err = s.UpdateUser(t.Context(), alice.ID, authn.UserChange{Active: &inactive, Act: By(now)})
	must(t, err)
	want(t, "of who is disabled", owns(t, s, cookie, authn.SessionPolicy{}, now), authn.ErrUserInactive)
	must(t, s.DeleteUser(t.Context(), alice.ID, By(now)))
	want(t, "of who is gone", owns(t, s, cookie, authn.SessionPolicy{}, now), authn.ErrTokenNotFound)
}

func cookieEnds(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	one, ofOne := browserAt(t, s, alice, now, false)
	_, ofTwo := browserAt(t, s, alice, now, false)
	_, err := s.EndSession(t.Context(), alice.ID, one.ID, By(now))
	must(t, err)
	want(t, "of the one that ended", owns(t, s, ofOne, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	want(t, "of the other", owns(t, s, ofTwo, authn.SessionPolicy{}, now), nil)
	_, err = s.EndSessions(t.Context(), alice.ID, uuid.Nil, By(now))
	must(t, err)
	want(t, "of all", owns(t, s, ofTwo, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	n, err := s.PurgeSessions(t.Context(), now.Add(time.Hour))
	must(t, err)
	equal(t, "sessions removed", n, 2)
	want(t, "of what is removed", owns(t, s, ofTwo, authn.SessionPolicy{}, now), authn.ErrTokenNotFound)
}

func cookieRemembered(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	_, usual := browserAt(t, s, alice, now, false)
	remembered, kept := browserAt(t, s, alice, now, true)
	idle := authn.SessionPolicy{IdleTimeout: time.Hour}
	later := now.Add(2 * time.Hour)
	want(t, "the usual one, idle", owns(t, s, usual, idle, later), authn.ErrTokenSpent)
	want(t, "the remembered one, idle", owns(t, s, kept, idle, later), nil)
	want(t, "the remembered one, old", owns(t, s, kept, authn.SessionPolicy{MaxLifetime: time.Hour}, later), authn.ErrTokenSpent)
	must(t, s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{remembered.ID: later}, idle))
	seen, err := s.SessionByID(t.Context(), alice.ID, remembered.ID)
	must(t, err)
	equal(t, "when it was seen", seen.LastSeenAt, later)
	n, err := s.EndExpiredSessions(t.Context(), idle, later.Add(2*time.Hour))
	must(t, err)
	equal(t, "sessions that ended by idleness", n, 1)
	want(t, "the remembered one, after that", owns(t, s, kept, idle, later), nil)
	n, err = s.EndExpiredSessions(t.Context(), authn.SessionPolicy{MaxLifetime: time.Hour}, later)
	must(t, err)
	equal(t, "sessions that ended by age", n, 1)
}

func cookieReplaced(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	session, before := browserAt(t, s, alice, now, false)
	_, elsewhere := browserAt(t, s, alice, now, false)
	next := cookieOf(session, now)
	_, cursor, err := s.Changes(t.Context(), authn.Cursor{})
	must(t, err)
	_, err = s.UpdateUser(t.Context(), alice.ID, authn.UserChange{
		PasswordHash: new("$2b$04$another"), EndSessions: true, KeepSession: session.ID, KeepCookie: next.Hash, Act: By(now.Add(time.Minute)),
	})
	must(t, err)
	want(t, "the old value", owns(t, s, before, authn.SessionPolicy{}, now), authn.ErrTokenNotFound)
	want(t, "another browser's", owns(t, s, elsewhere, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	_, kept, cookie, err := s.CookieOwner(t.Context(), next.Hash, authn.SessionPolicy{}, now)
	must(t, err)
	equal(t, "the session", kept.ID, session.ID)
	equal(t, "its end", cookie.ExpiresAt, before.ExpiresAt)
	changes, _, err := s.Changes(t.Context(), cursor)
	must(t, err)
	told := false
	for _, c := range changes {
		told = told || c.Kind == authn.TokenEnded && c.JTI == before.Hash
	}
	equal(t, "replicas are told of the old value", told, true)
}

func cookieOfOtherRights(t *testing.T, db Database) {
	s := db.open(t)
	add(t, s, administrator("root"))
	for what, change := range map[string]authn.UserChange{
		"more roles":    {Roles: &[]string{"staff", "boss"}},
		"fewer roles":   {Roles: &[]string{}},
		"administrator": {Admin: new(true)},
	} {
		name := strings.ReplaceAll(what, " ", "-")
		u := person(name)
		u.Roles = []string{"staff"}
		u = add(t, s, u)
		_, cookie := browserAt(t, s, u, now, true)
		access, _ := login(t, s, u)
		_, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{Roles: &[]string{"staff"}, Act: By(now)})
		must(t, err)
		want(t, what+": the roles as they were", owns(t, s, cookie, authn.SessionPolicy{}, now), nil)
		change.Act = By(now)
		_, err = s.UpdateUser(t.Context(), u.ID, change)
		must(t, err)
		want(t, what+": the cookie", owns(t, s, cookie, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
		want(t, what+": a token", liveness(t, s, access, now), nil)
	}
}

func cookieOfItsOwn(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	session := authn.Session{ID: uuid.New(), UserID: alice.ID, CreatedAt: now, LastSeenAt: now}
	foreign := cookieOf(authn.Session{ID: uuid.New()}, now)
	if s.BeginCookieSession(t.Context(), session, foreign, alice.PasswordHash, authn.SessionPolicy{}, By(now)) == nil {
		t.Error("a session began with another's cookie")
	}
	stale := s.BeginCookieSession(t.Context(), session, cookieOf(session, now), "$2b$04$of before", authn.SessionPolicy{}, By(now))
	want(t, "with a password that has changed", stale, authn.ErrStale)
	policy := authn.SessionPolicy{MaxPerUser: 1}
	must(t, s.BeginCookieSession(t.Context(), session, cookieOf(session, now), alice.PasswordHash, policy, By(now)))
	second := session
	second.ID = uuid.New()
	err := s.BeginCookieSession(t.Context(), second, cookieOf(second, now), alice.PasswordHash, policy, By(now))
	want(t, "one too many", err, authn.ErrTooManySessions)
}
