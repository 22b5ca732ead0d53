package proxy_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

func TestAuthzPaths(t *testing.T) {
	refused := []string{
		"/public/../admin/1", "/public/%2e%2e/admin/1", "/public/..%2fadmin/1", "/public/%2f..%2fadmin/1", "/public/..;/admin/1",
		"//admin/1", "/./admin/1", "/public//1", "/public/.", "/public/..", `/public/\1`, "/public/%5c1", "/public/%001",
		"/public/%3b1", "/public/;1", "/public/%251", "/public/%3f1", "/public/%231", "/public/#1", "/public/%zz", "/public/%",
		"/public/%ff", "/public/é", "*", "", "public/1", "http://app.example.com/public/1", "?/public/1",
	}
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		for _, target := range refused {
			answer := rig.ask(t, tongue, authzAsked{target: target, token: "root"})
			if answer.StatusCode != tongue.malformed {
				t.Errorf("%q got %d %s", target, answer.StatusCode, answer.Header.Get("X-Authly-Reason"))
			}
		}
		for _, target := range []string{"/public/\x01", "/public/\x7f"} { // net/http refuses these before they are a question
			if answer := rig.ask(t, tongue, authzAsked{target: target}); answer.StatusCode != http.StatusBadRequest {
				t.Errorf("%q got %d", target, answer.StatusCode)
			}
		}
		for _, target := range []string{"/public/1", "/public", "/public/a%20b", "/public/%C3%A9", "/public/~a.b-c_d!$&'()*+,=:@", "/public/?a=/../admin;"} {
			wantPermission(t, rig.ask(t, tongue, authzAsked{target: target}), "")
		}
	})
}

func TestAuthzMethods(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		for _, method := range []string{"CONNECT", "TRACE", "TRACK", "get", "Post"} {
			answer := rig.ask(t, tongue, authzAsked{method: method, target: "/public/1"})
			wantRefusal(t, answer, tongue.relayed(http.StatusMethodNotAllowed), authn.CodeBadMethod)
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} {
			wantPermission(t, rig.ask(t, tongue, authzAsked{method: method, target: "/public/1"}), "")
		}
	})
}

// A front proxy may carry over what the client wants to switch to; the answer is no protocol switch (101).
func TestAuthzNeverSwitchesProtocols(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		for _, upgrade := range []string{"websocket", "h2c", "TLS/1.0"} {
			extra := []string{
				"Connection: Upgrade, HTTP2-Settings", "Upgrade: " + upgrade, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
				"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
			}
			wantPermission(t, rig.ask(t, tongue, authzAsked{target: "/app/1", token: "alice", extra: extra}), "alice")
			wantRefusal(t, rig.ask(t, tongue, authzAsked{target: "/app/1", extra: extra}), 401, authn.CodeNoCredentials)
		}
	})
}

func TestAuthzHugeHeaders(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		long := strings.Repeat("a", 20_000)
		wantPermission(t, rig.ask(t, tongue, authzAsked{target: "/app/" + long, token: "alice"}), "alice")
		wantRefusal(t, rig.ask(t, tongue, authzAsked{target: "/app/1", token: long}), 401, authn.CodeInvalidCredentials)
		wantRefusal(t, rig.ask(t, tongue, authzAsked{target: "/app/1", token: "alice", host: long}), tongue.malformed, authn.CodeBadRequestLine)
		wantRefusal(t, rig.ask(t, tongue, authzAsked{target: "/office/1", client: strings.Repeat("127.0.0.1,", 2000) + "192.0.2.9, 127.0.0.1," + strings.Repeat("127.0.0.1,", 2000) + "127.0.0.1"}),
			tongue.malformed, authn.CodeBadRequestLine)
		if answer := rig.ask(t, tongue, authzAsked{target: "/public/1", extra: []string{"X-Long: " + strings.Repeat(long, 100)}}); answer.StatusCode != 431 {
			t.Errorf("two megabytes of headers got %d", answer.StatusCode)
		}
	})
}

