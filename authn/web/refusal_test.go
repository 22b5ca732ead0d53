package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/headers"
)

// A slip of the pen in the address of a page is shown as one to people. Endpoints, and programs that ask for what is not there, are left alone.
func TestNothingThere(t *testing.T) {
	s := open(t, func(c *web.Config) {
		c.Answers = func(path string) bool { return path == prefix+"/auth/sessions" }
	})
	s.user(t, "alice", false)
	cookie := s.signIn(t, "alice")
	s.ask(t, "GET", prefix+"/auth/singin", nil, "Accept", "text/html").says(t, 404, "There is nothing here")
	home := `<a href="` + publicURL + prefix + `/auth/account">My account</a>`
	s.ask(t, "GET", prefix+"/auth/admin/nothing", nil, "Accept", "text/html", "Cookie", cookie).says(t, 404, home)
	for path, to := range map[string]string{
		"/auth": "/auth/account", "/auth/": "/auth/account", "/auth/admin/": "/auth/admin", "/auth/account/": "/auth/account",
	} {
		s.ask(t, "GET", prefix+path, nil, "Accept", "text/html").leads(t, publicURL+prefix+to)
	}
	for path, accept := range map[string]string{prefix + "/auth/singin": "*/*", prefix + "/auth/": "*/*", prefix + "/auth/sessions": "text/html", "/elsewhere": "text/html"} {
		if a := s.ask(t, "GET", path, nil, "Accept", accept); a.status != 418 {
			t.Errorf("%s for %s is not handed on: %d", path, accept, a.status)
		}
	}
}

// What a person sees in place of an application's page says what is wrong and what they can do, and knows who they are.
func TestRefusal(t *testing.T) {
	s := open(t)
	pages, err := web.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	const signIn, home = publicURL + prefix + web.SignInPath, publicURL + prefix + "/auth/account"
	for name, c := range map[string]struct {
		err          error
		status       int
		user, method string
		want, not    []string
	}{
		"not theirs": {authn.Refuse(authn.CodeForbidden, "detail"), 403, `al<b>ice`, "GET",
			[]string{"This page is not for you", "You are signed in as al&lt;b&gt;ice", signIn + "?return=https%3A%2F%2Fapp.example.com%2Fx%3Fy%3D1", home, "403 forbidden, request 4711"}, nil},
		"nobody's": {authn.Refuse(authn.CodeForbidden, "detail"), 403, "", "GET", []string{"You may not open this page"}, []string{home, signIn}},
		"nothing":  {authn.Refuse(authn.CodeNoRoute, "detail"), 403, "alice", "GET", []string{"There is nothing here", "no_route"}, nil},
		"down": {&authn.Error{Code: authn.CodeUpstreamDown, Detail: "detail"}, 502, "alice", "GET",
			[]string{"The application does not answer", `<a class="button" href="https://app.example.com/x?y=1">Try again</a>`}, nil},
		"a form, down": {authn.Refuse(authn.CodeUpstreamSlow, "detail"), 504, "alice", "POST", []string{"The application does not answer"}, []string{"Try again</a>", "return="}},
		"unavailable":  {&authn.Error{Code: authn.CodeUnavailable, Detail: "detail", RetryAfter: time.Second}, 503, "", "GET", []string{"it is not your fault. Try again in 1 second."}, nil},
		"too often":    {&authn.Error{Code: authn.CodeRateLimited, Detail: "detail", RetryAfter: time.Minute}, 429, "", "GET", []string{"Try again in 1 minute."}, nil},
		"another site": {authn.Refuse(authn.CodeOriginRefused, "detail"), 403, "alice", "POST", []string{"This came from another site"}, nil},
		"malformed":    {authn.Refuse(authn.CodeAmbiguousPath, "detail"), 400, "", "GET", []string{"Look for errors in the address."}, nil},
		"a fault":      {authn.Fault(authn.ErrFeedReset), 500, "", "GET", []string{"it is not your fault"}, []string{"cursor"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/x?y=1", nil)
			r.Host = "app.example.com"
			x := &headers.Exchange{ID: "4711", User: c.user, Origin: headers.Origin{Scheme: "https", Host: "app.example.com"}}
			w := httptest.NewRecorder()
			pages.Refusal(w, r.WithContext(headers.WithExchange(r.Context(), x)), c.status, c.err)
			a := answer{w.Code, w.Header(), w.Body.String()}
			for _, want := range c.want {
				a.says(t, c.status, want)
			}
			for _, not := range append(c.not, "detail") {
				if strings.Contains(a.body, not) {
					t.Errorf("%q is in\n%s", not, a.body)
				}
			}
		})
	}
}

// In an application's address the word that Authly's pages have there means something else, or nothing.
func TestRefusalSaysNothingElse(t *testing.T) {
	s := open(t)
	pages, err := web.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/x?said=password_changed", nil)
	w := httptest.NewRecorder()
	pages.Refusal(w, r, 403, authn.Refuse(authn.CodeForbidden, "detail"))
	if body := w.Body.String(); strings.Contains(body, "Your password is changed") || !strings.Contains(body, "You may not open this page") {
		t.Errorf("it says\n%s", body)
	}
}

// While the store is away a page says so, with what is found in the log, and does not take people for signed out.
func TestStoreAway(t *testing.T) {
	s := open(t)
	_, asRoot := s.administer(t)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/auth/account", "/auth/admin/users", web.SignInPath} {
		a := s.ask(t, "GET", prefix+path, nil, "Cookie", asRoot)
		a.says(t, 503, `<p class="hint">503 unavailable`)
		a.saysNot(t, "Location")
	}
}
