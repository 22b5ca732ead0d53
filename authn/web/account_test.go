package web_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/web"
)

const accountPage = prefix + "/auth/account"

// leadsTo fails unless the answer sends the browser there.
func (a answer) leadsTo(t *testing.T, path string) {
	t.Helper()
	if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != publicURL+prefix+path {
		t.Fatalf("%d to %q, want 303 to %s\n%s", a.status, got, path, a.body)
	}
}

// given is the Cookie header of a browser after the answer.
func (a answer) given(t *testing.T) string {
	t.Helper()
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatalf("no cookie: %v in %v", err, a.header)
	}
	return cookie.Name + "=" + cookie.Value
}

// Every page of one's account is for who is signed in, in both languages, and only its own pages send its forms.
func TestAccountPages(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user(t, "alice", false)
	cookie := s.signIn(t, "alice")
	for path, titles := range map[string][2]string{
		"": {"My account", "Mein Konto"}, "/password": {"Change your password", "Passwort ändern"}, "/email": {"Email address", "E-Mail-Adresse"},
		"/sessions": {"Where you are signed in", "Wo Sie angemeldet sind"}, "/activity": {"Recent activity", "Letzte Aktivität"},
		"/data": {"My data", "Meine Daten"}, "/delete": {"Delete my account", "Mein Konto löschen"},
	} {
		s.ask(t, "GET", accountPage+path, nil, "Cookie", cookie).says(t, 200, "<h1>"+titles[0]+"</h1>")
		s.ask(t, "GET", accountPage+path, nil, "Cookie", cookie, "Accept-Language", "de").says(t, 200, "<h1>"+titles[1]+"</h1>")
		a := s.ask(t, "GET", accountPage+path, nil)
		if want := publicURL + prefix + "/auth/login?return=" + url.QueryEscape(publicURL+accountPage+path); a.status != 303 || a.header.Get("Location") != want {
			t.Errorf("%s, to who is not signed in: %d to %s", path, a.status, a.header.Get("Location"))
		}
	}
	for path, form := range map[string]url.Values{
		"/password": {"current_password": {password}, "password": {"battery staple"}, "again": {"battery staple"}},
		"/email":    {"email": {"other@example.com"}}, "/verification": {}, "/sessions": {"session": {uuid.NewString()}}, "/sessions/others": {},
		"/delete": {"current_password": {password}, "confirm": {"yes"}},
	} {
		s.ask(t, "POST", accountPage+path, form, "Cookie", cookie, "Sec-Fetch-Site", "cross-site").says(t, 403, "This form was sent from another page.")
		s.ask(t, "POST", accountPage+path, form, "Cookie", cookie, "Origin", "https://evil.test").says(t, 403, "This form was sent from another page.")
		if a := s.ask(t, "POST", accountPage+path, form); a.status != 303 || !strings.Contains(a.header.Get("Location"), "/auth/login?posted=1") {
			t.Errorf("%s, from who is not signed in: %d to %s", path, a.status, a.header.Get("Location"))
		}
	}
	for _, path := range []string{"/verification", "/sessions/others"} { // they are only sent to
		if a := s.ask(t, "GET", accountPage+path, nil, "Cookie", cookie); a.status != 405 || a.header.Get("Allow") != "POST" {
			t.Errorf("%s, opened: %d", path, a.status)
		}
	}
	s.ask(t, "GET", accountPage, nil, "Cookie", cookie).says(t, 200, "alice@example.com") // nothing has happened to the account
	s.ask(t, "GET", accountPage+"/data", nil, "Cookie", cookie).says(t, 200, `href="`+prefix+`/auth/account/data/file" download`)
}

