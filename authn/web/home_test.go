package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/descoped/authly/authn/web"
)

// What is of an account or of administration is done on the host of the public URL alone, whatever host the cookie reaches: on any other
// there may be an application, whose pages are of the same origin as these would be.
func TestPagesAreAtHome(t *testing.T) {
	s := open(t)
	_, asRoot := s.administer(t)
	alice := s.user(t, "alice", false)
	own := []string{"Cookie", asRoot, "Sec-Fetch-Site", "same-origin", "Origin", elsewhere, "Test-Host", "app.example.com"}
	for _, page := range []string{prefix + "/auth/account", usersPage + "?search=x&said=y", userPage(alice), prefix + "/auth/admin/keys"} {
		s.ask(t, "GET", page, nil, own...).leads(t, publicURL+page)
		if a := s.ask(t, "GET", page, nil, "Cookie", asRoot); a.status != http.StatusOK {
			t.Errorf("%s at home: %d", page, a.status)
		}
	}
	s.ask(t, "POST", userPage(alice, "disable"), url.Values{}, own...).leads(t, publicURL+userPage(alice, "disable"))
	if !s.stored(t, alice).Active {
		t.Error("a page of an application has disabled a user")
	}
	s.ask(t, "GET", prefix+web.SignInPath, nil, "Test-Host", "app.example.com").says(t, 200, `name="password"`)
	s.ask(t, "POST", userPage(alice, "disable"), url.Values{}, "Cookie", asRoot, "Sec-Fetch-Site", "same-origin").leadsBack(t, userPage(alice), "user_disabled")
}
