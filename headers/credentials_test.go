package headers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func TestCredentials(t *testing.T) {
	const (
		none      = authn.NoCredential
		bearer    = authn.BearerCredential
		foreign   = authn.ForeignCredential
		malformed = authn.MalformedCredential
	)
	longest := strings.Repeat("a", 16*1024-len("Bearer "))
	for _, c := range []struct {
		name   string
		values []string
		kind   authn.CredentialKind
		token  string
	}{
		{"nothing", nil, none, ""},
		{"a token", []string{"Bearer eyJh.eyJz.c2ln"}, bearer, "eyJh.eyJz.c2ln"},
		{"every character of a token", []string{"Bearer aZ09-._~+/=="}, bearer, "aZ09-._~+/=="},
		{"lower-case scheme", []string{"bearer abc"}, bearer, "abc"},
		{"upper-case scheme", []string{"BEARER abc"}, bearer, "abc"},
		{"more spaces", []string{"Bearer   abc"}, bearer, "abc"},
		{"the longest", []string{"Bearer " + longest}, bearer, longest},
		{"millions of dots are the verifier's business", []string{"Bearer " + strings.Repeat(".", 1000)}, bearer, strings.Repeat(".", 1000)},

		{"basic", []string{"Basic YTpi"}, foreign, ""},
		{"digest with commas", []string{`Digest username="a", realm="b"`}, foreign, ""},
		{"a scheme alone", []string{"Negotiate"}, foreign, ""},
		{"an application's own key", []string{"c2VjcmV0/key=="}, foreign, ""},
		{"another scheme with the same beginning", []string{"BearerToken abc"}, foreign, ""},
		{"another scheme with a dash", []string{"Bearer-X abc"}, foreign, ""},
		{"bearer hidden in another scheme", []string{"Basic YTpi, Bearer abc"}, foreign, ""},

		{"empty", []string{""}, malformed, ""},
		{"two fields", []string{"Bearer abc", "Bearer abc"}, malformed, ""},
		{"bearer and basic", []string{"Bearer abc", "Basic YTpi"}, malformed, ""},
		{"basic and bearer", []string{"Basic YTpi", "Bearer abc"}, malformed, ""},
		{"two fields, one empty", []string{"", "Bearer abc"}, malformed, ""},
		{"without a token", []string{"Bearer"}, malformed, ""},
		{"without a token but a space", []string{"Bearer "}, malformed, ""},
		{"only padding", []string{"Bearer =="}, malformed, ""},
		{"padding within", []string{"Bearer a=b"}, malformed, ""},
		{"space within", []string{"Bearer a b"}, malformed, ""},
		{"space behind", []string{"Bearer a "}, malformed, ""},
		{"comma within", []string{"Bearer a,b"}, malformed, ""},
		{"two in one field", []string{"Bearer abc, Basic YTpi"}, malformed, ""},
		{"quoted", []string{`Bearer "abc"`}, malformed, ""},
		{"colon for a space", []string{"Bearer: abc"}, malformed, ""},
		{"comma for a space", []string{"Bearer,abc"}, malformed, ""},
		{"equals for a space", []string{"Bearer=abc"}, malformed, ""},
		{"tab for a space", []string{"Bearer\tabc"}, malformed, ""},
		{"line feed behind", []string{"Bearer abc\n"}, malformed, ""},
		{"NUL", []string{"Bearer a\x00c"}, malformed, ""},
		{"DEL in another scheme", []string{"Basic a\x7f"}, malformed, ""},
		{"not ASCII", []string{"Bearer äbc"}, malformed, ""},
		{"JSON serialization", []string{`Bearer {"payload":"e30"}`}, malformed, ""},
		{"too long", []string{"Bearer " + longest + "a"}, malformed, ""},
		{"another scheme too long", []string{"Basic " + longest + "aa"}, malformed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{"Cookie": {"Authorization=Bearer x"}, "X-Authorization": {"Bearer x"}, "Proxy-Authorization": {"Bearer x"}}
			if c.values != nil {
				h["Authorization"] = c.values
			}
			if got, want := headers.Credentials(h), (authn.Credentials{Kind: c.kind, Token: c.token}); got != want {
				t.Errorf("got kind %v, want %v; the token is right: %v", got.Kind, want.Kind, got.Token == want.Token)
			}
		})
	}
}

// Which bytes make a token is what RFC 6750 section 2.1 says, byte by byte.
func TestBearerTokenBytes(t *testing.T) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	for c := range 256 {
		kind := headers.Credentials(http.Header{"Authorization": {"Bearer a" + string([]byte{byte(c)}) + "b"}}).Kind
		if good := strings.IndexByte(allowed, byte(c)) >= 0; (kind == authn.BearerCredential) != good {
			t.Errorf("%#x: %v", c, kind)
		}
	}
}