// What people are told of themselves, and what they can open, is what authn says, and nothing in it runs.
func TestAccountOverview(t *testing.T) {
	t.Parallel()
	var asked authn.Request
	s := open(t, func(c *web.Config) {
		c.Applications = func(_ context.Context, as authn.Request) ([]authn.Application, error) {
			if asked = as; as.Cookie.Token == "" {
				return nil, authn.Fault(authn.ErrUnavailable)
			}
			return []authn.Application{{Title: `<b>Wiki</b> & "more"`, URL: "https://wiki.example.com/?a=1&b=2", Host: "wiki.example.com"}}, nil
		}
	})
	alice := s.user(t, "alice", false)
	roles := []string{"<i>staff</i>", "on call"}
	if _, err := s.accounts.Update(t.Context(), authn.Operator(), alice.ID, authn.AccountUpdate{Roles: &roles}, authn.Client{}); err != nil {
		t.Fatal(err)
	}
	cookie := s.signIn(t, "alice")
	a := s.ask(t, "GET", accountPage, nil, "Cookie", cookie)
	for _, want := range []string{
		`<a href="https://wiki.example.com/?a=1&amp;b=2">&lt;b&gt;Wiki&lt;/b&gt; &amp; &#34;more&#34;</a>`, "&lt;i&gt;staff&lt;/i&gt;, on call",
		"<dd>alice</dd>", "alice@example.com <span class=\"badge good\">confirmed</span>", `<time datetime="`,
	} {
		a.says(t, 200, want)
	}
	if strings.Contains(a.body, "$2") || strings.Contains(a.body, "Administrator") || !strings.HasSuffix(cookie, "="+asked.Cookie.Token) || asked.Credentials.Kind != authn.NoCredential {
		t.Errorf("asked as %+v and told\n%s", asked.Client, a.body)
	}
	s.user(t, "root", true)
	s.ask(t, "GET", accountPage, nil, "Cookie", s.signIn(t, "root")).says(t, 200, "Administrator")
}

// The browser that changes a password goes on, with another cookie; all other sessions end.
func TestChangePasswordPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user(t, "alice", false)
	cookie, other := s.signIn(t, "alice"), s.signIn(t, "alice")
	const page = accountPage + "/password"
	form := func(current, password, again string) url.Values {
		return url.Values{"current_password": {current}, "password": {password}, "again": {again}}
	}
	a := s.ask(t, "GET", page, nil, "Cookie", cookie)
	for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `autocomplete="new-password"`} {
		a.says(t, 200, want)
	}
	for name, test := range map[string]struct {
		form        url.Values
		status      int
		field, says string
	}{
		"no current one": {form("", "battery staple", "battery staple"), 400, "current_password", "Type your current password."},
		"a wrong one":    {form("battery staple", "battery staple", "battery staple"), 403, "current_password", "Current password is incorrect."},
		"not the same":   {form(password, "battery staple", "battery stable"), 400, "again", "The two passwords are not the same."},
		"too short":      {form(password, "short", "short"), 400, "password", "Password must have at least 8 characters."},
		"none":           {form(password, "", ""), 400, "password", "Password must have at least 8 characters."},
	} {
		a := s.ask(t, "POST", page, test.form, "Cookie", cookie)
		a.says(t, test.status, test.says)
		if !strings.Contains(a.body, `name="`+test.field+`"`) || strings.Count(a.body, `aria-invalid="true" aria-describedby="wrong`) != 1 ||
			strings.Contains(a.body, "battery") || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s:\n%s", name, a.body)
		}
		_, input, _ := strings.Cut(a.body, `<input id="`+test.field+`"`)
		if input, _, _ := strings.Cut(input, ">"); !strings.Contains(input, `aria-invalid="true"`) {
			t.Errorf("%s: it is not at %s: %s", name, test.field, input)
		}
	}
	s.ask(t, "POST", page, form("wrong", "battery staple", "battery staple"), "Cookie", cookie, "Accept-Language", "de").says(t, 403, "Das aktuelle Passwort stimmt nicht.")
	a = s.ask(t, "POST", page, form(password, "battery staple", "battery staple"), "Cookie", cookie)
	a.leadsTo(t, "/auth/account/password?said=password_changed")
	next := a.given(t)
	s.ask(t, "GET", page+"?said=password_changed", nil, "Cookie", next).says(t, 200, "Your password is changed. You stay signed in here")
	s.ask(t, "GET", page+"?said=password_changed", nil, "Cookie", next, "Sec-Fetch-Site", "same-origin").says(t, 200, "Your password is changed.")
	for _, site := range []string{"cross-site", "same-site", "none"} { // a link of somebody else's, which may be in a mail
		s.ask(t, "GET", page+"?said=password_changed", nil, "Cookie", next, "Sec-Fetch-Site", site).saysNot(t, "Your password is changed")
	}
	for what, old := range map[string]string{"the old value": cookie, "another browser": other} {
		if a := s.ask(t, "GET", page, nil, "Cookie", old); a.status != http.StatusSeeOther {
			t.Errorf("%s is still known: %d", what, a.status)
		}
	}
	if a := s.ask(t, "POST", prefix+web.SignInPath, url.Values{"username": {"alice"}, "password": {"battery staple"}}); a.status != http.StatusSeeOther {
		t.Errorf("signing in with the new password: %d", a.status)
	}
}

