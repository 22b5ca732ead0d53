package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func handoverCases() []promise {
	return []promise{
		{"handover/second cookie", "a browser is the same session on another domain, and its cookie there is none elsewhere", handoverTaken},
		{"handover/once", "a code that somebody else has read is worth nothing once it was used, on whatever replica", handoverOnce},
		{"handover/in time", "a code that lies about is a way in", handoverInTime},
		{"handover/of a living session", "what ended between issue and use would begin anew", handoverOfTheDead},
		{"handover/of its cookie", "who stole a cookie would stay after a change of the password, by a code fetched before", handoverOfCookie},
		{"handover/few cookies", "the table grows with every page that is opened", handoverFew},
	}
}

const otherDomain = "example.net"

// issued keeps a hand-over for a cookie.
func issued(t *testing.T, s Store, c authn.Cookie) (hash string) {
	t.Helper()
	hash = strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", "")
	must(t, s.KeepHandover(t.Context(), authn.HandoverTicket{Hash: hash, Cookie: c.Hash, ExpiresAt: now.Add(authn.HandoverTTL)}))
	return hash
}

// take spends a hand-over for a new cookie.
func take(t *testing.T, s Store, hash string, p authn.SessionPolicy, at time.Time) (authn.Session, authn.Cookie, error) {
	t.Helper()
	return s.TakeHandover(t.Context(), hash, authn.Cookie{
		Hash: strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", ""), Domain: otherDomain, CreatedAt: at,
	}, p)
}

// taken returns the error alone.
func taken(t *testing.T, s Store, hash string, p authn.SessionPolicy, at time.Time) error {
	t.Helper()
	_, _, err := take(t, s, hash, p, at)
	return err
}

func handoverTaken(t *testing.T, db Database) {
	both := db.replicas(t)
	alice := add(t, both[0], person("alice"))
	session, first := browserAt(t, both[0], alice, now, true)
	at := now.Add(time.Second)
	got, second, err := take(t, both[1], issued(t, both[0], first), authn.SessionPolicy{}, at)
	must(t, err)
	equal(t, "the session", got, session)
	equal(t, "the cookie", second, authn.Cookie{
		Hash: second.Hash, SessionID: session.ID, Domain: otherDomain, CreatedAt: at, ExpiresAt: first.ExpiresAt,
	})
	for _, c := range []authn.Cookie{first, second} {
		_, of, kept, err := both[0].CookieOwner(t.Context(), c.Hash, authn.SessionPolicy{}, at)
		must(t, err)
		equal(t, "whose it is", of, session)
		equal(t, "what is kept", kept, c)
	}
	listed, err := both[0].ListSessions(t.Context(), alice.ID, authn.SessionPolicy{}, at)
	must(t, err)
	equal(t, "the list", listed, []authn.Session{session})
	_, err = both[0].EndSession(t.Context(), alice.ID, session.ID, By(at))
	must(t, err)
	want(t, "the first cookie after a logout", owns(t, both[1], first, authn.SessionPolicy{}, at), authn.ErrTokenSpent)
	want(t, "the second one", owns(t, both[1], second, authn.SessionPolicy{}, at), authn.ErrTokenSpent)
}

