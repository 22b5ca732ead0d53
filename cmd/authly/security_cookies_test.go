package main_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const sessionCookie = "__Host-authly"

// signIn sends the form of the sign-in page and returns the answer, with the value of the cookie that it sets.
func (a *authly) signIn(t *testing.T, path, username, password string, header ...string) (answer reply, value string) {
	t.Helper()
	form := url.Values{"username": {username}, "password": {password}}.Encode()
	answer = a.do(t, "POST", path, "", form, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
	return answer, cookieSet(t, answer)
}

// cookieSet is the value of the session cookie that an answer sets; empty: it sets none.
func cookieSet(t *testing.T, answer reply) string {
	t.Helper()
	lines := answer.header["Set-Cookie"]
	if len(lines) > 1 {
		t.Errorf("%d cookies", len(lines))
	}
	if len(lines) == 1 {
		line := lines[0]
		cookie, err := http.ParseSetCookie(line)
		if err != nil || cookie.Name != sessionCookie || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
			cookie.Path != "/" || cookie.Domain != "" || len("Set-Cookie: "+line) >= 200 {
			t.Errorf("a cookie %v %v", cookie, err)
		}
		return cookie.Value
	}
	return ""
}

// browse signs somebody in, as a browser does.
func (g *guarded) browse(t *testing.T, name string, header ...string) string {
	t.Helper()
	answer, value := g.signIn(t, "/auth/login", name, passwordOf(name), header...)
	if answer.status != http.StatusSeeOther || value == "" {
		t.Fatalf("%s: %d %s", name, answer.status, answer.body)
	}
	return value
}

func cookieLine(value string) string { return "Cookie: theme=dark; " + sessionCookie + "=" + value }

func TestSecurityCookies(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		alice := g.browse(t, "alice")
		good := attempt{lines: []string{cookieLine(alice)}}
		for _, e := range everywhere() {
			if r := g.passed(t, e, good); e.name != "endpoint" {
				g.wantIdentity(t, e, r, "alice", "staff,writer")
				if e.proxies && strings.Join(r.seen[0].lines("Cookie"), "|") != "Cookie: theme=dark" {
					t.Errorf("%s: the application saw %q", e.name, r.seen[0].lines("Cookie"))
				}
			}
		}
		planted := strings.Repeat("A", 54)
		for name, lines := range map[string][]string{
			"a value of nobody":               {cookieLine(planted)},
			"one bit flipped":                 {cookieLine(flipped(alice))},
			"cut":                             {cookieLine(alice[:53])},
			"longer":                          {cookieLine(alice + "A")},
			"quoted":                          {cookieLine(`"` + alice + `"`)},
			"padded":                          {cookieLine(alice + "=")},
			"planted by a neighbour, before":  {"Cookie: " + sessionCookie + "=" + planted + "; " + sessionCookie + "=" + alice},
			"planted by a neighbour, behind":  {"Cookie: " + sessionCookie + "=" + alice + "; " + sessionCookie + "=" + planted},
			"planted by a neighbour, a line":  {cookieLine(alice), cookieLine(planted)},
			"twice the same":                  {cookieLine(alice), cookieLine(alice)},
			"under the name without a prefix": {"Cookie: authly=" + alice},
			"under the name of a domain":      {"Cookie: __Secure-authly=" + alice},
			"under the name in another case":  {"Cookie: __HOST-AUTHLY=" + alice},
			"as a token":                      {bearerLine(alice)},
			"beside a bad token":              {cookieLine(alice), bearerLine("x")},
			"beside half a token":             {cookieLine(alice), "Authorization: Bearer"},
			"beside two tokens":               {cookieLine(alice), bearerLine(g.alice.Access), bearerLine(g.alice.Access)},
			"a token as the cookie":           {cookieLine(g.alice.Access)},
		} {
			t.Run("cookie tossing and forging: "+name, func(t *testing.T) {
				for _, e := range everywhere() {
					g.refused(t, e, attempt{lines: lines}, http.StatusUnauthorized)
				}
			})
		}
		for _, e := range gateways() {
			r := g.passed(t, e, attempt{lines: []string{cookieLine(alice), "Authorization: Token of-the-application"}})
			if got := strings.Join(r.seen[0].lines("Authorization"), "|"); got != "Authorization: Token of-the-application" {
				t.Errorf("%s: the application's own scheme became %q", e.name, got)
			}
		}
		if log := g.stderr.String(); strings.Contains(log, alice) {
			t.Error("the log holds a cookie")
		}
	})
}

