package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const adminPages = browsed + "/auth/admin"

// The life of an account in the hands of an administrator, who never sees the command line, beside what its user sees of that.
func testUserLife(t *testing.T, s *stage) {
	admin := s.signedIn(t, "admin")
	admin.Open(t, adminPages+"/users")
	admin.Press(t, "New user")
	if status := admin.Press(t, "Create the user", "username", "nora", "email", "nora@example.com", "password", "12345678", "again", "12345678"); status < 400 {
		t.Errorf("a password that many have: %d", status)
	}
	admin.Check(t, "admin-users-new-wrong")
	admin.Press(t, "Create the user", "password", passwordOf("nora"), "again", passwordOf("nora"), "roles", "staff", "is_verified", "yes")
	shows(t, admin, "The user is created.", "nora@example.com")
	account := admin.Location(t)

	nora := s.browser.Guest(t)
	signIn := func(password, to string) {
		t.Helper()
		nora.Open(t, browsed+"/staff/")
		atSignIn(t, nora)
		nora.Press(t, "Sign in", "username", "nora", "password", password)
		if to != "" {
			at(t, nora, to)
		}
	}
	act := func(button, says string, fields ...string) {
		t.Helper()
		admin.Open(t, account)
		admin.Press(t, button, fields...)
		shows(t, admin, says)
	}
	signIn(passwordOf("nora"), browsed+"/staff/")
	shows(t, nora, "nora")

	act("Save", "The user is changed.", "roles", "visitors")
	signIn(passwordOf("nora"), browsed+"/staff/")
	if status := nora.Reload(t); status != http.StatusForbidden {
		t.Errorf("without the role: %d", status)
	}
	act("End all sessions", "The sessions have ended.")
	signIn(passwordOf("nora"), browsed+"/staff/")

	act("Disable…", "Disable this user?")
	admin.Check(t, "admin-users-ID-disable")
	admin.Press(t, "Disable the user")
	shows(t, admin, "The user is disabled")
	signIn(passwordOf("nora"), "")
	shows(t, nora, "Your account is closed.")
	act("Enable", "The user may sign in again.")

	for range 3 {
		nora.Press(t, "Sign in", "username", "nora", "password", "not hers")
	}
	nora.Press(t, "Sign in", "username", "nora", "password", passwordOf("nora"))
	shows(t, nora, "There were too many attempts.")
	admin.Open(t, account)
	admin.Check(t, "admin-users-ID-locked")
	act("Unlock", "The user is unlocked.")
	signIn(passwordOf("nora"), browsed+"/staff/")

	act("Mail a link for a new password", "is on its way")
	openMail(t, nora, s.mailTo(t, "nora@example.com").Link(t, "/auth/mail/reset"))
	pressMail(t, nora, "Your password is changed", "Set the password", "password", "battery staple", "again", "battery staple")
	signIn("battery staple", browsed+"/staff/")
	act("Set a password", "The user is signed out everywhere")
	admin.Press(t, "Set the password", "password", "horse battery", "again", "horse battery")
	shows(t, admin, "The password is set")
	signIn("horse battery", browsed+"/staff/")

	act("Delete…", "Delete this user?")
	admin.Press(t, "Delete the user")
	shows(t, admin, "The user is deleted.")
	signIn("horse battery", "")
	shows(t, nora, "The name or the password is not right.")
	if status := admin.Open(t, account); status != http.StatusNotFound {
		t.Errorf("the page of a user who is gone: %d", status)
	}
	admin.Check(t, "admin-users-ID-gone")
}

// From an invitation to the first login.
func testInvitation(t *testing.T, s *stage) {
	admin := s.signedIn(t, "admin")
	admin.Open(t, adminPages+"/invitations")
	for _, email := range []string{"ivan@example.com", "igor@example.com"} {
		admin.Press(t, "Send the invitation", "email", email, "roles", "staff")
		shows(t, admin, "The invitation is on its way.", email)
	}
	admin.Check(t, "admin-invitations-open")
	withdrawn := s.mailTo(t, "igor@example.com").Link(t, "/auth/mail/invitation")
	admin.PressIn(t, "igor@example.com", "Withdraw the invitation of igor@example.com")
	shows(t, admin, "The invitation is withdrawn")

	guest := s.browser.Guest(t)
	openMail(t, guest, withdrawn)
	if status := guest.Press(t, "Make the account", "username", "igor", "password", passwordOf("igor"), "again", passwordOf("igor")); status < 400 {
		t.Errorf("an invitation that is withdrawn: %d", status)
	}
	openMail(t, guest, s.mailTo(t, "ivan@example.com").Link(t, "/auth/mail/invitation"))
	pressMail(t, guest, "Your account is made", "Make the account", "username", "ivan", "password", passwordOf("ivan"), "again", passwordOf("ivan"))
	guest.Press(t, "Sign in")
	guest.Press(t, "Sign in", "username", "ivan", "password", passwordOf("ivan"))
	at(t, guest, accountPage)
	shows(t, guest, "ivan@example.com", "staff")
	guest.Open(t, browsed+"/staff/")
	shows(t, guest, "ivan")
}