func TestAuthzCredentialsOfTheCheck(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		for name, lines := range map[string][]string{
			"two tokens":       {"Authorization: Bearer alice", "Authorization: Bearer alice"},
			"token and basic":  {"Authorization: Bearer alice", "Authorization: Basic YTpi"},
			"no token":         {"Authorization: Bearer"},
			"token and more":   {"Authorization: Bearer alice, Bearer root"},
			"proxy credential": {"Proxy-Authorization: Bearer alice"},
		} {
			answer := rig.ask(t, tongue, authzAsked{target: "/app/1", extra: lines})
			if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, answer.StatusCode)
			}
		}
		for _, line := range []string{"Authorization: Bearer alice", "authorization: bearer alice"} {
			wantPermission(t, rig.ask(t, tongue, authzAsked{target: "/app/1", extra: []string{line}}), "alice")
		}
	})
}

func TestForwardAuthListenerServesNothingElse(t *testing.T) {
	rig := newAuthzRig(t, authzConfig{})
	for _, line := range []string{
		"GET / HTTP/1.1", "GET /public/1 HTTP/1.1", "GET /health HTTP/1.1", "POST /auth/token HTTP/1.1", "GET /authz HTTP/1.1",
		"GET /authzz/traefik HTTP/1.1", "GET /%61uthz/traefik HTTP/1.1", "GET //authz/traefik HTTP/1.1", "GET /./authz/traefik HTTP/1.1",
		"GET http://app.example.com/authz/traefik HTTP/1.1", "OPTIONS * HTTP/1.1", "HEAD /public/1 HTTP/1.1",
		"GET /authz/ HTTP/1.1", "GET /authz/apache HTTP/1.1", "GET /authz/traefik/ HTTP/1.1", "GET /authz/nginx/public/1 HTTP/1.1",
		"GET /authz/Caddy HTTP/1.1", "GET /authz/haproxy%20 HTTP/1.1",
	} {
		answer := rig.send(t, line, []string{
			"Host: app.example.com", "X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: app.example.com",
			"X-Forwarded-Uri: /public/1", "X-Forwarded-For: 203.0.113.7", "X-Original-Method: GET",
			"X-Original-URL: http://app.example.com/public/1", "Authorization: Bearer root",
		})
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s got %d", line, answer.StatusCode)
		}
	}
	// A query behind the endpoint, which some proxies carry over, is not the original request's.
	answer := rig.send(t, "GET /authz/traefik?a=b HTTP/1.1", []string{
		"Host: authly.internal", "X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: app.example.com",
		"X-Forwarded-Uri: /public/1", "X-Forwarded-For: 203.0.113.7",
	})
	wantPermission(t, answer, "")
}

func TestAuthzUntrustedPeer(t *testing.T) {
	for _, gateway := range []bool{true, false} {
		stranger := newAuthzRig(t, authzConfig{trusted: "192.0.2.0/24", gateway: gateway})
		trusted := newAuthzRig(t, authzConfig{gateway: gateway})
		for _, tongue := range tongues() {
			for _, target := range []string{"/public/1", "/app/1"} {
				ask := authzAsked{target: target, token: "alice", client: "192.0.2.1"}
				wantRefusal(t, stranger.ask(t, tongue, ask), http.StatusForbidden, authn.CodeUntrustedPeer)
				wantPermission(t, trusted.ask(t, tongue, ask), "alice")
			}
		}
		unknown := stranger.send(t, "GET /authz/apache HTTP/1.1", []string{"Host: a"})
		wantRefusal(t, unknown, http.StatusForbidden, authn.CodeUntrustedPeer)
	}
}

func TestAuthzNeedsEachHeaderOnce(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		ask := authzAsked{target: "/public/1"}
		_, lines := tongue.check(authzAsked{method: "GET", scheme: "https", host: "app.example.com", target: "/public/1", client: "203.0.113.7"})
		wantPermission(t, rig.ask(t, tongue, ask), "")
		for _, name := range tongue.required {
			value := valueOf(t, lines, name)
			for what, edit := range map[string]func([]string) []string{
				"missing":          without(name),
				"empty":            replaced(name, ""),
				"blank":            replaced(name, " \t"),
				"twice":            doubled(name, value),
				"twice, different": doubled(name, value+"1"),
				"once and empty":   doubled(name, ""),
				"in another name": func(l []string) []string {
					return append(without(name)(l), strings.ReplaceAll(name, "-", "_")+": "+value)
				},
			} {
				t.Run(name+" "+what, func(t *testing.T) {
					wantRefusal(t, rig.ask(t, tongue, ask, edit), tongue.malformed, authn.CodeBadRequestLine)
				})
			}
		}
	})
}

