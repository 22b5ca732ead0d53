package examples_test

import (
	"net/http"
	"strings"
	"testing"
)

// testQuestionsListener asks the listener that is for questions alone for everything else. A page that answers everybody with
// 200 would be an open door behind Envoy, which puts the target of the original request into the question.
func (f *front) testQuestionsListener(t *testing.T) {
	listener := &front{name: "questions", address: f.authly.authz, authly: f.authly, app: f.app, tokens: f.tokens}
	for _, r := range []request{
		{target: "/"}, {target: "/health"}, {target: "/docs"}, {target: "/openapi.json"}, {target: "/.well-known/jwks.json"},
		{target: "/public/page"}, {target: "/users/me", user: "alice"}, {target: "/auth/token", method: "POST"}, {target: "/authz"},
		{target: "/authz/"}, {target: "/authz/apache"}, {target: "/%61uthz/envoy/public/page"}, {target: "//authz/envoy/public/page"},
		{target: "http://app.localhost/authz/envoy/public/page"}, {target: "*", method: "OPTIONS"},
		{target: "/public/page", method: "OPTIONS", headers: []string{"Origin: https://a.example", "Access-Control-Request-Method: GET"}},
	} {
		if a := listener.send(t, r); a.status != http.StatusNotFound {
			t.Errorf("%s %s got %d, want 404", r.method, r.target, a.status)
		}
	}
	question := request{target: "/authz/envoy/public/page", headers: []string{"X-Forwarded-For: 192.0.2.1"}}
	if a := listener.send(t, question); a.status != http.StatusOK {
		t.Errorf("a question got %d %s", a.status, a.header.Get("X-Authly-Reason"))
	}
}

// While Authly does not answer nothing passes, public paths neither.
func (f *front) testAuthlyHangs(t *testing.T) {
	t.Parallel()
	if f.name == "gateway" || strings.HasPrefix(f.name, "traefik") {
		return // there is no answer by whom, or it takes 30 seconds
	}
	r := request{target: "/public/page"}
	f.wantPassed(t, r, f.send(t, r), "")
	f.authly.process.freeze(t)
	a, err := f.try(r)
	f.authly.process.thaw(t)
	f.wantClosed(t, r, a, err)
	f.wantPassed(t, r, f.send(t, r), "")
}

// Nor when it has gone.
func (f *front) testAuthlyDown(t *testing.T) {
	t.Parallel()
	before := request{target: "/public/page"}
	f.wantPassed(t, before, f.send(t, before), "")
	f.authly.process.stop()
	a, err := f.try(before)
	if f.name != "gateway" {
		f.wantClosed(t, before, a, err)
	} else if err == nil { // the gateway is Authly
		t.Errorf("got %d from nobody", a.status)
	}
}

func (f *front) wantClosed(t *testing.T, r request, a answer, err error) {
	t.Helper()
	if err != nil || a.status < 400 || len(a.seen) != 0 {
		t.Errorf("%s: got %d, %v, and the application saw %d requests", r.target, a.status, err, len(a.seen))
	}
}
