package examples_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

// The origins of the page: the one that the example names, another one of the same site, and one of another site.
const (
	spaOrigin     = "http://localhost:3000"
	foreignOrigin = "http://localhost:4000"
	otherSite     = "http://spa.test:3000"
)

// spa is the example with a browser in front.
type spa struct {
	authly  *authly
	browser *browsertest.Browser
}

func startSPA(t *testing.T) *spa {
	t.Helper()
	config := rewritten(t, "spa/authly.yaml", t.TempDir(), `["`+spaOrigin+`"]`, `["`+spaOrigin+`", "`+otherSite+`"]`,
		"  registration: closed\n", "  registration: closed\nlimits: {login: {requests: 1000}}\n") // all of it is one person
	s := &spa{authly: newSeed(t).startExample(t, config)}
	page := httptest.NewServer(http.FileServerFS(os.DirFS("spa/page")))
	t.Cleanup(page.Close)
	at := page.Listener.Addr().String()
	s.browser = browsertest.Start(t, map[string]string{
		"localhost:8080": s.authly.main, "localhost:3000": at, "localhost:4000": at, "spa.test:3000": at,
	})
	return s
}

// page is a tab that shows the page.
type page struct{ *browsertest.Tab }

// open opens the page and waits until it knows whether somebody is signed in. To find out it asks, and browsers log every 401: what they
// complain of is looked at when the test is over.
func (s *spa) open(t *testing.T, tab *browsertest.Tab, origin string) page {
	t.Helper()
	return s.load(t, tab, origin, "Load: done")
}

func (s *spa) load(t *testing.T, tab *browsertest.Tab, origin, says string) page {
	t.Helper()
	t.Cleanup(func() {
		for _, said := range tab.TakeComplaints(t) {
			if !strings.HasPrefix(said, "network: Failed to load resource: ") && !strings.Contains(said, "has been blocked by CORS policy") {
				t.Errorf("the browser complains of %q", said)
			}
		}
	})
	tab.Open(t, origin)
	p := page{tab}
	p.said(t, says)
	return p
}

// said waits until the page says something.
func (p page) said(t *testing.T, what string) {
	t.Helper()
	p.Await(t, what, fmt.Sprintf("document.getElementById('said').textContent.startsWith(%q)", what))
}

// press presses a button and waits until the page says how it went.
func (p page) press(t *testing.T, button, says string) {
	t.Helper()
	browsertest.Evaluate[bool](t, p.Tab, fmt.Sprintf("document.getElementById('said').textContent = '', document.getElementById(%q).click(), true", button))
	p.said(t, says)
}

// signIn fills in the form and sends it.
func (p page) signIn(t *testing.T, by, name, word, says string) {
	t.Helper()
	browsertest.Evaluate[bool](t, p.Tab, fmt.Sprintf("document.querySelector('[value=%s]').checked = true", by))
	p.Fill(t, "username", name, "password", word)
	browsertest.Evaluate[bool](t, p.Tab, "document.getElementById('said').textContent = '', document.querySelector('form button').click(), true")
	p.said(t, says)
}

// wantSignedIn fails unless the page says who is signed in; "": nobody.
func (p page) wantSignedIn(t *testing.T, who string) {
	t.Helper()
	p.Await(t, "signed in: "+who, fmt.Sprintf("document.getElementById('who').textContent === %q && document.getElementById('sign-in').hidden === %v", who, who != ""))
}

// calls fails unless the API knows the page's user, and gets neither token nor cookie.
func (p page) calls(t *testing.T, who string) {
	t.Helper()
	p.press(t, "call", "Call: done")
	answer := browsertest.Evaluate[string](t, p.Tab, "document.getElementById('answer').textContent")
	if !strings.Contains(answer, `"X-Forwarded-User": [`+"\n      \""+who+`"`) || strings.Contains(answer, "Bearer") || strings.Contains(answer, "authly=") {
		t.Errorf("the API answers %s", answer)
	}
}

// keepsNothing fails if the page has left something where other scripts and other days find it.
func (p page) keepsNothing(t *testing.T) {
	t.Helper()
	const kept = "(async () => localStorage.length + sessionStorage.length + document.cookie.length + (await indexedDB.databases()).length + (await caches.keys()).length)()"
	if n := browsertest.Evaluate[int](t, p.Tab, kept); n != 0 {
		t.Errorf("the page keeps %d things", n)
	}
}

// asked is how often the tab has sent such a request.
func (p page) asked(request string) (n int) {
	for _, one := range p.Requested() {
		if strings.HasPrefix(one, request+" ") {
			n++
		}
	}
	return n
}

const postRefresh = "POST http://localhost:8080/auth/refresh"

func TestSinglePageApplication(t *testing.T) {
	s := startSPA(t)
	t.Run("cookie", s.testCookie)
	t.Run("tokens", s.testTokens)
	t.Run("two tabs refresh", s.testTwoTabs)
	t.Run("a foreign origin", s.testForeignOrigin)
	t.Run("another site", s.testOtherSite)
}

