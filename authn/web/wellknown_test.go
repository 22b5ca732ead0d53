package web_test

import (
	"testing"

	"github.com/descoped/authly/authn/web"
)

// Programs that keep passwords find where one is changed, and that the answer means something.
func TestWellKnown(t *testing.T) {
	t.Parallel()
	const page, none = "/.well-known/change-password", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
	s := open(t)
	for _, method := range []string{"GET", "HEAD"} {
		if a := s.ask(t, method, page, nil); a.status != 302 || a.header.Get("Location") != publicURL+accountPage+"/password" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", method, a.status, a.header)
		}
		if a := s.ask(t, method, none, nil); a.status != 404 {
			t.Errorf("%s of what cannot be there: %d", method, a.status)
		}
	}
	if a := s.ask(t, "GET", prefix+page, nil); a.status != 418 {
		t.Errorf("below the prefix: %d", a.status)
	}
	named := map[string]bool{}
	cfg := s.config
	cfg.Names = func(host, path string) bool { return named[host+path] }
	pages, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"login.example.com": true, "app.example.com": false, "": false} {
		for _, path := range []string{page, none} {
			if got := pages.OwnsAtRoot(host, path); got != want {
				t.Errorf("%s%s: %v", host, path, got)
			}
		}
		if pages.OwnsAtRoot(host, page+"/") || pages.OwnsAtRoot(host, "/.well-known/other") || pages.OwnsAtRoot(host, "/") {
			t.Errorf("%s: more is owned than that", host)
		}
	}
	named["login.example.com"+page] = true
	if pages.OwnsAtRoot("login.example.com", page) || !pages.OwnsAtRoot("login.example.com", none) {
		t.Error("an application is kept from a path that it has a route for")
	}
}
