package web_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/descoped/authly/authn"
)

// hostile is what strangers can have pages show.
type hostile struct{ username, email, agent, address string }

// FuzzStructure shows every page of the table with texts that may hold anything, also what authn would never take, and compares their
// elements and attributes with those of the same page with harmless texts: what a text says must stay a text.
func FuzzStructure(f *testing.F) {
	for _, h := range []hostile{
		{"mallory", "mallory@example.com", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "https://app.example.com/x"},
		{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>@example.com`, `' onmouseover='alert(1)`, `javascript:alert(1)`},
		{`</title></textarea></style><svg/onload=alert(1)>`, `a@b&lt;b&gt;`, "<!--", `https://app.example.com/"><script>`},
		{"{{.Caller}}", "mallory@example.com\r\nSet-Cookie: a=b", "\x01\x7f x", "data:text/html,<b>"},
		{"\u202eyrollam\u2028", "\ufeff@\u00ad", "\ufffd\U0010ffff", "https://app.example.com/\u2029`${alert(1)}`"},
		{"m", "m", "m", ""},
	} {
		f.Add(h.username, h.email, h.agent, h.address)
	}
	s := openStrange(f)
	f.Fuzz(func(t *testing.T, username, email, agent, address string) {
		h := hostile{username, email, agent, address}
		for i, text := range []string{username, email, agent, address} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > 300 || i < 3 && strings.TrimSpace(text) == "" {
				return // neither a database nor a form takes it, or there is nothing to see of it
			}
		}
		harmless := hostile{"mallory", "mallory@example.com", "Firefox", elsewhere + "/x"}
		leading, elements := s.shapes(t, harmless), map[string]bool{}
		harmless.address = "https://elsewhere.example.net/" // where nobody is sent
		staying := s.shapes(t, harmless)
		for page, got := range s.shapes(t, h) {
			if got != leading[page] && got != staying[page] {
				t.Errorf("%s has another structure with these texts:\n%s\nthan with harmless ones:\n%s", page, got, leading[page])
			}
			for line := range strings.Lines(leading[page] + staying[page]) {
				elements[strings.TrimSpace(line)] = true
			}
		}
		for _, got := range s.searches(t, hostile{"mallory", "mallory@example.com", "GET", "/app/"}) {
			for line := range strings.Lines(got) {
				elements[strings.TrimSpace(line)] = true
			}
		}
		for page, got := range s.searches(t, h) {
			for line := range strings.Lines(got) {
				if !elements[strings.TrimSpace(line)] {
					t.Errorf("%s has an element of its own: %s", page, line)
				}
			}
		}
	})
}

// The structure that is compared sees what is to be seen, and the texts do come to the pages.
func TestShape(t *testing.T) {
	const harmless = `<p class="a">mallory <a href="/x">x</a></p>`
	for name, page := range map[string]string{
		"an element":                     `<p class="a">mallory<b></b> <a href="/x">x</a></p>`,
		"an attribute":                   `<p class="a" onclick="x">mallory <a href="/x">x</a></p>`,
		"a comment":                      `<p class="a">mallory<!-- --> <a href="/x">x</a></p>`,
		"an element that ends early":     `<p class="a">mallory</p> <a href="/x">x</a>`,
		"a link to a script":             `<p class="a">mallory <a href="javascript:x">x</a></p>`,
		"a link to somewhere else":       `<p class="a">mallory <a href="//evil.test/x">x</a></p>`,
		"a link that browsers see as it": `<p class="a">mallory <a href=" java&#10;script:x">x</a></p>`,
	} {
		if shape(t, page) == shape(t, harmless) {
			t.Errorf("%s is not seen", name)
		}
	}
	if shape(t, strings.ReplaceAll(harmless, "mallory", "&lt;b&gt;")) != shape(t, harmless) {
		t.Error("a text is taken for more")
	}
	s := openStrange(t)
	s.plant(t, hostile{"<b>mallory</b>", "mallory@example.com", "Firefox", ""})
	s.ask(t, "GET", prefix+"/auth/account", nil, "Cookie", s.cookie).says(t, 200, "&lt;b&gt;mallory&lt;/b&gt;1")
}

// strange is a site on whose database a test writes what it likes.
type strange struct {
	*site
	raw    *sql.DB
	cookie string
	ids    map[string]string // what stands for the variables of paths
}

func openStrange(t testing.TB) *strange {
	t.Helper()
	s := &strange{site: open(t), ids: map[string]string{}}
	var err error
	if s.raw, err = sql.Open("sqlite", "file:"+s.file+"?_pragma=busy_timeout(10000)"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.raw.Close() })
	s.user(t, "root", true)
	s.ids["id"] = s.user(t, "mallory", false).ID.String()
	s.cookie = s.signIn(t, "root")
	s.signIn(t, "mallory")
	if _, err := s.accounts.Invite(t.Context(), authn.Operator(), authn.Invitation{Email: "bob@example.com", Username: "bob", Roles: []string{"staff"}}); err != nil {
		t.Fatal(err)
	}
	keys, err := s.ring.Managed().List(t.Context(), authn.Operator())
	if err != nil {
		t.Fatal(err)
	}
	s.ids["purpose"], s.ids["key"], s.ids["what"] = "access", keys[0].ID, "reset"
	return s
}

