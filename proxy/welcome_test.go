package proxy_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
)

const (
	loginPage   = "https://login.example.com/auth/login"
	aliceCookie = "AliceAliceAliceAliceAliceAliceAliceAliceAliceAliceAlic"
)

// holders knows alice by her cookie or by a token, and nobody else.
type holders struct{}

func (holders) Authenticate(_ context.Context, c authn.Credentials) (*authn.Identity, error) {
	switch {
	case c.Kind == authn.NoCredential || c.Kind == authn.ForeignCredential:
		return nil, authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	case c.Kind == authn.CookieCredential && c.Token == aliceCookie:
		return &authn.Identity{UserID: uuid.New(), Username: "alice", Cookie: new(authn.HeldCookie)}, nil
	case c.Kind == authn.BearerCredential && c.Token == "alice":
		return &authn.Identity{UserID: uuid.New(), Username: "alice"}, nil
	}
	return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
}

// entrance is a way to ask about a request: the gateway, or a dialect.
type entrance struct {
	name string
	ask  func(t *testing.T, method string, lines ...string) *http.Response
	// redirected is the status by which a browser is sent to the login page, given the one that it shall see.
	redirected func(status int) int
}

// entrances are all there are, in front of the same rules: /app/ takes both credentials, /api/ bearer tokens alone.
func entrances(t *testing.T) []entrance { return entrancesFor(t, holders{}) }

// entrancesFor is entrances to those whom somebody else knows.
func entrancesFor(t *testing.T, people authn.Authenticator) []entrance {
	t.Helper()
	return entrancesOf(t, "app.example.com", people, func(*proxy.Config) {})
}

