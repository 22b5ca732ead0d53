package main_test

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/descoped/authly/authn/mail/mailtest"
	"github.com/descoped/authly/authn/web/browsertest"
)

// browsed is where the browser of the tests believes the server to be: at the usual port of https, as in production.
const browsed = "https://login.example.com"

// stage is a server with everything that people meet in a browser, and the browser, which all tests of pages share.
type stage struct {
	*authly
	file    string // of the database
	browser *browsertest.Browser
	box     *mailtest.Server
	admin   tokens

	mu   sync.Mutex
	mail []mailtest.Message // that has come for others than who was waiting
}

const stageRoutes = `
lockout: {failures: 3, duration: 5m}
sessions: {remember_for: 720h}
routes:
  - {name: public, paths: [/public/*], allow: public, upstream: "echo:"}
  - {name: staff, paths: [/staff/*], allow: {roles: [staff]}, title: Staff room, url: /staff/, upstream: "echo:"}
  - {name: wiki, paths: [/wiki/*], allow: authenticated, title: Team wiki, url: /wiki/, upstream: "echo:"}
  - {name: rest, paths: [/*], allow: authenticated, upstream: "echo:"}
`

func newStage(t *testing.T, more map[string]string) *stage {
	t.Helper()
	s := &stage{box: mailtest.Start(t, mailOptions())}
	storeURL := sqliteURL(t)
	s.file = strings.TrimPrefix(storeURL, "sqlite://")
	s.authly = start(t, storeURL, stageRoutes, mailEnviron(s.box, "AUTHLY_SERVER_PUBLIC_URL="+browsed)...)
	s.admin = s.login(t, "admin", adminPassword)
	hosts := map[string]string{"login.example.com": s.withTLS(t)}
	for name, address := range more {
		hosts[name] = address
	}
	s.browser = browsertest.Start(t, hosts)
	return s
}

// withTLS is the address of what stands in front of the server and speaks https.
func (s *stage) withTLS(t *testing.T) string {
	t.Helper()
	to, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	t.Cleanup(front.Close)
	return front.Listener.Addr().String()
}

// mailTo waits for a mail to an address: those to others are theirs, who may be waiting as well.
func (s *stage) mailTo(t *testing.T, address string) mailtest.Message {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	isTheirs := func(m mailtest.Message) bool { return m.To == address }
	for !slices.ContainsFunc(s.mail, isTheirs) {
		s.mail = append(s.mail, s.box.Next(t))
	}
	i := slices.IndexFunc(s.mail, isTheirs)
	found := s.mail[i]
	s.mail = slices.Delete(s.mail, i, i+1)
	return found
}

// person registers somebody of this name.
func (s *stage) person(t *testing.T, name string) (id string) {
	t.Helper()
	return s.register(t, s.admin, name, passwordOf(name))
}

// signedIn is a tab of somebody who has signed in.
func (s *stage) signedIn(t *testing.T, name string) *browsertest.Tab {
	t.Helper()
	tab := s.browser.Guest(t)
	tab.Open(t, browsed+"/auth/login")
	password := passwordOf(name)
	if name == "admin" {
		password = adminPassword
	}
	if status := tab.Press(t, "Sign in", "username", name, "password", password); status != 200 {
		t.Fatalf("%s cannot sign in: %d %s", name, status, tab.Text(t))
	}
	return tab
}

// story is what people do, from beginning to end.
type story struct {
	name string
	run  func(*testing.T, *stage)
}

// stories are those that are tested each time. moreStories are the rest, which take longer than all the tests have time for.
func stories() []story {
	return []story{
		{"sign in and come back", testSignInAndComeBack},
		{"the wait of a lock", testLockShown},
		{"sign out", testSignOutHere},
		{"an ended session", testEndedSession},
		{"two tabs", testTwoTabs},
		{"back after signing out", testBackAfterSignOut},
		{"a form that was being sent", testPostedForm},
		{"framed", testFramed},
		{"mailed pages", testMailedPages},
		{"invited", testInvitation},
		{"account: sessions", testAccountSessions},
		{"administration: sessions", testSessionsOfAll},
	}
}

func moreStories() []story {
	return []story{
		{"the cookie", testBrowserCookie},
		{"without scripts", testWithoutScripts},
		{"in German", testGerman},
		{"signing in and out", testSignInChecked},
		{"registered", testRegister},
		{"forgotten", testForgotten},
		{"for everybody", testPublicPages},
		{"account", testAccountPages},
		{"account: password", testAccountPassword},
		{"account: email address", testAccountEmail},
		{"account: data", testAccountData},
		{"account: deleted", testAccountDeleted},
		{"password managers", testWellKnownChange},
		{"administration", testAdminPages},
		{"administration: overview", testDeskFront},
		{"administration: a user", testUserLife},
		{"administration: search", testUserSearch},
		{"administration: audit log", testAuditLog},
		{"administration: routes", testExplained},
		{"administration: keys", testSigningKeys},
		{"administration: no scripts", testAdminWithoutScripts},
		{"administration: for others", testAdministratorsOnly},
	}
}

// TestBrowser goes through the pages in a real browser, against the real binary: with AUTHLY_TEST_PAGES=all through every one.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := newStage(t, map[string]string{"framer.example.com": startFramer(t)})
	all := stories()
	if browsertest.Thorough() {
		all = append(all, moreStories()...)
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t, s)
		})
	}
}