// flipped has one character changed.
func flipped(value string) string {
	if value[0] == 'A' {
		return "B" + value[1:]
	}
	return "A" + value[1:]
}

// A session identifier that was there before the login is none afterwards; and whatever ends a session ends it for browsers.
func TestSecurityCookiesEnd(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		gone := func(t *testing.T, value string) {
			t.Helper()
			for _, e := range everywhere() {
				g.refused(t, e, attempt{lines: []string{cookieLine(value)}}, http.StatusUnauthorized)
			}
		}
		holds := func(t *testing.T, value string) {
			t.Helper()
			for _, e := range everywhere() {
				g.passed(t, e, attempt{lines: []string{cookieLine(value)}})
			}
		}
		byCookie := func(value string) []string {
			return []string{"Host", "login.example.com", "Cookie", sessionCookie + "=" + value}
		}
		t.Run("CVE-2024-28197 a session identifier chosen before the login", func(t *testing.T) {
			chosen := strings.Repeat("A", 54)
			value := g.browse(t, "alice", byCookie(chosen)...)
			if value == chosen {
				t.Error("it was taken over")
			}
			gone(t, chosen)
			holds(t, value)
			next := g.browse(t, "bare", byCookie(value)...)
			gone(t, value)
			holds(t, next)
		})
		t.Run("signed out", func(t *testing.T) {
			value, other := g.browse(t, "alice"), g.browse(t, "alice")
			if answer := g.do(t, "GET", "/auth/signout", "", "", byCookie(value)...); answer.status != 200 || answer.header["Set-Cookie"] != nil {
				t.Errorf("opening the page: %d %v", answer.status, answer.header)
			}
			holds(t, value)
			answer := g.do(t, "POST", "/auth/signout", "", "", byCookie(value)...)
			if answer.status != 200 || !strings.Contains(answer.body, "You are signed out") || !strings.Contains(answer.header.Get("Set-Cookie"), "Max-Age=0") {
				t.Errorf("%d %v", answer.status, answer.header)
			}
			gone(t, value)
			holds(t, other)
		})
		t.Run("CVE-2025-53826 a logout everywhere", func(t *testing.T) {
			value, other := g.browse(t, "alice"), g.browse(t, "alice")
			answer := g.must(t, 200, "POST", "/auth/logout", "", "", byCookie(value)...)
			if !strings.Contains(answer.header.Get("Set-Cookie"), "Max-Age=0") {
				t.Errorf("%v", answer.header)
			}
			gone(t, value)
			gone(t, other)
		})
		t.Run("listed and ended elsewhere", func(t *testing.T) {
			value, other := g.browse(t, "boss"), g.browse(t, "boss")
			list := g.must(t, 200, "GET", "/auth/sessions", "", "", byCookie(value)...)
			if strings.Count(list.body, `"current":true`) != 1 || strings.Count(list.body, `"id":`) < 2 {
				t.Errorf("%s", list.body)
			}
			g.must(t, 200, "DELETE", "/auth/sessions", "", "", byCookie(value)...)
			gone(t, other)
			holds(t, value)
		})
		t.Run("another password is another value", func(t *testing.T) {
			value, other := g.browse(t, "boss"), g.browse(t, "boss")
			answer := g.must(t, 200, "PUT", "/users/"+g.id["boss"], "", `{"password":"another good one","current_password":"`+passwordOf("boss")+`"}`, byCookie(value)...)
			next := cookieSet(t, answer)
			gone(t, value)
			gone(t, other)
			holds(t, next)
		})
		t.Run("CVE-2021-41230 a role taken away", func(t *testing.T) {
			value := g.browse(t, "alice")
			g.must(t, 200, "PUT", "/users/"+g.id["alice"], g.admin.Access, `{"roles":["boss"]}`)
			gone(t, value)
			next := g.browse(t, "alice")
			for _, e := range entrances() {
				g.passed(t, e, attempt{host: "admin.example.com", target: "/x", lines: []string{cookieLine(next)}})
			}
			g.must(t, 200, "PUT", "/users/"+g.id["alice"], g.admin.Access, `{"roles":[]}`)
			gone(t, next)
		})
		t.Run("CVE-2026-43983 disabled and deleted", func(t *testing.T) {
			value := g.browse(t, "bare")
			g.must(t, 200, "PUT", "/users/"+g.id["bare"], g.admin.Access, `{"is_active":false}`)
			gone(t, value)
			g.must(t, 200, "PUT", "/users/"+g.id["bare"], g.admin.Access, `{"is_active":true}`)
			gone(t, value)
			value = g.browse(t, "bare")
			holds(t, value)
			g.must(t, 204, "DELETE", "/users/"+g.id["bare"], g.admin.Access, "")
			gone(t, value)
		})
	})
}

