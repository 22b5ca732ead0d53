package examples_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Who opens a page is sent to the login page, signs in there, and passes by the cookie; scripts are told where that is. The cookie is
// that of plain http here.
func (f *front) testBrowser(t *testing.T) {
	const login = "http://localhost:8080/auth/login"
	const html = "Accept: text/html,application/xhtml+xml"
	for _, c := range []struct {
		request request
		status  int
		to      string // the address to come back to, whose port is the front's; "": 401
	}{
		{request{target: "/hello?x=1&y=%2f", headers: []string{html, "Sec-Fetch-Mode: navigate"}}, 302, "/hello?x=1&y=%2f"},
		{request{target: "/hello", headers: []string{html}}, 302, "/hello"},
		{request{target: "/hello", headers: []string{html, "Sec-Fetch-Mode: navigate", "Sec-Purpose: prefetch"}}, 401, ""},
		{request{target: "/hello", headers: []string{html, "Sec-Fetch-Mode: cors"}}, 401, ""},
		{request{target: "/hello", headers: []string{html, "X-Requested-With: XMLHttpRequest"}}, 401, ""},
	} {
		a := f.send(t, c.request)
		u, err := url.Parse(a.header.Get("Location"))
		back := u.Query().Get("return")
		_, path, _ := strings.Cut(strings.TrimPrefix(back, "http://app.localhost"), "/")
		switch {
		case err != nil || a.status != c.status || len(a.seen) != 0:
			t.Errorf("%v: %d %v", c.request, a.status, a.header)
		case c.to != "" && (!strings.HasPrefix(u.String(), login+"?return=") || "/"+path != c.to):
			t.Errorf("%v: leads to %s", c.request, u)
		case c.to == "" && a.header.Get("Location") != "":
			t.Errorf("%v: leads to %s", c.request, u)
		}
	}
	cookie := "Cookie: theme=dark; authly=" + f.signIn(t, "alice")
	for _, c := range []struct {
		request request
		as      string
		status  int
	}{
		{request: request{target: "/hello", headers: []string{cookie}}, as: "alice"},
		{request: request{target: "/admin/x", headers: []string{cookie}}, status: 403},
		{request: request{target: "/hello", headers: []string{cookie + "; authly=" + strings.Repeat("A", 54)}}, status: 401},
		{request: request{target: "/hello", headers: []string{"Cookie: authly=" + strings.Repeat("A", 54)}}, status: 401},
		{request: request{target: "/hello", user: "forged", headers: []string{cookie}}, status: 401},
		{request: request{target: "/hello", user: "root", headers: []string{cookie}}, as: "root"},
		{request: request{method: "POST", target: "/hello", headers: []string{cookie, "Content-Length: 0", "Origin: https://evil.test"}}, status: 403},
		{request: request{method: "POST", target: "/hello", headers: []string{cookie, "Content-Length: 0", "Sec-Fetch-Site: cross-site"}}, status: 403},
		{request: request{method: "POST", target: "/hello", headers: []string{cookie, "Content-Length: 0", "Sec-Fetch-Site: same-origin"}}, as: "alice"},
	} {
		a := f.send(t, c.request)
		if c.status == 0 {
			f.wantPassed(t, c.request, a, c.as)
		} else {
			f.wantStopped(t, c.request, a, c.status)
		}
	}
}

// signIn returns the value of the cookie that somebody gets at the login page.
func (f *front) signIn(t *testing.T, name string) string {
	t.Helper()
	form := url.Values{"username": {name}, "password": {password}}.Encode()
	a := f.send(t, request{method: "POST", target: "/auth/login", host: "localhost:8080", body: form, headers: []string{
		"Content-Type: application/x-www-form-urlencoded", fmt.Sprintf("Content-Length: %d", len(form)),
	}})
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || a.status != http.StatusSeeOther || cookie.Name != "authly" || cookie.Value == "" {
		t.Fatalf("%s cannot sign in: %d %v", name, a.status, a.header)
	}
	return cookie.Value
}

// The pages are on the application's own host, as Authly answers them, and nothing beside them is: what only looks like one of them is a
// question like any other, and what could be read in two ways is refused.
func (f *front) testPages(t *testing.T) {
	for _, r := range []request{
		{target: "/auth/login"}, {target: "/auth/login?return=%2Fhello"}, {target: "/auth/signout"}, {target: "/auth/login", host: "localhost:8080"},
	} {
		if a := f.send(t, r); a.status != 200 || len(a.seen) != 0 || !strings.Contains(a.body, "<form") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %s", r.target, a.status, a.header, a.body)
		}
	}
	token := f.send(t, request{target: "/auth/sessions", user: "alice"})
	if token.status != 200 || !strings.Contains(token.body, `"current":true`) {
		t.Errorf("an endpoint below /auth/ by a token: %d %s", token.status, token.body)
	}
	file := f.send(t, request{target: "/auth/account/data/file", user: "alice"})
	if file.status != 200 || len(file.seen) != 0 || !strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("the file that a page leads to: %d %v", file.status, file.header)
	}
	for _, r := range []request{
		{target: "/auth"}, {target: "/authx/login"}, {target: "/authz/nginx"}, {target: "/AUTH/login"}, {target: "/x/auth/login"}, {target: "/x?/auth/login"},
		{target: "/.well-known/change-passwords"}, {target: "/.well-known/x"}, {target: "/users/me"},
	} {
		if a := f.send(t, r); f.name != "gateway" && (a.status != 401 || len(a.seen) != 0) {
			t.Errorf("%s: %d %s", r.target, a.status, a.body)
		}
	}
	for _, target := range []string{"/auth/../hello", "/hello/../auth/login", "/auth/..%2fhello", "//auth/login", "/auth//login", "/auth/%2e%2e/hello"} {
		if a := f.send(t, request{target: target, user: "root"}); a.status < 400 || len(a.seen) != 0 {
			t.Errorf("%s: %d, and the application saw %q", target, a.status, a.seen)
		}
	}
}
