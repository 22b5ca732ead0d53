package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/web"
)

// Where people ask for things, and where they wanted to go.
const (
	forgotPage   = prefix + "/auth/forgot"
	resendPage   = prefix + "/auth/resend"
	registerPage = prefix + "/auth/register"
)

var (
	wanted      = elsewhere + "/report?year=2026&q=a+b"
	toReturn    = "?return=" + url.QueryEscape(wanted)
	registering = url.Values{"username": {" Alice "}, "email": {" alice@example.com "}, "password": {password}, "again": {password}}
)

// leads fails unless the answer leads there.
func (a answer) leads(t *testing.T, to string) {
	t.Helper()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != to || a.header.Get("Cache-Control") != "no-store" || a.body != "" {
		t.Errorf("%d to %q, want %q\n%s", a.status, a.header.Get("Location"), to, a.body)
	}
}

// with is a form with another value in it.
func with(form url.Values, name, value string) url.Values {
	other := url.Values{}
	for field, values := range form {
		other[field] = values
	}
	other.Set(name, value)
	return other
}

// Somebody registers, opens the link of the mail, and signs in. Where they wanted to go is kept as long as they do not leave the browser.
func TestRegister(t *testing.T) {
	s := open(t)
	signIn := s.ask(t, "GET", prefix+web.SignInPath+toReturn, nil)
	signIn.says(t, 200, `href="`+registerPage+`?return=https%3A%2F%2Fapp.example.com%2Freport%3Fyear%3D2026%26q%3Da%2Bb"`)
	a := s.ask(t, "GET", registerPage+toReturn, nil)
	for _, want := range []string{
		`<h1>Create an account</h1>`, `<label for="username">Username</label>`, `<label for="email">Email address</label>`, `autocomplete="username"`,
		`inputmode="email"`, `autocomplete="email"`, `autocomplete="new-password"`, `minlength="8"`, "At least 8 characters.", `aria-describedby="password-hint"`,
		`href="` + prefix + web.SignInPath + `?return=`,
	} {
		a.says(t, 200, want)
	}
	if strings.Count(a.body, " autofocus") != 1 || !strings.Contains(a.body, "required autofocus aria-describedby=\"username-hint\"") {
		t.Errorf("people do not start in the first field:\n%s", a.body)
	}
	german := s.ask(t, "GET", registerPage, nil, "Accept-Language", "de-CH, fr;q=0.5")
	german.says(t, 200, `<html lang="de">`)
	german.says(t, 200, "<title>Konto anlegen – Authly</title>")
	if german.header.Get("Content-Language") != "de" || a.header.Get("Content-Language") != "en" {
		t.Errorf("Content-Language %q and %q", german.header.Get("Content-Language"), a.header.Get("Content-Language"))
	}
	for field, test := range map[string]struct{ value, told string }{
		"username": {"a b", "Username may hold letters, digits and signs, without spaces."},
		"email":    {"alice", "Email must be an address such as name@example.com."},
		"password": {"12345678", "The two passwords are not the same."},
	} {
		a := s.ask(t, "POST", registerPage+toReturn, with(registering, field, test.value))
		a.says(t, 400, test.told)
		_, input, _ := strings.Cut(a.body, `<input id="`+field+`"`)
		input, _, _ = strings.Cut(input, ">")
		if field != "password" && !strings.Contains(input, `autofocus aria-invalid="true" aria-describedby="wrong`) || strings.Contains(a.body, password) {
			t.Errorf("%s comes back as\n%s", field, a.body)
		}
	}
	common := with(with(registering, "password", "password1"), "again", "password1")
	s.ask(t, "POST", registerPage, with(with(common, "password", "short"), "again", "short")).says(t, 400, "Password must have at least 8 characters.")

	s.ask(t, "POST", registerPage+toReturn, registering).leads(t, publicURL+prefix+"/auth/sent/registration?return="+url.QueryEscape(wanted))
	a = s.ask(t, "GET", prefix+"/auth/sent/registration"+toReturn, nil)
	a.says(t, 200, "Look into your mail")
	a.says(t, 200, `href="`+resendPage+`?return=`)
	token := s.token(t, authn.MailVerification)
	right := url.Values{"username": {"alice"}, "password": {password}}
	a = s.ask(t, "POST", prefix+web.SignInPath+toReturn, right)
	a.says(t, 403, "Your email address is not confirmed yet.")
	a.says(t, 403, `<a href="`+resendPage+`?return=https%3A%2F%2Fapp.example.com%2Freport%3Fyear%3D2026%26q%3Da%2Bb">Ask for another link</a>`)
	a = s.ask(t, "POST", prefix+"/auth/mail/verify"+toReturn, url.Values{"token": {token}})
	a.says(t, 200, `<a href="`+prefix+web.SignInPath+`?return=`)
	s.ask(t, "POST", prefix+web.SignInPath+toReturn, right).leads(t, wanted)

	// What is taken is told, as it is at POST /users/: who registers cannot go on without knowing.
	s.ask(t, "POST", registerPage, registering).says(t, 400, "Username already registered.")
	s.ask(t, "POST", registerPage, with(registering, "username", "bob")).says(t, 400, "Email already registered.")
}