func testUserSearch(t *testing.T, s *stage) {
	for i := range 51 {
		s.person(t, fmt.Sprintf("many%02d", i))
	}
	admin := s.signedIn(t, "admin")
	admin.Open(t, adminPages+"/users")
	admin.Press(t, "Search", "search", "MANY", "order", "username")
	shows(t, admin, "many00", "many49")
	if text := admin.Text(t); strings.Contains(text, "many50") {
		t.Errorf("the first page holds everybody:\n%s", text)
	}
	admin.Check(t, "admin-users-found")
	admin.Press(t, "Next page")
	shows(t, admin, "many50")
	admin.Check(t, "admin-users-last")
	admin.Press(t, "First page")
	shows(t, admin, "many00")
	admin.Press(t, "many07")
	if title := admin.Title(t); title != "many07" {
		t.Errorf("the link leads to %q", title)
	}
	admin.Open(t, adminPages+"/users")
	admin.Press(t, "Search", "search", "nobody has this name")
	shows(t, admin, "Nobody was found.")
	admin.Check(t, "admin-users-none")
}

// An administrator ends the session of somebody.
func testSessionsOfAll(t *testing.T, s *stage) {
	s.person(t, "sessa")
	sessa, admin := s.signedIn(t, "sessa"), s.signedIn(t, "admin")
	admin.Open(t, adminPages+"/sessions")
	admin.Press(t, "Search", "user", "sessa")
	admin.PressIn(t, "sessa", "End the session of sessa on Chrome on Linux")
	shows(t, admin, "The session has ended.")
	sessa.Open(t, browsed+"/page")
	atSignIn(t, sessa)
}

// Pages for administrators are for nobody else, and those who are not signed in come to them by signing in.
func testAdministratorsOnly(t *testing.T, s *stage) {
	s.person(t, "nemo")
	nemo, guest := s.signedIn(t, "nemo"), s.browser.Guest(t)
	for _, page := range []string{"", "/users", "/users/new", "/invitations", "/sessions", "/audit", "/routes", "/keys", "/keys/access/replace"} {
		if status := nemo.Open(t, adminPages+page); status != http.StatusForbidden {
			t.Errorf("%s is shown to others: %d", page, status)
		}
		guest.Open(t, adminPages+page)
		atSignIn(t, guest)
	}
	nemo.Check(t, "admin-refused")
	guest.Press(t, "Sign in", "username", "admin", "password", adminPassword)
	at(t, guest, adminPages+"/keys/access/replace")
}

// Every page of the administration, as an administrator comes to it.
func testAdminPages(t *testing.T, s *stage) {
	ada := s.person(t, "ada")
	s.signedIn(t, "ada")
	admin := s.signedIn(t, "admin")
	seen := crawl(t, admin, "", adminPages+"/users/"+ada, adminPages)
	reached(t, seen, "/auth/admin/users", "/auth/admin/users/new", "/auth/admin/users/ID", "/auth/admin/users/ID/password", "/auth/admin/users/ID/disable",
		"/auth/admin/users/ID/delete", "/auth/admin/invitations", "/auth/admin/sessions", "/auth/admin", "/auth/admin/audit",
		"/auth/admin/routes", "/auth/admin/keys", "/auth/admin/keys/access/replace")
	admin.Open(t, adminPages+"/users/"+s.user(t, http.StatusOK, "GET", "/users/me", s.admin.Access, "").ID)
	shows(t, admin, "This is your own account.")
	admin.Check(t, "admin-users-ID-self")
	admin.Languages(t, "de")
	admin.Open(t, adminPages+"/users")
	admin.Check(t, "admin-users-german")
}

// The work of an administrator needs no script, and no wide screen.
func testAdminWithoutScripts(t *testing.T, s *stage) {
	s.person(t, "klara")
	admin := s.browser.Guest(t)
	admin.WithoutScripts(t)
	admin.Phone(t)
	admin.Open(t, adminPages+"/users?search=klara")
	admin.Press(t, "Sign in", "username", "admin", "password", adminPassword)
	admin.Press(t, "klara")
	admin.Press(t, "Save", "roles", "staff, reader")
	shows(t, admin, "The user is changed.")
	klara := s.signedIn(t, "klara")
	klara.Open(t, browsed+"/staff/")
	shows(t, klara, "klara")
}