// A new address counts when it is confirmed, and says so; a taken one is told.
func TestChangeEmailPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user(t, "alice", false)
	s.user(t, "bob", false)
	cookie := s.signIn(t, "alice")
	const page = accountPage + "/email"
	for email, says := range map[string]string{
		"nobody": "Email must be an address such as name@example.com.", "": "Email must be an address", "alice@example.com": "This is your address already.",
		"bob@example.com": "Email already registered.", `"><script>@x`: "Email must be an address",
	} {
		a := s.ask(t, "POST", page, url.Values{"email": {email}}, "Cookie", cookie)
		a.says(t, 400, says)
		if strings.Contains(a.body, "<script>@") {
			t.Errorf("%q runs:\n%s", email, a.body)
		}
	}
	s.ask(t, "POST", page, url.Values{"email": {" new@example.com "}}, "Cookie", cookie).leadsTo(t, "/auth/account/email?said=email_mailed")
	a := s.ask(t, "GET", page+"?said=email_mailed", nil, "Cookie", cookie)
	for _, want := range []string{"A mail is on its way", "Waits for confirmation", "new@example.com", "alice@example.com"} {
		a.says(t, 200, want)
	}
	s.ask(t, "POST", prefix+authn.MailEmailChange.Page(), url.Values{"token": {s.token(t, authn.MailEmailChange)}}).says(t, 200, "Your email address is changed")
	a = s.ask(t, "GET", page, nil, "Cookie", cookie)
	root := s.signIn(t, s.user(t, "root", true).Username) // whom nobody has to confirm anything to
	s.ask(t, "GET", page, nil, "Cookie", root).says(t, 200, "The new address counts at once.")
	s.ask(t, "POST", page, url.Values{"email": {"boss@example.com"}}, "Cookie", root).leadsTo(t, "/auth/account/email?said=email_changed")
	s.ask(t, "GET", page, nil, "Cookie", root).says(t, 200, "boss@example.com <span class=\"badge bad\">not confirmed</span>")
	if a.says(t, 200, "new@example.com"); strings.Contains(a.body, "alice@example.com") || strings.Contains(a.body, "Waits") {
		t.Errorf("it still waits:\n%s", a.body)
	}
}

// Who has no confirmed address is told, and can have the link mailed again.
func TestUnconfirmedEmail(t *testing.T) {
	t.Parallel()
	s := open(t)
	alice := s.user(t, "alice", false)
	cookie := s.signIn(t, "alice")
	s.ask(t, "POST", accountPage+"/verification", nil, "Cookie", cookie).leadsTo(t, "/auth/account/email?said=verification_mailed")
	no := false
	if _, err := s.accounts.Update(t.Context(), authn.Operator(), alice.ID, authn.AccountUpdate{Verified: &no}, authn.Client{}); err != nil {
		t.Fatal(err)
	}
	s.ask(t, "GET", accountPage+"/email", nil, "Cookie", cookie).says(t, 200, "Mail me the link once more")
	s.ask(t, "POST", accountPage+"/verification", nil, "Cookie", cookie).leadsTo(t, "/auth/account/email?said=verification_mailed")
	s.ask(t, "POST", prefix+authn.MailVerification.Page(), url.Values{"token": {s.token(t, authn.MailVerification)}}).says(t, 200, "confirmed")
	if a := s.ask(t, "GET", accountPage+"/email", nil, "Cookie", cookie); strings.Contains(a.body, "once more") {
		t.Errorf("it is still offered:\n%s", a.body)
	}
}

