package api_test

import (
	"net/http/httptest"
	"testing"

	"github.com/descoped/authly/authn/api"
)

// Both spellings of the collection are the same place; nothing else is where it is not, and nothing ever redirects.
func TestPaths(t *testing.T) {
	for _, prefix := range []string{"", "/api/v1"} {
		s := start(t, sqliteURL(t), options{prefix: prefix})
		s.addAdmin(t, "root")
		token := s.login(t, "root").Access
		for _, path := range []string{"/users", "/users/", "/users?limit=1", "/users/?limit=1"} {
			s.call(t, "GET", path, token, "").want(200)
		}
		for _, path := range []string{"/auth", "/auth/", "/auth/token/", "/auth/Token", "/auth/unknown", "/auth/token/x", "/Users",
			"/users/me/", "/users/me/verify/x", "/users/x/verify/", "/users/x/y", "/users/x/sessions/", "/users/x/sessions/y/z", "/auth/sessions/x/y", "/docs/x", "/health/", "/", ""} {
			p := s.call(t, "GET", path, token, "").refused(404, "Not found")
			if p.Code != "not_found" || p.Error != "" {
				t.Errorf("%s: code %q, error %q", path, p.Code, p.Error)
			}
		}
		for _, path := range []string{"//users", "/users//", "/users/../users", "/users/./me", "/users/%2e%2e/users", "/auth%2ftoken",
			"/users%2fme", "/users/%2e", "/users/a%5cb", "/users/me;x=1", "/users/%00", "/users/%ff", "/users/%0a"} {
			if p := s.call(t, "GET", path, token, "").problem(400); p.Code != "ambiguous_path" {
				t.Errorf("%s: code %q", path, p.Code)
			}
		}
	}
}

// Below a prefix the API is nowhere else.
func TestPrefix(t *testing.T) {
	s := start(t, sqliteURL(t), options{prefix: "/api/v1"})
	for _, path := range []string{"/health", "/users", "/api/v1health", "/api/v1", "/api/v1/", "/api/v2/health", "/api/health"} {
		rec := httptest.NewRecorder()
		s.api.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != 404 {
			t.Errorf("%s: status %d, want 404", path, rec.Code)
		}
	}
	s.call(t, "GET", "/health", "", "").want(200)
}

func TestOwns(t *testing.T) {
	own := []string{"/auth", "/auth/", "/auth/token", "/auth/anything/at/all", "/users", "/users/", "/users/me", "/users/x/y/z",
		"/health", "/.well-known/jwks.json", "/openapi.json", "/docs", "/docs/", "/docs/style.css"}
	foreign := []string{"/", "", "/authority", "/auths", "/users2", "/Users", "/AUTH/token", "/healthz", "/health/", "/docs/other",
		"/.well-known/openid-configuration", "/openapi.jsonx", "/app/users", "/x/auth/token"}
	for _, prefix := range []string{"", "/api/v1"} {
		s := start(t, sqliteURL(t), options{prefix: prefix})
		for _, path := range own {
			if !s.api.Owns(prefix + path) {
				t.Errorf("%s is not owned", prefix+path)
			}
			if prefix != "" && s.api.Owns(path) {
				t.Errorf("%s is owned in spite of the prefix", path)
			}
		}
		for _, path := range foreign {
			if s.api.Owns(prefix + path) {
				t.Errorf("%s is owned", prefix+path)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/auth/token", "POST"},
		{"DELETE", "/auth/refresh", "POST"},
		{"GET", "/auth/logout", "POST"},
		{"POST", "/auth/sessions", "DELETE, GET, HEAD"},
		{"GET", "/auth/sessions/x", "DELETE"},
		{"PUT", "/users/x/sessions", "DELETE, GET, HEAD"},
		{"GET", "/users/x/sessions/y", "DELETE"},
		{"GET", "/auth/introspect", "POST"},
		{"PUT", "/users/", "GET, HEAD, POST"},
		{"OPTIONS", "/users", "GET, HEAD, POST"},
		{"POST", "/users/me", "DELETE, GET, HEAD, PUT"}, // as {id} it could be changed
		{"PATCH", "/users/x", "DELETE, GET, HEAD, PUT"},
		{"GET", "/users/x/verify", "PUT"},
		{"POST", "/health", "GET, HEAD"},
		{"TRACE", "/health", "GET, HEAD"},
		{"get", "/health", "GET, HEAD"},
		{"POST", "/.well-known/jwks.json", "GET, HEAD"},
	} {
		a := s.do(t, request{method: c.method, path: c.path})
		if p := a.refused(405, "Method not allowed"); p.Code != "method_not_allowed" || a.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: code %q, Allow %q, want %q", c.method, c.path, p.Code, a.header.Get("Allow"), c.allow)
		}
	}
	if p := s.call(t, "GET", "/auth/token", "", "").problem(405); p.Error != "invalid_request" {
		t.Errorf("error %q at a token endpoint", p.Error)
	}
}

// HEAD is GET without the body.
func TestHead(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.addAdmin(t, "root")
	token := s.login(t, "root").Access
	for _, path := range []string{"/health", "/.well-known/jwks.json", "/openapi.json", "/docs", "/docs/style.css", "/users/", "/users/me"} {
		get, head := s.call(t, "GET", path, token, "").want(200), s.call(t, "HEAD", path, token, "").want(200)
		for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control"} {
			if get.header.Get(name) == "" || get.header.Get(name) != head.header.Get(name) {
				t.Errorf("%s: %s is %q for GET and %q for HEAD", path, name, get.header.Get(name), head.header.Get(name))
			}
		}
		if len(head.body) != 0 {
			t.Errorf("%s: HEAD has a body", path)
		}
	}
	s.call(t, "HEAD", "/users/me", "", "").want(401)
}