// What a browser sends along by itself changes nothing for pages of other sites, and nobody is signed in or out by one.
func TestSecurityCookiesAcrossSites(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	value := g.browse(t, "alice")
	for name, lines := range map[string][]string{
		"with Origin":      {"Origin: https://evil.example"},
		"of a neighbour":   {"Origin: https://evil.example.com", "Sec-Fetch-Site: same-site"},
		"without Origin":   {"Sec-Fetch-Site: cross-site"},
		"of nobody":        {"Origin: null", "Sec-Fetch-Site: cross-site"},
		"by an old one":    {"Origin: null"},
		"with two Origins": {"Origin: https://app.example.com", "Origin: https://evil.example"},
	} {
		t.Run("CVE-2025-24358 a post by the cookie "+name, func(t *testing.T) {
			for _, e := range entrances() {
				g.refused(t, e, attempt{method: "POST", lines: append([]string{"Content-Length: 0", cookieLine(value)}, lines...)}, http.StatusForbidden)
				g.refused(t, e, attempt{lines: append([]string{"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", cookieLine(value)}, lines...)}, http.StatusForbidden)
			}
			for _, request := range []string{"DELETE /auth/sessions", "POST /auth/logout", "PUT /users/" + g.id["alice"], "POST /auth/login", "POST /auth/signout"} {
				method, path, _ := strings.Cut(request, " ")
				r := exchange(t, strangerAddress, g.address["server.address"], requestBytes(method, path, append([]string{
					"Host: login.example.com", cookieLine(value), "Content-Length: 0", "Content-Type: application/x-www-form-urlencoded"}, lines...)...))
				if r.status != http.StatusForbidden && !(name == "with two Origins" && r.status >= 400) {
					t.Errorf("%s: %d %s", request, r.status, r.body)
				}
			}
		})
	}
	for _, e := range entrances() {
		g.passed(t, e, attempt{method: "POST", lines: []string{"Content-Length: 0", cookieLine(value), "Origin: https://app.example.com", "Sec-Fetch-Site: same-origin"}})
		g.passed(t, e, attempt{method: "POST", lines: []string{"Content-Length: 0", bearerLine(g.alice.Access), "Origin: https://evil.example"}})
	}
	g.must(t, 200, "PUT", "/users/"+g.id["alice"], "", `{"username":"alice"}`, "Host", "login.example.com", "Cookie", sessionCookie+"="+value, "Origin", publicURL, "Sec-Fetch-Site", "same-origin")
}

// Nobody is sent anywhere by the sign-in page but to what is served here.
func TestSecurityReturnAddresses(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	own := publicURL + "/auth/account"
	for _, trick := range []string{
		"//evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "https:evil.test", "https:///evil.test", "https://evil.test", "https:/evil.test",
		"https://admin.example.com@evil.test/", "https://admin.example.com.evil.test/", "https://evil.test\\@admin.example.com/", "https://evil.test#admin.example.com",
		"https://eviladmin.example.com/", "https://admin.example.com:81/", "http://admin.example.com/", "javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
		"https://app.example.com/closed/x", "https://admin.example.com/\r\nSet-Cookie: a=b", "%2f%2fevil.test", "/%2f/evil.test", "/..//evil.test", "x", "",
	} {
		t.Run("GHSA-4mf2-f3wh-gvf2 "+url.QueryEscape(trick), func(t *testing.T) {
			answer, _ := g.signIn(t, "/auth/login?return="+url.QueryEscape(trick), "alice", passwordOf("alice"))
			if answer.status != http.StatusSeeOther || answer.header.Get("Location") != own {
				t.Errorf("%d to %q", answer.status, answer.header.Get("Location"))
			}
		})
	}
	for address, want := range map[string]string{
		"https://admin.example.com/a%20b?c=d#e": "https://admin.example.com/a%20b?c=d#e", "/closed/x?y#z": publicURL + "/closed/x?y#z",
		publicURL + "/": publicURL + "/",
	} {
		answer, value := g.signIn(t, "/auth/login?return="+url.QueryEscape(address), "alice", passwordOf("alice"))
		if answer.status != http.StatusSeeOther || answer.header.Get("Location") != want || value == "" {
			t.Errorf("%s: %d to %q", address, answer.status, answer.header.Get("Location"))
		}
	}
	twice, _ := g.signIn(t, "/auth/login?return=%2Fclosed&return=https%3A%2F%2Fevil.test", "alice", passwordOf("alice"))
	if twice.header.Get("Location") != own {
		t.Errorf("two addresses: %q", twice.header.Get("Location"))
	}
}