// People see their own sessions and end them, and nobody else's.
func TestSessionsPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user(t, "alice", false)
	bob := s.user(t, "bob", false)
	cookie, bobs := s.signIn(t, "alice"), s.signIn(t, "bob")
	if _, err := s.logins.LoginBrowser(t.Context(), "alice", password, true, "", authn.Client{
		Address: netip.MustParseAddr("203.0.113.9"), UserAgent: `Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0`,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.logins.LoginBrowser(t.Context(), "alice", password, false, "", authn.Client{UserAgent: `<script>alert(1)</script>"'>`}); err != nil {
		t.Fatal(err)
	}
	const page = accountPage + "/sessions"
	a := s.ask(t, "GET", page, nil, "Cookie", cookie)
	for _, want := range []string{"Firefox on Linux", "203.0.113.9", "this browser", "remembered", `aria-label="Sign out: Firefox on Linux"`, "Sign out everywhere else"} {
		a.says(t, 200, want)
	}
	ids := sessionIDs(a.body)
	if len(ids) != 2 || strings.Contains(a.body, "alert(1)") {
		t.Fatalf("%d sessions to end, want two: the browser's own is ended by signing out\n%s", len(ids), a.body)
	}
	theirs, err := s.sessions.List(t.Context(), &authn.Identity{UserID: bob.ID}, bob.ID)
	if err != nil || len(theirs) != 1 {
		t.Fatal(theirs, err)
	}
	for _, id := range []string{theirs[0].ID.String(), uuid.NewString(), "x", ""} {
		s.ask(t, "POST", page, url.Values{"session": {id}}, "Cookie", cookie).leadsTo(t, "/auth/account/sessions?said=session_ended") // as if it had ended before
	}
	s.ask(t, "POST", page, url.Values{"session": {ids[0]}}, "Cookie", cookie).leadsTo(t, "/auth/account/sessions?said=session_ended")
	if left := sessionIDs(s.ask(t, "GET", page, nil, "Cookie", cookie).body); len(left) != 1 || left[0] != ids[1] {
		t.Errorf("left are %v", left)
	}
	s.ask(t, "POST", accountPage+"/sessions/others", nil, "Cookie", cookie).leadsTo(t, "/auth/account/sessions?said=sessions_ended")
	a = s.ask(t, "GET", page+"?said=sessions_ended", nil, "Cookie", cookie)
	if a.says(t, 200, "You are signed out everywhere else."); len(sessionIDs(a.body)) != 0 || strings.Contains(a.body, "<button class=\"danger\"") {
		t.Errorf("something is left to end:\n%s", a.body)
	}
	s.ask(t, "GET", page, nil, "Cookie", bobs).says(t, 200, "this browser")
}

// sessionIDs are those of the sessions that can be ended.
func sessionIDs(body string) (ids []string) {
	for rest, found := body, true; ; {
		if _, rest, found = strings.Cut(rest, `name="session" value="`); !found {
			return ids
		}
		id, _, _ := strings.Cut(rest, `"`)
		ids = append(ids, id)
	}
}

// An account is deleted by who knows its password and says that they mean it; the last administrator's stays.
func TestDeleteAccountPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user(t, "root", true)
	s.user(t, "alice", false)
	cookie, other := s.signIn(t, "alice"), s.signIn(t, "alice")
	const page = accountPage + "/delete"
	s.ask(t, "POST", page, url.Values{"current_password": {password}}, "Cookie", cookie).says(t, 400, "Tick the box")
	s.ask(t, "POST", page, url.Values{"confirm": {"yes"}}, "Cookie", cookie).says(t, 400, "Type your current password.")
	s.ask(t, "POST", page, url.Values{"confirm": {"yes"}, "current_password": {"wrong"}}, "Cookie", cookie).says(t, 403, "Current password is incorrect.")
	right := url.Values{"confirm": {"yes"}, "current_password": {password}}
	a := s.ask(t, "POST", page, right, "Cookie", cookie)
	a.says(t, 200, "Your account is deleted")
	if !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") || strings.Contains(a.body, "alice") {
		t.Errorf("%v\n%s", a.header, a.body)
	}
	for _, old := range []string{cookie, other} {
		if a := s.ask(t, "GET", accountPage, nil, "Cookie", old); a.status != http.StatusSeeOther {
			t.Errorf("a session has outlived the account: %d", a.status)
		}
	}
	root := s.signIn(t, "root")
	s.ask(t, "POST", page, right, "Cookie", root).says(t, 409, "You are the only administrator. Make somebody else one first, then you can delete your account.")
	s.ask(t, "POST", page, right, "Cookie", root, "Accept-Language", "de").says(t, 409, "Sie sind der einzige Administrator.")
	s.ask(t, "GET", accountPage, nil, "Cookie", root).says(t, 200, "root")
}

// Too many wrong passwords lock as they do at the sign-in, whatever they are asked for.
func TestAccountPagesAreGuarded(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user(t, "alice", false)
	cookie := s.signIn(t, "alice")
	wrong := url.Values{"confirm": {"yes"}, "current_password": {"wrong"}, "password": {"battery staple"}, "again": {"battery staple"}}
	for i := range 5 {
		s.ask(t, "POST", accountPage+[]string{"/delete", "/password"}[i%2], wrong, "Cookie", cookie)
	}
	wrong.Set("current_password", password)
	a := s.ask(t, "POST", accountPage+"/delete", wrong, "Cookie", cookie)
	if a.says(t, 429, "There were too many attempts. Try again in"); a.header.Get("Retry-After") == "" {
		t.Errorf("it does not say when: %v", a.header)
	}
}
