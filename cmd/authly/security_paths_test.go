package main_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Paths that two programs could read in two ways are refused at every entrance, whoever asks: /public is open and the caller
// is an administrator, so that nothing but the path can be the reason.
func TestSecurityAmbiguousPaths(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	boss := bearerLine(g.boss.Access)
	cases := map[string]string{
		"CVE-2026-33494 dot segments":             "/public/../admin/x",
		"CVE-2026-33494 dot segments at the end":  "/public/..",
		"CVE-2026-33494 one dot":                  "/./admin/x",
		"CVE-2026-33494 one dot inside":           "/public/./x",
		"CVE-2026-33494 encoded dots":             "/public/%2e%2e/admin/x",
		"CVE-2026-33494 encoded dots, upper case": "/public/%2E%2E/admin/x",
		"CVE-2026-33494 half-encoded dots":        "/public/.%2e/admin/x",
		"CVE-2026-33494 dots encoded twice":       "/public/%252e%252e/admin/x",
		"CVE-2019-9901 encoded slash behind dots": "/public/..%2fadmin/x",
		"CVE-2019-9901 dots between encoded":      "/public%2f..%2fadmin/x",
		"CVE-2019-9901 all encoded":               "/public%2f%2e%2e%2fadmin/x",
		"CVE-2019-9901 two slashes":               "//admin/x",
		"CVE-2019-9901 two slashes inside":        "/public//x",
		"CVE-2019-9901 slashes before a host":     "//evil.example/admin/x",
		"CVE-2019-9901 three slashes":             "///admin/x",
		"path parameters behind dots":             "/public/..;/admin/x",
		"path parameters":                         "/public;x=1/x",
		"path parameters at the end":              "/admin/x;.css",
		"CVE-2021-29492 encoded slash":            "/public/a%2fb",
		"CVE-2021-29492 encoded slash, upper":     "/public/a%2Fb",
		"CVE-2021-29492 encoded backslash":        "/public/a%5cb",
		"CVE-2021-29492 backslashes":              "/public/..%5c..%5cadmin",
		"backslash":                               `/public\..\admin\x`,
		"CVE-2025-66490 encoded NUL":              "/public/a%00b",
		"CVE-2025-66490 encoded semicolon":        "/public/a%3bb",
		"CVE-2025-66490 encoded percent":          "/public/a%25b",
		"CVE-2025-66490 encoded question mark":    "/public/a%3fb",
		"CVE-2025-66490 encoded number sign":      "/public/a%23b",
		"encoded line feed":                       "/public/a%0ab",
		"encoded carriage return and line feed":   "/public/a%0d%0aX-Forwarded-User:%20boss",
		"encoded delete":                          "/public/a%7fb",
		"CVE-2026-41059 number sign":              "/public/x#/../../admin",
		"CVE-2026-41059 number sign first":        "/#/public/x",
		"CVE-2026-41059 number sign in the query": "/admin/x?a#/public/x",
		"overlong encoding of a slash":            "/public/%c0%af..%c0%afadmin",
		"overlong encoding of a dot":              "/public/%c0%ae%c0%ae/admin",
		"full-width slash in Latin-1":             "/public/\xef\xbc\x8fadmin",
		"escapes that are not UTF-8":              "/public/%ff",
		"escape cut short":                        "/public/%2",
		"escape of no number":                     "/public/%zz",
		"escape in the style of IIS":              "/public/%u002e%u002e/admin",
		"own endpoint with an encoded slash":      "/auth%2ftoken",
		"own endpoint of an id, encoded slash":    "/users%2f1",
		"own endpoint behind two slashes":         "//auth/token",
		"own endpoint behind dots":                "/public/../users/me",
		"CVE-2026-48020 prefix and dots":          "/api/../admin/x",
		"CVE-2026-48020 prefix and encoded dots":  "/api/%2e%2e/admin/x",
		"CVE-2026-48020 prefix and two slashes":   "/api//admin/x",
		"CVE-2026-48020 prefix, encoded slash":    "/api%2fadmin/x",
	}
	for name, target := range cases {
		t.Run(name, func(t *testing.T) {
			for _, e := range entrances() {
				g.refused(t, e, attempt{target: target, lines: []string{boss}}, http.StatusBadRequest)
				g.refused(t, e, attempt{target: target}, http.StatusBadRequest)
			}
		})
	}
}

