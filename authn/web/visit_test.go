package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web"
)

// Who is not signed in is sent to do so, and comes back; who is sees the page.
func TestAudience(t *testing.T) {
	s := open(t)
	s.user(t, "alice", false)
	const page = prefix + "/auth/account"
	for name, test := range map[string]struct {
		method, path string
		form         url.Values
		to           string
		status       int
	}{
		"opened": {"GET", page, nil, publicURL + prefix + "/auth/login?return=" + url.QueryEscape(publicURL+page), 303},
		"with a query": {"GET", page + "?said=x&y=%2f", nil, publicURL + prefix + "/auth/login?return=" +
			url.QueryEscape(publicURL+page+"?said=x&y=%2f"), 303},
		"a form that it has not": {"POST", page, url.Values{}, "", 405},
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.ask(t, test.method, test.path, test.form); a.status != test.status || a.header.Get("Location") != test.to {
				t.Errorf("%d to %s, want %s", a.status, a.header.Get("Location"), test.to)
			}
		})
	}
	cookie := s.signIn(t, "alice")
	s.ask(t, "GET", page, nil, "Cookie", cookie).says(t, 200, `aria-current="page"`)
	for name, cookie := range map[string]string{"another's": "__Host-authly=" + strings.Repeat("A", 54), "malformed": "__Host-authly=x", "two": cookie + "; " + cookie} {
		if a := s.ask(t, "GET", page, nil, "Cookie", cookie); a.status != 303 || strings.Contains(a.body, "alice") {
			t.Errorf("with a cookie that is %s: %d", name, a.status)
		}
	}
}

// A sign-in leads to where it is to go on, or to the account; a sign-out ends the session.
func TestSignInAndOut(t *testing.T) {
	s := open(t)
	s.user(t, "alice", false)
	right := url.Values{"username": {" alice "}, "password": {password}}
	const page = prefix + web.SignInPath
	for path, to := range map[string]string{
		page: publicURL + prefix + "/auth/account", page + "?return=" + url.QueryEscape(elsewhere+"/x?y#z"): elsewhere + "/x?y#z",
		page + "?return=" + url.QueryEscape(publicURL+prefix+"/auth/account/password?said=password_changed&x=y"): publicURL + prefix + "/auth/account/password?x=y",
		page + "?return=" + url.QueryEscape(elsewhere+"/x?said=password_changed"):                                elsewhere + "/x?said=password_changed",
		page + "?return=https%3A%2F%2Fevil.test%2F":                                                              publicURL + prefix + "/auth/account",
	} {
		if a := s.ask(t, "POST", path, right); a.status != http.StatusSeeOther || a.header.Get("Location") != to {
			t.Errorf("%s: %d to %s", path, a.status, a.header.Get("Location"))
		}
	}
	a := s.ask(t, "GET", page+"?return="+url.QueryEscape(elsewhere+"/x"), nil)
	if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' "+elsewhere+";") {
		t.Errorf("the form may not lead there: %s", policy)
	}
	wrong := url.Values{"username": {"alice"}, "password": {"wrong password"}, "remember": {"yes"}}
	a = s.ask(t, "POST", page, wrong)
	a.says(t, 401, "The name or the password is not right.")
	a.says(t, 401, `value="yes" checked`)
	a.says(t, 401, `value="alice"`)
	if strings.Contains(a.body, "wrong password") {
		t.Error("the password comes back")
	}
	s.ask(t, "POST", page, wrong, "Accept-Language", "de").says(t, 401, "Der Name oder das Passwort stimmt nicht.")

	cookie := s.signIn(t, "alice")
	s.ask(t, "GET", page, nil, "Cookie", cookie).says(t, 200, "You are signed in")
	s.ask(t, "POST", prefix+"/auth/signout", nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site").says(t, 403, "This form was sent from another page.")
	s.ask(t, "GET", page, nil, "Cookie", cookie).says(t, 200, "You are signed in")
	a = s.ask(t, "POST", prefix+"/auth/signout", nil, "Cookie", cookie)
	a.says(t, 200, "You are signed out")
	if !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") || a.header.Get("Clear-Site-Data") != `"cache"` || strings.Contains(a.body, "alice") {
		t.Errorf("the cookie stays, or what the browser has kept: %v", a.header)
	}
	s.ask(t, "GET", page, nil, "Cookie", cookie).says(t, 200, `name="username"`)
}

// What a form has done is said by a name that is known, and by no link of another site.
func TestSaid(t *testing.T) {
	s := open(t)
	for _, path := range []string{"?said=", "?said=nothing_of_the_kind", "?said=%3Cb%3E", "?said=title"} {
		if a := s.ask(t, "GET", prefix+web.SignInPath+path, nil); strings.Contains(a.body, `role="status"`) || strings.Contains(a.body, "<b>") {
			t.Errorf("%s says something:\n%s", path, a.body)
		}
	}
}
