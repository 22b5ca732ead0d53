package main_test

import (
	"net/http"
	"strings"
	"testing"
)

// From an application to an account of one's own, and back.
func testRegister(t *testing.T, s *stage) {
	tab := s.browser.Guest(t)
	tab.Open(t, browsed+"/page?x=1#part")
	tab.Press(t, "Create an account")
	if status := tab.Press(t, "Create account", "username", "rita", "email", "rita@example.com", "password", passwordOf("rita"), "again", "another password"); status < 400 {
		t.Errorf("two passwords: %d", status)
	}
	tab.Check(t, "register-wrong")
	tab.Press(t, "Create account", "password", passwordOf("rita"), "again", passwordOf("rita"))
	if title := tab.Title(t); title != "Look into your mail" {
		t.Fatalf("registered, the page says %q: %s", title, tab.Text(t))
	}
	tab.Press(t, "Sign in")
	if status := tab.Press(t, "Sign in", "username", "rita", "password", passwordOf("rita")); status != http.StatusForbidden {
		t.Errorf("before the address is confirmed: %d", status)
	}
	shows(t, tab, "Your email address is not confirmed yet.")
	tab.Check(t, "signin-unverified")
	tab.Press(t, "Ask for another link")
	tab.Press(t, "Get the link", "email", "rita@example.com")
	s.mailTo(t, "rita@example.com")

	mail := tab.Beside(t) // links of mails open in another tab
	openMail(t, mail, s.mailTo(t, "rita@example.com").Link(t, "/auth/mail/verify"))
	pressMail(t, mail, "Your email address is confirmed", "Confirm the address")
	tab.Press(t, "Sign in")
	tab.Press(t, "Sign in", "username", "rita", "password", passwordOf("rita"))
	at(t, tab, browsed+"/page?x=1")

	other := s.browser.Guest(t)
	other.Open(t, browsed+"/auth/register")
	for name, fields := range map[string][]string{"name": {"username", "rita", "email", "other@example.com"}, "address": {"username", "other", "email", "rita@example.com"}} {
		if status := other.Press(t, "Create account", append(fields, "password", passwordOf("rita"), "again", passwordOf("rita"))...); status < 400 {
			t.Errorf("the %s of somebody else: %d", name, status)
		}
	}
}

// Whoever has forgotten the password gets a new one by mail, and nobody learns who has an account.
func testForgotten(t *testing.T, s *stage) {
	s.person(t, "frida")
	s.mailTo(t, "frida@example.com") // of her registration
	elsewhere, tab := s.signedIn(t, "frida"), s.browser.Guest(t)
	said := map[string]string{}
	for _, email := range []string{"nobody@example.com", "frida@example.com"} {
		tab.Open(t, browsed+"/page")
		tab.Press(t, "Forgot your password?")
		tab.Press(t, "Get the link", "email", email)
		said[email] = tab.Location(t) + tab.Text(t)
	}
	if said["nobody@example.com"] != said["frida@example.com"] {
		t.Errorf("the page tells who has an account: %q", said)
	}
	link := s.mailTo(t, "frida@example.com").Link(t, "/auth/mail/reset")
	openMail(t, tab, link)
	if status := tab.Press(t, "Set the password", "password", "12345678", "again", "12345678"); status < 400 {
		t.Errorf("a password that many have: %d", status)
	}
	tab.Check(t, "mailed-reset-wrong")
	tab.Press(t, "Set the password", "password", "battery staple", "again", "battery staple")
	if title := tab.Title(t); title != "Your password is changed" {
		t.Errorf("the page says %q", title)
	}
	elsewhere.Open(t, browsed+"/page")
	atSignIn(t, elsewhere)
	tab.Press(t, "Sign in")
	tab.Press(t, "Sign in", "username", "frida", "password", "battery staple")
	at(t, tab, accountPage)

	openMail(t, tab, link)
	if status := tab.Press(t, "Set the password", "password", "battery staple", "again", "battery staple"); status < 400 {
		t.Errorf("the same link once more: %d", status)
	}
	shows(t, tab, "The link in the mail was used before, or has expired.")
	tab.Check(t, "mailed-reset-spent")
}

// Every page for people who are not signed in, as links lead to it.
func testPublicPages(t *testing.T, s *stage) {
	tab := s.browser.Guest(t)
	seen := crawl(t, tab, "", browsed+"/auth/login", browsed+"/auth/sent/reset", browsed+"/auth/sent/registration", browsed+"/auth/sent/verification",
		browsed+"/auth/mail/verify", browsed+"/auth/mail/email", browsed+"/auth/mail/reset", browsed+"/auth/mail/invitation", browsed+"/auth/signout")
	reached(t, seen, "/auth/forgot", "/auth/register", "/auth/resend")
	for page := range seen { // in the other language, nothing is in the first
		tab.Languages(t, "de")
		tab.Open(t, browsed+page)
		for _, english := range []string{"Sign in", "password", "link"} {
			if text := tab.Text(t); strings.Contains(text, english) {
				t.Errorf("%s says %q in German:\n%s", page, english, text)
			}
		}
	}
}
