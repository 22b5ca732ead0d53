package authn_test

import (
	"context"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func cookie(value string) authn.Credentials {
	return authn.Credentials{Kind: authn.CookieCredential, Token: value}
}

// cookieCallers are callers who may have come with a cookie too. What is known as a token is no cookie, and the other way round.
type cookieCallers struct{ callers }

func (c cookieCallers) Authenticate(ctx context.Context, cred authn.Credentials) (*authn.Identity, error) {
	switch {
	case cred.Kind == authn.CookieCredential && cred.Token == "only-token", cred.Kind == authn.BearerCredential && cred.Token == "only-cookie":
		return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
	case cred.Kind == authn.CookieCredential:
		cred.Kind = authn.BearerCredential
	}
	return c.callers.Authenticate(ctx, cred)
}

func TestDecideByCookieAndBearer(t *testing.T) {
	routes := []authn.Route{
		{Name: "bearer-first", Paths: []string{"/b/*"}, Access: authn.AllowAuthenticated, Cookies: authn.BearerFirst},
		{Name: "cookie-first", Paths: []string{"/c/*"}, Access: authn.AllowAuthenticated, Cookies: authn.CookieFirst},
		{Name: "cookie-alone", Paths: []string{"/cookie/*"}, Access: authn.AllowAuthenticated, Cookies: authn.CookieFirst, IgnoreBearer: true},
		{Name: "bearer-alone", Paths: []string{"/bearer/*"}, Access: authn.AllowAuthenticated},
		{Name: "listed", Paths: []string{"/listed/*"}, Access: authn.AllowListed, Roles: []string{"staff"}, Cookies: authn.BearerFirst},
		{Name: "public", Paths: []string{"/public/*"}, Access: authn.AllowPublic, Cookies: authn.BearerFirst},
		{Name: "closed", Paths: []string{"/closed/*"}, Access: authn.AllowNobody, Cookies: authn.BearerFirst},
	}
	gate := authn.NewGate(authn.GateConfig{Routes: routes, Now: time.Now, Authenticator: cookieCallers{callers{
		"alice": {Username: "alice", Roles: []string{"staff"}}, "bob": {Username: "bob"}, "only-token": {}, "only-cookie": {},
	}}})
	none, foreign := authn.Credentials{}, authn.Credentials{Kind: authn.ForeignCredential}
	malformed := authn.Credentials{Kind: authn.MalformedCredential}
	for _, c := range []struct {
		name           string
		path           string
		bearer, cookie authn.Credentials
		cross          bool
		want           string // the user, or the code of the refusal; empty: nobody, allowed
	}{
		{"a good cookie", "/b/", none, cookie("alice"), false, "alice"},
		{"a bad cookie", "/b/", none, cookie("x"), false, "invalid_token"},
		{"several cookies", "/b/", none, malformed, false, "invalid_token"},
		{"the store is down", "/b/", none, cookie("broken"), false, "unavailable"},
		{"nothing", "/b/", none, none, false, "no_credentials"},
		{"both good, bearer first", "/b/", bearer("bob"), cookie("alice"), false, "bob"},
		{"both good, cookie first", "/c/", bearer("bob"), cookie("alice"), false, "alice"},
		{"a bad bearer beside a good cookie, bearer first", "/b/", bearer("x"), cookie("alice"), false, "invalid_token"},
		{"a bad bearer beside a good cookie, cookie first", "/c/", bearer("x"), cookie("alice"), false, "invalid_token"},
		{"a malformed bearer beside a good cookie", "/c/", malformed, cookie("alice"), false, "invalid_token"},
		{"a good bearer beside a bad cookie, bearer first", "/b/", bearer("bob"), cookie("x"), false, "bob"},
		{"a good bearer beside a bad cookie, cookie first", "/c/", bearer("bob"), cookie("x"), false, "bob"},
		{"a good bearer beside several cookies", "/c/", bearer("bob"), malformed, false, "bob"},
		{"a good bearer, and the store is down for the cookie", "/c/", bearer("bob"), cookie("broken"), false, "unavailable"},
		{"a good bearer first, and the store would be down for the cookie", "/b/", bearer("bob"), cookie("broken"), false, "bob"},
		{"a scheme of the application's beside a good cookie", "/b/", foreign, cookie("alice"), false, "alice"},
		{"a scheme of the application's beside a bad cookie", "/b/", foreign, cookie("x"), false, "invalid_token"},
		{"a scheme of the application's", "/b/", foreign, none, false, "no_credentials"},
		{"a bearer where only cookies are read", "/cookie/", bearer("alice"), none, false, "no_credentials"},
		{"a bad bearer where only cookies are read", "/cookie/", bearer("x"), cookie("alice"), false, "alice"},
		{"a cookie where only bearers are read", "/bearer/", none, cookie("alice"), false, "no_credentials"},
		{"a cookie beside a bearer where only bearers are read", "/bearer/", bearer("bob"), cookie("alice"), false, "bob"},
		{"a role", "/listed/", none, cookie("alice"), false, "alice"},
		{"no role", "/listed/", none, cookie("bob"), false, "forbidden"},
		{"closed", "/closed/", none, cookie("alice"), false, "forbidden"},
		{"public", "/public/", none, cookie("alice"), false, "alice"},
		{"public, a bad cookie", "/public/", none, cookie("x"), false, ""},
		{"public, several cookies", "/public/", none, malformed, false, ""},
		{"public, a bad bearer", "/public/", bearer("x"), cookie("alice"), false, ""},
		{"public, the store is down", "/public/", none, cookie("broken"), false, "unavailable"},
		{"another site", "/b/", none, cookie("alice"), true, "cross_origin_denied"},
		{"another site, a bad cookie", "/b/", none, cookie("x"), true, "invalid_token"},
		{"another site with a bearer", "/b/", bearer("bob"), cookie("alice"), true, "bob"},
		{"another site with a bearer, cookie first", "/c/", bearer("bob"), cookie("alice"), true, "bob"},
		{"another site, public", "/public/", none, cookie("alice"), true, ""},
		{"a token as a cookie", "/b/", none, cookie("only-token"), false, "invalid_token"},
		{"a cookie as a token", "/b/", bearer("only-cookie"), none, false, "invalid_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get(c.path, c.bearer)
			r.Cookie, r.CrossOrigin = c.cookie, c.cross
			d, got := gate.Decide(t.Context(), r), ""
			switch {
			case d.Refusal != nil:
				got = string(d.Refusal.Code)
			case d.Identity != nil:
				got = d.Identity.Username
			}
			if got != c.want || (d.Verdict == authn.Allow) != (d.Refusal == nil) {
				t.Errorf("%v %q, want %q", d.Verdict, got, c.want)
			}
		})
	}
}
