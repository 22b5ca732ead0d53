package main_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/descoped/authly/authn/web/browsertest"
)

// at fails the test unless the tab shows this address.
func at(t *testing.T, tab *browsertest.Tab, want string) {
	t.Helper()
	if got := tab.Location(t); got != want {
		t.Errorf("the browser is at %s, want %s", got, want)
	}
}

// atSignIn fails the test unless the tab is asked to sign in.
func atSignIn(t *testing.T, tab *browsertest.Tab) {
	t.Helper()
	if location := tab.Location(t); !strings.HasPrefix(location, browsed+"/auth/login?return=") || tab.Title(t) != "Sign in" {
		t.Errorf("the browser is at %s, %q", location, tab.Title(t))
	}
}

// shows fails the test unless the page says so.
func shows(t *testing.T, tab *browsertest.Tab, want ...string) {
	t.Helper()
	text := tab.Text(t)
	for _, words := range want {
		if !strings.Contains(text, words) {
			t.Errorf("%s does not say %q but\n%s", tab.Location(t), words, text)
		}
	}
}

func testSignInAndComeBack(t *testing.T, s *stage) {
	s.person(t, "anna")
	const wanted = browsed + "/reports/2026?year=2026&name=a%2Fb%20c&empty=#row-7"
	tab := s.browser.Guest(t)
	tab.Open(t, wanted)
	atSignIn(t, tab)
	if status := tab.Press(t, "Sign in", "username", "anna", "password", "not hers"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", status)
	}
	atSignIn(t, tab)
	shows(t, tab, "The name or the password is not right.")
	if status := tab.Enter(t, "username", "anna@example.com", "password", passwordOf("anna")); status != http.StatusOK {
		t.Errorf("signed in: %d", status)
	}
	at(t, tab, wanted)
	shows(t, tab, `"anna"`, `"query": "year=2026&name=a%2Fb%20c&empty="`)

	if status := tab.Open(t, browsed+"/staff/"); status != http.StatusForbidden {
		t.Errorf("what is for others: %d", status)
	}
	at(t, tab, browsed+"/staff/")
	tab.Check(t, "forbidden")
}

// The cookie is out of reach of scripts, and outlives the browser only if that was asked for.
func testBrowserCookie(t *testing.T, s *stage) {
	s.person(t, "cora")
	for remember, session := range map[string]bool{"": true, "yes": false} {
		tab := s.browser.Guest(t)
		tab.Open(t, browsed+"/page")
		tab.Press(t, "Sign in", "username", "cora", "password", passwordOf("cora"), "remember", remember)
		at(t, tab, browsed+"/page")
		if seen := browsertest.Evaluate[string](t, tab, "document.cookie"); seen != "" {
			t.Errorf("scripts see the cookie %q", seen)
		}
		held := browsertest.Run(t, tab, browsertest.Command(network.GetCookies, network.GetCookiesParams{})).Cookies
		if len(held) != 1 || held[0].Name != sessionCookie || !held[0].HTTPOnly || !held[0].Secure ||
			held[0].SameSite != network.CookieSameSiteLax || held[0].Path != "/" || held[0].Session != session {
			t.Errorf("remembered %q, the cookies are %+v", remember, held)
		}
	}
}

func testLockShown(t *testing.T, s *stage) {
	s.person(t, "lotta")
	tab := s.browser.Guest(t)
	tab.Open(t, browsed+"/page")
	for range 3 {
		if status := tab.Press(t, "Sign in", "username", "lotta", "password", "not hers"); status != http.StatusUnauthorized {
			t.Errorf("a wrong password: %d", status)
		}
	}
	if status := tab.Press(t, "Sign in", "username", "lotta", "password", passwordOf("lotta")); status != http.StatusTooManyRequests {
		t.Errorf("while the account is locked: %d", status)
	}
	atSignIn(t, tab)
	if text := tab.Text(t); !regexp.MustCompile(`too many attempts. Try again in (5 minutes|4 minutes and \d+ seconds?)\.`).MatchString(text) {
		t.Errorf("it does not say how long to wait:\n%s", text)
	}
	s.person(t, "lotte")
	tab.Press(t, "Sign in", "username", "lotte", "password", passwordOf("lotte"))
	at(t, tab, browsed+"/page") // of somebody else nothing was locked
}

