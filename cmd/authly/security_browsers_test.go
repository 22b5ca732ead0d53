package main_test

import (
	"net/http"
	"strings"
	"testing"
)

const corsOfApp = `cors: {allowed_origins: ["https://app.example.com", "https://*.apps.example.com"], allow_credentials: true, exposed_headers: [X-Request-Id]}`

// lookAlikes are origins that resemble an allowed one.
func lookAlikes() map[string]string {
	return map[string]string{
		"null": "null", "suffix": "https://app.example.com.evil.example", "prefix": "https://evilapp.example.com",
		"http": "http://app.example.com",
		"port": "https://app.example.com:8443", "userinfo": "https://app.example.com@evil.example",
		"path":       "https://app.example.com/",
		"upper case": "https://APP.example.com", "trailing dot": "https://app.example.com.",
		"another domain":  "https://app.example.org",
		"dot as any sign": "https://appxexample.com", "wildcard's own domain": "https://apps.example.com",
		"below in name only":        "https://evilapps.example.com",
		"below over http":           "http://a.apps.example.com",
		"slash before the wildcard": "https://evil.example/.apps.example.com",
		"underscore":                "https://app.example.com_.evil.example", "backtick": "https://app.example.com`.evil.example",
		"two origins": "https://app.example.com https://evil.example",
		"file":        "file://", "extension": "chrome-extension://app.example.com", "everybody": "*", "empty": "",
	}
}

// An origin that only looks like an allowed one may neither read an answer nor change anything, and not even ask.
func TestSecurityOrigins(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, corsOfApp)
		alice := bearerLine(g.alice.Access)
		for name, origin := range lookAlikes() {
			t.Run("CVE-2018-20744 "+name, func(t *testing.T) {
				for _, path := range []string{"/users/me", "/closed/x", "/public/x", "/health", "/admin/x", "/nothing"} {
					answer := g.fromOrigin(t, "GET", path, origin, "", alice)
					wantNoCORS(t, path, answer)
				}
				for _, path := range []string{"/users/me", "/closed/x", "/auth/token"} {
					answer := g.fromOrigin(t, "OPTIONS", path, origin, "", "Access-Control-Request-Method: POST",
						"Access-Control-Request-Headers: authorization")
					wantNoCORS(t, "preflight "+path, answer)
				}
			})
			t.Run("CVE-2024-25124 a change by "+name, func(t *testing.T) { g.refusedChanges(t, origin) })
		}
		for _, origin := range []string{"https://app.example.com", "https://a.apps.example.com",
			"https://a.b.apps.example.com"} {
			t.Run("allowed "+origin, func(t *testing.T) { g.allowedOrigin(t, origin, alice) })
		}
		g.must(t, http.StatusOK, "GET", "/users/"+g.id["alice"], g.alice.Access, "") // nobody deleted her
	})
}

// fromOrigin makes a request of a page of an origin.
func (g *guarded) fromOrigin(t *testing.T, method, path, origin, body string, lines ...string) reply {
	t.Helper()
	lines = append([]string{"Host: login.example.com", "Origin: " + origin}, lines...)
	if body != "" {
		lines = append(lines, "Content-Type: application/json", "Content-Length: "+lengthOf(body))
	}
	return exchange(t, strangerAddress, g.address["server.address"], requestBytes(method, path, lines...)+body)
}

func wantNoCORS(t *testing.T, what string, answer reply) {
	t.Helper()
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials",
		"Access-Control-Allow-Methods", "Access-Control-Expose-Headers"} {
		if value := answer.header.Get(name); value != "" {
			t.Errorf("%s: %s: %s", what, name, value)
		}
	}
	if !strings.Contains(strings.Join(answer.header.Values("Vary"), ","), "Origin") {
		t.Errorf("%s: Vary is %q", what, answer.header.Values("Vary"))
	}
}

// refusedChanges asks for changes from a page of an origin that may not, with a good token and a good body.
func (g *guarded) refusedChanges(t *testing.T, origin string) {
	t.Helper()
	own := "/users/" + g.id["alice"]
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/users/", `{"username":"forged","email":"forged@example.com","password":"a long password"}`},
		{"PUT", own, `{"username":"forged"}`},
		{"DELETE", own, ""},
		{"POST", "/auth/logout", ""},
		{"POST", "/auth/token", loginBody("alice", passwordOf("alice"))},
		{"POST", "/auth/refresh", refreshBody(t, g.alice.Refresh)},
	} {
		answer := g.fromOrigin(t, c.method, c.path, origin, c.body, bearerLine(g.alice.Access))
		if answer.status != http.StatusForbidden || !strings.Contains(answer.body, "cross_origin_denied") {
			t.Errorf("%s %s: %d %s", c.method, strings.Replace(c.path, g.id["alice"], "{id}", 1), answer.status,
				answer.body)
		}
	}
	answer := g.must(t, http.StatusOK, "GET", "/users/me", g.alice.Access, "")
	if !strings.Contains(answer.body, `"username":"alice"`) {
		t.Errorf("changed: %s", answer.body)
	}
	if answer := g.must(t, http.StatusOK, "GET", "/users/", g.admin.Access, ""); strings.Contains(answer.body, "forged") {
		t.Errorf("registered: %s", answer.body)
	}
}

