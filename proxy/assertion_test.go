package proxy_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

type assertFunc = func(audience string, id *authn.Identity, method, host string) (string, error)

// says is an assertion that can be read. What a real one looks like is for authn to test, and for the examples to check.
func says(audience string, id *authn.Identity, method, host string) (string, error) {
	return fmt.Sprintf("%s to %s %s %s", id.Username, audience, method, host), nil
}

func neverSays(string, *authn.Identity, string, string) (string, error) {
	return "", authn.Fault(fmt.Errorf("no key: %w", authn.ErrUnavailable))
}

// toldRoutes are the usual ones, and two whose application is told by assertion.
func toldRoutes() []authn.Route {
	return append([]authn.Route{
		{Name: "told", Paths: []string{"/told/*"}, Access: authn.AllowPublic, Audience: "wiki"},
		{Name: "told-staff", Paths: []string{"/staff/*"}, Access: authn.AllowListed, Roles: []string{"staff"}, Audience: "intranet"},
	}, usualRoutes()...)
}

// wantAssertion checks what the application got in the header, in whatever spelling; "" is nothing.
func wantAssertion(t *testing.T, got received, want string) {
	t.Helper()
	var lines []string
	if want != "" {
		lines = []string{"X-Authly-Assertion: " + want}
	}
	if found := got.lines("X-Authly-Assertion"); !slices.Equal(found, lines) {
		t.Errorf("the application got %q, want %q", found, lines)
	}
}

func TestAssertionIsSent(t *testing.T) {
	g := newGateway(t, gatewayConfig{routes: toldRoutes(), assert: says})
	for _, c := range []struct{ method, path, token, want string }{
		{"GET", "/told/x", "alice", "alice to wiki GET app.example.com"},
		{"HEAD", "/told/x", "alice", "alice to wiki HEAD app.example.com"},
		{"DELETE", "/staff/x?y", "alice", "alice to intranet DELETE app.example.com"},
		{"GET", "/told/x", "", ""},
		{"GET", "/told/x", "stolen", ""},
		{"GET", "/x", "alice", ""},
		{"GET", "/public/x", "alice", ""},
	} {
		wantStatus(t, g.raw(t, request(c.method, c.path, c.token)), http.StatusOK)
		wantAssertion(t, g.upstream.only(t), c.want)
	}
	wantStatus(t, g.get(t, "/staff/x", "bare"), http.StatusForbidden)
	if got := g.upstream.take(); len(got) != 0 {
		t.Error("a refused request reached the application")
	}
}

// The host is the one that was asked for: behind a trusted proxy that is what the proxy says, and nobody else may say it.
func TestAssertionNamesTheOriginalHost(t *testing.T) {
	forwarded := []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: Shop.example.com:8443", "X-Forwarded-Proto: https"}
	behind := newGateway(t, gatewayConfig{routes: toldRoutes(), assert: says, trusted: loopback()})
	wantStatus(t, behind.get(t, "/told/x", "alice", forwarded...), http.StatusOK)
	wantAssertion(t, behind.upstream.only(t), "alice to wiki GET shop.example.com")
	direct := newGateway(t, gatewayConfig{routes: toldRoutes(), assert: says})
	wantStatus(t, direct.get(t, "/told/x", "alice", forwarded...), http.StatusOK)
	wantAssertion(t, direct.upstream.only(t), "alice to wiki GET app.example.com")
}

// What a client sends by the name of the header never arrives: not in another spelling, not beside the real one, not as a
// trailer, on no route. Nor can a client have the real one removed.
func TestAssertionCannotBeForged(t *testing.T) {
	g := newGateway(t, gatewayConfig{routes: toldRoutes(), assert: says})
	const name = "X-Authly-Assertion"
	callers := []struct{ path, token, want string }{
		{"/told/x", "alice", "alice to wiki GET app.example.com"}, {"/told/x", "", ""}, {"/told/x", "stolen", ""}, {"/x", "alice", ""}, {"/public/x", "", ""},
	}
	for _, spelling := range spellings(name) {
		for trick, lines := range map[string][]string{
			"plain": {spelling + ": forged"}, "twice": {spelling + ": forged", spelling + ": forged"}, "empty": {spelling + ":"},
			"removed": {"Connection: " + strings.ToLower(name)}, "removed with it": {spelling + ": forged", "Connection: close, " + spelling + ", " + name},
		} {
			for _, c := range callers {
				wantStatus(t, g.get(t, c.path, c.token, lines...), http.StatusOK)
				got := g.upstream.only(t)
				wantAssertion(t, got, c.want)
				if strings.Contains(got.raw, "forged") {
					t.Errorf("%s %s: the application got %q", spelling, trick, got.raw)
				}
			}
		}
		wantStatus(t, g.raw(t, request("POST", "/told/x", "alice", "Transfer-Encoding: chunked", "Trailer: "+spelling)+
			"2\r\nhi\r\n0\r\n"+spelling+": forged\r\n\r\n"), http.StatusOK)
		got := g.upstream.only(t)
		wantAssertion(t, got, "alice to wiki POST app.example.com")
		if len(got.Trailer) != 0 || strings.Contains(got.raw, "forged") {
			t.Errorf("%s as a trailer: the application got %q", spelling, got.raw)
		}
	}
}