// plant puts the texts wherever the database keeps such, past all checks.
func (s *strange) plant(t testing.TB, h hostile) {
	t.Helper()
	list, err := json.Marshal([]string{h.username})
	if err != nil {
		t.Fatal(err)
	}
	details, err := json.Marshal(map[string]string{"username": h.username, "email": h.email, "name": h.agent})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct {
		statement string
		values    []any
	}{
		{`UPDATE users SET username = ? || rowid, email = ? || rowid, roles = ?`, []any{h.username, h.email, string(list)}},
		{`UPDATE mail_tokens SET username = ?, email = ?, roles = ?`, []any{h.username, h.email, string(list)}},
		{`UPDATE sessions SET user_agent = ?, city = ?, country = ?`, []any{h.agent, h.username, h.agent}},
		{`UPDATE audit_events SET user_agent = ?, city = ?, country = ?, details = ?`, []any{h.agent, h.username, h.agent, string(details)}},
	} {
		if _, err := s.raw.ExecContext(t.Context(), change.statement, change.values...); err != nil {
			t.Fatal(err)
		}
	}
}

// shapes opens every page, as nobody and as an administrator of such a name, and returns their structures.
func (s *strange) shapes(t testing.TB, h hostile) map[string]string {
	t.Helper()
	s.plant(t, h)
	all := map[string]string{}
	query := "?" + url.Values{"return": {h.address}, "said": {h.agent}, "posted": {"1"}}.Encode()
	for _, path := range s.pages.Paths() {
		for name, id := range s.ids {
			path = strings.ReplaceAll(path, "{"+name+"}", id)
		}
		if strings.HasSuffix(path, "/audit") {
			query = "" // it is strict about what it is asked
		}
		for who, cookie := range map[string]string{"nobody": "", "root": s.cookie} {
			a := s.ask(t, "GET", prefix+path+query, nil, "Cookie", cookie, "User-Agent", header(h.agent))
			if a.status != 200 && !(who == "nobody" && a.status == 303) {
				t.Errorf("%s as %s: %d", path, who, a.status)
			}
			all[who+" at "+path] = shape(t, a.body)
		}
	}
	return all
}

// searches asks for what there may not be, and has forms come back with what was typed.
func (s *strange) searches(t testing.TB, h hostile) map[string]string {
	t.Helper()
	all := map[string]string{}
	for path, query := range map[string]url.Values{
		"/auth/admin/users": {"search": {h.username}, "role": {h.email}, "order": {h.agent}}, "/auth/admin/sessions": {"user": {h.username}},
		"/auth/admin/audit":      {"user": {h.username}, "actor": {h.email}, "since": {h.agent}, "client": {h.address}, "kind": {h.agent}},
		"/auth/admin/routes":     {"url": {h.address}, "method": {h.agent}, "user": {h.username}, "client": {h.email}},
		"/auth/account/activity": {"after": {h.username}},
	} {
		a := s.ask(t, "GET", prefix+path+"?"+query.Encode(), nil, "Cookie", s.cookie)
		if a.status >= 500 {
			t.Errorf("%s: %d", path, a.status)
		}
		all[path] = shape(t, a.body)
	}
	form := url.Values{
		"username": {"m" + h.username}, "password": {"wrong"}, "again": {"other"}, "current_password": {"wrong"}, "token": {h.email}, "email": {h.email},
		"roles": {h.agent},
	}
	for path, cookie := range map[string]string{
		"/auth/login": "", "/auth/mail/invitation": "", "/auth/account/email": s.cookie, "/auth/admin/users/new": s.cookie, "/auth/admin/invitations": s.cookie,
	} {
		a := s.ask(t, "POST", prefix+path+"?return="+url.QueryEscape(h.address), form, "Cookie", cookie)
		if a.status >= 500 {
			t.Errorf("%s: %d", path, a.status)
		}
		all["sent to "+path] = shape(t, a.body)
	}
	return all
}

// header is as much of a text as can be sent as the value of a header.
func header(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}

// shape is the structure of a page: its elements within each other with the names of their attributes, and where they lead as far as that
// is not only a path.
func shape(t testing.TB, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var write func(n *html.Node, depth int)
	write = func(n *html.Node, depth int) {
		switch n.Type {
		case html.ElementNode:
			var attributes []string
			for _, a := range n.Attr {
				if a.Key == "aria-invalid" || a.Key == "aria-describedby" {
					continue // which field is wrong depends on what was sent
				}
				attributes = append(attributes, a.Key+leads(a))
			}
			slices.Sort(attributes)
			fmt.Fprintf(&b, "%s%s %s\n", strings.Repeat(" ", depth), n.Data, strings.Join(attributes, " "))
		case html.CommentNode:
			fmt.Fprintf(&b, "%s<!--\n", strings.Repeat(" ", depth))
		}
		for child := n.FirstChild; child != nil; child = child.NextSibling {
			write(child, depth+1)
		}
	}
	write(root, 0)
	return b.String()
}

// leads is the scheme and host of an attribute that leads somewhere.
func leads(a html.Attribute) string {
	if !slices.Contains([]string{"href", "src", "action", "formaction"}, a.Key) {
		return ""
	}
	u, err := url.Parse(a.Val)
	if err != nil {
		return "=?"
	}
	return "=" + u.Scheme + "//" + u.Host
}
