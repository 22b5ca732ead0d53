package main_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/mail/mailtest"
	"github.com/descoped/authly/authn/web/browsertest"
)

// browsed is where the browser of the tests believes the server to be.
const browsed = "http://login.example.com"

// The pages that mails link to, in a real browser: opening one changes nothing and leaves the token nowhere, its button works, with
// scripts and without, and nothing on it breaks the page's own policy.
func TestMailPagesInBrowser(t *testing.T) {
	t.Parallel()
	box := mailtest.Start(t, mailOptions())
	a := start(t, sqliteURL(t), protectedEcho, mailEnviron(box, "AUTHLY_SERVER_PUBLIC_URL="+browsed)...)
	tab := browsertest.Start(t, map[string]string{"login.example.com": a.address["server.address"]}).Guest(t)
	admin := a.login(t, "admin", adminPassword)
	var tokens []string
	mailed := func(address, path string) string {
		t.Helper()
		m := box.NextTo(t, address)
		tokens = append(tokens, m.Token(t, path))
		return m.Link(t, path)
	}
	alice := a.user(t, 201, "POST", "/users", "", `{"username":"alice","email":"alice@example.com","password":"`+passwordOf("alice")+`"}`)
	verified := func() bool { return a.user(t, 200, "GET", "/users/"+alice.ID, admin.Access, "").IsVerified }

	link := mailed("alice@example.com", "/auth/mail/verify")
	openMail(t, tab, link)
	openMail(t, tab, link)
	if verified() {
		t.Error("opening the link has verified the address")
	}
	pressMail(t, tab, "Your email address is confirmed", "Confirm the address")
	if !verified() {
		t.Error("the button has not verified the address")
	}

	before := a.login(t, "alice", passwordOf("alice"))
	a.must(t, 202, "POST", "/auth/password/forgot", "", `{"email":"alice@example.com"}`)
	openMail(t, tab, mailed("alice@example.com", "/auth/mail/reset"))
	a.must(t, 200, "GET", "/users/me", before.Access, "")
	pressMail(t, tab, "Your password is changed", "Set the password", "password", "battery staple", "again", "battery staple")
	a.must(t, 401, "GET", "/users/me", before.Access, "")
	a.login(t, "alice", "battery staple")

	tab.WithoutScripts(t)
	a.must(t, 201, "POST", "/users/invitations", admin.Access, `{"email":"bob@example.com","roles":["staff"]}`)
	openMail(t, tab, mailed("bob@example.com", "/auth/mail/invitation"))
	pressMail(t, tab, "Your account is made", "Make the account", "token", tokens[len(tokens)-1], "username", "bob", "password", passwordOf("bob"), "again", passwordOf("bob"))
	a.login(t, "bob", passwordOf("bob"))

	leaks(t, tab, tokens)
}

// openMail opens a link of a mail and leaves the button alone.
func openMail(t *testing.T, tab *browsertest.Tab, link string) {
	t.Helper()
	tab.Open(t, "about:blank") // or another fragment of the same page would be no other page
	if status := tab.Open(t, link); status != 200 {
		t.Errorf("the page of the mail: %d", status)
	}
}

// pressMail fills in fields, presses the button and expects to be told that it is done.
func pressMail(t *testing.T, tab *browsertest.Tab, done, button string, fields ...string) {
	t.Helper()
	if status := tab.Press(t, button, fields...); status != 200 || tab.Title(t) != done {
		t.Errorf("%d, and the page says %q, want %q", status, tab.Title(t), done)
	}
}

// leaks fails if a token was anywhere but in a form: in no address that was asked for or shown, no Referer, no history. What was
// opened without scripts stands in the history as it was in the mail: nobody can take it out, and it is used up.
func leaks(t *testing.T, tab *browsertest.Tab, tokens []string) {
	t.Helper()
	places, asked := strings.Join(tab.Places(t), "\n"), strings.Join(tab.Requested(), "\n")
	for i, token := range tokens {
		if strings.Contains(asked, token) || i < len(tokens)-1 && strings.Contains(places, token) {
			t.Errorf("the token %d is in a request or in the history:\n%s\n%s", i, asked, places)
		}
	}
	for _, want := range []string{"GET " + browsed + "/auth/mail/verify ", "POST " + browsed + "/auth/mail/reset ", "GET " + browsed + "/auth/assets/fill.js "} {
		if !strings.Contains(asked, want) {
			t.Errorf("it did not ask for %s:\n%s", want, asked)
		}
	}
	if !slices.Contains(tab.Places(t), browsed+"/auth/mail/reset") {
		t.Errorf("the history is\n%s", places)
	}
}
