package web_test

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/web"
)

func routesOfTests() []authn.Route {
	return []authn.Route{
		{Name: "assets", Hosts: []string{"app.example.com"}, Paths: []string{"/static/*"}, Methods: []string{"GET"}, Access: authn.AllowPublic},
		{Name: "office", Paths: []string{"/office/*"}, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Access: authn.AllowPublic},
		{
			Name: "boss", Paths: []string{"/boss/*"}, Access: authn.AllowListed, Roles: []string{"boss"}, Users: []string{"root"},
			Limit: authn.Limit{Requests: 1, Per: 90 * time.Minute}, LimitByUser: true,
		},
		{Name: "never", Paths: []string{"/never"}},
		{Name: "rest", Paths: []string{"/app/*", "/api/*"}, Access: authn.AllowAuthenticated, Cookies: authn.BearerFirst},
	}
}

// explain asks who may open what.
func (s *site) explain(t testing.TB, cookie, method, address, user, client string, header ...string) answer {
	t.Helper()
	query := url.Values{"method": {method}, "url": {address}, "user": {user}, "client": {client}}
	return s.ask(t, "GET", admin+"/routes?"+query.Encode(), nil, append([]string{"Cookie", cookie}, header...)...)
}

// It is told which route decides, which do not match and by what, and why somebody may pass or may not.
func TestExplain(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	alice := s.user(t, "alice", false)
	cookie := s.signIn(t, "root")
	for _, c := range []struct {
		method, address, user, client string
		want                          []string
	}{
		{"GET", "https://APP.example.com:8443/static/x.css?a=b", "", "", []string{"May pass <code>allow</code>", "1. <code>assets</code>: Everybody", "Nobody who is signed in", "<code>app.example.com</code>", "<code>/static/x.css</code>"}},
		{"POST", "https://app.example.com/static/x.css", "", "192.0.2.1", []string{"May not pass <code>deny</code>", "No route matches <code>no_route</code>", "Method <code>method</code>", "Path <code>path</code>"}},
		{"GET", "/office/plan", "", "10.1.2.3", []string{"<code>allow</code>", "2. <code>office</code>"}},
		{"GET", "/office/plan", "", "192.0.2.1", []string{"<code>deny</code>", "Network of the client <code>network</code>", "<code>10.0.0.0/8</code>"}},
		{"GET", "/office/plan", "", "", []string{"<code>deny</code>", "The client address is not known."}},
		{"GET", "/boss/plan", "alice", "", []string{"<code>deny</code>", "<code>forbidden</code>", "3. <code>boss</code>: Roles: boss; Users: root", "<dd>alice</dd>", "1 requests in 1 hour and 30 minutes for each user"}},
		{"GET", "/boss/plan", "", "", []string{"Has to sign in <code>challenge</code>", "Nobody is signed in <code>no_credentials</code>"}},
		{"GET", "/boss/plan", alice.ID.String(), "", []string{"<code>forbidden</code>"}},
		{"GET", "/boss/plan", "Root@example.com", "", []string{"<code>allow</code>", "<dd>root</dd>"}},
		{"GET", "/never", "root", "", []string{"<code>deny</code>", "4. <code>never</code>: Nobody"}},
		{"GET", "/app/x", "alice", "", []string{"<code>allow</code>", "Bearer token, else session cookie"}},
		{"GET", "/app/../never", "alice", "", []string{"<code>ambiguous_path</code>", "The path could be read in two ways: it holds a dot segment."}},
		{"GET", "https://app.example.com/a%2fb", "", "", []string{"<code>ambiguous_path</code>"}},
		{"GET", "https://app.example.com/a#b", "", "", []string{"<code>ambiguous_path</code>", "The request target holds a fragment."}},
		{"GET", "https://user:pass@app.example.com/", "", "", []string{"<code>deny</code>", "<code>bad_request</code>"}},
		{"TRACE", "/app/x", "alice", "", []string{"<code>bad_method</code>"}},
		{"get", "/app/x", "alice", "", []string{"<code>bad_method</code>"}},
		{"GET", "/.well-known/change-password", "alice", "", []string{"<code>no_route</code>", "one of its pages or endpoints"}},
		{"GET", " /api/v1/auth/login ", "alice", "", []string{"<code>allow</code>", "one of its pages or endpoints"}},
	} {
		a := s.explain(t, cookie, c.method, c.address, c.user, c.client)
		for _, want := range c.want {
			a.says(t, 200, want)
		}
	}
	a := s.explain(t, cookie, "GET", "/app/x", "alice", "")
	if strings.Contains(a.body, "one of its pages") || strings.Count(a.body, `class="panel"`) != 1 {
		t.Error("an application's page is taken for one of Authly's own")
	}
	a = s.explain(t, cookie, "GET", "https://app.example.com/.well-known/change-password", "alice", "") // which is the application's
	a.says(t, 200, "<code>no_route</code>")
	a.saysNot(t, "one of its pages")
	s.explain(t, cookie, "GET", "/a%2fb", "", "", "Accept-Language", "de").says(t, 200, "Der Pfad ließe sich auf zwei Arten lesen: Eines von")
}