// The sign-in page tells nobody who exists, says how long to wait, and is no page that runs what it is given.
func TestSecuritySignInPage(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "lockout: {failures: 3, duration: 5m, max_duration: 1h}\n")
	const script = `"><script>alert(1)</script>`
	page := func(name, password string) reply {
		answer, value := g.signIn(t, "/auth/login?return="+url.QueryEscape(script), name, password)
		if value != "" || strings.Contains(answer.body, "<script>") || strings.Contains(answer.body, password) ||
			!strings.Contains(answer.header.Get("Content-Security-Policy"), "default-src 'none'") || answer.header.Get("Cache-Control") != "no-store" ||
			answer.header.Get("X-Frame-Options") != "DENY" || answer.header.Get("Referrer-Policy") != "same-origin" || strings.Contains(answer.body, "style=") {
			t.Errorf("%s: %d %v %s", name, answer.status, answer.header, answer.body)
		}
		return answer
	}
	page(script, "wrong password")
	for round, want := range []int{401, 401, 401, 429} {
		known, unknown := page("bare", "wrong password"), page("nobody", "wrong password")
		if known.status != want || strings.ReplaceAll(known.body, "bare", "nobody") != unknown.body {
			t.Errorf("round %d: %d %s\n%s", round, known.status, known.body, unknown.body)
		}
		if want == 429 && (!strings.Contains(known.body, "Try again in ") || known.header.Get("Retry-After") == "") {
			t.Errorf("the wait is not shown: %s", known.body)
		}
	}
	locked, _ := g.signIn(t, "/auth/login", "bare", passwordOf("bare"))
	if locked.status != 429 {
		t.Errorf("the right password during a lock: %d", locked.status)
	}
	for _, name := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `name="remember"`, `<form method="post">`} {
		if answer := g.do(t, "GET", "/auth/login", "", ""); answer.status != 200 || !strings.Contains(answer.body, name) {
			t.Errorf("%s is not on the page", name)
		}
	}
	// As a browser sends it over plain http, where it has nothing but Origin to say where a form is from.
	if answer, value := g.signIn(t, "/auth/login", "alice", passwordOf("alice"), "Origin", publicURL); answer.status != 303 || value == "" {
		t.Errorf("a browser without Fetch Metadata: %d", answer.status)
	}
	// Whose browser has a second cookie, which makes the right one worthless, is not sent round and round without a word.
	for said, value := range map[string]string{"delete the cookies": "a; " + sessionCookie + "=b", "Sign in": strings.Repeat("a", 54)} {
		answer := g.do(t, "GET", "/auth/login", "", "", "Cookie", sessionCookie+"="+value)
		if answer.status != 200 || !strings.Contains(answer.body, said) || strings.Contains(answer.body, "delete the cookies") != (said != "Sign in") {
			t.Errorf("%s: %d %s", value, answer.status, answer.body)
		}
	}
	posted := g.do(t, "GET", "/auth/login?posted=1&return="+url.QueryEscape("https://admin.example.com/edit"), "", "")
	if !strings.Contains(posted.body, "has not arrived") || !strings.Contains(posted.body, `href="https://admin.example.com/edit"`) ||
		!strings.Contains(posted.header.Get("Content-Security-Policy"), "form-action 'self' https://admin.example.com;") {
		t.Errorf("%v %s", posted.header, posted.body)
	}
}