func (g *guarded) allowedOrigin(t *testing.T, origin, credential string) {
	t.Helper()
	for path, status := range map[string]int{"/users/me": 200, "/closed/x": 200, "/public/x": 200, "/admin/x": 403} {
		answer := g.fromOrigin(t, "GET", path, origin, "", credential)
		if values := answer.header.Values("Access-Control-Allow-Origin"); answer.status != status || len(values) != 1 ||
			values[0] != origin {
			t.Errorf("%s: %d, allowed %q", path, answer.status, values)
		}
	}
	g.behind.take()
	preflight := g.fromOrigin(t, "OPTIONS", "/closed/x", origin, "", "Access-Control-Request-Method: POST",
		"Access-Control-Request-Headers: authorization")
	if preflight.status != http.StatusNoContent || preflight.header.Get("Access-Control-Allow-Origin") != origin ||
		len(g.behind.take()) != 0 {
		t.Errorf("preflight: %d %v", preflight.status, preflight.header)
	}
	body := loginBody("alice", passwordOf("alice"))
	if answer := g.fromOrigin(t, "POST", "/auth/token", origin, body); answer.status != http.StatusOK {
		t.Errorf("a login: %d %s", answer.status, answer.body)
	}
}

// Everybody together with credentials, and other lists that would let anybody in, stop the start.
func TestSecurityOriginsAtStart(t *testing.T) {
	t.Parallel()
	for name, cors := range map[string]string{
		"CVE-2024-25124 wildcard with credentials": `{allowed_origins: ["*"], allow_credentials: true}`,
		"wildcard and more":                        `{allowed_origins: ["*", "https://app.example.com"]}`,
		"null":                                     `{allowed_origins: ["null"]}`,
		"wildcard over http":                       `{allowed_origins: ["http://*.example.com"]}`,
		"wildcard of a top domain":                 `{allowed_origins: ["https://*.com"]}`,
		"wildcard in a name":                       `{allowed_origins: ["https://*example.com"]}`,
		"a path":                                   `{allowed_origins: ["https://app.example.com/x"]}`,
		"no scheme":                                `{allowed_origins: ["app.example.com"]}`,
	} {
		t.Run("CORS "+name, func(t *testing.T) {
			a := launch(t, sqliteURL(t), protectedEcho+"cors: "+cors+"\n")
			if status := a.await(t); status == 0 || !strings.Contains(a.stderr.String(), "cors.") {
				t.Errorf("it ended with %d: %s", status, a.stderr)
			}
		})
	}
	t.Run("CORS off by default", func(t *testing.T) { // to some libraries an empty list is everybody
		a := start(t, sqliteURL(t), protectedEcho)
		for _, path := range []string{"/health", "/public/x", "/users/me", "/x"} {
			answer := a.do(t, "GET", path, "", "", "Origin", "https://app.example.com")
			if answer.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %v", path, answer.header)
			}
		}
	})
}

// A token is none as a cookie, which a browser would send by itself.
func TestSecurityTokensAreNoCookies(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	for _, name := range []string{"token", "access_token", "refresh_token", "Authorization", "session", "authly",
		"authly_session", "__Host-authly"} {
		t.Run("CVE-2025-24358 a post by the cookie "+name, func(t *testing.T) {
			cookie := "Cookie: " + name + "=" + g.alice.Access
			for _, lines := range [][]string{{cookie}, {cookie, "Origin: https://evil.example"},
				{cookie, "Origin: " + publicURL}} {
				for _, e := range everywhere() {
					g.refused(t, e, attempt{method: "GET", lines: lines}, http.StatusUnauthorized)
				}
				for _, e := range entrances() {
					g.refused(t, e, attempt{method: "POST", lines: append([]string{"Content-Length: 0"}, lines...)},
						http.StatusUnauthorized)
				}
			}
		})
	}
}

