package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/headers"
)

// FuzzPages has hostile names, addresses and ways back sent to every page that anybody can open: what was typed comes back as text, no page
// fails, and nobody is led to where nobody may be led.
func FuzzPages(f *testing.F) {
	for _, seed := range [][3]string{
		{"alice", "alice@example.com", elsewhere + "/report?a=b#c"},
		{`"><script>alert(1)</script>`, `"><img/src=x onerror=alert(1)>@example.com`, "javascript:alert(1)"},
		{"' autofocus onfocus=alert(1) x='", "a@b' onload='x", "//evil.test/"},
		{"{{.Brand}}", "</title></textarea><svg/onload=alert(1)>", `https:\\evil.test`},
		{"\x00", "\xff\xfe@example.com", "https://app.example.com@evil.test/"},
		{"a\u202eb", "a\r\nSet-Cookie: x=y@example.com", "https://app.example.com/%0d%0aSet-Cookie:x=y"},
		{strings.Repeat("ä", 60), strings.Repeat("a", 300) + "@example.com", "https://app.example.com.evil.test/"},
		{"", "", "https://app.example.com/\"><script>alert(1)</script>"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	returns, err := headers.NewReturnAddresses(publicURL, nil, func(host, _ string) (bool, bool) { return true, host == "app.example.com" })
	if err != nil {
		f.Fatal(err)
	}
	s := openWith(f, func(_ *authn.LoginsConfig, a *authn.AccountsConfig) { a.Limit = authn.Limit{} }, func(c *web.Config) { c.Accept = returns.Accept })
	f.Fuzz(func(t *testing.T, name, email, back string) {
		query := "?" + url.Values{"return": {back}, "said": {name}, "posted": {"1"}}.Encode()
		form := url.Values{"username": {name}, "email": {email}, "password": {password}, "again": {password}, "token": {name}}
		for _, path := range []string{
			web.SignInPath, "/auth/forgot", "/auth/resend", "/auth/register", "/auth/signout", "/auth/mail/verify", "/auth/mail/email", "/auth/mail/reset",
			"/auth/mail/invitation", "/auth/sent/reset", "/auth/sent/" + url.PathEscape(name),
		} {
			for _, a := range []answer{s.ask(t, "GET", prefix+path+query, nil), s.ask(t, "POST", prefix+path+query, form)} {
				a.isHarmless(t, path)
			}
		}
	})
}

// isHarmless fails if a page is broken, or holds what somebody else has put there.
func (a answer) isHarmless(t *testing.T, path string) {
	t.Helper()
	if a.status >= http.StatusInternalServerError {
		t.Errorf("%s: %d\n%s", path, a.status, a.body)
	}
	if to := a.header.Get("Location"); to != "" && !leadsHome(to) {
		t.Errorf("%s leads to %q", path, to)
	}
	for page := html.NewTokenizer(strings.NewReader(a.body)); page.Next() != html.ErrorToken; {
		token := page.Token()
		if token.Type == html.StartTagToken && !slices.Contains(elements, token.Data) {
			t.Errorf("%s has the element %q in\n%s", path, token.Data, a.body)
		}
		for _, attribute := range token.Attr {
			isLink := slices.Contains([]string{"href", "src", "action"}, attribute.Key)
			if strings.HasPrefix(attribute.Key, "on") || attribute.Key == "style" || isLink && !leadsHome(attribute.Val) {
				t.Errorf("%s has %s=%q in\n%s", path, attribute.Key, attribute.Val, a.body)
			}
		}
	}
}

// elements are all that these pages are made of.
var elements = []string{
	"html", "head", "meta", "title", "link", "script", "body", "a", "header", "p", "main", "h1", "form", "div", "label", "input", "button", "ul", "li",
}

// leadsHome reports whether an address is on this site, or one to which people are sent back.
func leadsHome(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || strings.ContainsAny(address, "\\\r\n\t \"<>") {
		return false
	}
	switch u.Scheme + "://" + u.Host {
	case publicURL, elsewhere:
		return true
	case "://":
		return strings.HasPrefix(address, prefix+"/") || address == "#main"
	}
	return false
}