// entrancesOf is entrancesFor on another host, with what is changed of the configuration.
func entrancesOf(t *testing.T, host string, people authn.Authenticator, change func(*proxy.Config)) []entrance {
	t.Helper()
	upstream := newRawUpstream(t)
	routes := []authn.Route{
		{Name: "api", Paths: []string{"/api/*"}, Access: authn.AllowAuthenticated},
		{Name: "listed", Paths: []string{"/boss/*"}, Access: authn.AllowListed, Roles: []string{"boss"}, Cookies: authn.BearerFirst},
		{Name: "public", Paths: []string{"/public/*"}, Access: authn.AllowPublic, Cookies: authn.BearerFirst},
		{Name: "app", Paths: []string{"/app/*"}, Access: authn.AllowAuthenticated, Cookies: authn.BearerFirst},
	}
	upstreams := map[string]proxy.UpstreamConfig{}
	for _, route := range routes {
		upstreams[route.Name] = proxy.UpstreamConfig{URLs: []string{"http://" + upstream.addr}}
	}
	config := doorConfig(t, upstreams)
	config.Gate = authn.NewGate(authn.GateConfig{Routes: routes, Authenticator: people, Now: time.Now})
	config.Trust = headers.NewTrust([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	config.Cookie, config.LoginPage = headers.NewSessionCookie(true, ""), loginPage
	same, err := headers.NewSameOrigin("https://login.example.com", headers.CORSConfig{})
	if err != nil {
		t.Fatal(err)
	}
	config.SameOrigin = same
	change(&config)
	door, err := proxy.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(door.Close)
	rig := func(h http.Handler, ready bool) *authzRig {
		server := httptest.NewUnstartedServer(h)
		if ready {
			server.Listener = proxy.ReadyConns(server.Config, server.Listener)
		}
		server.Start()
		t.Cleanup(server.Close)
		return &authzRig{address: server.Listener.Addr().String(), log: new(authzLog)}
	}
	gateway, authz := rig(door.Gateway(), false), rig(door.ForwardAuth(), true)
	all := []entrance{{"gateway", func(t *testing.T, method string, lines ...string) *http.Response {
		path, rest := lines[0], lines[1:]
		return gateway.send(t, method+" "+path+" HTTP/1.1", append([]string{
			"Host: " + host, "X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1", "Content-Length: 0",
		}, rest...))
	}, sameStatus}}
	for _, tongue := range tongues() {
		redirected := sameStatus
		if tongue.name == "nginx" {
			redirected = func(int) int { return http.StatusUnauthorized }
		}
		all = append(all, entrance{tongue.name, func(t *testing.T, method string, lines ...string) *http.Response {
			return authz.ask(t, tongue, authzAsked{method: method, host: host, target: lines[0], extra: lines[1:]})
		}, redirected})
	}
	return all
}

// Who opens a page without a session is sent to the login page; whatever is no navigation is told where it is.
func TestWelcome(t *testing.T) {
	const html = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	back := loginPage + "?return=https%3A%2F%2Fapp.example.com%2Fapp%2Fx%3Fy%3D1"
	for _, e := range entrances(t) {
		t.Run(e.name, func(t *testing.T) {
			for name, c := range map[string]struct {
				method string
				lines  []string
				status int    // that a browser sees
				to     string // empty: 401
			}{
				"a browser":                       {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none"}, 302, back},
				"an older browser":                {"GET", []string{html}, 302, back},
				"a browser, HEAD":                 {"HEAD", []string{"Sec-Fetch-Mode: navigate"}, 302, back},
				"a browser whose session is over": {"GET", []string{"Sec-Fetch-Mode: navigate", "Cookie: __Host-authly=" + strings.Repeat("A", 54)}, 302, back},
				"a browser with two cookies":      {"GET", []string{"Sec-Fetch-Mode: navigate", "Cookie: __Host-authly=" + aliceCookie + "; __Host-authly=" + aliceCookie}, 302, back},
				"a form": {"POST", []string{"Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Referer: https://app.example.com/app/edit"}, 303,
					loginPage + "?return=https%3A%2F%2Fapp.example.com%2Fapp%2Fedit&posted=1"},
				"fetch":            {"GET", []string{"Accept: */*", "Sec-Fetch-Mode: cors"}, 401, ""},
				"fetch of HTML":    {"GET", []string{html, "Sec-Fetch-Mode: same-origin"}, 401, ""},
				"fetch, POST":      {"POST", []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin"}, 401, ""},
				"XMLHttpRequest":   {"GET", []string{html, "X-Requested-With: XMLHttpRequest"}, 401, ""},
				"curl":             {"GET", []string{"Accept: */*"}, 401, ""},
				"a prefetch":       {"GET", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Purpose: prefetch"}, 401, ""},
				"a service worker": {"GET", []string{"Accept: */*", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: serviceworker"}, 401, ""},
			} {
				a := e.ask(t, c.method, append([]string{"/app/x?y=1"}, c.lines...)...)
				want := c.status
				if c.to != "" {
					want = e.redirected(want)
				}
				if a.StatusCode != want || a.Header.Get("Location") != c.to || a.Header.Get("Cache-Control") != "no-store" ||
					a.Header.Get("X-Request-Id") == "" || a.Header.Get("X-Frame-Options") == "" || (want == 401) != (a.Header.Get("Www-Authenticate") != "") {
					t.Errorf("%s: %d %v, want %d to %q", name, a.StatusCode, a.Header, want, c.to)
				}
				var problem struct {
					LoginURL string `json:"login_url"`
				}
				if c.to == "" && (json.NewDecoder(a.Body).Decode(&problem) != nil || problem.LoginURL != loginPage) {
					t.Errorf("%s: login_url %q", name, problem.LoginURL)
				}
			}
		})
	}
}

// The same request gets the same decision at every entrance, whatever it carries.
func TestCookieAtEveryEntrance(t *testing.T) {
	const good, bad = "Cookie: a=b; __Host-authly=" + aliceCookie + "; c=d", "Cookie: __Host-authly=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, e := range entrances(t) {
		t.Run(e.name, func(t *testing.T) {
			for name, c := range map[string]struct {
				method, path string
				lines        []string
				status       int
			}{
				"a cookie":                              {"GET", "/app/", []string{good}, 200},
				"a cookie that is none":                 {"GET", "/app/", []string{bad}, 401},
				"a cookie of another name":              {"GET", "/app/", []string{"Cookie: authly=" + aliceCookie}, 401},
				"two cookies":                           {"GET", "/app/", []string{good, bad}, 401},
				"a cookie and a good bearer":            {"GET", "/app/", []string{good, "Authorization: Bearer alice"}, 200},
				"a cookie and a bad bearer":             {"GET", "/app/", []string{good, "Authorization: Bearer x"}, 401},
				"a cookie and the application's own":    {"GET", "/app/", []string{good, "Authorization: Token x"}, 200},
				"a bad cookie and a good bearer":        {"GET", "/app/", []string{bad, "Authorization: Bearer alice"}, 200},
				"bearer alone":                          {"GET", "/api/", []string{good}, 401},
				"no role":                               {"GET", "/boss/", []string{good, "Sec-Fetch-Mode: navigate"}, 403},
				"public":                                {"GET", "/public/", []string{bad}, 200},
				"a post":                                {"POST", "/app/", []string{good, "Origin: https://app.example.com"}, 200},
				"CVE-2025-24358 a post of another site": {"POST", "/app/", []string{good, "Origin: https://evil.test"}, 403},
				"a post of another site, as it says":    {"POST", "/app/", []string{good, "Sec-Fetch-Site: cross-site"}, 403},
				"a post of a neighbour":                 {"DELETE", "/app/", []string{good, "Sec-Fetch-Site: same-site", "Origin: https://b.example.com"}, 403},
				"a post of another site, with a token":  {"POST", "/app/", []string{"Authorization: Bearer alice", "Origin: https://evil.test"}, 200},
				"a link of another site":                {"GET", "/app/", []string{good, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, 200},
			} {
				a := e.ask(t, c.method, append([]string{c.path}, c.lines...)...)
				want := c.status
				if e.name == "nginx" && want > 200 && want != 401 {
					want = 403
				}
				if a.StatusCode != want {
					t.Errorf("%s: %d, want %d", name, a.StatusCode, want)
				}
			}
			a := e.ask(t, "GET", "/api/", "Sec-Fetch-Mode: navigate")
			if a.StatusCode != 401 || a.Header.Get("Location") != "" {
				t.Errorf("where no cookie is read: %d %v", a.StatusCode, a.Header)
			}
		})
	}
}

// What the application sees: the identity, its own cookies byte for byte, its own Authorization, and nothing of Authly's cookie.
func TestUpstreamSeesNoSessionCookie(t *testing.T) {
	for sent, want := range map[string]string{
		"__Host-authly=" + aliceCookie:                                   "",
		"a=1;  b=\"x y\";c; __Host-authly=" + aliceCookie + ";d=;=e":     "a=1;  b=\"x y\";c;d=;=e",
		"authly=1; a=b; __Secure-authly=2; __Host-authly=" + aliceCookie: "a=b",
	} {
		g := newGateway(t, gatewayConfig{people: holders{}, routes: []authn.Route{
			{Name: "app", Paths: []string{"/*"}, Access: authn.AllowPublic, Cookies: authn.BearerFirst},
		}})
		wantStatus(t, g.get(t, "/x", "", "Cookie: "+sent, "Authorization: Token of-the-application"), http.StatusOK)
		got := g.upstream.only(t).Header
		if strings.Join(got["Cookie"], "|") != want || got.Get("Authorization") != "Token of-the-application" {
			t.Errorf("%q became %q, %q", sent, got["Cookie"], got["Authorization"])
		}
	}
}
