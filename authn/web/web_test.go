package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// register registers alice and returns the token that she was mailed.
func (s *site) register(t *testing.T) string {
	t.Helper()
	r := authn.Registration{Username: "alice", Email: "alice@example.com", Password: password}
	if _, err := s.accounts.Register(t.Context(), r, authn.Client{}); err != nil {
		t.Fatal(err)
	}
	return s.token(t, authn.MailVerification)
}

// Scanners of mails open every link, some of them again and again: nothing happens. The button does it, once.
func TestOpeningChangesNothing(t *testing.T) {
	s := open(t)
	token := s.register(t)
	const page = "/api/v1/auth/mail/verify"
	for _, path := range []string{page, page + "?token=" + token, page + "?utm_source=mail"} {
		s.ask(t, "GET", path, nil).says(t, 200, `<form method="post">`)
		if a := s.ask(t, "HEAD", path, nil); a.status != 200 || a.body != "" {
			t.Errorf("HEAD: %d %q", a.status, a.body)
		}
	}
	s.ask(t, "POST", page+"?token="+token, url.Values{}).says(t, 400, "Ask for a new one")
	for _, method := range []string{"PUT", "DELETE", "OPTIONS", "PATCH"} {
		a := s.ask(t, method, page, url.Values{"token": {token}})
		a.says(t, 405, "Method not allowed")
		if a.header.Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("Allow %q", a.header.Get("Allow"))
		}
	}
	s.ask(t, "POST", page, url.Values{"token": {token}}).says(t, 200, "Your email address is confirmed")
	s.ask(t, "POST", page, url.Values{"token": {token}}).says(t, 400, "Ask for a new one")
}

