package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func textCases() []promise {
	return []promise{
		{"text/SQL and its metacharacters", "text must never become a statement, whatever the protocol", hostileTexts},
		{"text/refused alike", "what one database cannot keep the other must refuse too, and neither may keep half of it", badTexts},
		{"text/long values", "what is within the limits must be kept whole", longTexts},
	}
}

var hostile = []string{
	`'; DROP TABLE users; --`, `' OR '1'='1`, `' OR 1=1 --`, `"; DELETE FROM users; --`, `admin'--`, `admin' /*`, `\'; DROP TABLE users; --`,
	`') ON CONFLICT DO NOTHING; --`, `$1`, `$2`, `?`, `:name`, `@name`, `%`, `_`, `%s`, `\`, `\\`, `\x27`, `''`, `""`, "`", `E'\''`, `$$`,
	`$tag$ x $tag$`, `{"a":1}`, `["x"]`, `\u0000`, `NULL`, `0`, `-1`, `1e3`, `TRUE`, "line\nfeed", "carriage\rreturn", "tab\t", "\x1a", "\x7f", "\x01",
	"\u2028", "\u202e", "\ufeff", "é", "é", "😀", "漢字", strings.Repeat("'", 200), `<script>&amp;`,
}

func hostileTexts(t *testing.T, db Database) {
	s := db.open(t)
	witness := add(t, s, person("witness"))
	for _, text := range hostile {
		u := person(text)
		u.Email, u.PasswordHash, u.Roles = text, text, []string{text, text + "2"}
		add(t, s, u)
		access, refresh := pair(u)
		refresh.JTI, refresh.ClientAddress, refresh.UserAgent, refresh.KeyID, refresh.Claims = text, text, text, text, []byte(text)
		must(t, begin(t, s, access, refresh, text, now))
		_, token, err := s.TokenOwner(t.Context(), authn.RefreshToken, text, refresh.Hash, now)
		must(t, err)
		equal(t, "the token", token, refresh)
		u.LastLogin = now
		for _, look := range []func() (authn.User, error){
			func() (authn.User, error) { return s.UserByUsername(t.Context(), text) },
			func() (authn.User, error) { return s.UserByEmailKey(t.Context(), text+"@example.com") },
			func() (authn.User, error) { return s.UserByID(t.Context(), u.ID) },
			func() (authn.User, error) {
				return s.UpdateUser(t.Context(), u.ID, authn.UserChange{Username: &text, Roles: &u.Roles, IfPasswordHash: &text, Act: By(now)})
			},
		} {
			got, err := look()
			must(t, err)
			equal(t, "the user", got, u)
		}
		_, err = s.UserByEmailKey(t.Context(), text)
		want(t, "the text as an email key", err, authn.ErrUserNotFound)
		attempt(t, s, text, now, time.Time{})
		must(t, s.Unlock(t.Context(), text, u.ID, By(now)))
		key := authn.Key{ID: text, Purpose: authn.KeyPurpose(text), Algorithm: text, Material: []byte(text), Sealing: text,
			CreatedAt: now, ActiveFrom: now}
		addKey(t, s, key, "")
		hasKeys(t, s, key)
		_, err = s.RevokeKey(t.Context(), text, ptr(newKey(1, authn.SignAccess, "EdDSA")), By(now))
		must(t, err)
		n, err := s.PurgeKeys(t.Context(), []string{text}, now)
		must(t, err)
		equal(t, "the number of keys removed", n, 0) // the token is there
		must(t, s.DeleteUser(t.Context(), u.ID, By(now)))
		n, err = s.PurgeKeys(t.Context(), []string{text}, now)
		must(t, err)
		equal(t, "the number of keys removed", n, 1)
	}
	stored(t, s, witness)
	users, err := s.ListUsers(t.Context(), 0, 100)
	must(t, err)
	equal(t, "the users", users, []authn.User{witness})
}

// notText is what is no text: NUL, invalid UTF-8, a lone surrogate, and more than can be indexed.
var notText = []string{"a\x00b", "\x00", "\xff", "caf\xe9", "\xed\xa0\x80", "\xc0\x80", strings.Repeat("x", 5000)}

func badTexts(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	_, refresh := login(t, s, u)
	u.LastLogin = now
	for _, bad := range notText {
		for name, err := range writesOf(t, s, u, refresh, bad) {
			if err == nil {
				t.Errorf("%s of %.10q was accepted", name, bad)
			} else if errors.Is(err, authn.ErrUnavailable) || strings.Contains(err.Error(), bad) {
				t.Errorf("%s of %.10q: the error is not for a bad value or repeats it: %.100q", name, bad, err)
			}
		}
		_, err := s.UserByUsername(t.Context(), bad)
		want(t, "a lookup by username", err, authn.ErrUserNotFound)
		_, err = s.UserByEmailKey(t.Context(), bad)
		want(t, "a lookup by email key", err, authn.ErrUserNotFound)
		_, _, err = s.TokenOwner(t.Context(), authn.AccessToken, bad, refresh.Hash, now)
		want(t, "a lookup by jti", err, authn.ErrTokenNotFound)
		next, nextRefresh := pairOf(u.ID, refresh.SessionID)
		err = rotate(t, s, bad, refresh.Hash, next, nextRefresh, now)
		want(t, "a rotation by jti", err, authn.ErrTokenNotFound)
	}
	users, err := s.ListUsers(t.Context(), 0, 10)
	must(t, err)
	equal(t, "the users", users, []authn.User{u})
	must(t, liveness(t, s, refresh, now))
}