func handoverOnce(t *testing.T, db Database) {
	both := db.replicas(t)
	alice := add(t, both[0], person("alice"))
	_, cookie := browserAt(t, both[0], alice, now, false)
	hash := issued(t, both[0], cookie)
	errs := atOnce(20, func(i int) error { return taken(t, both[i%2], hash, authn.SessionPolicy{}, now) })
	if n := tally(t, errs, authn.ErrTokenSpent); n != 1 {
		t.Errorf("one code was taken %d times", n)
	}
	for what, other := range map[string]string{
		"none": "", "upper case": strings.ToUpper(hash), "a pattern": "%", "NUL": hash + "\x00", "the cookie's": cookie.Hash,
	} {
		want(t, what, taken(t, both[0], other, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	}
	dropped := issued(t, both[0], cookie)
	must(t, both[1].DropHandover(t.Context(), dropped))
	must(t, both[1].DropHandover(t.Context(), dropped))
	want(t, "what was dropped", taken(t, both[0], dropped, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	want(t, "for no cookie", both[0].KeepHandover(t.Context(), authn.HandoverTicket{
		Hash: dropped, Cookie: strings.Repeat("0", 64), ExpiresAt: now.Add(time.Minute),
	}), authn.ErrTokenNotFound)
}

func handoverInTime(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	_, cookie := browserAt(t, s, alice, now, false)
	late, last := issued(t, s, cookie), issued(t, s, cookie)
	end := now.Add(authn.HandoverTTL)
	want(t, "at its end", taken(t, s, late, authn.SessionPolicy{}, end), authn.ErrTokenSpent)
	must(t, taken(t, s, last, authn.SessionPolicy{}, end.Add(-time.Microsecond)))
	n, err := s.PurgeHandovers(t.Context(), end)
	must(t, err)
	equal(t, "removed at its end", n, 0)
	n, err = s.PurgeHandovers(t.Context(), end.Add(time.Microsecond))
	must(t, err)
	equal(t, "removed after that", n, 1)
}

func handoverOfTheDead(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	session, cookie := browserAt(t, s, alice, now, false)
	_, other := browserAt(t, s, alice, now, false)
	idle := authn.SessionPolicy{IdleTimeout: 10 * time.Second}
	want(t, "idle", taken(t, s, issued(t, s, cookie), idle, now.Add(10*time.Second)), authn.ErrTokenSpent)
	must(t, taken(t, s, issued(t, s, cookie), idle, now.Add(9*time.Second)))
	hash, living := issued(t, s, cookie), issued(t, s, other)
	_, err := s.EndSession(t.Context(), alice.ID, session.ID, By(now))
	must(t, err)
	want(t, "ended", taken(t, s, hash, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	must(t, taken(t, s, living, authn.SessionPolicy{}, now))

	disabled, deleted := issued(t, s, other), issued(t, s, other)
	inactive, active := false, true
	_, err = s.UpdateUser(t.Context(), alice.ID, authn.UserChange{Active: &inactive, Act: By(now)})
	must(t, err)
	want(t, "of who is disabled", taken(t, s, disabled, authn.SessionPolicy{}, now), authn.ErrUserInactive)
	_, err = s.UpdateUser(t.Context(), alice.ID, authn.UserChange{Active: &active, Act: By(now)})
	must(t, err)
	want(t, "what was refused is spent", taken(t, s, disabled, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	must(t, s.DeleteUser(t.Context(), alice.ID, By(now)))
	want(t, "of who is gone", taken(t, s, deleted, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
}

func handoverOfCookie(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	session, before := browserAt(t, s, alice, now, false)
	_, elsewhere, err := take(t, s, issued(t, s, before), authn.SessionPolicy{}, now)
	must(t, err)
	fetched, next := issued(t, s, before), cookieOf(session, now)
	_, err = s.UpdateUser(t.Context(), alice.ID, authn.UserChange{
		PasswordHash: new("$2b$04$another"), EndSessions: true, KeepSession: session.ID, KeepCookie: next.Hash, Act: By(now),
	})
	must(t, err)
	want(t, "a code of before", taken(t, s, fetched, authn.SessionPolicy{}, now), authn.ErrTokenSpent)
	want(t, "the other domain's cookie", owns(t, s, elsewhere, authn.SessionPolicy{}, now), authn.ErrTokenNotFound)
	_, _, kept, err := s.CookieOwner(t.Context(), next.Hash, authn.SessionPolicy{}, now)
	must(t, err)
	equal(t, "the new cookie's domain", kept.Domain, "")
	must(t, taken(t, s, issued(t, s, kept), authn.SessionPolicy{}, now))
}

func handoverFew(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	_, cookie := browserAt(t, s, alice, now, false)
	_, cursor, err := s.Changes(t.Context(), authn.Cursor{})
	must(t, err)
	var all []authn.Cookie
	for i := range 10 {
		_, c, err := take(t, s, issued(t, s, cookie), authn.SessionPolicy{}, now.Add(time.Duration(i)*time.Microsecond))
		must(t, err)
		all = append(all, c)
	}
	for i, c := range all {
		answer := authn.ErrTokenNotFound
		if i >= 2 {
			answer = nil
		}
		want(t, "cookie "+string(rune('0'+i)), owns(t, s, c, authn.SessionPolicy{}, now), answer)
	}
	want(t, "that of the login page", owns(t, s, cookie, authn.SessionPolicy{}, now), nil)
	changes, _, err := s.Changes(t.Context(), cursor)
	must(t, err)
	var told []string
	for _, c := range changes {
		if c.Kind == authn.TokenEnded {
			told = append(told, c.JTI)
		}
	}
	equal(t, "replicas are told of", told, []string{all[0].Hash, all[1].Hash})
}
