package headers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/headers"
)

func headerOf(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func TestNavigations(t *testing.T) {
	const html = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for name, c := range map[string]struct {
		method string
		lines  []string
		want   bool
	}{
		"a browser":                              {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: none"}, true},
		"a browser, a link of another site":      {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: cross-site"}, true},
		"a browser, a form":                      {"POST", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin"}, true},
		"a browser, whatever it accepts":         {"GET", []string{"Sec-Fetch-Mode: navigate"}, true},
		"an older browser":                       {"GET", []string{html}, true},
		"an older browser, in capitals":          {"GET", []string{"Accept: Text/HTML"}, true},
		"an older browser, two lines":            {"GET", []string{"Accept: image/png", "Accept: text/html;q=0.1"}, true},
		"an older browser, a form":               {"POST", []string{html}, false},
		"an older browser, HEAD":                 {"HEAD", []string{html}, false},
		"an older browser, XMLHttpRequest":       {"GET", []string{html, "X-Requested-With: XMLHttpRequest"}, false},
		"an older browser, fetch":                {"GET", []string{"Accept: */*"}, false},
		"fetch":                                  {"GET", []string{"Accept: */*", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, false},
		"fetch that asks for text/html":          {"GET", []string{html, "Sec-Fetch-Mode: cors"}, false},
		"fetch, no-cors":                         {"GET", []string{html, "Sec-Fetch-Mode: no-cors"}, false},
		"fetch, same-origin":                     {"GET", []string{html, "Sec-Fetch-Mode: same-origin"}, false},
		"XMLHttpRequest":                         {"GET", []string{html, "Sec-Fetch-Mode: cors", "X-Requested-With: XMLHttpRequest"}, false},
		"an image":                               {"GET", []string{"Accept: image/avif,*/*;q=0.8", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, false},
		"curl":                                   {"GET", []string{"Accept: */*"}, false},
		"nothing":                                {"GET", nil, false},
		"a program that takes no HTML":           {"GET", []string{"Accept: application/json, text/html;q=0"}, false},
		"a program that takes no HTML, longer":   {"GET", []string{"Accept: text/html; q=0.000, application/json"}, false},
		"a type that begins like it":             {"GET", []string{"Accept: text/html5"}, false},
		"a prefetch":                             {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Purpose: prefetch"}, false},
		"a prerender":                            {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Purpose: prefetch;prerender"}, false},
		"a prefetch, older":                      {"GET", []string{html, "Purpose: prefetch"}, false},
		"a prefetch, older, of Firefox":          {"GET", []string{html, "X-Moz: prefetch"}, false},
		"a link rel=prefetch":                    {"GET", []string{html, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty", "Sec-Purpose: prefetch"}, false},
		"the script of a service worker":         {"GET", []string{"Accept: */*", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: serviceworker", "Service-Worker: script"}, false},
		"a service worker, on a page's behalf":   {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"}, true},
		"a service worker, of its own":           {"GET", []string{html, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, false},
		"a WebSocket":                            {"GET", []string{"Upgrade: websocket", "Sec-Fetch-Mode: websocket"}, false},
		"a WebSocket, older":                     {"GET", []string{"Upgrade: websocket", html}, false},
		"two modes":                              {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Mode: cors"}, false},
		"a browser whose mode a proxy has taken": {"GET", []string{html, "Sec-Fetch-Site: none"}, false},
	} {
		if got := headers.IsNavigation(c.method, headerOf(c.lines...)); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestLoginPageLeadsBack(t *testing.T) {
	const page = "https://login.example.com/auth/login"
	long := "/" + strings.Repeat("a", 1000)
	for name, c := range map[string]struct {
		asked  headers.Asked
		back   string
		posted string
	}{
		"a page":           {headers.Asked{Method: "GET", Scheme: "https", Authority: "app.example.com", Target: "/a%20b?c=d&e=%2f"}, "https://app.example.com/a%20b?c=d&e=%2f", ""},
		"HEAD":             {headers.Asked{Method: "HEAD", Scheme: "http", Authority: "app.example.com:8080", Target: "/"}, "http://app.example.com:8080/", ""},
		"the scheme's":     {headers.Asked{Method: "GET", Scheme: "https", Authority: "app.example.com:443", Target: "/"}, "https://app.example.com/", ""},
		"another's port":   {headers.Asked{Method: "GET", Scheme: "https", Authority: "app.example.com:80", Target: "/"}, "https://app.example.com:80/", ""},
		"a long query":     {headers.Asked{Method: "GET", Scheme: "https", Authority: "a.test", Target: long + "?" + strings.Repeat("b", 2000)}, "https://a.test" + long, ""},
		"a form":           {headers.Asked{Method: "POST", Scheme: "https", Authority: "a.test", Target: "/save", Header: headerOf("Referer: https://a.test/edit?id=7")}, "https://a.test/edit?id=7", "1"},
		"a form of others": {headers.Asked{Method: "POST", Scheme: "https", Authority: "a.test", Target: "/save", Header: headerOf("Referer: https://a.test.evil.test/")}, "https://a.test/", "1"},
		"a form of nobody": {headers.Asked{Method: "PUT", Scheme: "https", Authority: "a.test", Target: "/save"}, "https://a.test/", "1"},
		"much too long":    {headers.Asked{Method: "GET", Scheme: "https", Authority: "a.test", Target: long + long + long}, "", ""},
	} {
		u, err := url.Parse(headers.LoginPage(page).For(c.asked))
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		if query.Get("return") != c.back || query.Get("posted") != c.posted || !strings.HasPrefix(u.String(), page) {
			t.Errorf("%s: %s", name, u)
		}
	}
	for method, want := range map[string]int{"GET": 302, "HEAD": 302, "POST": 303, "PUT": 303, "DELETE": 303} {
		if got := headers.RedirectStatus(method); got != want {
			t.Errorf("%s: %d", method, got)
		}
	}
}