// Beside the paths that are refused, those that merely look like them: they are judged by their own rule, and arrive as they
// were sent.
func TestSecurityPathsByTheirRule(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		alice, boss := bearerLine(g.alice.Access), bearerLine(g.boss.Access)
		cases := map[string]struct {
			target string
			lines  []string
			status int
		}{
			"done rightly":                              {"/public/x", nil, 200},
			"admin below public":                        {"/public/admin/x", nil, 200},
			"three dots":                                {"/public/.../x", nil, 200},
			"a dot within a name":                       {"/public/a.b/..c/d..", nil, 200},
			"an escape that says nothing":               {"/public/%61dmin%20x", nil, 200},
			"a slash at the end":                        {"/public/", nil, 200},
			"CVE-2025-54576 public in the query":        {"/admin/x?/public/x", nil, 401},
			"CVE-2025-54576 public in a parameter":      {"/admin/x?x=/public/", nil, 401},
			"CVE-2025-54576 public behind an escape":    {"/admin/x?%2fpublic%2fx", []string{alice}, 403},
			"CVE-2025-54576 dots in the query":          {"/public/x?y=/../../admin&z=%2e%2e%2f//;%00", nil, 200},
			"CVE-2025-54576 administrator":              {"/admin/x?/public/x", []string{boss}, 200},
			"admin with an escaped letter":              {"/%61dmin/x", []string{alice}, 403},
			"admin with an escaped letter, by the boss": {"/%61dmin/x", []string{boss}, 200},
			"admin in another case":                     {"/Admin/x", nil, 401},
			"public in another case":                    {"/PUBLIC/x", nil, 401},
			"a name that begins like public":            {"/publicly", nil, 401},
			"a name that begins like admin":             {"/administrator", []string{alice}, 200},
			"CVE-2026-48020 api and dots in one name":   {"/api../admin/x", nil, 401},
			"CVE-2026-48020 a name that begins like it": {"/apis/x", nil, 401},
			"CVE-2026-48020 prefix stripped":            {"/api/x", nil, 200},
			"CVE-2026-48020 nothing left of it":         {"/api", nil, 200},
			"CVE-2026-48020 an admin path behind it":    {"/api/admin/x", nil, 200},
		}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				for _, e := range entrances() {
					if c.status != http.StatusOK {
						g.refused(t, e, attempt{target: c.target, lines: c.lines}, c.status)
						continue
					}
					r := g.passed(t, e, attempt{target: c.target, lines: c.lines})
					want := c.target
					if rest, ok := strings.CutPrefix(want, "/api"); ok && (rest == "" || rest[0] == '/') {
						want = "/" + strings.TrimPrefix(rest, "/")
					}
					if e.proxies && r.seen[0].target != want {
						t.Errorf("%s: %q arrived as %q", e.name, c.target, r.seen[0].target)
					}
				}
			})
		}
	})
}