// Where nobody has to verify an address, nobody is sent to their mail.
func TestRegisterWithoutVerification(t *testing.T) {
	s := openWith(t, func(l *authn.LoginsConfig, _ *authn.AccountsConfig) { l.RequireVerification = false })
	s.ask(t, "POST", registerPage+toReturn, registering).leads(t, publicURL+prefix+web.SignInPath+"?return="+url.QueryEscape(wanted)+"&said=registered")
	s.ask(t, "GET", prefix+web.SignInPath+"?said=registered", nil).says(t, 200, "Your account is ready. You can sign in now.")
	s.ask(t, "POST", prefix+web.SignInPath, url.Values{"username": {"alice"}, "password": {password}}).leads(t, publicURL+prefix+"/auth/account")
}

// Closed is closed: nothing leads there, the page says so, and a form that is sent all the same does nothing.
func TestRegistrationClosed(t *testing.T) {
	s := openWith(t, func(_ *authn.LoginsConfig, a *authn.AccountsConfig) { a.OpenRegistration = false })
	if a := s.ask(t, "GET", prefix+web.SignInPath, nil); strings.Contains(a.body, "/auth/register") || !strings.Contains(a.body, "/auth/forgot") {
		t.Errorf("the links are\n%s", a.body)
	}
	a := s.ask(t, "GET", registerPage, nil)
	a.says(t, 200, "Registration is closed")
	if strings.Contains(a.body, "<form") {
		t.Errorf("there is a form\n%s", a.body)
	}
	s.ask(t, "POST", registerPage, registering).says(t, 403, "Registration is closed")
	if _, err := s.accounts.Find(t.Context(), authn.Operator(), "alice"); err == nil {
		t.Error("and yet there is an account")
	}
}

