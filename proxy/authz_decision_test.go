package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func TestAuthzAnswersTheDecision(t *testing.T) {
	cases := []struct {
		name   string
		asked  authzAsked
		user   string // of a permission
		status int    // of a refusal, before the dialect has its say
		reason authn.Code
	}{
		{name: "signed in", asked: authzAsked{target: "/app/1?x=/../&y=%2f", token: "alice"}, user: "alice"},
		{name: "nobody", asked: authzAsked{target: "/app/1"}, status: 401, reason: authn.CodeNoCredentials},
		{name: "bad token", asked: authzAsked{target: "/app/1", token: "forged"}, status: 401, reason: authn.CodeInvalidCredentials},
		{name: "public, nobody", asked: authzAsked{target: "/public/1"}},
		{name: "public, signed in", asked: authzAsked{target: "/public/1", token: "alice"}, user: "alice"},
		{name: "public, bad token", asked: authzAsked{target: "/public/1", token: "forged"}},
		{name: "public, store down", asked: authzAsked{target: "/public/1", token: "down"}, status: 503, reason: authn.CodeUnavailable},
		{name: "store down", asked: authzAsked{target: "/app/1", token: "down"}, status: 503, reason: authn.CodeUnavailable},
		{name: "role", asked: authzAsked{target: "/admin/1", token: "root"}, user: "root"},
		{name: "no role", asked: authzAsked{target: "/admin/1", token: "alice"}, status: 403, reason: authn.CodeForbidden},
		{name: "role for a host", asked: authzAsked{host: "Admin.Example.Com.:8443", target: "/x", token: "root"}, user: "root"},
		{name: "no role for a host", asked: authzAsked{host: "Admin.Example.Com.:8443", target: "/x", token: "alice"}, status: 403, reason: authn.CodeForbidden},
		{name: "no route", asked: authzAsked{target: "/elsewhere", token: "root"}, status: 403, reason: authn.CodeNoRoute},
		{name: "closed to all", asked: authzAsked{target: "/closed/1", token: "root"}, status: 403, reason: authn.CodeForbidden},
		{name: "a method of the rule", asked: authzAsked{target: "/read/1", token: "alice"}, user: "alice"},
		{name: "HEAD is GET", asked: authzAsked{method: "HEAD", target: "/read/1", token: "alice"}, user: "alice"},
		{name: "another method", asked: authzAsked{method: "DELETE", target: "/read/1", token: "alice"}, status: 403, reason: authn.CodeNoRoute},
		{name: "any method", asked: authzAsked{method: "PROPFIND", target: "/app/1", token: "alice"}, user: "alice"},
		{name: "network", asked: authzAsked{target: "/office/1", client: "192.0.2.9"}},
		{name: "network behind a trusted proxy", asked: authzAsked{target: "/office/1", client: "192.0.2.9, 127.0.0.1"}},
		{name: "another network", asked: authzAsked{target: "/office/1"}, status: 403, reason: authn.CodeNoRoute},
		{name: "forged to the left", asked: authzAsked{target: "/office/1", client: "192.0.2.9, 203.0.113.7"}, status: 403, reason: authn.CodeNoRoute},
		{name: "network of nobody knows whom", asked: authzAsked{target: "/office/1", client: "unknown"}, status: 400, reason: authn.CodeBadRequestLine},
		{name: "no network needed", asked: authzAsked{target: "/public/1", client: "unknown"}},
		{name: "WebSocket", asked: authzAsked{scheme: "wss", target: "/app/1", token: "alice"}, user: "alice"},
		{name: "WebSocket in the clear", asked: authzAsked{scheme: "ws", target: "/app/1", token: "alice"}, user: "alice"},
		{name: "http", asked: authzAsked{scheme: "http", target: "/app/1", token: "alice"}, user: "alice"},
		{name: "another scheme", asked: authzAsked{scheme: "ftp", target: "/app/1", token: "alice"}, status: 400, reason: authn.CodeBadRequestLine},
	}
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				answer := rig.ask(t, tongue, c.asked)
				if c.status == 0 {
					wantPermission(t, answer, c.user)
				} else {
					wantRefusal(t, answer, tongue.relayed(c.status), c.reason)
				}
			})
		}
	})
}

func TestAuthzIdentityHeaders(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		for token, want := range map[string]map[string]string{
			"alice": {
				"X-Forwarded-User": "alice", "X-Forwarded-Email": "alice@example.com", "X-Forwarded-Groups": "staff,reader",
				"X-Forwarded-User-Id": "0190b6a8-0000-7000-8000-000000000001",
				"Remote-User":         "alice", "Remote-Email": "alice@example.com", "Remote-Groups": "staff,reader",
			},
			"zoe": {
				"X-Forwarded-User": "zo%C3%AB 100%25", "X-Forwarded-Email": "zo%C3%AB@ex%C3%A4mple.com",
				"Remote-Groups": "a b,%C3%A9",
			},
			"bare": {"X-Forwarded-User": "bare", "X-Forwarded-Email": "", "X-Forwarded-Groups": "", "Remote-Email": "", "Remote-Groups": ""},
		} {
			answer := rig.ask(t, tongue, authzAsked{target: "/app/1", token: token})
			wantPermission(t, answer, want["X-Forwarded-User"])
			for name, value := range want {
				if got := answer.Header[name]; len(got) != 1 || got[0] != value {
					t.Errorf("%s of %s is %q, want %q once", name, token, got, value)
				}
			}
		}
	})
}