// Methods that no rule can be written for are refused for everybody; a method of another case is another method.
func TestSecurityMethods(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	boss := bearerLine(g.boss.Access)
	for _, method := range []string{"TRACE", "TRACK", "CONNECT", "get", "Get", "gET", "post", "connect", "trace"} {
		t.Run("CVE-2026-71324 "+method, func(t *testing.T) {
			for _, e := range entrances() {
				for _, target := range []string{"/public/x", "/read/x", "/closed/x"} {
					g.refused(t, e, attempt{method: method, target: target, lines: []string{boss}}, http.StatusMethodNotAllowed)
				}
			}
		})
	}
	t.Run("CVE-2026-71324 CONNECT to a host", func(t *testing.T) {
		for _, target := range []string{"evil.example:443", "app.example.com:80"} {
			for _, e := range gateways() {
				g.refused(t, e, attempt{method: "CONNECT", target: target, lines: []string{boss}}, http.StatusMethodNotAllowed)
			}
		}
	})
	t.Run("CVE-2026-71324 the rule's methods", func(t *testing.T) {
		for _, e := range entrances() {
			for _, method := range []string{"POST", "DELETE", "OPTIONS", "PROPFIND", "GETX", "GE"} {
				g.refused(t, e, attempt{method: method, target: "/read/x", lines: []string{boss}}, http.StatusForbidden)
			}
			g.passed(t, e, attempt{target: "/read/x"})
			g.passed(t, e, attempt{method: "PURGE", lines: []string{boss}})
		}
	})
	t.Run("own endpoints", func(t *testing.T) {
		for _, method := range []string{"TRACE", "CONNECT", "get"} {
			g.refused(t, gateways()[0], attempt{method: method, target: "/users/me", lines: []string{boss}}, http.StatusMethodNotAllowed)
		}
	})
}

// A target that names a host of its own, and all the ways to write one host.
func TestSecurityTargetsAndHosts(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	alice, boss := bearerLine(g.alice.Access), bearerLine(g.boss.Access)
	for name, target := range map[string]string{
		"another host": "http://admin.example.com/public/x", "the same host": "http://app.example.com/public/x", "https": "https://app.example.com/public/x",
		"another scheme": "ftp://app.example.com/public/x", "userinfo": "http://app.example.com@admin.example.com/public/x",
		"no path": "http://app.example.com", "asterisk": "*", "no slash": "public/x", "empty authority": "http:///public/x",
	} {
		t.Run("absolute-form "+name, func(t *testing.T) {
			for _, e := range gateways() {
				g.refused(t, e, attempt{target: target}, http.StatusBadRequest)
				g.refused(t, e, attempt{target: target, lines: []string{boss}}, http.StatusBadRequest)
			}
			for _, e := range questions()[:3] { // the target is a header of its own there
				g.refused(t, e, attempt{target: target, lines: []string{boss}}, http.StatusBadRequest)
			}
		})
	}
	for name, host := range map[string]string{
		"as it is": "admin.example.com", "upper case": "ADMIN.Example.COM", "trailing dot": "admin.example.com.", "port": "admin.example.com:8443",
		"an empty port": "admin.example.com:", "case, dot and port": "Admin.Example.Com.:443",
	} {
		t.Run("host "+name, func(t *testing.T) {
			for _, e := range entrances() {
				g.refused(t, e, attempt{host: host, target: "/public/x"}, http.StatusUnauthorized)
				g.refused(t, e, attempt{host: host, target: "/public/x", lines: []string{alice}}, http.StatusForbidden)
				g.passed(t, e, attempt{host: host, target: "/public/x", lines: []string{boss}})
			}
		})
	}
	for name, host := range map[string]string{
		"two trailing dots": "admin.example.com..", "userinfo": "app.example.com@admin.example.com", "a space": "admin.example.com x",
		"a comma": "app.example.com,admin.example.com", "a port that is none": "admin.example.com:x",
		"a port too high": "admin.example.com:99999", "outside ASCII": "\xc3\xa4dmin.example.com", "percent": "admin%2eexample.com", "NUL": "admin.example.com\x00",
		"brackets": "[admin.example.com]", "backslash": `admin.example.com\@app.example.com`,
	} {
		t.Run("host malformed: "+name, func(t *testing.T) {
			for _, e := range entrances() {
				r := g.try(t, e, attempt{host: host, target: "/public/x", lines: []string{boss}})
				allowed := []int{http.StatusBadRequest, e.relayed(http.StatusBadRequest)} // net/http refuses some by itself
				if !slices.Contains(allowed, r.status) || len(r.seen) != 0 {
					t.Errorf("%s: %d, and the application saw %d requests", e.name, r.status, len(r.seen))
				}
			}
		})
	}
	t.Run("two Host headers", func(t *testing.T) {
		g.refused(t, gateways()[0], attempt{target: "/public/x", lines: []string{"Host: admin.example.com"}}, http.StatusBadRequest)
	})
}
