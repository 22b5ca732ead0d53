package authn_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// wanted is the page that a browser is on its way to.
const wanted = "https://app.example.net/x?y=z#part"

// issue gives a browser with a cookie a code for app.example.net.
func (m *mind) issue(t *testing.T, value, state string) string {
	t.Helper()
	text, err := m.logins.HandOver(t.Context(), value, authn.Handover{Host: "app.example.net", State: authn.StateHash(state), To: wanted})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// taker is the browser with a state, on the right host.
func taker(state string) authn.Taker {
	return authn.Taker{Host: "app.example.net", Domain: "example.net", State: state, From: from}
}

// on is the credential that a browser sends to the hosts of a domain.
func on(domain, value string) authn.Credentials {
	return authn.Credentials{Kind: authn.CookieCredential, Token: value, Domain: domain}
}

func (m *mind) knows(t *testing.T, c authn.Credentials) (*authn.Identity, authn.Code) {
	t.Helper()
	identity, err := m.logins.Authenticate(t.Context(), c)
	return identity, code(t, err)
}

// A browser is the same session on both domains, and each cookie is one on its own hosts alone: in the store's eyes and from memory.
func TestHandover(t *testing.T) {
	m := newMind(t, options{handovers: true, login: rememberFor(48 * time.Hour)})
	m.user(t, "alice")
	for _, remembered := range []bool{false, true} {
		first, state := m.browse(t, "alice", remembered, ""), authn.NewHandoverState()
		second, to, err := m.logins.TakeOver(t.Context(), m.issue(t, first.Value, state), taker(state))
		if err != nil || to != wanted || second.Value == first.Value || second.Keep != remembered || !second.ExpiresAt.Equal(first.ExpiresAt) {
			t.Fatalf("%+v to %s, %v", second, to, err)
		}
		mine, _ := m.knows(t, on("", first.Value))
		there, refusal := m.knows(t, on("example.net", second.Value))
		if refusal != "" || there.SessionID != mine.SessionID || there.Username != "alice" {
			t.Fatalf("%+v %s", there, refusal)
		}
		r := m.replica(t)
		for range 2 { // the second time from memory
			for name, c := range map[string]struct {
				sent authn.Credentials
				want authn.Code
			}{
				"at the login page":                {on("", first.Value), ""},
				"there":                            {on("example.net", second.Value), ""},
				"read there, at the login page":    {on("", second.Value), authn.CodeInvalidCredentials},
				"read there, on a third":           {on("example.org", second.Value), authn.CodeInvalidCredentials},
				"that of the login page, there":    {on("example.net", first.Value), authn.CodeInvalidCredentials},
				"as a token":                       {bearer(second.Value), authn.CodeInvalidCredentials},
				"of a domain in another spelling":  {on("Example.net", second.Value), authn.CodeInvalidCredentials},
				"of a host of the domain, as such": {on("app.example.net", second.Value), authn.CodeInvalidCredentials},
			} {
				if _, refusal := m.knows(t, c.sent); refusal != c.want {
					t.Errorf("%s: %s", name, refusal)
				}
				if _, err := r.checker.Authenticate(t.Context(), c.sent); code(t, err) != c.want {
					t.Errorf("%s, by a replica: %v", name, err)
				}
			}
		}
		if _, err := m.logins.HandOver(t.Context(), second.Value, authn.Handover{Host: "app.example.org"}); code(t, err) != authn.CodeInvalidCredentials {
			t.Errorf("handed on from there: %v", err)
		}
		if _, err := m.logins.Logout(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		r.load(t)
		for _, c := range []authn.Credentials{on("", first.Value), on("example.net", second.Value)} {
			if _, err := r.checker.Authenticate(t.Context(), c); code(t, err) != authn.CodeInvalidCredentials {
				t.Errorf("after the logout, %q: %v", c.Domain, err)
			}
		}
	}
}

// Every trick, beside the code that is good until it is tried. Whatever is brought once is good for nobody afterwards.
func TestHandoverTricks(t *testing.T) {
	type world struct {
		m     *mind
		code  string
		state string
		first authn.BrowserCookie
	}
	for name, c := range map[string]struct {
		trick  func(t *testing.T, w world) (string, authn.Taker)
		unread bool // no key of Authly's has signed it: the code itself is as good as before
		astray bool // nobody is told where it leads
	}{
		"another browser":           {trick: func(_ *testing.T, w world) (string, authn.Taker) { return w.code, taker(authn.NewHandoverState()) }},
		"a browser without a state": {trick: func(_ *testing.T, w world) (string, authn.Taker) { return w.code, taker("") }},
		"the hash of the state as the state": {trick: func(_ *testing.T, w world) (string, authn.Taker) {
			return w.code, taker(authn.StateHash(w.state))
		}},
		"another host": {astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) {
			by := taker(w.state)
			by.Host = "evil.example.net"
			return w.code, by
		}},
		"a host of another domain": {astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) {
			by := taker(w.state)
			by.Host, by.Domain = "app.example.org", "example.org"
			return w.code, by
		}},
		"too late": {trick: func(_ *testing.T, w world) (string, authn.Taker) {
			w.m.clock.advance(authn.HandoverTTL)
			return w.code, taker(w.state)
		}},
		"used before": {trick: func(t *testing.T, w world) (string, authn.Taker) {
			if _, _, err := w.m.logins.TakeOver(t.Context(), w.code, taker(w.state)); err != nil {
				t.Fatal(err)
			}
			return w.code, taker(w.state)
		}},
		"the session has ended": {trick: func(t *testing.T, w world) (string, authn.Taker) {
			who, _ := w.m.knows(t, on("", w.first.Value))
			if _, err := w.m.logins.Logout(t.Context(), who); err != nil {
				t.Fatal(err)
			}
			return w.code, taker(w.state)
		}},
		"the user is disabled": {trick: func(t *testing.T, w world) (string, authn.Taker) {
			who, _ := w.m.knows(t, on("", w.first.Value))
			if _, err := w.m.store.UpdateUser(t.Context(), who.UserID, authn.UserChange{Active: ptr(false), Act: storetest.By(w.m.clock.Now())}); err != nil {
				t.Fatal(err)
			}
			return w.code, taker(w.state)
		}},
		"the password has changed": {trick: func(t *testing.T, w world) (string, authn.Taker) {
			who, _ := w.m.knows(t, on("", w.first.Value))
			current, changed := password, "another good password"
			if _, err := w.m.accounts.Update(t.Context(), who, who.UserID, authn.AccountUpdate{
				Password: &changed, CurrentPassword: &current, NextCookie: w.m.logins.NewCookieValue(),
			}, authn.Client{}); err != nil {
				t.Fatal(err)
			}
			return w.code, taker(w.state)
		}},
		"one bit flipped in what it says": {unread: true, astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) {
			header, rest, _ := strings.Cut(w.code, ".")
			return header + "." + flip(rest), taker(w.state)
		}},
		"one bit flipped in the signature": {unread: true, astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) {
			dot := strings.LastIndexByte(w.code, '.') + 1
			return w.code[:dot] + flip(w.code[dot:]), taker(w.state)
		}},
		"without a signature": {unread: true, astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) {
			return w.code[:strings.LastIndexByte(w.code, '.')+1], taker(w.state)
		}},
		"a line feed behind it": {unread: true, astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) { return w.code + "\n", taker(w.state) }},
		"an access token":       {unread: true, astray: true, trick: func(t *testing.T, w world) (string, authn.Taker) { return w.m.login(t, "bob").Access, taker(w.state) }},
		"a refresh token":       {unread: true, astray: true, trick: func(t *testing.T, w world) (string, authn.Taker) { return w.m.login(t, "bob").Refresh, taker(w.state) }},
		"a cookie":              {unread: true, astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) { return w.first.Value, taker(w.state) }},
		"signed by another": {unread: true, astray: true, trick: func(t *testing.T, w world) (string, authn.Taker) {
			return resigned(t, w.code, goodSecret), taker(w.state)
		}},
		"signed with nothing": {unread: true, astray: true, trick: func(t *testing.T, w world) (string, authn.Taker) { return resigned(t, w.code, ""), taker(w.state) }},
		"rubbish":             {unread: true, astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) { return "a.b.c", taker(w.state) }},
		"nothing":             {unread: true, astray: true, trick: func(_ *testing.T, w world) (string, authn.Taker) { return "", taker(w.state) }},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{handovers: true})
			m.user(t, "alice")
			m.user(t, "bob")
			first, state := m.browse(t, "alice", false, ""), authn.NewHandoverState()
			w := world{m: m, code: m.issue(t, first.Value, state), state: state, first: first}
			text, by := c.trick(t, w)
			given, to, err := m.logins.TakeOver(t.Context(), text, by)
			if code(t, err) != authn.CodeInvalidRequest || given != (authn.BrowserCookie{}) || (to == "") != c.astray || to != "" && to != wanted {
				t.Errorf("%+v to %q, %v", given, to, err)
			}
			if err != nil && (strings.Contains(err.Error(), state) || len(text) > 9 && strings.Contains(err.Error(), text)) {
				t.Errorf("the error repeats what is secret: %v", err)
			}
			_, _, err = m.logins.TakeOver(t.Context(), w.code, taker(state))
			if want := map[bool]authn.Code{true: "", false: authn.CodeInvalidRequest}[c.unread]; code(t, err) != want {
				t.Errorf("the code itself, afterwards: %v", err)
			}
		})
	}
}