// The answer to who has forgotten a password, or wants another mail, is the same whoever they are.
func TestForgottenPassword(t *testing.T) {
	s := open(t)
	s.user(t, "alice", false)
	for page, sent := range map[string]string{forgotPage: "reset", resendPage: "verification"} {
		for _, address := range []string{"alice@example.com", " ALICE@example.com ", "nobody@example.com"} {
			s.ask(t, "POST", page+toReturn, url.Values{"email": {address}}).leads(t, publicURL+prefix+"/auth/sent/"+sent+"?return="+url.QueryEscape(wanted))
		}
		s.ask(t, "POST", page, url.Values{"email": {"alice"}}).says(t, 400, "Email must be an address such as name@example.com.")
		s.ask(t, "GET", page+toReturn, nil).says(t, 200, `href="`+prefix+web.SignInPath+`?return=`)
	}
	token := s.token(t, authn.MailPasswordReset)
	s.ask(t, "GET", prefix+"/auth/sent/reset"+toReturn, nil).says(t, 200, "If that is the address of an account")
	s.ask(t, "GET", prefix+"/auth/sent/verification", nil).says(t, 200, "If that is the address of an account and not confirmed yet")
	s.ask(t, "GET", prefix+"/auth/sent/elsewhere", nil).says(t, 404, "There is no such page.")

	form := url.Values{"token": {token}, "password": {"battery staple"}, "again": {"battery staple"}}
	s.ask(t, "POST", prefix+"/auth/mail/reset", form).says(t, 200, `<a href="`+prefix+web.SignInPath+`">Sign in</a>`)
	s.ask(t, "POST", prefix+"/auth/mail/reset", form).says(t, 400, `<a href="`+forgotPage+`">Ask for a new one</a>`)
	s.ask(t, "POST", prefix+"/auth/mail/verify", url.Values{"token": {token}}).says(t, 400, `<a href="`+resendPage+`">Ask for a new one</a>`)
	s.ask(t, "POST", prefix+"/auth/mail/invitation", form).says(t, 400, "Ask whoever invited you for a new one.")
	s.ask(t, "POST", prefix+"/auth/mail/email", url.Values{"token": {token}}).says(t, 400, "Change the address once more in your account")
}

// Who asks too often is told when to come again.
func TestRequestsAreLimited(t *testing.T) {
	s := open(t)
	for page, form := range map[string]url.Values{
		forgotPage: {"email": {"nobody@example.com"}}, registerPage: with(registering, "username", "a b"),
	} {
		for range often.Requests {
			if a := s.ask(t, "POST", page, form); a.status == http.StatusTooManyRequests {
				t.Fatalf("%s is refused too early", page)
			}
		}
		a := s.ask(t, "POST", page, form)
		a.says(t, 429, "There were too many attempts. Try again in ")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", page)
		}
	}
}

// Without a mail server nobody is told to look into their mail.
func TestMailsAreLogged(t *testing.T) {
	s := open(t, func(c *web.Config) { c.MailsAreLogged = true })
	for _, sent := range []string{"reset", "verification", "registration"} {
		a := s.ask(t, "GET", prefix+"/auth/sent/"+sent, nil)
		a.says(t, 200, "in the log of its server")
		if strings.Contains(a.body, "Look into your mail") || strings.Contains(a.body, "on its way") {
			t.Errorf("%s says\n%s", sent, a.body)
		}
	}
	_, asRoot := s.administer(t)
	for page, said := range map[string]string{
		"/auth/admin/invitations": "invited", "/auth/admin/users": "reset_mailed", "/auth/account/email": "email_mailed", "/auth/account": "verification_mailed",
	} {
		a := s.ask(t, "GET", prefix+page+"?said="+said, nil, "Cookie", asRoot)
		a.says(t, 200, "in the log of ")
		a.saysNot(t, "on its way")
	}
}

// A return address that nobody is sent to is not carried along either.
func TestReturnAddressesThatAreNotKept(t *testing.T) {
	s := open(t)
	for _, address := range []string{"https://evil.test/", "//evil.test", "javascript:alert(1)", ""} {
		query := "?return=" + url.QueryEscape(address)
		for _, page := range []string{prefix + web.SignInPath, forgotPage, resendPage, registerPage, prefix + "/auth/sent/reset"} {
			if a := s.ask(t, "GET", page+query, nil); strings.Contains(a.body, "return") || strings.Contains(a.body, "evil") {
				t.Errorf("%s keeps %q:\n%s", page, address, a.body)
			}
		}
		s.ask(t, "POST", resendPage+query, url.Values{"email": {"nobody@example.com"}}).leads(t, publicURL+prefix+"/auth/sent/verification")
	}
}
