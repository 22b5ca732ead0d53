package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// An administrator makes an account, and is told what is wrong at its field.
func TestNewUser(t *testing.T) {
	s := open(t)
	_, asRoot := s.administer(t)
	const page = usersPage + "/new"
	s.ask(t, "GET", page, nil, "Cookie", asRoot).says(t, 200, `name="is_verified" type="checkbox" value="yes" checked`)
	form := func(change ...string) url.Values {
		f := url.Values{"username": {"alice"}, "email": {"alice@example.com"}, "roles": {" staff,, writer "}, "password": {password}, "again": {password}}
		for i := 0; i+1 < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	for _, wrong := range []struct{ field, value, english, german string }{
		{"username", "root", "Username already registered.", "Diesen Benutzernamen gibt es schon."},
		{"username", "a b", "Username may hold letters, digits and signs, without spaces.", "Der Benutzername darf Buchstaben, Ziffern und Zeichen enthalten, aber keine Leerzeichen."},
		{"email", "nowhere", "Email must be an address such as name@example.com.", "Das ist keine E-Mail-Adresse wie name@example.com."},
		{"email", "ROOT@example.com", "Email already registered.", "Diese E-Mail-Adresse gehört schon zu einem Konto."},
		{"again", "something else", "The two passwords are not the same.", "Die beiden Passwörter sind nicht gleich."},
	} {
		a := s.ask(t, "POST", page, form(wrong.field, wrong.value), "Cookie", asRoot)
		a.says(t, 400, wrong.english)
		a.says(t, 400, `name="roles" type="text" value=" staff,, writer "`) // as it was typed
		a.saysNot(t, password)
		if field := a.body[strings.Index(a.body, `id="`+wrong.field+`"`):]; !strings.Contains(field[:strings.Index(field, ">")], `aria-invalid="true" aria-describedby="wrong`) {
			t.Errorf("%s is not said to be wrong", wrong.field)
		}
		s.ask(t, "POST", page, form(wrong.field, wrong.value), "Cookie", asRoot, "Accept-Language", "de").says(t, 400, wrong.german)
	}
	a := s.ask(t, "POST", page, form(), "Cookie", asRoot)
	alice, err := s.accounts.Find(t.Context(), authn.Operator(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	a.leadsBack(t, userPage(alice), "user_created")
	if !slices.Equal(alice.Roles, []string{"staff", "writer"}) || alice.Admin || alice.Verified {
		t.Errorf("%+v", alice)
	}
	s.ask(t, "POST", page, form("username", "bob", "email", "bob@example.com", "is_verified", "yes", "is_admin", "yes"), "Cookie", asRoot)
	if bob, err := s.accounts.Find(t.Context(), authn.Operator(), "bob"); err != nil || !bob.Admin || !bob.Verified {
		t.Errorf("%+v, %v", bob, err)
	}
	s.signIn(t, "bob")
	s.ask(t, "GET", userPage(alice)+"?said=user_created", nil, "Cookie", asRoot).says(t, 200, "The user is created.")
}

// Of what somebody else has changed meanwhile nothing is lost, and of the form only what was changed is written.
func TestChangeUser(t *testing.T) {
	s := open(t)
	root, asRoot := s.administer(t)
	alice := s.user(t, "alice", false)
	page := userPage(alice)
	opened := s.ask(t, "GET", page, nil, "Cookie", asRoot)
	opened.says(t, 200, `name="email" type="text" inputmode="email" value="alice@example.com"`)
	opened.saysNot(t, alice.PasswordHash)
	opened.says(t, 200, `<a href="`+sessionsPage+`?user=`+alice.ID.String()+`">`) // theirs, and not one's own
	form := func(seen string) url.Values {
		return url.Values{"seen": {seen}, "username": {"alice"}, "email": {"alice@example.com"}, "roles": {"staff"}}
	}
	s.ask(t, "POST", page, form(opened.seen(t)), "Cookie", asRoot).leadsBack(t, page, "user_changed")
	late := form(opened.seen(t))
	late.Set("roles", "writer")
	a := s.ask(t, "POST", page, late, "Cookie", asRoot)
	a.says(t, 409, "Somebody else has changed this user meanwhile")
	a.says(t, 409, `name="roles" type="text" value="staff"`) // as it is now
	if got := s.stored(t, alice).Roles; !slices.Equal(got, []string{"staff"}) {
		t.Errorf("the roles %q", got)
	}
	s.ask(t, "POST", page, form(a.seen(t)), "Cookie", asRoot).leadsBack(t, page, "") // nothing differs
	if now := s.ask(t, "GET", page, nil, "Cookie", asRoot); now.seen(t) != a.seen(t) {
		t.Error("a form that changes nothing is a change")
	}
	s.ask(t, "POST", page, form("now"), "Cookie", asRoot).says(t, 400, "Seen is malformed.")

	events := func() int {
		all, err := s.db.ListEvents(t.Context(), authn.EventFilter{Subject: alice.ID}, authn.EventPlace{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := events()
	renamed := form(s.ask(t, "GET", page, nil, "Cookie", asRoot).seen(t))
	renamed.Set("username", " Alicia ")
	s.ask(t, "POST", page, renamed, "Cookie", asRoot).leadsBack(t, page, "user_changed")
	if now := s.stored(t, alice); now.Username != "alicia" || !now.Verified || events() != before+1 {
		t.Errorf("%+v, %d events", now, events()-before)
	}
	moved := form(s.ask(t, "GET", page, nil, "Cookie", asRoot).seen(t))
	moved.Set("email", "root@example.com")
	a = s.ask(t, "POST", page, moved, "Cookie", asRoot)
	a.says(t, 400, "Email already registered.")
	a.says(t, 400, `value="root@example.com"`)
	if got := s.stored(t, alice).Email; got != "alice@example.com" {
		t.Errorf("the address is %s", got)
	}

	own := s.ask(t, "GET", userPage(root), nil, "Cookie", asRoot)
	own.says(t, 200, "This is your own account.")
	mine := url.Values{"seen": {own.seen(t)}, "username": {"root"}, "email": {"other@example.com"}, "is_admin": {"yes"}}
	s.ask(t, "POST", userPage(root), mine, "Cookie", asRoot).says(t, 400, "Change the address of your own account on the page of your account.")
	mine.Set("email", "root@example.com")
	mine.Del("is_admin")
	s.ask(t, "POST", userPage(root), mine, "Cookie", asRoot).says(t, 409, "The last administrator cannot be deleted, disabled or demoted.")
	s.ask(t, "POST", userPage(root), mine, "Cookie", asRoot, "Accept-Language", "de").says(t, 409, "Der letzte Administrator kann nicht gelöscht, deaktiviert oder herabgestuft werden.")
	s.user(t, "second", true)
	s.ask(t, "POST", userPage(root), mine, "Cookie", asRoot).leadsBack(t, prefix+"/auth/login", "")
	if s.stored(t, root).Admin {
		t.Error("root is an administrator still")
	}
	s.ask(t, "GET", usersPage, nil, "Cookie", s.signIn(t, "root")).says(t, 403, "This page is not for you")
}

// What a button does at once.
func TestUserButtons(t *testing.T) {
	s := open(t)
	root, asRoot := s.administer(t)
	alice := s.user(t, "alice", false)
	page := userPage(alice)
	press := func(button, said string) {
		t.Helper()
		s.ask(t, "POST", page+"/"+button, url.Values{}, "Cookie", asRoot).leadsBack(t, page, said)
	}
	unverified := false
	if _, err := s.accounts.Update(t.Context(), authn.Operator(), alice.ID, authn.AccountUpdate{Verified: &unverified}, authn.Client{}); err != nil {
		t.Fatal(err)
	}
	s.ask(t, "GET", page, nil, "Cookie", asRoot).says(t, 200, "Mark the address as verified")
	press("verify", "user_verified")
	s.ask(t, "GET", page, nil, "Cookie", asRoot).saysNot(t, "Mark the address as verified")

	asAlice := s.signIn(t, "alice")
	s.ask(t, "GET", page, nil, "Cookie", asRoot).says(t, 200, `<a href="`+sessionsPage+"?user="+alice.ID.String()+`">1 session<`)
	press("end", "user_sessions_ended")
	if a := s.ask(t, "GET", prefix+"/auth/account", nil, "Cookie", asAlice); a.status != http.StatusSeeOther {
		t.Errorf("the ended session: %d", a.status)
	}

	for range 5 {
		s.ask(t, "POST", prefix+"/auth/login", url.Values{"username": {"alice"}, "password": {"wrong password"}}, "User-Agent", "guesser")
	}
	locked := s.ask(t, "GET", page, nil, "Cookie", asRoot)
	locked.says(t, 200, "<dt>Locked</dt><dd>until <time datetime=")
	locked.says(t, 200, `action="`+page+`/unlock"`)
	s.ask(t, "GET", usersPage+"?locked=true", nil, "Cookie", asRoot).says(t, 200, ">alice</a>")
	press("unlock", "user_unlocked")
	s.ask(t, "GET", page, nil, "Cookie", asRoot).saysNot(t, "/unlock")
	s.signIn(t, "alice")

	press("reset", "reset_mailed")
	if token := s.token(t, authn.MailPasswordReset); token == "" {
		t.Error("no token was mailed")
	} else if a := s.ask(t, "GET", page, nil, "Cookie", asRoot); strings.Contains(a.body, token) {
		t.Error("the token is on the page")
	}
	events, err := s.db.ListEvents(t.Context(), authn.EventFilter{Kinds: []authn.EventKind{authn.EventResetRequested}}, authn.EventPlace{}, 10)
	if err != nil || len(events) != 1 || events[0].Actor.ID != root.ID.String() || events[0].Subject != alice.ID {
		t.Errorf("%+v, %v", events, err)
	}
	s.ask(t, "POST", usersPage+"/nobody/end", url.Values{}, "Cookie", asRoot).says(t, 404, "User not found.")
	s.ask(t, "GET", usersPage+"/"+strings.ToUpper(alice.ID.String()), nil, "Cookie", asRoot).says(t, 200, "alice")
	s.ask(t, "GET", usersPage+"/urn:uuid:"+alice.ID.String(), nil, "Cookie", asRoot).says(t, 404, "User not found.")
}

// What cannot be taken back lightly is asked for on a page of its own.
func TestDisableAndDelete(t *testing.T) {
	s := open(t)
	root, asRoot := s.administer(t)
	alice := s.user(t, "alice", false)
	asAlice := s.signIn(t, "alice")
	for _, below := range []string{"disable", "delete"} {
		a := s.ask(t, "GET", userPage(alice, below), nil, "Cookie", asRoot)
		a.says(t, 200, "alice@example.com")
		a.saysNot(t, "This is your own account")
		a = s.ask(t, "GET", userPage(root, below), nil, "Cookie", asRoot)
		a.says(t, 200, "This is your own account")
	}
	s.ask(t, "POST", userPage(root, "disable"), url.Values{}, "Cookie", asRoot).says(t, 409, "The last administrator cannot be deleted, disabled or demoted.")
	if now := s.stored(t, alice); !now.Active {
		t.Error("opening the page has disabled the user")
	}
	s.ask(t, "POST", userPage(alice, "disable"), url.Values{}, "Cookie", asRoot).leadsBack(t, userPage(alice), "user_disabled")
	if a := s.ask(t, "GET", prefix+"/auth/account", nil, "Cookie", asAlice); a.status != http.StatusSeeOther || s.stored(t, alice).Active {
		t.Errorf("who is disabled: %d", a.status)
	}
	disabled := s.ask(t, "GET", userPage(alice), nil, "Cookie", asRoot)
	disabled.says(t, 200, "Enable")
	disabled.saysNot(t, "/reset")
	refused := s.ask(t, "POST", userPage(alice, "reset"), url.Values{}, "Cookie", asRoot)
	refused.says(t, 409, "The user is disabled and would not get in with another password either.")
	refused.says(t, 409, "<h1>alice</h1>") // on the user's page, whose form leads to itself
	refused.says(t, 409, `<form method="post" action="`+userPage(alice)+`">`)
	s.ask(t, "POST", userPage(alice, "enable"), url.Values{}, "Cookie", asRoot).leadsBack(t, userPage(alice), "user_enabled")
	s.signIn(t, "alice")
	s.ask(t, "POST", userPage(alice, "delete"), url.Values{}, "Cookie", asRoot).leadsBack(t, usersPage, "user_deleted")
	s.ask(t, "GET", userPage(alice), nil, "Cookie", asRoot).says(t, 404, "User not found.")

	second := s.user(t, "second", true)
	asSecond := s.signIn(t, "second")
	s.ask(t, "POST", userPage(second, "disable"), url.Values{}, "Cookie", asSecond).leadsBack(t, prefix+"/auth/login", "")
	s.ask(t, "POST", userPage(second, "enable"), url.Values{}, "Cookie", asRoot).leadsBack(t, userPage(second), "user_enabled")
	asSecond = s.signIn(t, "second")
	s.ask(t, "POST", userPage(second, "delete"), url.Values{}, "Cookie", asSecond).says(t, 403, "Your own account is deleted on the page of your account, with your password.")
	s.ask(t, "POST", userPage(second, "delete"), url.Values{}, "Cookie", asRoot).leadsBack(t, usersPage, "user_deleted")
}

func TestSetPassword(t *testing.T) {
	s := open(t)
	root, asRoot := s.administer(t)
	alice := s.user(t, "alice", false)
	asAlice := s.signIn(t, "alice")
	page := userPage(alice, "password")
	both := func(one, two string) url.Values { return url.Values{"password": {one}, "again": {two}} }
	s.ask(t, "POST", page, both("battery staple", "another one"), "Cookie", asRoot).says(t, 400, "The two passwords are not the same.")
	a := s.ask(t, "POST", page, both("short", "short"), "Cookie", asRoot)
	a.says(t, 400, "Password must have at least 8 characters.")
	s.ask(t, "POST", page, both("battery staple", "battery staple"), "Cookie", asRoot).leadsBack(t, userPage(alice), "password_set")
	if a := s.ask(t, "GET", prefix+"/auth/account", nil, "Cookie", asAlice); a.status != http.StatusSeeOther {
		t.Errorf("the session of before: %d", a.status)
	}
	s.token(t, authn.MailPasswordChanged)
	if a := s.ask(t, "POST", prefix+"/auth/login", url.Values{"username": {"alice"}, "password": {"battery staple"}}); a.status != http.StatusSeeOther {
		t.Errorf("the new password: %d", a.status)
	}
	own := userPage(root, "password")
	s.ask(t, "GET", own, nil, "Cookie", asRoot).saysNot(t, `type="password"`)
	s.ask(t, "POST", own, both("battery staple", "battery staple"), "Cookie", asRoot).says(t, 403, "Change the password of your own account on the page of your account.")
	s.signIn(t, "root")
}