func testSignOutHere(t *testing.T, s *stage) {
	s.person(t, "sonia")
	here, elsewhere := s.signedIn(t, "sonia"), s.signedIn(t, "sonia")
	here.Open(t, browsed+"/auth/signout")
	here.Press(t, "Sign out")
	if title := here.Title(t); title != "You are signed out" {
		t.Errorf("the page says %q", title)
	}
	here.Open(t, browsed+"/page")
	atSignIn(t, here)
	elsewhere.Open(t, browsed+"/page")
	at(t, elsewhere, browsed+"/page")
	elsewhere.Open(t, browsed+"/auth/login")
	shows(t, elsewhere, "sonia")
}

// However a session is ended elsewhere, whoever has it is asked to sign in, and comes back to where they were.
func testEndedSession(t *testing.T, s *stage) {
	id := s.person(t, "edda")
	tab := s.browser.Guest(t)
	tab.Open(t, browsed+"/page?x=1")
	for _, end := range []func(){
		func() { s.must(t, http.StatusOK, "DELETE", "/users/"+id+"/sessions", s.admin.Access, "") },
		func() { // everywhere
			s.must(t, http.StatusOK, "POST", "/auth/logout", s.login(t, "edda", passwordOf("edda")).Access, "")
		},
		func() {
			s.must(t, http.StatusOK, "PUT", "/users/"+id, s.admin.Access, `{"password":"another of hers"}`)
			s.must(t, http.StatusOK, "PUT", "/users/"+id, s.admin.Access, `{"password":"`+passwordOf("edda")+`"}`)
		},
	} {
		tab.Press(t, "Sign in", "username", "edda", "password", passwordOf("edda"))
		at(t, tab, browsed+"/page?x=1")
		end()
		tab.Reload(t)
		atSignIn(t, tab)
	}
}

func testTwoTabs(t *testing.T, s *stage) {
	s.person(t, "tove")
	one := s.signedIn(t, "tove")
	other := one.Beside(t)
	for _, tab := range []*browsertest.Tab{one, other} {
		tab.Open(t, browsed+"/page")
		shows(t, tab, "tove")
	}
	one.Open(t, browsed+"/auth/signout")
	one.Press(t, "Sign out")
	other.Reload(t)
	atSignIn(t, other)
	other.Press(t, "Sign in", "username", "tove", "password", passwordOf("tove"))
	at(t, other, browsed+"/page")
	one.Open(t, browsed+"/page")
	at(t, one, browsed+"/page")
}

// The browser keeps no page of Authly's, not even to go back to: neither after signing out, nor when the session has ended elsewhere.
func testBackAfterSignOut(t *testing.T, s *stage) {
	id := s.person(t, "bertha")
	look := func() *browsertest.Tab {
		tab := s.signedIn(t, "bertha")
		shows(t, tab, "bertha@example.com")
		tab.Press(t, "Sessions")
		tab.Press(t, "Activity")
		shows(t, tab, "bertha", "Signed in")
		return tab
	}
	back := func(tab *browsertest.Tab) {
		t.Helper()
		tab.Back(t)
		if text := tab.Text(t); strings.Contains(text, "bertha") {
			t.Errorf("the way back shows, at %s,\n%s", tab.Location(t), text)
		}
		tab.Await(t, "the way back leads to the sign-in", "document.querySelector('h1')?.innerText === 'Sign in'")
	}
	tab := look()
	tab.Press(t, "Sign out")
	for range 3 {
		back(tab)
	}
	tab = look()
	s.must(t, http.StatusOK, "DELETE", "/users/"+id+"/sessions", s.admin.Access, "")
	for range 2 {
		back(tab)
	}
}

// What was being sent when the session ended is not lost without a word.
func testPostedForm(t *testing.T, s *stage) {
	id := s.person(t, "petra")
	tab := s.browser.Guest(t)
	tab.Open(t, browsed+"/form")
	tab.Press(t, "Sign in", "username", "petra", "password", passwordOf("petra"))
	const form = `document.body.innerHTML = '<main><form method="post" action="/save"><input name="text"><button>Save</button></form></main>'`
	browsertest.Evaluate[string](t, tab, form)
	s.must(t, http.StatusOK, "DELETE", "/users/"+id+"/sessions", s.admin.Access, "")
	tab.Press(t, "Save", "text", "a long letter")
	atSignIn(t, tab)
	shows(t, tab, "What you were sending has not arrived")
	tab.Press(t, "Sign in", "username", "petra", "password", passwordOf("petra"))
	at(t, tab, browsed+"/form")
}

