package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

const accountPage = browsed + "/auth/account"

// Every page of an account, as its user comes to it.
func testAccountPages(t *testing.T, s *stage) {
	s.person(t, "paula")
	s.signedIn(t, "paula")
	tab := s.signedIn(t, "paula")
	at(t, tab, accountPage)
	shows(t, tab, "paula@example.com", "Team wiki")
	if text := tab.Text(t); strings.Contains(text, "Staff room") {
		t.Errorf("paula is shown what is not for her:\n%s", text)
	}
	seen := crawl(t, tab, "", accountPage)
	reached(t, seen, "/auth/account", "/auth/account/password", "/auth/account/email", "/auth/account/sessions", "/auth/account/activity",
		"/auth/account/data", "/auth/account/delete")
	tab.Open(t, accountPage)
	tab.Press(t, "Team wiki")
	at(t, tab, browsed+"/wiki/")
}

// A new password ends the session everywhere but here.
func testAccountPassword(t *testing.T, s *stage) {
	s.person(t, "pelle")
	tab, elsewhere := s.signedIn(t, "pelle"), s.signedIn(t, "pelle")
	tab.Press(t, "Password")
	change := func(current, password, again string) int {
		t.Helper()
		return tab.Press(t, "Change the password", "current_password", current, "password", password, "again", again)
	}
	for name, refused := range map[string][3]string{
		"a wrong current one": {"not his", "battery staple", "battery staple"}, "another again": {passwordOf("pelle"), "battery staple", "battery stapler"},
		"one that many have": {passwordOf("pelle"), "12345678", "12345678"},
	} {
		if status := change(refused[0], refused[1], refused[2]); status < 400 || status > 499 {
			t.Errorf("%s: %d", name, status)
		}
		tab.Check(t, "account-password-wrong")
	}
	if status := change(passwordOf("pelle"), "battery staple", "battery staple"); status != http.StatusOK {
		t.Errorf("the change: %d %s", status, tab.Text(t))
	}
	tab.Open(t, browsed+"/page")
	at(t, tab, browsed+"/page")
	elsewhere.Open(t, browsed+"/page")
	atSignIn(t, elsewhere)
	elsewhere.Press(t, "Sign in", "username", "pelle", "password", passwordOf("pelle"))
	shows(t, elsewhere, "The name or the password is not right.")
	elsewhere.Press(t, "Sign in", "username", "pelle", "password", "battery staple")
	at(t, elsewhere, browsed+"/page")
}

func testAccountEmail(t *testing.T, s *stage) {
	s.person(t, "emil")
	s.mailTo(t, "emil@example.com") // of his registration
	tab := s.signedIn(t, "emil")
	tab.Press(t, "Email address")
	if status := tab.Press(t, "Change the address", "email", "emil@example.com"); status < 400 {
		t.Errorf("the address that it is: %d", status)
	}
	tab.Check(t, "account-email-wrong")
	tab.Press(t, "Change the address", "email", "emil@new.example")
	shows(t, tab, "emil@example.com", "emil@new.example")
	tab.Check(t, "account-email-waiting")
	openMail(t, tab, s.mailTo(t, "emil@new.example").Link(t, "/auth/mail/email"))
	pressMail(t, tab, "Your email address is changed", "Confirm the address")
	tab.Open(t, accountPage)
	shows(t, tab, "emil@new.example")
}

func testAccountSessions(t *testing.T, s *stage) {
	s.person(t, "sven")
	tab, one, two := s.signedIn(t, "sven"), s.signedIn(t, "sven"), s.signedIn(t, "sven")
	ended := func() (n int) {
		t.Helper()
		for _, other := range []*browsertest.Tab{one, two} {
			if other.Open(t, browsed+"/page"); strings.HasPrefix(other.Location(t), browsed+"/auth/login") {
				n++
			}
		}
		return n
	}
	tab.Press(t, "Sessions")
	shows(t, tab, "Chrome", "this browser")
	if n := ended(); n != 0 {
		t.Errorf("%d sessions have ended", n)
	}
	tab.Press(t, "Sign out everywhere else")
	if n := ended(); n != 2 {
		t.Errorf("%d sessions have ended elsewhere, want both", n)
	}
	one.Press(t, "Sign in", "username", "sven", "password", passwordOf("sven"))
	tab.Reload(t)
	tab.PressIn(t, "Chrome", "Sign out: Chrome on Linux")
	if n := ended(); n != 2 {
		t.Errorf("%d sessions have ended elsewhere, want both", n)
	}
	tab.Open(t, accountPage)
	at(t, tab, accountPage)
	tab.Press(t, "Activity")
	shows(t, tab, "Chrome")
}

func testAccountData(t *testing.T, s *stage) {
	s.person(t, "dora")
	tab := s.signedIn(t, "dora")
	tab.Press(t, "My data")
	content, name := tab.Download(t, "Download my data")
	var kept map[string]any
	if err := json.Unmarshal(content, &kept); err != nil || !strings.HasSuffix(name, ".json") || !strings.Contains(string(content), "dora@example.com") {
		t.Errorf("%s: %v\n%s", name, err, content)
	}
	for _, secret := range []string{passwordOf("dora"), "$2a$", "password_hash"} {
		if strings.Contains(string(content), secret) {
			t.Errorf("%s holds a secret:\n%s", name, content)
		}
	}
}

func testAccountDeleted(t *testing.T, s *stage) {
	s.person(t, "dieter")
	tab, elsewhere := s.signedIn(t, "dieter"), s.signedIn(t, "dieter")
	tab.Press(t, "My data")
	tab.Press(t, "Delete my account …")
	if status := tab.Press(t, "Delete my account", "current_password", "not his", "confirm", "yes"); status < 400 {
		t.Errorf("with a wrong password: %d", status)
	}
	tab.Check(t, "account-delete-wrong")
	tab.Press(t, "Delete my account", "current_password", passwordOf("dieter"), "confirm", "yes")
	if title := tab.Title(t); title != "Your account is deleted" {
		t.Errorf("the page says %q", title)
	}
	tab.Check(t, "account-deleted")
	tab.Back(t)
	if text := tab.Text(t); strings.Contains(text, "dieter") {
		t.Errorf("after that the way back shows\n%s", text)
	}
	for _, tab := range []*browsertest.Tab{tab, elsewhere} {
		tab.Open(t, accountPage)
		atSignIn(t, tab)
	}
	tab.Press(t, "Sign in", "username", "dieter", "password", passwordOf("dieter"))
	shows(t, tab, "The name or the password is not right.")
}

// Password managers find the way to the page that changes a password.
func testWellKnownChange(t *testing.T, s *stage) {
	s.person(t, "wanda")
	tab := s.signedIn(t, "wanda")
	tab.Open(t, browsed+"/.well-known/change-password")
	at(t, tab, accountPage+"/password")
}