// writesOf tries to write a text in every place that takes one.
func writesOf(t *testing.T, s Store, u authn.User, refresh authn.Token, bad string) map[string]error {
	create := func(change func(*authn.User)) error {
		other := person("bob")
		change(&other)
		return s.CreateUser(t.Context(), other, By(now))
	}
	update := func(c authn.UserChange) error {
		c.Act = By(now)
		_, err := s.UpdateUser(t.Context(), u.ID, c)
		return err
	}
	issue := func(change func(*authn.Token)) error {
		access, next := pairOf(u.ID, refresh.SessionID)
		newAccess, newRefresh := pair(u)
		change(&next)
		change(&newRefresh)
		good := sessionOf(newAccess, now) // so that it is the token that is refused
		begun := s.BeginSession(t.Context(), good, newAccess, newRefresh, hash, authn.SessionPolicy{}, By(now))
		rotated := rotate(t, s, refresh.JTI, refresh.Hash, access, next, now)
		if begun == nil || rotated == nil {
			return nil
		}
		return errors.Join(begun, rotated)
	}
	ofSession := func(change func(*authn.Session)) error {
		access, next := pair(u)
		session := sessionOf(next, now)
		change(&session)
		return s.BeginSession(t.Context(), session, access, next, hash, authn.SessionPolicy{}, By(now))
	}
	first := administrator("bob")
	first.Username = bad
	_, firstErr := s.CreateFirstUser(t.Context(), first, By(now))
	_, countErr := s.CountAttempt(t.Context(), authn.Attempt{Account: bad}, policy, now)
	_, _, _, askErr := s.AttemptsOf(t.Context(), authn.Attempt{Network: bad})
	rememberErr := s.RememberClient(t.Context(), authn.Attempt{User: u.ID, Agent: bad}, 1, now)
	forgetErr := errors.Join(s.Unlock(t.Context(), bad, u.ID, By(now)), s.ForgetAttempts(t.Context(), authn.Attempt{Account: bad}, true))
	_, keyErr := s.AddKey(t.Context(), authn.Key{ID: bad, Purpose: authn.SignAccess, Algorithm: "EdDSA", Material: []byte{1}, CreatedAt: now}, "", By(now))
	writes := map[string]error{
		"the creation of a username":      create(func(u *authn.User) { u.Username = bad }),
		"the creation of an email":        create(func(u *authn.User) { u.Email = bad }),
		"the creation of an email key":    create(func(u *authn.User) { u.EmailKey = bad }),
		"the creation of a password hash": create(func(u *authn.User) { u.PasswordHash = bad }),
		"the creation of a role":          create(func(u *authn.User) { u.Roles = []string{"a", bad} }),
		"an update of a username":         update(authn.UserChange{Username: &bad}),
		"an update of an email":           update(authn.UserChange{Email: &bad, EmailKey: ptr("x")}),
		"an update of an email key":       update(authn.UserChange{Email: ptr("x"), EmailKey: &bad}),
		"an update of a password hash":    update(authn.UserChange{PasswordHash: &bad}),
		"an update of a role":             update(authn.UserChange{Roles: &[]string{bad}}),
		"a jti":                           issue(func(t *authn.Token) { t.JTI = bad }),
		"a client address":                issue(func(t *authn.Token) { t.ClientAddress = bad }),
		"a key id":                        issue(func(t *authn.Token) { t.KeyID = bad }),
		"the client address of a session": ofSession(func(s *authn.Session) { s.ClientAddress = bad }),
		"a first user":                    firstErr,
		"a count":                         countErr,
		"a question for counters":         askErr,
		"a client that is remembered":     rememberErr,
		"a clean start":                   forgetErr,
		"a key":                           keyErr,
	}
	if len(bad) < 5000 { // a user agent may be long
		writes["a user agent"] = issue(func(t *authn.Token) { t.UserAgent = bad })
		writes["the user agent of a session"] = ofSession(func(s *authn.Session) { s.UserAgent = bad })
	}
	return writes
}

func longTexts(t *testing.T, db Database) {
	s := db.open(t)
	u := person(strings.Repeat("漢", 300))
	u.Email = strings.Repeat("e", 1000)
	u.EmailKey = strings.Repeat("k", 1000)
	for i := range 200 {
		u.Roles = append(u.Roles, strings.Repeat("r", i))
	}
	add(t, s, u)
	access, refresh := pair(u)
	access.UserAgent = strings.Repeat("u", 4096)
	must(t, begin(t, s, access, refresh, hash, now))
	u.LastLogin = now
	stored(t, s, u)
	_, got, err := s.TokenOwner(t.Context(), access.Kind, access.JTI, access.Hash, now)
	must(t, err)
	equal(t, "the token", got, access)
}