// startFramer serves pages that show another one within them, and one to be shown so.
func startFramer(t *testing.T) (address string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if shown := r.URL.Query().Get("shown"); shown != "" {
			_, _ = w.Write([]byte(`<!DOCTYPE html><title>Win a prize</title><iframe src="` + shown + `"></iframe>`))
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func testFramed(t *testing.T, s *stage) {
	const framer = "http://framer.example.com/"
	tab := s.browser.Guest(t)
	for shown, isShown := range map[string]bool{browsed + "/auth/login": false, browsed + "/auth/mail/reset": false, framer: true} {
		tab.Open(t, framer+"?shown="+shown)
		complaints := tab.TakeComplaints(t)
		refused := slices.ContainsFunc(complaints, func(c string) bool { return strings.Contains(c, "frame") })
		if refused == isShown {
			t.Errorf("%s in a frame: the browser says %q", shown, complaints)
		}
	}
}

// Everything works without scripts, on a phone, too.
func testWithoutScripts(t *testing.T, s *stage) {
	s.person(t, "wilma")
	tab := s.browser.Guest(t)
	tab.WithoutScripts(t)
	tab.Phone(t)
	tab.Open(t, browsed+"/page?x=1")
	tab.Press(t, "Sign in", "username", "wilma", "password", "not hers")
	tab.Press(t, "Sign in", "username", "wilma", "password", passwordOf("wilma"))
	at(t, tab, browsed+"/page?x=1")
	tab.Open(t, browsed+"/auth/signout")
	tab.Press(t, "Sign out")
	tab.Open(t, browsed+"/page")
	atSignIn(t, tab)
}

// People read what their browser asks for.
func testGerman(t *testing.T, s *stage) {
	s.person(t, "greta")
	tab := s.browser.Guest(t)
	for accept, title := range map[string]string{"de-AT,de;q=0.9,en;q=0.5": "Anmelden", "en-GB,de;q=0.9": "Sign in", "fr": "Sign in"} {
		tab.Languages(t, accept)
		tab.Open(t, browsed+"/page")
		lang := browsertest.Evaluate[string](t, tab, "document.documentElement.lang")
		if tab.Title(t) != title || (lang == "de") != (title == "Anmelden") {
			t.Errorf("for %s the page is in %q and says %q", accept, lang, tab.Title(t))
		}
	}
	tab.Languages(t, "de")
	tab.Open(t, browsed+"/page")
	tab.Press(t, "Anmelden", "username", "greta", "password", "not hers")
	shows(t, tab, "Der Name oder das Passwort stimmt nicht.")
	tab.Check(t, "signin-german")
	tab.Press(t, "Anmelden", "username", "greta", "password", passwordOf("greta"))
	at(t, tab, browsed+"/page")
}

func testSignInChecked(t *testing.T, s *stage) {
	s.person(t, "vera")
	tab := s.browser.Guest(t)
	tab.Open(t, browsed+"/auth/login?return=https%3A%2F%2Flogin.example.com%2Fx&posted=1")
	tab.Check(t, "signin")
	tab.Press(t, "Sign in", "username", "vera", "password", "not hers")
	tab.Check(t, "signin-wrong")
	tab.Press(t, "Sign in", "username", "vera", "password", passwordOf("vera"))
	tab.Open(t, browsed+"/auth/login?return=https%3A%2F%2Flogin.example.com%2Fx")
	tab.Check(t, "signedin")
	tab.Open(t, browsed+"/auth/signout")
	tab.Check(t, "signout")
	tab.Press(t, "Sign out")
	tab.Check(t, "signedout")
	for _, page := range []string{"verify", "email", "reset", "invitation"} {
		tab.Open(t, browsed+"/auth/mail/"+page)
		tab.Check(t, "mailed-"+page)
	}
}
