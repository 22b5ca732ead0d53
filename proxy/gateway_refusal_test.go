package proxy_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// A refusal does not wait for a body that nobody will read, however long the client keeps the rest of it back; and what
// comes late is not taken for a request.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	for name, lines := range map[string][]string{
		"by length":     {"Content-Length: 100"},
		"in chunks":     {"Transfer-Encoding: chunked"},
		"very long":     {"Content-Length: 10000000000"},
		"as a question": {"Content-Length: 100", "X-Forwarded-Method: GET"},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/x"
			if name == "as a question" {
				path = "/authz/traefik"
			}
			c := dial(t, g.addr)
			defer c.Close()
			c.write(t, request("POST", path, "", lines...)+"1\r\n{")
			a := c.read(t, false)
			if a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusForbidden {
				t.Errorf("status %d", a.StatusCode)
			}
			if got := a.Close; !got {
				t.Errorf("the connection goes on")
			}
		})
	}
	wantStatus(t, g.raw(t, request("POST", "/x", "alice", "Content-Length: 5")+"hello"), http.StatusOK)
}

// The general limit counts what is malformed too.
func TestGeneralLimitCountsEverything(t *testing.T) {
	for _, path := range []string{"//x", "/authz/nginx", "/public/x", "/health"} {
		g := newGateway(t, gatewayConfig{general: authn.Limit{Requests: 2, Per: time.Hour}})
		for i := range 3 {
			got := g.get(t, path, "").StatusCode
			if limited := got == http.StatusTooManyRequests; limited != (i == 2) {
				t.Errorf("%s, request %d: %d", path, i+1, got)
			}
		}
	}
}

// What is kept out is told, with who asked, and what is let in is not.
func TestDenied(t *testing.T) {
	told := make(chan authn.Event, 16)
	g := newGateway(t, gatewayConfig{denied: func(e authn.Event) { told <- e }, trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	for _, c := range []struct{ request, want string }{
		{request("GET", "/app/x", "alice"), ""}, // first: had they been told, then in place of what follows
		{request("GET", "/public/x", ""), ""},
		{request("GET", "/app/x?token=secret", ""), "anonymous no_credentials GET /app/x"},
		{request("GET", "/admin/x", "alice"), "user forbidden GET /admin/x"},
		{request("GET", "/a/../b", ""), "anonymous ambiguous_path GET /a/../b"},
		{request("GET", "/authz/nginx", ""), "anonymous bad_request GET /authz/nginx"},
	} {
		g.raw(t, c.request)
		if c.want == "" {
			continue
		}
		e := <-told
		if got := fmt.Sprint(e.Actor.Kind, " ", e.Reason, " ", e.Details[authn.DetailMethod], " ", e.Details[authn.DetailPath]); got != c.want {
			t.Errorf("told %q, want %q", got, c.want)
		}
		if e.Kind != authn.EventRequestDenied || e.Outcome != authn.Failure || e.From.RequestID == "" || !e.From.Address.IsLoopback() {
			t.Errorf("told %+v", e)
		}
	}
}