// Envoy sends the scheme only if it is told to. What it sends must make sense.
func TestAuthzEnvoyMayLeaveOutTheScheme(t *testing.T) {
	rig, ask := newAuthzRig(t, authzConfig{}), authzAsked{target: "/app/1", token: "alice"}
	envoy := tongues()[4]
	wantPermission(t, rig.ask(t, envoy, ask, without("X-Forwarded-Proto")), "alice")
	for _, edit := range []func([]string) []string{
		replaced("X-Forwarded-Proto", ""), doubled("X-Forwarded-Proto", "https"), replaced("X-Forwarded-Proto", "http,https"),
	} {
		wantRefusal(t, rig.ask(t, envoy, ask, edit), http.StatusBadRequest, authn.CodeBadRequestLine)
	}
	ask.host = "localhost"
	wantPermission(t, rig.ask(t, envoy, ask), "alice")
	for _, edit := range []func([]string) []string{without("Host"), replaced("Host", ""), doubled("Host", "localhost")} {
		if answer := rig.ask(t, envoy, ask, edit); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%d", answer.StatusCode)
		}
	}
}

func valueOf(t *testing.T, lines []string, name string) string {
	t.Helper()
	for _, line := range lines {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	t.Fatalf("the check has no %s", name)
	return ""
}

// What one front proxy writes, another passes on from the client: it must not be read there.
func TestAuthzReadsOnlyItsOwnHeaders(t *testing.T) {
	foreign := map[string][]string{
		"X-Original-Method":      {"nginx"},
		"X-Original-URL":         {"nginx"},
		"X-Original-URI":         nil,
		"X-Original-Host":        nil,
		"X-Rewrite-URL":          nil,
		"X-Forwarded-Method":     {"traefik", "caddy", "haproxy"},
		"X-Forwarded-Uri":        {"traefik", "caddy", "haproxy"},
		"X-Forwarded-Host":       {"traefik", "caddy", "haproxy"},
		"X-Http-Method-Override": nil,
		"X-Forwarded-Prefix":     nil,
		"Forwarded":              nil,
	}
	values := map[string]string{
		"X-Original-Method": "OPTIONS", "X-Original-URL": "https://app.example.com/public/1", "X-Original-URI": "/public/1",
		"X-Original-Host": "public.example.com", "X-Rewrite-URL": "/public/1", "X-Forwarded-Method": "OPTIONS",
		"X-Forwarded-Uri": "/public/1", "X-Forwarded-Host": "public.example.com", "X-Http-Method-Override": "OPTIONS",
		"X-Forwarded-Prefix": "/public", "Forwarded": "for=192.0.2.9;host=public.example.com;proto=https",
	}
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		var lines []string
		for name, readBy := range foreign {
			if !slices.Contains(readBy, tongue.name) {
				lines = append(lines, name+": "+values[name])
			}
		}
		if len(lines) < 7 {
			t.Fatalf("only %d foreign headers", len(lines))
		}
		ask := func(target, token string) *http.Response {
			return rig.ask(t, tongue, authzAsked{target: target, token: token, extra: lines})
		}
		wantRefusal(t, ask("/admin/1", "alice"), 403, authn.CodeForbidden)
		wantRefusal(t, ask("/app/1", ""), 401, authn.CodeNoCredentials)
		wantPermission(t, ask("/app/1", "alice"), "alice")
		// And they are no substitute for the dialect's own.
		for _, name := range tongue.required {
			answer := rig.ask(t, tongue, authzAsked{target: "/public/1", extra: lines}, without(name))
			wantRefusal(t, answer, tongue.malformed, authn.CodeBadRequestLine)
		}
	})
}