// What is about people is kept by nobody on the way.
func TestNoStore(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	alice := s.add(t, "alice")
	session := s.login(t, "alice")
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/auth/token", grantOf("alice", goodPassword)},
		{"POST", "/auth/refresh", refreshOf(session.Refresh)},
		{"POST", "/users/", registration("new", "new@example.com", goodPassword)},
		{"GET", "/users/me", ""},
		{"GET", "/users/" + alice.ID.String(), ""},
		{"PUT", "/users/" + alice.ID.String(), "{}"},
		{"GET", "/users/", ""},
		{"GET", "/auth/nothing", ""},
		{"GET", "/health", ""},
		{"DELETE", "/users/" + alice.ID.String(), ""},
		{"POST", "/auth/logout", ""},
	} {
		a := s.call(t, c.method, c.path, session.Access, c.body)
		if got := a.header.Values("Cache-Control"); len(got) != 1 || got[0] != "no-store" {
			t.Errorf("%s %s (%d): Cache-Control %q, want no-store", c.method, c.path, a.status, got)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	good := s.config
	if _, err := api.New(good); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	for name, spoil := range map[string]func(*api.Config){
		"no logins":             func(c *api.Config) { c.Logins = nil },
		"no accounts":           func(c *api.Config) { c.Accounts = nil },
		"no sessions":           func(c *api.Config) { c.Sessions = nil },
		"no clients":            func(c *api.Config) { c.Clients = nil },
		"no keys":               func(c *api.Config) { c.Keys = nil },
		"no store":              func(c *api.Config) { c.Store = nil },
		"no log":                func(c *api.Config) { c.Log = nil },
		"prefix without slash":  func(c *api.Config) { c.Prefix = "api" },
		"slash at its end":      func(c *api.Config) { c.Prefix = "/api/" },
		"only a slash":          func(c *api.Config) { c.Prefix = "/" },
		"dots in the prefix":    func(c *api.Config) { c.Prefix = "/api/../x" },
		"escapes in the prefix": func(c *api.Config) { c.Prefix = "/api%20x" },
	} {
		bad := good
		spoil(&bad)
		if _, err := api.New(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every answer of every endpoint has the type that belongs to it and announces its length.
func TestContentTypesOfAnswers(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.addAdmin(t, "root")
	token := s.login(t, "root").Access
	for path, want := range map[string]string{
		"/users/me":              "application/json",
		"/users/":                "application/json",
		"/health":                "application/json",
		"/openapi.json":          "application/json",
		"/.well-known/jwks.json": "application/jwk-set+json",
		"/docs":                  "text/html; charset=utf-8",
		"/docs/style.css":        "text/css; charset=utf-8",
		"/users/x":               "application/problem+json",
	} {
		a := s.call(t, "GET", path, token, "")
		if got := a.header.Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, want %q", path, got, want)
		}
		if a.header.Get("Content-Length") == "" {
			t.Errorf("%s: the length is not announced", path)
		}
	}
}
