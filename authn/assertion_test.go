package authn_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func (m *mind) asserter() *authn.Asserter {
	return authn.NewAsserter(authn.AsserterConfig{Keys: m.keys, Issuer: "https://login.example.com", Now: m.clock.Now})
}

func caller() *authn.Identity {
	return &authn.Identity{
		UserID: uuid.New(), SessionID: uuid.New(), Username: "alice", Email: "alice@example.com", Roles: []string{"reader", "staff"},
	}
}

func assert(t *testing.T, a *authn.Asserter, audience string, id *authn.Identity, method, host string) string {
	t.Helper()
	text, err := a.Assert(audience, id, method, host)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// publishedKey finds a key in the published set as others would: by go-jose, not by what made it.
func (m *mind) publishedKey(t *testing.T, kid string) any {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": m.keys.PublicKeys()})
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	found := set.Key(kid)
	if len(found) != 1 || !found[0].IsPublic() {
		t.Fatalf("%d keys %s are published", len(found), kid)
	}
	return found[0].Key
}

// An assertion is signed with a public key's other half under every configuration, also where tokens are not.
func TestAssertionsOfEveryAlgorithm(t *testing.T) {
	for _, algorithm := range everyAlgorithm {
		t.Run(algorithm, func(t *testing.T) {
			o := options{algorithm: algorithm, assertions: true}
			if strings.HasPrefix(algorithm, "HS") {
				o.secret, o.refresh = goodSecret, anotherSecret
			}
			m := newMind(t, o)
			id := caller()
			text := assert(t, m.asserter(), "wiki", id, "POST", "app.example.com")
			var claims jwt.MapClaims
			token, err := jwt.NewParser(jwt.WithTimeFunc(m.clock.Now), jwt.WithAudience("wiki"), jwt.WithIssuedAt(),
				jwt.WithIssuer("https://login.example.com")).ParseWithClaims(text, &claims, func(token *jwt.Token) (any, error) {
				kid, _ := token.Header["kid"].(string)
				return m.publishedKey(t, kid), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if token.Header["typ"] != "authly-assertion+jwt" || strings.HasPrefix(token.Method.Alg(), "HS") || len(token.Header) != 3 {
				t.Errorf("header %v", token.Header)
			}
			if jti, _ := claims["jti"].(string); len(jti) != 32 {
				t.Errorf("jti %v", claims["jti"])
			}
			delete(claims, "jti")
			now := float64(m.clock.Now().Unix())
			if diff := cmp.Diff(jwt.MapClaims{
				"iss": "https://login.example.com", "sub": id.UserID.String(), "aud": "wiki", "iat": now, "exp": now + 60,
				"sid": id.SessionID.String(), "username": "alice", "email": "alice@example.com", "roles": []any{"reader", "staff"},
				"method": "POST", "host": "app.example.com",
			}, claims); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Who has no address and no roles is said to have none: an application need not tell "none" from "not told".
func TestAssertionOfSomebodyBare(t *testing.T) {
	m := newMind(t, options{assertions: true})
	claims := payloadOf(t, assert(t, m.asserter(), "wiki", &authn.Identity{UserID: uuid.New(), Username: "bare"}, "GET", "x"))
	if roles, ok := claims["roles"].([]any); !ok || len(roles) != 0 || claims["email"] != "" {
		t.Errorf("claims %v", claims)
	}
}

// CVE-2024-47616: what is made for applications opens no door of Authly, whatever its audience, and the reverse.
func TestAssertionsAreNoTokens(t *testing.T) {
	for name, o := range map[string]options{
		"managed keys": {}, "secrets": {secret: goodSecret, refresh: anotherSecret}, "one secret": {secret: goodSecret, refresh: goodSecret},
		"RSA": {algorithm: "RS256"},
	} {
		t.Run(name, func(t *testing.T) {
			o.assertions = true
			m := newMind(t, o)
			m.user(t, "alice")
			tokens := m.login(t, "alice")
			identity, err := m.logins.Authenticate(t.Context(), bearer(tokens.Access))
			if err != nil {
				t.Fatal(err)
			}
			for _, audience := range []string{"wiki", "authly"} {
				text := assert(t, m.asserter(), audience, identity, "GET", "app.example.com")
				if m.logins.Verify(authn.AccessToken, text) == nil || m.logins.Verify(authn.RefreshToken, text) == nil {
					t.Errorf("an assertion for %s is accepted as a token", audience)
				}
				if _, err := m.logins.Authenticate(t.Context(), bearer(text)); code(t, err) != authn.CodeInvalidCredentials {
					t.Errorf("an assertion for %s as bearer: %v", audience, err)
				}
				if _, refusal := m.replica(t).check(t, text); refusal != authn.CodeInvalidCredentials {
					t.Errorf("an assertion for %s checked from memory: %s", audience, refusal)
				}
				if _, err := m.logins.Refresh(t.Context(), text, from); code(t, err) != authn.CodeInvalidGrant {
					t.Errorf("an assertion for %s at refresh: %v", audience, err)
				}
				if told, err := m.logins.Introspect(t.Context(), text); err != nil || told.Active {
					t.Errorf("an assertion for %s at introspection: %v, %v", audience, told, err)
				}
				if err := m.logins.Revoke(t.Context(), "billing", text, from); err != nil {
					t.Errorf("an assertion for %s at revocation: %v", audience, err)
				}
			}
			// None of these has ended anything, and tokens are no assertions: their keys are others, and their typ.
			if _, err := m.logins.Authenticate(t.Context(), bearer(tokens.Access)); err != nil {
				t.Errorf("the access token itself: %v", err)
			}
			signer, _, _ := m.keys.SigningKey(authn.SignAssertion)
			for _, token := range []string{tokens.Access, tokens.Refresh} {
				header, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
				if err != nil || header.Header["kid"] == signer || header.Header["typ"] == "authly-assertion+jwt" {
					t.Errorf("header of a token: %v, %v", header.Header, err)
				}
			}
		})
	}
}

func TestAssertionsServeManyRequests(t *testing.T) {
	m := newMind(t, options{algorithm: "ES256", assertions: true}) // two of whose signatures are never the same
	a, id := m.asserter(), caller()
	first := assert(t, a, "wiki", id, "GET", "app.example.com")
	same := func(what string, want bool, text string) {
		t.Helper()
		if (text == first) != want {
			t.Errorf("%s: the same assertion %v, want %v", what, text == first, want)
		}
	}
	again := *id
	again.Roles = slices.Clone(id.Roles)
	same("once more", true, assert(t, a, "wiki", &again, "GET", "app.example.com"))
	same("another method", false, assert(t, a, "wiki", id, "POST", "app.example.com"))
	same("another host", false, assert(t, a, "wiki", id, "GET", "www.example.com"))
	same("another application", false, assert(t, a, "shop", id, "GET", "app.example.com"))
	other := *id
	other.SessionID = uuid.New()
	same("another session", false, assert(t, a, "wiki", &other, "GET", "app.example.com"))
	same("still the first", true, assert(t, a, "wiki", id, "GET", "app.example.com"))

	m.clock.advance(29 * time.Second)
	same("with half of its life left", true, assert(t, a, "wiki", id, "GET", "app.example.com"))
	m.clock.advance(time.Second)
	renewed := assert(t, a, "wiki", id, "GET", "app.example.com")
	same("with less than that", false, renewed)
	if left := payloadOf(t, renewed)["exp"].(float64) - float64(m.clock.Now().Unix()); left != 60 {
		t.Errorf("the new one lives %v s", left)
	}
	m.clock.advance(-time.Hour)
	if set := assert(t, a, "wiki", id, "GET", "app.example.com"); set == renewed {
		t.Error("an assertion of the future is handed out after the clock was set back")
	}
}

// Nothing about the person is said that is no longer so.
func TestAssertionsFollowTheIdentity(t *testing.T) {
	m := newMind(t, options{assertions: true})
	a, id := m.asserter(), caller()
	for what, change := range map[string]func(id *authn.Identity){
		"username":   func(id *authn.Identity) { id.Username = "alicia" },
		"email":      func(id *authn.Identity) { id.Email = "" },
		"role added": func(id *authn.Identity) { id.Roles = append(slices.Clone(id.Roles), "boss") },
		"role gone":  func(id *authn.Identity) { id.Roles = id.Roles[:1] },
		"user":       func(id *authn.Identity) { id.UserID = uuid.New() },
	} {
		before := assert(t, a, "wiki", id, "GET", "x")
		changed := *id
		change(&changed)
		after := assert(t, a, "wiki", &changed, "GET", "x")
		claims := payloadOf(t, after)
		if after == before || claims["username"] != changed.Username || claims["email"] != changed.Email ||
			len(claims["roles"].([]any)) != len(changed.Roles) || claims["sub"] != changed.UserID.String() {
			t.Errorf("%s: %v", what, claims)
		}
	}
	// What was handed over is not looked at again: whoever changes it changes no assertion that is kept.
	roles := []string{"reader"}
	mutable := caller()
	mutable.Roles = roles
	first := assert(t, a, "wiki", mutable, "GET", "x")
	roles[0] = "boss"
	if second := assert(t, a, "wiki", mutable, "GET", "x"); second == first {
		t.Error("an assertion of other roles is handed out")
	}
}

// An assertion of a key that signs no more is not handed out, and without a key there is none at all.
func TestAssertionsFollowTheKey(t *testing.T) {
	m := newMind(t, options{assertions: true})
	a, id := m.asserter(), caller()
	before := assert(t, a, "wiki", id, "GET", "x")
	old, next := m.replaceKey(t, authn.SignAssertion, false)
	m.publishedKey(t, next) // ahead of its use
	if again := assert(t, a, "wiki", id, "GET", "x"); again != before {
		t.Error("a key that is published and does not sign yet has an effect")
	}
	m.clock.advance(authn.PublishAhead)
	m.publishedKey(t, old) // what it signed last is still good
	if kid := headerOf(t, assert(t, a, "wiki", id, "GET", "x"))["kid"]; kid != next {
		t.Errorf("signed by %v, want %s", kid, next)
	}
	last := assert(t, a, "wiki", id, "GET", "x")
	m.clock.advance(time.Second)
	_, newest := m.replaceKey(t, authn.SignAssertion, true)
	if text := assert(t, a, "wiki", id, "GET", "x"); text == last || headerOf(t, text)["kid"] != newest {
		t.Error("an assertion of the key before is handed out")
	}
	if _, _, err := m.managed(t, everyPurpose()).Revoke(t.Context(), authn.Operator(), newest); err != nil {
		t.Fatal(err)
	}
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := assert(t, a, "wiki", id, "GET", "x"); headerOf(t, text)["kid"] == newest {
		t.Error("an assertion of a revoked key is handed out")
	}
	if m.publishes(newest) {
		t.Error("a revoked key is published")
	}
	none := authn.NewAsserter(authn.AsserterConfig{Keys: authn.KeylessRing(m.clock.Now), Now: m.clock.Now})
	if _, err := none.Assert("wiki", id, "GET", "x"); code(t, err) != authn.CodeUnavailable {
		t.Errorf("without a key: %v, want %s", err, authn.CodeUnavailable)
	}
}

func headerOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header
}

// everyPurpose is a configuration that has a use for every key.
func everyPurpose() options { return options{assertions: true, encrypted: []string{"email"}} }

// publishes reports whether the key of that id is among the public ones.
func (m *mind) publishes(id string) bool {
	return slices.ContainsFunc(m.keys.PublicKeys(), func(key authn.JWK) bool { return key["kid"] == id })
}

// replaceKey adds a key, and returns the kids of that which signed before and of the new one.
func (m *mind) replaceKey(t *testing.T, purpose authn.KeyPurpose, atOnce bool) (before, next string) {
	t.Helper()
	before, _, _ = m.keys.SigningKey(purpose)
	key, err := m.managed(t, everyPurpose()).Rotate(t.Context(), authn.Operator(), purpose, atOnce)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return before, key.ID
}

// Clients choose method and host, so they must not choose how much is remembered.
func TestAssertionsAreForgotten(t *testing.T) {
	m := newMind(t, options{assertions: true})
	a, id := m.asserter(), caller()
	_, most := a.Kept()
	for i := range most + most/2 {
		assert(t, a, "wiki", id, "GET", fmt.Sprintf("host-%d.example.com", i))
	}
	if n, most := a.Kept(); n > most {
		t.Errorf("%d assertions are remembered, at most %d may be", n, most)
	}
}

func BenchmarkAssert(b *testing.B) {
	m := newMind(b, options{assertions: true})
	a, id := m.asserter(), caller()
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = a.Assert("wiki", id, "GET", "app.example.com")
		}
	})
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			id.SessionID = uuid.New()
			_, _ = a.Assert("wiki", id, "GET", "app.example.com")
		}
	})
}
