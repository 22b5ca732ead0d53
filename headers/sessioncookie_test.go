package headers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

const goodValue = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_"

func TestSessionCookieIsWritten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	given := authn.BrowserCookie{Value: goodValue, ExpiresAt: now.Add(720*time.Hour - time.Millisecond)}
	kept := given
	kept.Keep = true
	for _, c := range []struct {
		https  bool
		domain string
		given  authn.BrowserCookie
		want   string
	}{
		{true, "", given, "__Host-authly=V; Path=/; HttpOnly; SameSite=Lax; Secure"},
		{true, "", kept, "__Host-authly=V; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=2592000"},
		{true, "example.com", given, "__Secure-authly=V; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=example.com"},
		{false, "", given, "authly=V; Path=/; HttpOnly; SameSite=Lax"},
		{false, "example.com", kept, "authly=V; Path=/; HttpOnly; SameSite=Lax; Domain=example.com; Max-Age=2592000"},
	} {
		cookie := headers.NewSessionCookie(c.https, c.domain)
		line := cookie.Set(c.given, now)
		if got := strings.Replace(line, c.given.Value, "V", 1); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if len("Set-Cookie: "+line) >= 200 {
			t.Errorf("%d bytes", len(line))
		}
		parsed, err := http.ParseSetCookie(line)
		if err != nil || parsed.Valid() != nil {
			t.Errorf("%q: %v %v", line, err, parsed.Valid())
		}
		if got := cookie.Read(http.Header{"Cookie": {parsed.Name + "=" + parsed.Value}}); got.Kind != authn.CookieCredential || got.Token != c.given.Value {
			t.Errorf("%q is read as %v", line, got.Kind)
		}
		gone, err := http.ParseSetCookie(cookie.Clear())
		if err != nil || gone.Name != parsed.Name || gone.Value != "" || gone.MaxAge != -1 || gone.Domain != parsed.Domain || gone.Path != "/" || gone.Secure != c.https {
			t.Errorf("%q: %v", cookie.Clear(), err)
		}
	}
}

func TestSessionCookieIsRead(t *testing.T) {
	none, one, bad := authn.NoCredential, authn.CookieCredential, authn.MalformedCredential
	const name = "__Host-authly="
	for _, c := range []struct {
		lines []string
		want  authn.CredentialKind
	}{
		{nil, none},
		{[]string{""}, none},
		{[]string{"a=b; c"}, none},
		{[]string{name + goodValue}, one},
		{[]string{"a=b; " + name + goodValue + "; c=d"}, one},
		{[]string{"a=b;\t" + name + goodValue + " ;c=d"}, one},
		{[]string{"a=b", name + goodValue}, one},
		{[]string{"authly=" + goodValue}, none},          // of plain http: another cookie
		{[]string{"__Secure-authly=" + goodValue}, none}, // of a domain
		{[]string{"__host-authly=" + goodValue}, none},
		{[]string{"x__Host-authly=" + goodValue}, none},
		{[]string{"__Host-authly2=" + goodValue}, none},
		{[]string{"a=" + name + goodValue}, none},
		{[]string{`a="` + name + goodValue + `"`}, none},
		// Planted by another host of the site, beside the good one or not: nobody can tell which is which.
		{[]string{name + goodValue + "; " + name + goodValue}, bad},
		{[]string{name + goodValue, name + goodValue}, bad},
		{[]string{name + "x; " + name + goodValue}, bad},
		{[]string{name + goodValue + "; " + name}, bad},
		{[]string{name + goodValue + "; __Host-authly"}, bad},
		{[]string{name}, bad},
		{[]string{"__Host-authly"}, bad},
		{[]string{name + goodValue + "A"}, bad},
		{[]string{name + goodValue[1:]}, bad},
		{[]string{name + goodValue[1:] + "="}, bad},
		{[]string{name + goodValue[1:] + "+"}, bad},
		{[]string{name + goodValue[1:] + "\x80"}, bad},
		{[]string{name + `"` + goodValue + `"`}, bad},
		{[]string{name + "=" + goodValue[1:]}, bad},
		{[]string{name + "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}, bad},
		{[]string{name + strings.Repeat("A", 30_000)}, bad},
	} {
		got := headers.NewSessionCookie(true, "").Read(http.Header{"Cookie": c.lines})
		if got.Kind != c.want || (got.Token == goodValue) != (c.want == one) {
			t.Errorf("%.200q: %v %q, want %v", c.lines, got.Kind, got.Token, c.want)
		}
	}
}
