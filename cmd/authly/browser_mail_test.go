package main_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

// The pages that mails link to, in a real browser: opening one changes nothing and leaves the token nowhere, its button works, with
// scripts and without, and nothing on it breaks the page's own policy.
func testMailedPages(t *testing.T, s *stage) {
	tab := s.browser.Guest(t)
	var tokens []string
	mailed := func(address, path string) string {
		t.Helper()
		m := s.mailTo(t, address)
		tokens = append(tokens, m.Token(t, path))
		return m.Link(t, path)
	}
	molly := s.user(t, 201, "POST", "/users", "", `{"username":"molly","email":"molly@example.com","password":"`+passwordOf("molly")+`"}`)
	verified := func() bool { return s.user(t, 200, "GET", "/users/"+molly.ID, s.admin.Access, "").IsVerified }

	link := mailed("molly@example.com", "/auth/mail/verify")
	openMail(t, tab, link)
	openMail(t, tab, link)
	if verified() {
		t.Error("opening the link has verified the address")
	}
	pressMail(t, tab, "Your email address is confirmed", "Confirm the address")
	if !verified() {
		t.Error("the button has not verified the address")
	}

	before := s.login(t, "molly", passwordOf("molly"))
	s.must(t, 202, "POST", "/auth/password/forgot", "", `{"email":"molly@example.com"}`)
	openMail(t, tab, mailed("molly@example.com", "/auth/mail/reset"))
	s.must(t, 200, "GET", "/users/me", before.Access, "")
	pressMail(t, tab, "Your password is changed", "Set the password", "password", "battery staple", "again", "battery staple")
	s.must(t, 401, "GET", "/users/me", before.Access, "")
	s.login(t, "molly", "battery staple")

	tab.WithoutScripts(t)
	s.must(t, 201, "POST", "/users/invitations", s.admin.Access, `{"email":"bruno@example.com","roles":["staff"]}`)
	openMail(t, tab, mailed("bruno@example.com", "/auth/mail/invitation"))
	pressMail(t, tab, "Your account is made", "Make the account", "token", tokens[len(tokens)-1], "username", "bruno", "password", passwordOf("bruno"), "again", passwordOf("bruno"))
	s.login(t, "bruno", passwordOf("bruno"))

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