// flip changes the first character of a segment.
func flip(segment string) string {
	if segment[0] == 'A' {
		return "B" + segment[1:]
	}
	return "A" + segment[1:]
}

// resigned is what a code says, signed with another key.
func resigned(t *testing.T, code, secret string) string {
	t.Helper()
	said := code[:strings.LastIndexByte(code, '.')]
	signature, err := jwt.SigningMethodHS256.Sign(said, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return said + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// What is signed to hand a browser over opens nothing else, its key is its own and nobody is told of it, and it says nothing of who it is.
func TestHandoverIsNoToken(t *testing.T) {
	for name, o := range map[string]options{
		"managed keys": {}, "secrets": {secret: goodSecret, refresh: anotherSecret}, "RSA": {algorithm: "RS256"},
	} {
		t.Run(name, func(t *testing.T) {
			o.handovers = true
			m := newMind(t, o)
			alice := m.user(t, "alice")
			first, state := m.browse(t, "alice", false, ""), authn.NewHandoverState()
			text := m.issue(t, first.Value, state)
			if m.logins.Verify(authn.AccessToken, text) == nil || m.logins.Verify(authn.RefreshToken, text) == nil {
				t.Error("it is accepted as a token")
			}
			if _, refusal := m.replica(t).check(t, text); refusal != authn.CodeInvalidCredentials {
				t.Errorf("checked from memory: %s", refusal)
			}
			if told, err := m.logins.Introspect(t.Context(), text); err != nil || told.Active {
				t.Errorf("introspected: %v, %v", told, err)
			}
			kid, _, _ := m.keys.SigningKey(authn.SignHandover)
			for _, key := range m.keys.PublicKeys() {
				if key["kid"] == kid {
					t.Error("its key is published")
				}
			}
			claims := payloadOf(t, text)
			for _, secret := range []string{state, first.Value, alice.ID.String(), "alice"} {
				for claim, value := range claims {
					if said, _ := value.(string); strings.Contains(said, secret) {
						t.Errorf("%s tells %q", claim, secret)
					}
				}
			}
			if len(claims) != 6 || claims["aud"] != "app.example.net" || claims["exp"] != float64(m.clock.Now().Add(30*time.Second).Unix()) {
				t.Errorf("claims %v", claims)
			}
		})
	}
}

// Where there is nothing to hand over to, there is no key; and whoever is told of a code all the same takes none.
func TestNoHandovers(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	first := m.browse(t, "alice", false, "")
	if _, err := m.logins.HandOver(t.Context(), first.Value, authn.Handover{Host: "app.example.net"}); code(t, err) != authn.CodeUnavailable {
		t.Errorf("issued: %v", err)
	}
	if _, _, err := m.logins.TakeOver(t.Context(), "a.b.c", taker(authn.NewHandoverState())); code(t, err) != authn.CodeInvalidRequest {
		t.Errorf("taken: %v", err)
	}
	if _, err := m.logins.HandOver(t.Context(), m.logins.NewCookieValue(), authn.Handover{}); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("by a cookie of nobody: %v", err)
	}
}

// Who signs in as somebody else is that everywhere, once they are handed over: the session of before is not left behind there.
func TestHandoverEndsWhatItHeld(t *testing.T) {
	m := newMind(t, options{handovers: true})
	m.user(t, "alice")
	m.user(t, "bob")
	state := authn.NewHandoverState()
	hand := func(first authn.BrowserCookie, held authn.Credentials) authn.Credentials {
		t.Helper()
		by := taker(state)
		by.Held = held
		second, _, err := m.logins.TakeOver(t.Context(), m.issue(t, first.Value, state), by)
		if err != nil {
			t.Fatal(err)
		}
		return on("example.net", second.Value)
	}
	alices := m.browse(t, "alice", false, "")
	there := hand(alices, authn.Credentials{})
	again := hand(alices, there)
	for _, c := range []authn.Credentials{there, again, on("", alices.Value)} { // of several pages that were opened at once
		if _, refusal := m.knows(t, c); refusal != "" {
			t.Errorf("of the same session: %s", refusal)
		}
	}
	bobs := hand(m.browse(t, "bob", false, ""), again)
	if who, refusal := m.knows(t, bobs); refusal != "" || who.Username != "bob" {
		t.Errorf("%v %s", who, refusal)
	}
	for _, c := range []authn.Credentials{there, again, on("", alices.Value)} {
		if _, refusal := m.knows(t, c); refusal != authn.CodeInvalidCredentials {
			t.Errorf("the session of before: %s", refusal)
		}
	}
}

// Limits of time are those of the session: being seen on one domain is being seen.
func TestHandoverHoldsLimits(t *testing.T) {
	m := newMind(t, options{
		handovers: true, login: rememberFor(20 * time.Hour), policy: authn.SessionPolicy{IdleTimeout: time.Hour, MaxLifetime: 10 * time.Hour},
	})
	m.user(t, "alice")
	both := func(remember bool) (first, second authn.Credentials) {
		t.Helper()
		given, state := m.browse(t, "alice", remember, ""), authn.NewHandoverState()
		there, _, err := m.logins.TakeOver(t.Context(), m.issue(t, given.Value, state), taker(state))
		if err != nil {
			t.Fatal(err)
		}
		return on("", given.Value), on("example.net", there.Value)
	}
	first, second := both(false)
	remembered, rememberedThere := both(true)
	state := func(what string, want authn.Code, all ...authn.Credentials) {
		t.Helper()
		for _, c := range all {
			if _, refusal := m.knows(t, c); refusal != want {
				t.Errorf("%s, on %q: %s", what, c.Domain, refusal)
			}
		}
	}
	for range 3 {
		m.clock.advance(50 * time.Minute)
		state("seen there alone", "", second)
	}
	state("seen there alone", "", first)
	m.clock.advance(time.Hour)
	state("idle", authn.CodeInvalidCredentials, first, second)
	state("idle and remembered", "", remembered, rememberedThere)
	m.clock.advance(7 * time.Hour)
	state("too old", authn.CodeInvalidCredentials, remembered, rememberedThere)
}
