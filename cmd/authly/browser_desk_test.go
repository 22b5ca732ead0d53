package main_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

// The front page counts what has just happened, in pictures and in numbers.
func testDeskFront(t *testing.T, s *stage) {
	s.person(t, "flora")
	flora := s.browser.Guest(t)
	flora.Open(t, browsed+"/page")
	for range 3 {
		flora.Press(t, "Sign in", "username", "flora", "password", "not hers")
	}
	admin := s.signedIn(t, "admin")
	admin.Press(t, "Administration")
	at(t, admin, adminPages)
	shows(t, admin, "Sign-ins", "Failed attempts", "Locked accounts", "Latest events")
	const bars = `[...document.querySelectorAll("svg.chart")].map((c) => [...c.querySelectorAll(".bar")].filter((b) => b.getBoundingClientRect().height > 1).length)`
	for i, n := range browsertest.Evaluate[[]int](t, admin, bars) {
		if n < 1 || n > 2 { // an hour may begin meanwhile
			t.Errorf("the chart %d has %d bars for what happened in these seconds", i, n)
		}
	}
	admin.Click(t, "The same in numbers")
	admin.Check(t, "admin-numbers")
}

func testAuditLog(t *testing.T, s *stage) {
	s.person(t, "aubrey")
	tab := s.browser.Guest(t)
	tab.Open(t, browsed+"/page")
	tab.Press(t, "Sign in", "username", "aubrey", "password", "not hers")
	tab.Press(t, "Sign in", "username", "aubrey", "password", passwordOf("aubrey"))

	admin := s.signedIn(t, "admin")
	admin.Open(t, adminPages+"/audit")
	admin.Press(t, "Show", "user", "aubrey")
	shows(t, admin, "Signed in", "Sign-in failed", "User created")
	admin.Press(t, "Show", "outcome", "failure")
	shows(t, admin, "Sign-in failed", "Wrong name, password or token")
	if text := admin.Text(t); strings.Contains(text, "User created") {
		t.Errorf("what has not failed is shown:\n%s", text)
	}
	admin.Check(t, "admin-audit-found")
	content, name := admin.Download(t, "CSV")
	if lines := strings.Split(strings.TrimSpace(string(content)), "\n"); !strings.HasSuffix(name, ".csv") || len(lines) != 2 || !strings.Contains(lines[1], "login_failed") {
		t.Errorf("%s is\n%s", name, content)
	}
	if status := admin.Press(t, "Show", "since", "yesterday"); status != http.StatusBadRequest {
		t.Errorf("a time that is none: %d", status)
	}
	admin.Check(t, "admin-audit-wrong")
}

// Which rule decides, and why, before anybody asks.
func testExplained(t *testing.T, s *stage) {
	id := s.person(t, "xenia")
	s.person(t, "xaver")
	s.must(t, http.StatusOK, "PUT", "/users/"+id, s.admin.Access, `{"roles":["staff"]}`)
	admin := s.signedIn(t, "admin")
	admin.Open(t, adminPages+"/routes")
	for user, verdict := range map[string]string{"xenia": "May pass", "xaver": "May not pass", "": "Has to sign in"} {
		admin.Press(t, "Explain", "url", browsed+"/staff/room", "method", "GET", "user", user)
		shows(t, admin, verdict, "staff")
		admin.Check(t, "admin-routes-"+strings.ReplaceAll(verdict, " ", "-"))
	}
	if status := admin.Press(t, "Explain", "url", "/a;b", "user", "nobody of this name"); status < 400 {
		t.Errorf("nonsense is explained: %d", status)
	}
	admin.Check(t, "admin-routes-wrong")
}

func testSigningKeys(t *testing.T, s *stage) {
	admin := s.signedIn(t, "admin")
	admin.Open(t, adminPages+"/keys")
	const section = "Access tokens" // what others have in hand is signed by these: no key dies that has signed
	before := admin.Text(t)
	admin.PressIn(t, section, "Make the next key")
	shows(t, admin, "The next key is made.", "Is going to sign")
	admin.Check(t, "admin-keys-next")
	admin.PressIn(t, "Is going to sign", "Revoke …")
	admin.Check(t, "admin-keys-revoke")
	admin.Press(t, "Revoke the key")
	shows(t, admin, "The key is revoked.")
	admin.PressIn(t, section, "Replace at once …")
	admin.Check(t, "admin-keys-replace")
	admin.Press(t, "Replace at once")
	shows(t, admin, "The new key signs.")
	if admin.Text(t) == before {
		t.Error("nothing has changed")
	}
	admin.Check(t, "admin-keys-replaced")
	s.must(t, http.StatusOK, "GET", "/users/me", s.admin.Access, "") // what was signed before stays good
	s.must(t, http.StatusOK, "GET", "/users/me", s.login(t, "admin", adminPassword).Access, "")
}
