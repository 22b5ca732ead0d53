package examples_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

// site is an application and Authly's pages on hosts below example.com, behind a front proxy, as a browser sees them.
type site struct {
	authly     *authly
	app, login string // origins
}

// testPages shows the pages to a browser behind the front proxies of the examples, set up as their READMEs say for applications on several
// hosts of one site: one of the hosts has the login page, and they share the cookie.
func testPages(t *testing.T, seed *seed) {
	app := startGreeter(t)
	browser := browsertest.Start(t, map[string]string{"*.example.com": "127.0.0.1"})
	for name, run := range map[string]func(t *testing.T, address string, a *authly, app string, more ...string){"nginx": runNginx, "caddy": runCaddy} {
		t.Run(name, func(t *testing.T) {
			address := freeAddresses(t, 1)[0]
			port := portOf(t, address)
			config := rewritten(t, name+"/authly.yaml", t.TempDir(), "http://localhost:8080", "http://login.example.com:"+port,
				"# cookies: {domain: example.com}", "cookies: {domain: example.com}\nlimits: {login: {requests: 0, per: 1m}} # who signs in here does so often")
			s := &site{authly: seed.startExample(t, config), app: "http://app.example.com:" + port, login: "http://login.example.com:" + port}
			run(t, address, s.authly, app)
			t.Run("sign in, come back, sign out", func(t *testing.T) { s.testSignIn(t, browser.Guest(t)) })
			t.Run("an ended session", func(t *testing.T) { s.testEnded(t, browser.Guest(t)) })
			t.Run("administrators", func(t *testing.T) { s.testAdministrators(t, browser.Guest(t)) })
		})
	}
}

// startGreeter starts an application that knows nothing of authentication but who it is told is there.
func startGreeter(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "<!DOCTYPE html><title>Application</title><h1>Hello %s</h1><p>%s</p>",
			html.EscapeString(r.Header.Get("Remote-User")), html.EscapeString(r.URL.RequestURI()))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// signIn signs somebody in who is asked to, and expects them to be greeted where they wanted to go.
func (s *site) signIn(t *testing.T, tab *browsertest.Tab, name, wanted string) {
	t.Helper()
	s.atSignIn(t, tab)
	tab.Press(t, "Sign in", "username", name, "password", password)
	s.greeted(t, tab, name, wanted)
}

func (s *site) atSignIn(t *testing.T, tab *browsertest.Tab) {
	t.Helper()
	if location := tab.Location(t); !strings.HasPrefix(location, s.login+"/auth/login?return=") || tab.Title(t) != "Sign in" {
		t.Fatalf("the browser is at %s, %q", location, tab.Title(t))
	}
}

func (s *site) greeted(t *testing.T, tab *browsertest.Tab, name, wanted string) {
	t.Helper()
	if location := tab.Location(t); location != wanted || tab.Title(t) != "Hello "+name {
		t.Errorf("the browser is at %s, which says %s", location, tab.Text(t))
	}
}

func (s *site) testSignIn(t *testing.T, tab *browsertest.Tab) {
	wanted := s.app + "/hello/there?x=1&y=%2F&z=#part-2"
	tab.Open(t, wanted)
	s.atSignIn(t, tab)
	if status := tab.Press(t, "Sign in", "username", "alice", "password", "not hers"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", status)
	}
	s.signIn(t, tab, "alice", wanted)
	if text := tab.Text(t); !strings.Contains(text, "/hello/there?x=1&y=%2F&z=") {
		t.Errorf("the application was asked for something else: %s", text)
	}
	elsewhere := strings.Replace(s.app, "app.", "wiki.", 1) + "/page"
	tab.Open(t, elsewhere) // another host of the site
	s.greeted(t, tab, "alice", elsewhere)

	tab.Open(t, s.login+"/auth/signout")
	tab.Press(t, "Sign out")
	for _, address := range []string{wanted, elsewhere} {
		tab.Open(t, address)
		s.atSignIn(t, tab)
	}
}

func (s *site) testEnded(t *testing.T, tab *browsertest.Tab) {
	tab.Open(t, s.app+"/page?x=1")
	s.signIn(t, tab, "alice", s.app+"/page?x=1")
	s.endSessions(t)
	tab.Reload(t)
	s.signIn(t, tab, "alice", s.app+"/page?x=1")
}

// endSessions ends all of alice's, as she does at another device.
func (s *site) endSessions(t *testing.T) {
	t.Helper()
	f := &front{name: "pages", address: s.authly.main, app: new(application)} // which nobody asks for anything
	f.logIn(t)
	if a := f.send(t, request{method: "POST", target: "/auth/logout", user: "alice", headers: []string{"Content-Length: 0"}}); a.status != http.StatusOK {
		t.Fatalf("alice cannot end her sessions: %d %s", a.status, a.body)
	}
}

func (s *site) testAdministrators(t *testing.T, tab *browsertest.Tab) {
	tab.Open(t, s.app+"/admin/x")
	s.atSignIn(t, tab)
	if status := tab.Press(t, "Sign in", "username", "alice", "password", password); status != http.StatusForbidden {
		t.Errorf("what is for administrators answers others with %d", status)
	}
	if status := tab.Open(t, s.login+"/auth/admin/users"); status != http.StatusForbidden {
		t.Errorf("the page of all users answers others with %d", status)
	}
	tab.ForgetCookies(t)
	tab.Open(t, s.app+"/admin/x")
	s.signIn(t, tab, "root", s.app+"/admin/x")
	tab.ForgetCookies(t)
	tab.Open(t, s.login+"/auth/admin") // for whom may change accounts, which no role gives
	s.atSignIn(t, tab)
	tab.Press(t, "Sign in", "username", "admin", "password", password)
	if title := tab.Title(t); title != "Administration" {
		t.Errorf("the administration says %q", title)
	}
	tab.Press(t, "Users")
	tab.Press(t, "alice")
	tab.Press(t, "End all sessions")
	if text := tab.Text(t); !strings.Contains(text, "The sessions have ended.") {
		t.Errorf("the page says\n%s", text)
	}
}