// An application that asks for assertions never gets a request without the one that it should have.
func TestNoAssertionNoRequest(t *testing.T) {
	for name, c := range map[string]struct {
		assert assertFunc
		status int
		reason authn.Code
	}{
		"no key":              {neverSays, http.StatusServiceUnavailable, authn.CodeUnavailable},
		"a signer that fails": {func(string, *authn.Identity, string, string) (string, error) { return "", errors.New("broken") }, http.StatusInternalServerError, authn.CodeInternal},
		"no signer":           {nil, http.StatusInternalServerError, authn.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, gatewayConfig{routes: toldRoutes(), assert: c.assert})
			a := g.get(t, "/told/x", "alice")
			wantStatus(t, a, c.status)
			wantOwnHeaders(t, a)
			if got := g.upstream.take(); len(got) != 0 {
				t.Errorf("the application got %q", got[0].raw)
			}
			if log := g.journal.String(); !strings.Contains(log, `"decision":"deny","reason":"`+string(c.reason)+`"`) {
				t.Errorf("logged %s", log)
			}
			wantStatus(t, g.get(t, "/told/x", ""), http.StatusOK) // nobody: nothing is to be said
			wantStatus(t, g.get(t, "/x", "alice"), http.StatusOK)
			g.upstream.take()

			for _, tongue := range tongues() {
				rig := newAuthzRig(t, authzConfig{assert: c.assert})
				wantRefusal(t, rig.ask(t, tongue, authzAsked{target: "/told/x", token: "alice"}), tongue.relayed(c.status), c.reason)
				wantPermission(t, rig.ask(t, tongue, authzAsked{target: "/told/x"}), "")
				wantPermission(t, rig.ask(t, tongue, authzAsked{target: "/app/x", token: "alice"}), "alice")
			}
		})
	}
}

// Forward-auth: the header is in every permission, and empty unless there is something to say.
func TestAuthzAssertion(t *testing.T) {
	preflight := []string{"Origin: https://spa.example.com", "Access-Control-Request-Method: PUT"}
	for _, tongue := range tongues() {
		t.Run(tongue.name, func(t *testing.T) {
			rig := newAuthzRig(t, authzConfig{assert: says})
			for _, c := range []struct {
				asked      authzAsked
				user, want string
			}{
				{authzAsked{target: "/told/x", token: "alice"}, "alice", "alice to wiki GET app.example.com"},
				{authzAsked{target: "/told/x", token: "alice", method: "POST", host: "WIKI.example.com:8443"}, "alice", "alice to wiki POST wiki.example.com"},
				{authzAsked{target: "/told/x"}, "", ""},
				{authzAsked{target: "/told/x", token: "stolen"}, "", ""},
				{authzAsked{target: "/told/x", token: "stolen", extra: []string{"X-Authly-Assertion: forged", "X_Authly_Assertion: forged"}}, "", ""},
				{authzAsked{target: "/told/x", method: "OPTIONS", extra: preflight}, "", ""},
				{authzAsked{target: "/app/x", token: "alice"}, "alice", ""},
				{authzAsked{target: "/app/x", token: "alice", extra: []string{"X-Authly-Assertion: forged"}}, "alice", ""},
			} {
				response := rig.ask(t, tongue, c.asked)
				wantPermission(t, response, c.user)
				if got := response.Header["X-Authly-Assertion"]; !slices.Equal(got, []string{c.want}) {
					t.Errorf("%s as %q: %q, want %q", c.asked.target, c.asked.token, got, c.want)
				}
			}
			wantRefusal(t, rig.ask(t, tongue, authzAsked{target: "/admin/x", token: "alice"}), tongue.relayed(http.StatusForbidden), authn.CodeForbidden)
		})
	}
}

// The assertion counts among the bytes that front proxies can carry.
func TestAuthzRefusesTooLongAssertion(t *testing.T) {
	for length, fits := range map[int]bool{2 << 10: true, 3 << 10: false} {
		rig := newAuthzRig(t, authzConfig{assert: func(string, *authn.Identity, string, string) (string, error) { return strings.Repeat("a", length), nil }})
		for _, tongue := range tongues() {
			response := rig.ask(t, tongue, authzAsked{target: "/told/x", token: "alice"})
			if fits {
				wantPermission(t, response, "alice")
			} else {
				wantRefusal(t, response, http.StatusForbidden, "identity_too_large")
			}
		}
	}
}