func TestAuthzConfiguredNames(t *testing.T) {
	names := headers.IdentityNames{User: []string{"X-Who"}, Groups: []string{"X-What", "X-Roles"}}
	rig := newAuthzRig(t, authzConfig{names: &names})
	for _, tongue := range tongues() {
		answer := rig.ask(t, tongue, authzAsked{target: "/app/1", token: "alice"})
		if answer.StatusCode != 200 || answer.Header.Get("X-Who") != "alice" || answer.Header.Get("X-What") != "staff,reader" ||
			answer.Header.Get("X-Roles") != "staff,reader" || answer.Header.Get("X-Forwarded-User") != "" {
			t.Errorf("%s: %d %v", tongue.name, answer.StatusCode, answer.Header)
		}
	}
}

// Headers that a front proxy would choke on are no reason to leave some out: half of a caller's roles are not the caller.
func TestAuthzRefusesTooManyRoles(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		wantRefusal(t, rig.ask(t, tongue, authzAsked{target: "/app/1", token: "crowd"}), 403, "identity_too_large")
		wantPermission(t, rig.ask(t, tongue, authzAsked{target: "/app/1", token: "alice"}), "alice")
		if log := rig.log.String(); !strings.Contains(log, `"decision":"deny","reason":"identity_too_large"`) {
			t.Errorf("the log does not say why: %s", log)
		}
	})
}

func TestAuthzSpendsTheGeneralLimit(t *testing.T) {
	for _, tongue := range tongues() {
		t.Run(tongue.name, func(t *testing.T) {
			rig := newAuthzRig(t, authzConfig{general: authn.Limit{Requests: 2, Per: time.Hour}})
			ask := authzAsked{target: "/public/1"}
			for range 2 {
				wantPermission(t, rig.ask(t, tongue, ask), "")
			}
			over := rig.ask(t, tongue, ask)
			wantRefusal(t, over, tongue.relayed(429), authn.CodeRateLimited)
			if over.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			ask.client = "203.0.113.8"
			wantPermission(t, rig.ask(t, tongue, ask), "")
		})
	}
}

func TestAuthzPreflight(t *testing.T) {
	preflight := []string{"Origin: https://spa.example.com", "Access-Control-Request-Method: PUT"}
	cases := []struct {
		name  string
		asked authzAsked
		pass  bool
	}{
		{"preflight where the route lets it pass", authzAsked{method: "OPTIONS", target: "/app/1", extra: preflight}, true},
		{"another method", authzAsked{method: "PUT", target: "/app/1", extra: preflight}, false},
		{"OPTIONS without Origin", authzAsked{method: "OPTIONS", target: "/app/1", extra: preflight[1:]}, false},
		{"OPTIONS without a requested method", authzAsked{method: "OPTIONS", target: "/app/1", extra: preflight[:1]}, false},
		{"a route that does not", authzAsked{method: "OPTIONS", target: "/admin/1", extra: preflight}, false},
	}
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		for _, c := range cases {
			answer := rig.ask(t, tongue, c.asked)
			if c.pass {
				wantPermission(t, answer, "")
			} else {
				wantRefusal(t, answer, 401, authn.CodeNoCredentials)
			}
		}
	})
}

// The gateway answers preflights for the applications behind it, with a 2xx; on the way to a question that would be a
// permission.
func TestAuthzOnTheGatewayIsNotCORS(t *testing.T) {
	cors, err := headers.NewCORS(headers.CORSConfig{
		AllowedOrigins: []string{"https://spa.example.com"}, AllowedMethods: []string{"PUT"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, gateway := range []bool{true, false} {
		rig := newAuthzRig(t, authzConfig{gateway: gateway, cors: cors})
		for _, tongue := range tongues() {
			for _, target := range []string{"/admin/1", "/app/../admin/1", "/health"} {
				answer := rig.ask(t, tongue, authzAsked{method: "OPTIONS", target: target, extra: []string{
					"Origin: https://spa.example.com", "Access-Control-Request-Method: PUT",
				}})
				if answer.StatusCode < 400 {
					t.Errorf("gateway %v, %s: a preflight for %s got %d", gateway, tongue.name, target, answer.StatusCode)
				}
			}
			wantPermission(t, rig.ask(t, tongue, authzAsked{target: "/app/1", token: "alice"}), "alice")
		}
	}
}

func TestAuthzFillsTheAccessLog(t *testing.T) {
	eachDialect(t, func(t *testing.T, tongue authzTongue, rig *authzRig) {
		rig.ask(t, tongue, authzAsked{target: "/app/1?token=marked", token: "alice"})
		rig.ask(t, tongue, authzAsked{target: "/admin/1", token: "alice"})
		rig.ask(t, tongue, authzAsked{target: "/app/1"})
		lines := rig.log.String()
		for _, want := range []string{
			`"status":200,"bytes":0,"route":"app","decision":"allow","reason":"","user":"alice","client":"203.0.113.7"`,
			`"route":"admin","decision":"deny","reason":"forbidden","user":"alice","client":"203.0.113.7"`,
			`"route":"app","decision":"challenge","reason":"no_credentials","user":"","client":"203.0.113.7"`,
		} {
			if !strings.Contains(lines, want) {
				t.Errorf("the log lacks %s:\n%s", want, lines)
			}
		}
		if strings.Contains(lines, "marked") || strings.Contains(lines, "Bearer") {
			t.Errorf("the log holds what it must not:\n%s", lines)
		}
	})
}
