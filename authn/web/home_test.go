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
	for page, query := range map[string]string{prefix + "/auth/account": "?home=1", usersPage + "?search=x&said=y": "", userPage(alice): "?home=1"} {
		to := publicURL + page + query
		if query == "" {
			to = publicURL + usersPage + "?home=1&said=y&search=x"
		}
		s.ask(t, "GET", page, nil, own...).leads(t, to)
		if a := s.ask(t, "GET", page, nil, "Cookie", asRoot); a.status != http.StatusOK {
			t.Errorf("%s at home: %d", page, a.status)
		}
	}
	s.ask(t, "POST", userPage(alice, "disable"), url.Values{}, own...).leads(t, publicURL+userPage(alice, "disable")+"?home=1")
	s.ask(t, "GET", prefix+"/auth/account?home=1", nil, own...).says(t, 400, "does not say which host was asked for") // it would go on for ever
	s.ask(t, "GET", prefix+"/auth/account?home=1", nil, "Cookie", asRoot).says(t, 200, "root")
	if !s.stored(t, alice).Active {
		t.Error("a page of an application has disabled a user")
	}
	s.ask(t, "GET", prefix+web.SignInPath, nil, "Test-Host", "app.example.com").says(t, 200, `name="password"`)
	s.ask(t, "POST", userPage(alice, "disable"), url.Values{}, "Cookie", asRoot, "Sec-Fetch-Site", "same-origin").leadsBack(t, userPage(alice), "user_disabled")
}
