package web_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/web"
)

// What has happened is told in words, page by page, with nothing in it that runs, and of others no more than people may know.
func TestActivityPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	alice, root := s.user(t, "alice", false), s.user(t, "root", true)
	admin := &authn.Identity{UserID: root.ID, Username: "root", Admin: true, From: authn.Client{Address: netip.MustParseAddr("198.51.100.77"), UserAgent: "secret-agent/1"}}
	roles, yes := []string{"<i>staff</i>"}, true
	if _, err := s.accounts.Update(t.Context(), admin, alice.ID, authn.AccountUpdate{Roles: &roles, Admin: &yes}, admin.From); err != nil {
		t.Fatal(err)
	}
	s.ask(t, "POST", prefix+web.SignInPath, url.Values{"username": {"alice"}, "password": {"wrong"}}, "User-Agent", `<script>alert(1)</script>`)
	s.ask(t, "POST", prefix+web.SignInPath, url.Values{"username": {"root"}, "password": {"wrong"}}, "User-Agent", `curl/8.0`)
	cookie := s.signIn(t, "alice")
	s.ask(t, "POST", accountPage+"/delete", url.Values{"confirm": {"yes"}, "current_password": {"wrong"}}, "Cookie", cookie)
	const page = accountPage + "/activity"
	a := s.ask(t, "GET", page, nil, "Cookie", cookie)
	for _, want := range []string{
		"Signed in", "Sign-in failed", "The password was wrong.", "Roles changed", "Administrator now. Now: &lt;i&gt;staff&lt;/i&gt;.",
		"an administrator", "Account made", "Password refused", "It was asked for to delete the account.", "somebody signed in as you", `<td data-label="By whom">you</td>`, `<span class="badge bad">refused</span>`,
	} {
		a.says(t, 200, want)
	}
	for _, hidden := range []string{"198.51.100.77", "secret-agent", "root", "alert(1)", "curl", root.ID.String()} {
		if strings.Contains(a.body, hidden) {
			t.Errorf("%q is told:\n%s", hidden, a.body)
		}
	}
	s.ask(t, "GET", page, nil, "Cookie", cookie, "Accept-Language", "de").says(t, 200, "Jetzt Administrator. Jetzt: &lt;i&gt;staff&lt;/i&gt;.")

	for range 30 {
		s.signIn(t, "alice")
	}
	a = s.ask(t, "GET", page, nil, "Cookie", cookie)
	_, rest, found := strings.Cut(a.body, `href="`+page+`?cursor=`)
	after, _, _ := strings.Cut(rest, `"`)
	if !found || strings.Count(a.body, "<tr>") != 26 || strings.Contains(a.body, "First page") {
		t.Fatalf("the first of two pages is\n%s", a.body)
	}
	a = s.ask(t, "GET", page+"?cursor="+after, nil, "Cookie", cookie)
	if a.says(t, 200, "Account made"); strings.Contains(a.body, "Next page") || !strings.Contains(a.body, `href="`+page+`?">First page</a>`) {
		t.Errorf("the second page is\n%s", a.body)
	}
	s.ask(t, "GET", page+"?cursor=x", nil, "Cookie", cookie).says(t, 400, "That did not work")
}
