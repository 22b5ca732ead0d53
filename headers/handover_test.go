package headers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// Each host has the cookie of its own domain, and one that merely looks like it has none.
func TestCookieDomains(t *testing.T) {
	d := headers.NewCookieDomains([]string{"example.net", "apps.example.org"})
	given := authn.BrowserCookie{Value: goodValue, ExpiresAt: time.Now().Add(time.Hour)}
	for host, want := range map[string]string{
		"example.net": "example.net", "app.example.net": "example.net", "deep.down.example.net": "example.net",
		"apps.example.org": "apps.example.org", "x.apps.example.org": "apps.example.org",
		"example.org": "", "www.example.org": "", "notexample.net": "", "example.net.evil.test": "", "net": "", "": "", "example.nett": "",
	} {
		cookie, domain, ok := d.Cookie(host)
		if domain != want || ok != (want != "") {
			t.Errorf("%q: %q %v", host, domain, ok)
		}
		if !ok {
			continue
		}
		line := cookie.Set(given, time.Now())
		if line != "__Secure-authly="+goodValue+"; Path=/; HttpOnly; SameSite=Lax; Secure; Domain="+domain || len("Set-Cookie: "+line) >= 200 {
			t.Errorf("%q: %s", host, line)
		}
		read := cookie.Read(http.Header{"Cookie": {"a=b; __Secure-authly=" + goodValue}})
		if read.Kind != authn.CookieCredential || read.Token != goodValue || read.Domain != domain {
			t.Errorf("%q: %+v", host, read)
		}
	}
	if read := headers.NewSessionCookie(true, "example.com").Read(http.Header{"Cookie": {"__Secure-authly=" + goodValue}}); read.Domain != "" || read.Token != goodValue {
		t.Errorf("that of the login page: %+v", read)
	}
	if _, _, ok := (headers.CookieDomains{}).Cookie("example.net"); ok {
		t.Error("there are none")
	}
}

func TestHandoverBegins(t *testing.T) {
	d := headers.NewCookieDomains([]string{"example.net"})
	for _, c := range []struct{ method, scheme, authority, target, want string }{
		{"GET", "https", "app.example.net", "/x?y=z", "https://app.example.net/auth/handover?return=https%3A%2F%2Fapp.example.net%2Fx%3Fy%3Dz"},
		{"GET", "https", "app.example.net:443", "/", "https://app.example.net/auth/handover?return=https%3A%2F%2Fapp.example.net%2F"},
		{"GET", "https", "app.example.net:8443", "/", "https://app.example.net:8443/auth/handover?return=https%3A%2F%2Fapp.example.net%3A8443%2F"},
		{"POST", "https", "example.net", "/x", "https://example.net/auth/handover?return=https%3A%2F%2Fexample.net%2F&posted=1"},
		{"GET", "https", "app.example.net", "/" + strings.Repeat("x", 5000), "https://app.example.net/auth/handover"},
		{"GET", "http", "app.example.net", "/", ""},  // over which its cookie is not sent
		{"GET", "https", "app.example.com", "/", ""}, // no other domain
		{"GET", "https", "app.example.net@evil.test", "/", ""},
		{"GET", "https", "evil.test#app.example.net", "/", ""},
		{"GET", "https", "", "/", ""},
	} {
		got, ok := d.Begin(headers.Asked{Method: c.method, Scheme: c.scheme, Authority: c.authority, Target: c.target}, "/auth/handover")
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%v: %q %v", c, got, ok)
		}
	}
}

// The state of a browser is a cookie of one host, which goes no further than there, and one of two is none.
func TestHandoverState(t *testing.T) {
	state := authn.NewHandoverState()
	line := headers.SetHandoverState(state)
	cookie, err := http.ParseSetCookie(line)
	if err != nil || cookie.Name != "__Host-authly-handover" || cookie.Value != state || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" ||
		cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 1800 || !headers.IsSessionCookie(cookie.Name) {
		t.Errorf("%s: %v", line, err)
	}
	other := authn.NewHandoverState()
	for sent, want := range map[string]string{
		"a=b; __Host-authly-handover=" + state:                                    state,
		"__Host-authly=" + other + "; __Host-authly-handover=" + state:            state,
		"__Host-authly-handover=" + state + "; __Host-authly-handover=" + other:   "",
		"__Host-authly-handover=x":                                                "",
		"__Secure-authly-handover=" + state + "; __host-authly-handover=" + state: "",
		"authly-handover=" + state + "; x__Host-authly-handover=" + state:         "",
		"__Host-authly=" + state:                                                  "",
		"":                                                                        "",
	} {
		if got := headers.HandoverState(http.Header{"Cookie": {sent}}); got != want {
			t.Errorf("%q is read as %q", sent, got)
		}
	}
	if session := headers.NewSessionCookie(true, "").Read(http.Header{"Cookie": {"__Host-authly-handover=" + state}}); session.Kind != authn.NoCredential {
		t.Errorf("a state as a session: %+v", session)
	}
}
