package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
)

// shownPage writes a page that says what it was given.
func shownPage(w http.ResponseWriter, r *http.Request, status int, err error) {
	x := headers.ExchangeOf(r.Context())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	body := fmt.Sprintf("<p>%s for %s, %s", authn.Fault(err).Code, x.User, x.ID)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// A person who opens a page and is refused sees one. Programs get the problem document, with the same status and headers.
func TestRefusalsAreShownToPeople(t *testing.T) {
	const html = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	nobody := netip.MustParseAddrPort("127.0.0.1:1") // where nothing listens
	config := doorConfig(t, map[string]proxy.UpstreamConfig{"app": {URLs: []string{"http://" + nobody.String()}}})
	config.Gate = authn.NewGate(authn.GateConfig{Now: time.Now, Authenticator: holders{}, Routes: []authn.Route{
		{Name: "listed", Paths: []string{"/boss/*"}, Access: authn.AllowListed, Roles: []string{"boss"}, Cookies: authn.BearerFirst},
		{Name: "unserved", Paths: []string{"/unserved/*"}, Access: authn.AllowPublic},
		{Name: "app", Paths: []string{"/app/*"}, Access: authn.AllowAuthenticated, Cookies: authn.BearerFirst},
		{Name: "api", Paths: []string{"/api/*"}, Access: authn.AllowAuthenticated},
	}})
	config.Cookie, config.Page = headers.NewSessionCookie(true, ""), shownPage
	config.Trust = headers.NewTrust([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	door, err := proxy.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(door.Close)
	rig := func(h http.Handler) *authzRig {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return &authzRig{address: server.Listener.Addr().String(), log: new(authzLog)}
	}
	gateway, authz := rig(door.Gateway()), rig(door.ForwardAuth())
	ask := func(method, path string, lines ...string) *http.Response {
		return gateway.send(t, method+" "+path+" HTTP/1.1", append([]string{"Host: app.example.com", "Content-Length: 0", "Cookie: __Host-authly=" + aliceCookie}, lines...))
	}
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/boss/x": {403, "forbidden"}, "/nowhere": {403, "no_route"}, "/unserved/x": {404, "not_found"}, "/app/x": {502, "upstream_down"}, "/app/../x": {400, "ambiguous_path"},
		"/api/x": {401, "no_credentials"},
	} {
		for name, c := range map[string]struct {
			method string
			lines  []string
			shown  bool
		}{
			"a browser":        {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none"}, true},
			"an older browser": {"GET", []string{html}, true},
			"a form":           {"POST", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin"}, true},
			"fetch":            {"GET", []string{"Accept: */*", "Sec-Fetch-Mode: cors"}, false},
			"fetch of HTML":    {"GET", []string{html, "Sec-Fetch-Mode: same-origin"}, false},
			"XMLHttpRequest":   {"GET", []string{html, "X-Requested-With: XMLHttpRequest"}, false},
			"an image":         {"GET", []string{"Accept: image/*", "Sec-Fetch-Mode: no-cors"}, false},
			"curl":             {"GET", []string{"Accept: */*"}, false},
			"a prefetch":       {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Purpose: prefetch"}, false},
		} {
			a, program := ask(c.method, path, c.lines...), ask(c.method, path)
			body, _ := io.ReadAll(a.Body)
			kind := "application/problem+json"
			if c.shown {
				kind = "text/html; charset=utf-8"
			}
			if a.StatusCode != want.status || a.Header.Get("Content-Type") != kind || !strings.Contains(string(body), want.code) ||
				a.Header.Get("X-Request-Id") == "" || !strings.Contains(string(body), a.Header.Get("X-Request-Id")) {
				t.Errorf("%s, %s: %d %v\n%s", path, name, a.StatusCode, a.Header, body)
			}
			for _, header := range []string{"Cache-Control", "Www-Authenticate", "X-Frame-Options", "X-Content-Type-Options", "Retry-After"} {
				if a.Header.Get(header) != program.Header.Get(header) {
					t.Errorf("%s, %s: %s %q, and for programs %q", path, name, header, a.Header.Get(header), program.Header.Get(header))
				}
			}
		}
	}
	page, _ := io.ReadAll(ask("GET", "/boss/x", html).Body)
	if !strings.HasPrefix(string(page), "<p>forbidden for alice, ") {
		t.Errorf("the page does not know who is signed in: %s", page)
	}
	for _, tongue := range tongues() {
		a := authz.ask(t, tongue, authzAsked{method: "GET", target: "/boss/x", extra: []string{html, "Cookie: __Host-authly=" + aliceCookie}})
		if kind := a.Header.Get("Content-Type"); a.StatusCode != 403 || kind != "application/problem+json" {
			t.Errorf("%s: %d %s", tongue.name, a.StatusCode, kind)
		}
	}
	if a := authz.send(t, "GET /boss/x HTTP/1.1", []string{"Host: app.example.com", html}); a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("beside the questions: %v", a.Header)
	}
}
