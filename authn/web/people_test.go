package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

const (
	usersPage       = prefix + "/auth/admin/users"
	invitationsPage = prefix + "/auth/admin/invitations"
	sessionsPage    = prefix + "/auth/admin/sessions"
)

func userPage(u authn.User, below ...string) string {
	return strings.Join(append([]string{usersPage, u.ID.String()}, below...), "/")
}

// administer makes an administrator, who is signed in at the pages.
func (s *site) administer(t testing.TB) (root authn.User, cookie string) {
	t.Helper()
	root = s.user(t, "root", true)
	return root, s.signIn(t, "root")
}

// stored is a user as they are now.
func (s *site) stored(t *testing.T, u authn.User) authn.User {
	t.Helper()
	now, err := s.db.UserByID(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// leadsBack fails unless the answer leads to a page of Authly's, where something may be said.
func (a answer) leadsBack(t *testing.T, path, said string) {
	t.Helper()
	if said != "" {
		path += "?said=" + said
	}
	a.leads(t, publicURL+path)
}

// saysNot fails if the text is on the page.
func (a answer) saysNot(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(a.body, text) {
		t.Errorf("%q in\n%s", text, a.body)
	}
}

// seen is the field of a user's form that says when they were last changed.
func (a answer) seen(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`name="seen" value="(\d+)"`).FindStringSubmatch(a.body)
	if found == nil {
		t.Fatalf("no seen in\n%s", a.body)
	}
	return found[1]
}

// Every page for administrators is closed to everybody else, whatever its address and however it is asked.
func TestPeopleRights(t *testing.T) {
	s := open(t)
	_, asRoot := s.administer(t)
	alice, bob := s.user(t, "alice", false), s.user(t, "bob", false)
	asAlice := s.signIn(t, "alice")
	if _, err := s.accounts.Invite(t.Context(), authn.Operator(), authn.Invitation{Email: "guest@example.com"}); err != nil {
		t.Fatal(err)
	}
	invited, err := s.accounts.Invitations(t.Context(), authn.Operator(), 0, 10)
	if err != nil || len(invited) != 1 {
		t.Fatal(invited, err)
	}
	session, err := s.sessions.List(t.Context(), authn.Operator(), alice.ID)
	if err != nil || len(session) != 1 {
		t.Fatal(session, err)
	}
	withdraw := invitationsPage + "/" + invited[0].ID.String() + "/withdraw"
	before, own := s.stored(t, bob), s.stored(t, alice)
	opened := []string{
		usersPage, usersPage + "/new", userPage(bob), userPage(bob, "password"), userPage(bob, "disable"), userPage(bob, "delete"),
		userPage(alice), invitationsPage, sessionsPage,
	}
	sent := map[string]url.Values{
		usersPage + "/new":        {"username": {"mallory"}, "email": {"mallory@example.com"}, "password": {password}, "again": {password}},
		userPage(bob):             {"seen": {"1"}, "username": {"robert"}, "email": {"bob@example.com"}},
		userPage(alice):           {"seen": {"1"}, "username": {"alice"}, "email": {"alice@example.com"}, "is_admin": {"yes"}},
		userPage(bob, "password"): {"password": {"battery staple"}, "again": {"battery staple"}},
		userPage(bob, "disable"):  nil,
		userPage(bob, "delete"):   nil,
		userPage(bob, "verify"):   nil,
		userPage(bob, "enable"):   nil,
		userPage(bob, "unlock"):   nil,
		userPage(bob, "reset"):    nil,
		userPage(bob, "end"):      nil,
		userPage(alice, "end"):    nil,
		invitationsPage:           {"email": {"mallory@example.com"}},
		withdraw:                  nil,
		sessionsPage + "/end":     {"user_id": {alice.ID.String()}, "session_id": {session[0].ID.String()}},
	}
	for _, path := range opened {
		if a := s.ask(t, "GET", path, nil); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), publicURL+prefix+"/auth/login?return=") {
			t.Errorf("%s by nobody: %d %v", path, a.status, a.header)
		}
		a := s.ask(t, "GET", path, nil, "Cookie", asAlice)
		a.says(t, 403, "This page is not for you")
		a.saysNot(t, "bob")
		s.ask(t, "GET", path, nil, "Cookie", asRoot).says(t, 200, "<h1>")
	}
	for path, form := range sent {
		if form == nil {
			form = url.Values{}
		}
		if a := s.ask(t, "POST", path, form); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "posted=1") {
			t.Errorf("%s by nobody: %d %v", path, a.status, a.header)
		}
		s.ask(t, "POST", path, form, "Cookie", asAlice).says(t, 403, "This page is not for you")
		s.ask(t, "POST", path, form, "Cookie", asRoot, "Sec-Fetch-Site", "cross-site").says(t, 403, "This form was sent from another page.")
		if !slices.Contains(opened, path) {
			if a := s.ask(t, "GET", path, nil, "Cookie", asRoot); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
				t.Errorf("%s opened: %d %v", path, a.status, a.header)
			}
		}
	}
	s.ask(t, "GET", prefix+"/auth/account", nil, "Cookie", asAlice).says(t, 200, "alice") // still signed in
	if users, err := s.db.ListUsers(t.Context(), 0, 10); err != nil || len(users) != 3 {
		t.Errorf("%d users, %v", len(users), err)
	}
	if left, err := s.accounts.Invitations(t.Context(), authn.Operator(), 0, 10); err != nil || len(left) != 1 {
		t.Errorf("the invitations %v, %v", left, err)
	}
	if now := s.stored(t, bob); now.UpdatedAt != before.UpdatedAt || now.PasswordHash != before.PasswordHash || s.stored(t, alice).Admin || s.stored(t, alice).UpdatedAt != own.UpdatedAt {
		t.Errorf("bob is %+v now", now)
	}
}