// Script in names, error texts and paths: an answer is never a page that runs it.
func TestSecurityScript(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	const script = `<script>alert(1)</script>`
	body := `{"username":"<img/src=x/onerror=alert(1)>","email":"script@example.com","password":"a long password"}`
	g.must(t, http.StatusCreated, "POST", "/users/", "", body)
	long := `{"` + script + `":"` + script + `"}`
	for name, answer := range map[string]reply{
		"in a name":         g.do(t, "GET", "/users/", g.admin.Access, ""),
		"in a member":       g.do(t, "POST", "/users/", "", long),
		"in a value":        g.do(t, "POST", "/users/", "", `{"username":"a b`+script+`","email":"x","password":"x"}`),
		"in a path":         g.do(t, "GET", "/users/%3Cscript%3Ealert(1)%3C%2Dscript%3E", g.admin.Access, ""),
		"in a path of none": g.do(t, "GET", "/auth/%3Cscript%3E", "", ""),
		"in a query":        g.do(t, "GET", "/users/?%3Cscript%3E=%3Cscript%3E", g.admin.Access, ""),
		"in a grant":        g.do(t, "POST", "/auth/token", "", `{"grant_type":"`+script+`"}`),
		"in a form": g.do(t, "POST", "/auth/token", "", "grant_type=%3Cscript%3E", "Content-Type",
			"application/x-www-form-urlencoded"),
		"in a content type": g.do(t, "POST", "/auth/token", "", "x", "Content-Type", "text/html; x="+script),
		"in a token":        g.do(t, "GET", "/users/me", script, ""),
		"in a refused path": g.do(t, "GET", "/closed/%3Cscript%3E", "", ""),
	} {
		t.Run("CVE-2024-21496 "+name, func(t *testing.T) {
			kind := answer.header.Get("Content-Type")
			if !strings.HasPrefix(kind, "application/problem+json") && !strings.HasPrefix(kind, "application/json") ||
				answer.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%d, type %q, sniffing %q", answer.status, kind, answer.header.Get("X-Content-Type-Options"))
			}
			if strings.ContainsAny(answer.body, "<>") {
				t.Errorf("%s", answer.body)
			}
			if answer.header.Get("Content-Security-Policy") != "default-src 'self'" {
				t.Errorf("policy %q", answer.header.Get("Content-Security-Policy"))
			}
		})
	}
}

// Every security header is on every answer once, whatever the status and whoever answers.
func TestSecurityHeadersOnEveryStatus(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	dead := guard(t, sqliteURL(t), "")
	dead.behind.answers(func(sighting) (string, bool) { return "nonsense\r\n\r\n", true })
	user := "/users/" + g.id["bare"]
	upstream := func(status string) reply {
		g.behind.answers(func(sighting) (string, bool) {
			return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n", false
		})
		defer g.behind.answers(tellTarget)
		return g.do(t, "GET", "/public/x", "", "")
	}
	// A permission ends at the front proxy: no browser sees it, and what it carries costs every request of every application.
	if allowed := g.do(t, "GET", "/authz/envoy/public/x", "", "", "X-Forwarded-For", "192.0.2.7"); allowed.status != 200 || allowed.header.Get("X-Frame-Options") != "" {
		t.Errorf("a permission: %d %v", allowed.status, allowed.header)
	}
	for name, c := range map[string]struct {
		answer reply
		status int
		own    bool
	}{
		"endpoint": {g.do(t, "GET", "/health", "", ""), 200, true},
		"page":     {g.do(t, "GET", "/docs", "", ""), 200, true},
		"created": {g.do(t, "POST", "/users", "",
			`{"username":"h","email":"h@example.com","password":"a long password"}`), 201, true},
		"bad body":           {g.do(t, "POST", "/users", "", `{`), 400, true},
		"bad path":           {g.do(t, "GET", "/a;b", "", ""), 400, true},
		"no token":           {g.do(t, "GET", "/users/me", "", ""), 401, true},
		"no token, route":    {g.do(t, "GET", "/closed/x", "", ""), 401, true},
		"no right":           {g.do(t, "GET", "/users", g.alice.Access, ""), 403, true},
		"no right, route":    {g.do(t, "GET", "/admin/x", g.alice.Access, ""), 403, true},
		"not found":          {g.do(t, "GET", "/auth/nothing", "", ""), 404, true},
		"method":             {g.do(t, "PUT", "/auth/token", "", ""), 405, true},
		"last administrator": {g.do(t, "DELETE", "/users/"+g.id["admin"], g.admin.Access, ""), 409, true},
		"too large":          {g.do(t, "POST", "/users", "", strings.Repeat("x", 65<<10)), 413, true},
		"content type":       {g.do(t, "POST", "/users", "", "x", "Content-Type", "text/plain"), 415, true},
		"forward-auth":       {g.do(t, "GET", "/authz/nginx", "", ""), 403, true},
		"bad gateway":        {dead.do(t, "GET", "/public/x", "", ""), 502, true},
		"proxied 200":        {g.do(t, "GET", "/public/x", "", ""), 200, false},
		"proxied 204":        {upstream("204 No Content"), 204, false},
		"proxied 302":        {upstream("302 Found"), 302, false},
		"proxied 404":        {upstream("404 Not Found"), 404, false},
		"proxied 500":        {upstream("500 Oh"), 500, false},
		"deleted":            {g.do(t, "DELETE", user, g.admin.Access, ""), 204, true},
	} {
		t.Run("security headers: "+name, func(t *testing.T) {
			if c.answer.status != c.status {
				t.Fatalf("%d %s, want %d", c.answer.status, c.answer.body, c.status)
			}
			want := map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
				"Referrer-Policy": "strict-origin-when-cross-origin", "X-XSS-Protection": "1; mode=block",
			}
			if c.own {
				want["Content-Security-Policy"] = "default-src 'self'"
			}
			for header, value := range want {
				if values := c.answer.header.Values(header); len(values) != 1 || values[0] != value {
					t.Errorf("%s: %q", header, values)
				}
			}
		})
	}
}