func TestPathsOfOthers(t *testing.T) {
	s := open(t)
	for _, path := range []string{"/", "/auth/mail/verify", "/api/v1/auth/mail", "/api/v1/auth/mail/", "/api/v1/auth/mail/verify/", "/api/v1/auth/token", "/api/v1/auth//mail/verify"} {
		if a := s.ask(t, "GET", path, nil); a.status != http.StatusTeapot {
			t.Errorf("%s: %d, want it handed on", path, a.status)
		}
	}
	for path, kind := range map[string]string{"style.css": "text/css; charset=utf-8", "fill.js": "text/javascript; charset=utf-8"} {
		a := s.ask(t, "GET", "/api/v1/auth/assets/"+path, nil)
		if a.status != 200 || a.header.Get("Content-Type") != kind || a.body == "" {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Content-Type"))
		}
		if a := s.ask(t, "POST", "/api/v1/auth/assets/"+path, url.Values{}); a.status != 405 {
			t.Errorf("POST %s: %d", path, a.status)
		}
	}
	page := s.ask(t, "GET", "/api/v1/auth/mail/reset", nil)
	for _, want := range []string{`href="/api/v1/auth/assets/style.css"`, `src="/api/v1/auth/assets/fill.js"`, `<html lang="en">`, `<label for="token">`,
		`<label for="password">`, `<label for="again">`, `autocomplete="new-password"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("%s is not in\n%s", want, page.body)
		}
	}
	if strings.Contains(page.body, "style=") || strings.Contains(page.body, "onclick") {
		t.Error("the page has what its policy forbids")
	}
}

func TestResetPage(t *testing.T) {
	s := open(t)
	s.ask(t, "POST", "/api/v1/auth/mail/verify", url.Values{"token": {s.register(t)}}).says(t, 200, "confirmed")
	if err := s.accounts.RequestPasswordReset(t.Context(), "alice@example.com", authn.Client{}); err != nil {
		t.Fatal(err)
	}
	token := s.token(t, authn.MailPasswordReset)
	const page = "/api/v1/auth/mail/reset"
	send := func(password, again string) answer {
		return s.ask(t, "POST", page, url.Values{"token": {token}, "password": {password}, "again": {again}})
	}
	a := send("battery staple", "battery stable")
	a.says(t, 400, "The two passwords are not the same.")
	if !strings.Contains(a.body, `value="`+token+`"`) || strings.Contains(a.body, "battery") || !strings.Contains(a.body, `role="alert"`) {
		t.Errorf("the form comes back as\n%s", a.body)
	}
	send("short", "short").says(t, 400, "Password must have at least 8 characters.")
	send("battery staple", "battery staple").says(t, 200, "Your password is changed")
	send("battery staple", "battery staple").says(t, 400, "Ask for a new one")
}

func TestInvitationPage(t *testing.T) {
	s := open(t)
	if _, err := s.accounts.Invite(t.Context(), authn.Operator(), authn.Invitation{Email: "bob@example.com"}); err != nil {
		t.Fatal(err)
	}
	token := s.token(t, authn.MailInvitation)
	const page = "/api/v1/auth/mail/invitation"
	link := "https://login.example.com" + page + "#" + token
	form := url.Values{"token": {" " + link + "\r\n"}, "username": {`a b"><script>alert(1)</script>`}, "password": {password}, "again": {password}}
	a := s.ask(t, "POST", page, form)
	a.says(t, 400, "Username may hold")
	if strings.Contains(a.body, "<script>alert") {
		t.Errorf("markup is not text in\n%s", a.body)
	}
	form.Set("username", "")
	s.ask(t, "POST", page, form).says(t, 400, "Missing field: username.")
	form.Set("username", "Bob")
	s.ask(t, "POST", page, form).says(t, 200, "Your account is made")
}

func TestEmailPage(t *testing.T) {
	s := open(t)
	s.register(t)
	alice, err := s.accounts.Find(t.Context(), authn.Operator(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	to := "new@example.net"
	if _, err := s.accounts.Update(t.Context(), &authn.Identity{UserID: alice.ID}, alice.ID, authn.AccountUpdate{Email: &to}, authn.Client{}); err != nil {
		t.Fatal(err)
	}
	token := s.token(t, authn.MailEmailChange)
	s.ask(t, "POST", "/api/v1/auth/mail/verify", url.Values{"token": {token}}).says(t, 400, "Ask for a new one")
	s.ask(t, "POST", "/api/v1/auth/mail/email", url.Values{"token": {token}}).says(t, 200, "Your email address is changed")
}

// No page of another origin can send a form; a browser that sends one of this origin may leave its name out.
func TestFormsOfOthers(t *testing.T) {
	s := open(t)
	token := s.register(t)
	const page = "/api/v1/auth/mail/verify"
	form := url.Values{"token": {token}}
	for name, header := range map[string][]string{
		"cross-site":            {"Sec-Fetch-Site", "cross-site"},
		"same-site":             {"Sec-Fetch-Site", "same-site", "Origin", "https://app.example.com"},
		"an older browser":      {"Origin", "https://evil.test"},
		"a sandboxed frame":     {"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		"an older browser, too": {"Origin", "null"},
	} {
		t.Run(name, func(t *testing.T) {
			s.ask(t, "POST", page, form, header...).says(t, 403, "This form was sent from another page")
		})
	}
	for name, r := range map[string]struct {
		kind, body string
		status     int
	}{
		"JSON":      {"application/json", `{"token":"` + token + `"}`, 415},
		"no type":   {"", "token=" + token, 415},
		"too large": {"application/x-www-form-urlencoded", "token=" + strings.Repeat("a", 16<<10), 413},
		"twice":     {"application/x-www-form-urlencoded", "token=" + token + "&token=" + token, 400},
		"malformed": {"application/x-www-form-urlencoded", "token=%zz", 400},
		"NUL":       {"application/x-www-form-urlencoded", "token=%00" + token, 400},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := http.Post(s.URL+page, r.kind, strings.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != r.status {
				t.Errorf("%d, want %d", response.StatusCode, r.status)
			}
		})
	}
	s.ask(t, "POST", page, form, "Origin", "null", "Sec-Fetch-Site", "same-origin").says(t, 200, "confirmed")
	s.ask(t, "POST", page, form, "Origin", "https://login.example.com").says(t, 400, "Ask for a new one") // let in, and spent
}