// Of a great many routes a page shows those that matter.
func TestManyRoutes(t *testing.T) {
	many := make([]authn.Route, 1600)
	for i := range many {
		many[i] = authn.Route{Name: fmt.Sprint("route", i), Paths: []string{fmt.Sprint("/", i)}, Access: authn.AllowPublic}
	}
	gate := authn.NewGate(authn.GateConfig{Routes: many, Now: time.Now})
	s := open(t, func(cfg *web.Config) { cfg.Explainer = authn.NewExplainer(gate, cfg.Accounts) })
	s.user(t, "root", true)
	cookie := s.signIn(t, "root")
	a := s.explain(t, cookie, "GET", "/1599", "", "")
	for _, want := range []string{"1600. <code>route1599</code>", "1,099 before these do not match either.", "<code>route1598</code>", "1,100 more are not shown."} {
		a.says(t, 200, want)
	}
	if strings.Contains(a.body, "<code>route600</code>") {
		t.Error("all are shown")
	}
}

// What is no question comes back in the form.
func TestExplainMistakes(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	s.user(t, "alice", false)
	cookie := s.signIn(t, "root")
	for _, c := range []struct{ address, user, client, field string }{
		{"app.example.com", "", "", "url"}, {"", "", "", "url"}, {"javascript:alert(1)", "", "", "url"},
		{"/app/x", "nobody", "", "user"}, {"/app/x", "", "everywhere", "client"}, {"/app/x", "\x00", "", "user"},
	} {
		a := s.explain(t, cookie, "GET", c.address, c.user, c.client)
		a.says(t, 400, `role="alert"`)
		if !strings.Contains(a.body, `aria-describedby="wrong`) || strings.Contains(a.body, `class="panel"`) || !strings.Contains(a.body, "<code>assets</code>") {
			t.Errorf("%+v:\n%s", c, a.body)
		}
	}
	s.ask(t, "GET", admin+"/routes", nil, "Cookie", cookie).says(t, 200, `name="method" type="text" value="GET"`)
	s.explain(t, s.signIn(t, "alice"), "GET", "/app/x", "nobody", "").says(t, 403, "This page is not for you")
}

// Whatever is asked, the answer is a page that has nothing in it but words.
func FuzzExplain(f *testing.F) {
	s := open(f)
	s.user(f, "root", true)
	cookie := s.signIn(f, "root")
	f.Add("GET", "https://app.example.com/static/x", "root", "192.0.2.1")
	f.Add("<script>", `"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, "::1%<b>")
	f.Add("GET", `/app/"><svg/onload=alert(1)>`, "{{.}}", "")
	f.Add("\xff", "//\x00%zz", "\xed\xa0\x80", "\r\nSet-Cookie: a=b")
	f.Fuzz(func(t *testing.T, method, address, user, client string) {
		if len(method)+len(address)+len(user)+len(client) > 8<<10 {
			return // no server takes such an address
		}
		a := s.explain(t, cookie, method, address, user, client)
		if a.status != 200 && a.status != 400 {
			t.Fatalf("%d", a.status)
		}
		for _, tag := range []string{"<script>", "<img", "<svg/", "<b>"} {
			if strings.Contains(a.body, tag) {
				t.Errorf("%s is in the page", tag)
			}
		}
		if !strings.HasSuffix(a.body, "</html>\n") || a.header.Get("Set-Cookie") != "" {
			t.Error("the page is not whole")
		}
	})
}