// With the cookie there is nothing in the page that could be lost, and every tab is signed in until one signs out.
func (s *spa) testCookie(t *testing.T) {
	p := s.open(t, s.browser.Guest(t), spaOrigin)
	p.wantSignedIn(t, "")
	p.Check(t, "spa")
	p.signIn(t, "cookie", "alice", "not "+password, "Sign in: Incorrect username or password")
	p.signIn(t, "cookie", "alice", password, "Sign in: done")
	p.wantSignedIn(t, "alice is signed in by cookie")
	p.calls(t, "alice")
	p.press(t, "change", "Change: done")
	p.press(t, "refresh", "Refresh: done")
	p.keepsNothing(t)
	p.Check(t, "spa-signed-in")
	p.Reload(t)
	p.wantSignedIn(t, "alice is signed in by cookie")
	beside := s.open(t, p.Beside(t), spaOrigin)
	beside.wantSignedIn(t, "alice is signed in by cookie")
	if p.asked(postRefresh) != 0 {
		t.Error("there was something to refresh")
	}
	p.press(t, "sign-out", "Sign out: done")
	p.wantSignedIn(t, "")
	beside.press(t, "call", "Call: Not authenticated") // the cookie is gone, for all tabs
	beside.wantSignedIn(t, "")
}

// Tokens are in the memory of the page alone, and refreshed when they are about to end.
func (s *spa) testTokens(t *testing.T) {
	p := s.open(t, s.browser.Guest(t), spaOrigin)
	p.signIn(t, "tokens", "alice", password, "Sign in: done")
	p.wantSignedIn(t, "alice is signed in by tokens")
	p.calls(t, "alice")
	p.press(t, "change", "Change: done")
	p.keepsNothing(t)
	p.press(t, "refresh", "Refresh: done")
	p.calls(t, "alice")
	if n := p.asked(postRefresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	browsertest.Evaluate[bool](t, p.Tab, "(now => { Date.now = () => now() + 5 * 60_000; return true })(Date.now)") // as if access_ttl were over
	p.calls(t, "alice")
	if n := p.asked(postRefresh); n != 2 {
		t.Errorf("%d refreshes, now that the token has ended", n)
	}
	p.Reload(t)
	p.wantSignedIn(t, "") // there was no other tab to ask
	p.signIn(t, "tokens", "alice", password, "Sign in: done")
	p.press(t, "sign-out", "Sign out: done")
	p.wantSignedIn(t, "")
}

// Two tabs that refresh at once are one person: nobody is taken for a thief, neither where the tabs agree on who does it, nor where they
// cannot.
func (s *spa) testTwoTabs(t *testing.T) {
	one := s.open(t, s.browser.Guest(t), spaOrigin)
	one.signIn(t, "tokens", "alice", password, "Sign in: done")
	two := s.open(t, one.Beside(t), spaOrigin)
	two.wantSignedIn(t, "alice is signed in by tokens") // it has asked the other one
	both := func() {
		t.Helper()
		var work sync.WaitGroup
		for _, p := range []page{one, two} {
			work.Go(func() {
				browsertest.Evaluate[bool](t, p.Tab, "document.getElementById('said').textContent = '', document.getElementById('refresh').click(), true")
			})
		}
		work.Wait()
		for _, p := range []page{one, two} {
			p.said(t, "Refresh: done")
			p.calls(t, "alice")
		}
	}
	for range 5 {
		both()
	}
	for _, p := range []page{one, two} { // from now on they hear nothing of each other, and each time spend the same token
		browsertest.Evaluate[bool](t, p.Tab, "BroadcastChannel.prototype.postMessage = () => {}, navigator.locks.request = async (name, act) => act(), true")
	}
	before := one.asked(postRefresh) + two.asked(postRefresh)
	for range 5 {
		both()
	}
	if n := one.asked(postRefresh) + two.asked(postRefresh) - before; n != 10 {
		t.Errorf("5 times both refreshed, by %d requests", n)
	}
	one.press(t, "sign-out", "Sign out: done")
	two.press(t, "call", "Call: Token is invalid or expired") // which it learns when it asks
	two.wantSignedIn(t, "")
}

// A page of an origin that is not named signs nobody in or out, and does nothing as them, whether it asks first or just sends.
func (s *spa) testForeignOrigin(t *testing.T) {
	victim := s.open(t, s.browser.Guest(t), spaOrigin)
	evil := s.load(t, victim.Beside(t), foreignOrigin, "Load: Failed to fetch")
	browsertest.Evaluate[bool](t, evil.Tab, "(document.getElementById('sign-in').hidden = false, true)")
	for _, by := range []string{"cookie", "tokens"} {
		evil.signIn(t, by, "alice", password, "Sign in: Failed to fetch")
	}
	send := func(path, body string) {
		t.Helper()
		browsertest.Evaluate[bool](t, evil.Tab, fmt.Sprintf(
			`fetch("http://localhost:8080%s", {method: "POST", mode: "no-cors", credentials: "include", body: %q}).then(() => true)`, path, body))
		s.authly.logs(t, fmt.Sprintf(`"path":%q,"status":403`, path))
	}
	send("/auth/token", `{"grant_type":"password","username":"alice","password":"`+password+`","cookie":true}`)
	victim.Reload(t)
	victim.wantSignedIn(t, "")
	victim.signIn(t, "cookie", "alice", password, "Sign in: done")
	send("/auth/logout", "")
	send("/api/things", "{}")
	const read = `fetch("http://localhost:8080/users/me", {credentials: "include"}).then(() => "it could", () => "it could not")`
	if got := browsertest.Evaluate[string](t, evil.Tab, read); got != "it could not" {
		t.Errorf("whether a foreign page can read who is signed in: %s", got)
	}
	victim.calls(t, "alice")
}

// A page of another site is told that it can have no cookie, and takes tokens.
func (s *spa) testOtherSite(t *testing.T) {
	p := s.open(t, s.browser.Guest(t), otherSite)
	p.signIn(t, "cookie", "alice", password, "Sign in: Browsers keep no session cookie for a page of another site")
	p.signIn(t, "tokens", "alice", password, "Sign in: done")
	p.wantSignedIn(t, "alice is signed in by tokens")
	p.calls(t, "alice")
}
