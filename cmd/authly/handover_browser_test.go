package main_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/descoped/authly/authn/web/browsertest"
)

// A person with a real browser opens pages of applications on two root domains beside the login page's: they sign in once, are where
// they wanted to be, query and fragment included, and sign out once for all. No code is left in the browser's history, nor told to
// anybody in a Referer.
func TestHandoverInBrowser(t *testing.T) {
	t.Parallel()
	c := newCertificates(t)
	c.overwrite(t, 1)
	certFile, keyFile := c.files()
	a := start(t, sqliteURL(t), handedRoutes, "AUTHLY_SERVER_TLS_CERT_FILE="+certFile, "AUTHLY_SERVER_TLS_KEY_FILE="+keyFile)
	hosts := map[string]string{}
	for _, host := range []string{"login.example.com", "app.example.net", "wiki.example.net", "apps.example.org"} {
		hosts[host] = a.address["server.address"]
	}
	tab := browsertest.Start(t, hosts).Guest(t)
	isAt := func(tab *browsertest.Tab, status int, address string) {
		t.Helper()
		if status != 200 || tab.Location(t) != address || !strings.Contains(strings.Join(strings.Fields(tab.Text(t)), ""), `"X-Forwarded-User":["admin"]`) {
			t.Fatalf("%d at %s, want %s:\n%s", status, tab.Location(t), address, tab.Text(t))
		}
		if strings.Contains(tab.Text(t), "authly") {
			t.Errorf("the application saw a cookie:\n%s", tab.Text(t))
		}
	}
	isAtLogin := func(tab *browsertest.Tab, status int) {
		t.Helper()
		if status != 200 || !strings.HasPrefix(tab.Location(t), publicURL+"/auth/login?") || tab.Title(t) != "Sign in" {
			t.Fatalf("%d at %s: %q", status, tab.Location(t), tab.Title(t))
		}
	}
	const first, second, third = "https://app.example.net/x?y=z&a=%2f#part", "https://apps.example.org/deep/page?q=1#there", "https://wiki.example.net/"

	other := tab.Beside(t) // another page that was opened before anybody has signed in
	isAtLogin(other, other.Open(t, "https://app.example.net/other#o"))
	isAtLogin(tab, tab.Open(t, first))
	if status := tab.Press(t, "Sign in", "username", "admin", "password", "wrong"); status != 401 {
		t.Errorf("a wrong password: %d", status)
	}
	isAt(tab, tab.Press(t, "Sign in", "username", "admin", "password", adminPassword), first)
	isAt(other, other.Reload(t), "https://app.example.net/other#o")
	isAt(tab, tab.Open(t, third), third)
	isAt(tab, tab.Open(t, second), second)
	isAt(tab, tab.Open(t, publicURL+"/x"), publicURL+"/x")

	isAt(tab, tab.Open(t, first), first)
	var codes []string
	for _, asked := range append(tab.Requested(), other.Requested()...) {
		_, address, _ := strings.Cut(asked, " ")
		address, referer, _ := strings.Cut(address, " ")
		if u, err := url.Parse(address); err == nil && u.Query().Get("code") != "" {
			codes = append(codes, u.Query().Get("code"))
		}
		if strings.Contains(referer, "code=") || strings.Contains(referer, "state=") && !strings.HasPrefix(address, publicURL+"/") {
			t.Errorf("the browser told %q", asked)
		}
	}
	if len(codes) != 3 {
		t.Errorf("there were %d codes", len(codes))
	}
	if places := append(tab.Places(t), other.Places(t)...); slices.ContainsFunc(places, func(p string) bool { return strings.Contains(p, "code=") }) {
		t.Errorf("the history has a code: %q", places)
	}

	// A code that somebody else has read is none in another browser, and in this one it is used up: it leads on by a link.
	stolen := "https://app.example.net/auth/handover?code=" + url.QueryEscape(codes[0])
	thief := browsertest.Start(t, hosts).Guest(t)
	for _, reader := range []*browsertest.Tab{thief, tab} {
		if status := reader.Open(t, stolen); status != 400 || reader.Title(t) != "That did not work" {
			t.Errorf("%d %q", status, reader.Title(t))
		}
		reader.Check(t, "handover-refused")
	}
	isAtLogin(thief, thief.Press(t, "Try again"))
	isAt(tab, tab.Press(t, "Try again"), strings.TrimSuffix(first, "#part"))

	tab.Open(t, "https://app.example.net/auth/signout")
	if where := tab.Location(t); where != publicURL+"/auth/signout" {
		t.Errorf("people sign out at %s", where)
	}
	tab.Do(t, chromedp.Click(chromedp.CSS("main form button"))) // there is another one above the page
	tab.Await(t, "it is done", `document.querySelector("h1")?.innerText === "You are signed out"`)
	for _, address := range []string{first, second, third, publicURL + "/x"} {
		isAtLogin(tab, tab.Open(t, address))
	}
}
