package examples_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// publishedKeys are the keys of an authly, as its login host publishes them.
func (f *front) publishedKeys(t *testing.T) jose.JSONWebKeySet {
	t.Helper()
	a := f.send(t, request{target: "/.well-known/jwks.json", host: "auth.localhost"})
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || a.status != http.StatusOK {
		t.Fatalf("the published keys: %d %s", a.status, a.body)
	}
	return set
}

// wantAssertion fails unless the text is an assertion, by the published keys, of who is calling with this method.
func (f *front) wantAssertion(t *testing.T, text, as, method string) {
	t.Helper()
	set := f.publishedKeys(t)
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(text, claims, func(token *jwt.Token) (any, error) {
		for _, key := range set.Key(fmt.Sprint(token.Header["kid"])) {
			return key.Key, nil
		}
		return nil, jwt.ErrTokenUnverifiable
	}, jwt.WithAudience("reports"), jwt.WithIssuer("http://localhost:8080"), jwt.WithExpirationRequired())
	if err != nil {
		t.Errorf("%v in the assertion %q", err, text)
	}
	if claims["username"] != as || claims["method"] != method || claims["host"] != "app.localhost" {
		t.Errorf("the assertion says %v", claims)
	}
}

// On its way through the front an assertion is neither lost nor replaced by what the client sent, and where there is none
// the client's does not arrive either.
func (f *front) testAssertions(t *testing.T) {
	var forged []string
	for i, spelling := range spellings("X-Authly-Assertion") {
		forged = append(forged, fmt.Sprintf("%s: spoofed-%d", spelling, i))
	}
	for _, headers := range [][]string{nil, forged} {
		for _, r := range []request{
			{target: "/reports/1", user: "alice"}, {target: "/reports/1", user: "zoë"}, {method: "HEAD", target: "/reports/1?x", user: "alice"},
			{target: "/hello", user: "alice"}, {target: "/public/page"},
		} {
			r.headers = headers
			f.wantPassed(t, r, f.send(t, r), r.user)
		}
		r := request{target: "/reports/1", headers: headers}
		f.wantStopped(t, r, f.send(t, r), http.StatusUnauthorized)
	}
}