// Users are found by what administrators remember, and pages keep what was searched for.
func TestUserList(t *testing.T) {
	s := open(t)
	_, asRoot := s.administer(t)
	for i := range 60 {
		u := authn.User{
			ID: uuid.New(), Username: "user" + string(rune('a'+i/26)) + string(rune('a'+i%26)), PasswordHash: "$2a$04$secret", Active: i != 3,
			Verified: i != 4, Roles: []string{"staff"},
		}
		u.Email, u.EmailKey = u.Username+"@example.com", u.Username+"@example.com"
		if err := s.db.CreateUser(t.Context(), u, authn.Act{By: authn.Actor{Kind: authn.ActorSystem}, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	get := func(query string) answer {
		t.Helper()
		a := s.ask(t, "GET", usersPage+query, nil, "Cookie", asRoot)
		a.saysNot(t, "$2a$")
		return a
	}
	names := regexp.MustCompile(`<th class="name" scope="row"><a href="[^"]*">([^<]*)</a>`)
	list := func(a answer) (found []string) {
		for _, m := range names.FindAllStringSubmatch(a.body, -1) {
			found = append(found, m[1])
		}
		return found
	}
	for query, want := range map[string][]string{
		"?search=USERAB":         {"userab"},
		"?search=%25":            nil,
		"?search=root%40example": {"root"},
		"?active=false":          {"userad"},
		"?verified=false":        {"userae"},
		"?admin=true":            {"root"},
		"?locked=true":           nil,
		"?search=usera&role=staff&order=username&active=true&verified=true": {"useraa", "userab", "userac", "useraf", "userag", "userah", "userai", "useraj", "userak", "useral", "useram", "useran", "userao", "userap", "useraq", "userar", "useras", "userat", "userau", "userav", "useraw", "userax", "useray", "useraz"},
	} {
		if got := list(get(query)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	get("?search=nobody").says(t, 200, "Nobody was found.")
	get("?search=%22%3E%3Cb%3E&role=x").says(t, 200, `value="&#34;&gt;&lt;b&gt;"`)
	for _, query := range []string{"?cursor=x", "?active=maybe", "?order=email", "?role=a,b", "?search=%00", "?search=a&search=b", "?cursor=&cursor="} {
		if a := get(query); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.status)
		}
	}
	link := func(a answer, text string) string {
		t.Helper()
		found := regexp.MustCompile(`<a class="button quiet small" href="` + regexp.QuoteMeta(usersPage) + `([^"]*)">` + text + `</a>`).FindStringSubmatch(a.body)
		if found == nil {
			return ""
		}
		return strings.ReplaceAll(found[1], "&amp;", "&")
	}
	first := get("?search=user&order=username&role=staff")
	second := get(link(first, "Next page"))
	if a, b := list(first), list(second); len(a) != 50 || len(b) != 10 || a[0] != "useraa" || b[9] != "userch" {
		t.Errorf("the pages %q and %q", a, b)
	}
	second.says(t, 200, `value="user"`)
	if link(second, "Next page") != "" || link(first, "Previous page") != "" || link(first, "First page") != "" {
		t.Error("there is a page where there is none")
	}
	if back := get(link(second, "Previous page")); !slices.Equal(list(back), list(first)) {
		t.Errorf("back: %q", list(back))
	}
	if back := get(link(second, "First page")); !slices.Equal(list(back), list(first)) {
		t.Errorf("at the beginning: %q", list(back))
	}
}
