package examples_test

import (
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

// A person opens a page of the application in a real browser, signs in, and is there, query and fragment included; and it is the
// cookie that says so. All of it on the address that the example's own files name, but for the port that it leads to.
func (f *front) testPerson(t *testing.T) {
	browser := browsertest.Start(t, map[string]string{"localhost:8080": f.address})
	tab := browser.Guest(t)
	const page = "http://localhost:8080/browsed?x=1&y=%2f#part"
	if status := tab.Open(t, page); status != 200 || !strings.HasPrefix(tab.Location(t), "http://localhost:8080/auth/login?return=") {
		t.Fatalf("%d at %s", status, tab.Location(t))
	}
	if seen := f.app.asked("/browsed"); len(seen) > 0 {
		t.Errorf("before anybody signed in the application saw %q", seen)
	}
	if status := tab.Press(t, "Sign in", "username", "alice", "password", password); status != 200 || tab.Location(t) != page {
		t.Fatalf("%d at %s:\n%s", status, tab.Location(t), tab.Text(t))
	}
	arrived := f.app.asked("/browsed?x=1&y=%2f")
	if len(arrived) != 1 || parseSeen(arrived[0]).get("X-Forwarded-User") != "alice" {
		t.Errorf("the application saw %q", arrived)
	}
	tab.ForgetCookies(t)
	if tab.Reload(t); !strings.HasPrefix(tab.Location(t), "http://localhost:8080/auth/login?return=") {
		t.Errorf("without the cookie: at %s", tab.Location(t))
	}
	if seen := f.app.asked("/browsed"); len(seen) > 0 {
		t.Errorf("after that the application saw %q", seen)
	}
}
