package authn_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// callers is an Authenticator whose tokens are usernames; a token that is none is bad, and "broken" fails as a lost
// database does.
type callers map[string]*authn.Identity

func (c callers) Authenticate(_ context.Context, cred authn.Credentials) (*authn.Identity, error) {
	switch {
	case cred.Kind == authn.NoCredential || cred.Kind == authn.ForeignCredential:
		return nil, authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	case cred.Token == "broken":
		return nil, authn.Fault(authn.ErrUnavailable)
	case cred.Kind == authn.BearerCredential && c[cred.Token] != nil:
		return c[cred.Token], nil
	}
	return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
}

func newGate(t *testing.T, general authn.Limit, routes ...authn.Route) *authn.Gate {
	t.Helper()
	return authn.NewGate(authn.GateConfig{
		Routes: routes, General: general, Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
		Authenticator: callers{
			"alice": {Username: "alice", Roles: []string{"staff"}},
			"bob":   {Username: "bob"},
			"root":  {Username: "root", Admin: true},
		},
	})
}

func bearer(token string) authn.Credentials {
	return authn.Credentials{Kind: authn.BearerCredential, Token: token}
}

func get(path string, c authn.Credentials) authn.Request {
	return authn.Request{
		Method: "GET", Host: "app.example.com", RawPath: path, Credentials: c, Client: netip.MustParseAddr("192.0.2.7"),
	}
}

func TestDecideByTheRoutesRule(t *testing.T) {
	gate := newGate(t, authn.Limit{},
		authn.Route{Name: "public", Paths: []string{"/public/*"}, Access: authn.AllowPublic},
		authn.Route{Name: "closed", Paths: []string{"/closed"}, Access: authn.AllowNobody},
		authn.Route{Name: "listed", Paths: []string{"/listed/*"}, Access: authn.AllowListed, Roles: []string{"staff"}, Users: []string{"bob"}},
		authn.Route{Name: "own", Paths: []string{"/own"}, Access: authn.AllowAuthenticated, IgnoreBearer: true},
		authn.Route{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowAuthenticated},
	)
	none := authn.Credentials{}
	foreign := authn.Credentials{Kind: authn.ForeignCredential}
	malformed := authn.Credentials{Kind: authn.MalformedCredential}
	for _, tt := range []struct {
		name    string
		path    string
		creds   authn.Credentials
		verdict authn.Verdict
		code    authn.Code // of a refusal
		user    string     // of an allowance
	}{
		{"public, nobody", "/public/a", none, authn.Allow, "", ""},
		{"public, known caller", "/public/a", bearer("alice"), authn.Allow, "", "alice"},
		{"public, bad token is ignored", "/public/a", bearer("x"), authn.Allow, "", ""},
		{"public, the application's own scheme", "/public/a", foreign, authn.Allow, "", ""},
		{"public, malformed", "/public/a", malformed, authn.Allow, "", ""},
		{"public, store down", "/public/a", bearer("broken"), authn.Deny, authn.CodeUnavailable, ""},
		{"protected, nobody", "/a", none, authn.Challenge, authn.CodeNoCredentials, ""},
		{"protected, known caller", "/a", bearer("bob"), authn.Allow, "", "bob"},
		{"protected, bad token", "/a", bearer("x"), authn.Challenge, authn.CodeInvalidCredentials, ""},
		{"protected, foreign scheme", "/a", foreign, authn.Challenge, authn.CodeNoCredentials, ""},
		{"protected, malformed", "/a", malformed, authn.Challenge, authn.CodeInvalidCredentials, ""},
		{"protected, store down", "/a", bearer("broken"), authn.Deny, authn.CodeUnavailable, ""},
		{"listed by role", "/listed/x", bearer("alice"), authn.Allow, "", "alice"},
		{"listed by name", "/listed/x", bearer("bob"), authn.Allow, "", "bob"},
		{"not listed, administrator or not", "/listed/x", bearer("root"), authn.Deny, authn.CodeForbidden, ""},
		{"listed, nobody", "/listed/x", none, authn.Challenge, authn.CodeNoCredentials, ""},
		{"nobody may pass", "/closed", bearer("root"), authn.Deny, authn.CodeForbidden, ""},
		{"bearer is the application's own", "/own", bearer("alice"), authn.Challenge, authn.CodeNoCredentials, ""},
		{"ambiguous", "/public/..%2fa", bearer("alice"), authn.Deny, authn.CodeAmbiguousPath, ""},
		{"ambiguous dots", "/public/../a", none, authn.Deny, authn.CodeAmbiguousPath, ""},
		{"encoded letters are letters", "/%6Cisted/x", bearer("root"), authn.Deny, authn.CodeForbidden, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := gate.Decide(t.Context(), get(tt.path, tt.creds))
			user, code := "", authn.Code("")
			if d.Refusal != nil {
				code = d.Refusal.Code
			} else if d.Identity != nil {
				user = d.Identity.Username
			}
			if d.Verdict != tt.verdict || code != tt.code || user != tt.user {
				t.Errorf("got %v %q %q, want %v %q %q", d.Verdict, code, user, tt.verdict, tt.code, tt.user)
			}
			if (d.Verdict == authn.Allow) != (d.Refusal == nil) {
				t.Errorf("verdict %v with refusal %v", d.Verdict, d.Refusal)
			}
		})
	}
}

func TestDecideMatchesHostPathMethodAndNetwork(t *testing.T) {
	gate := newGate(t, authn.Limit{},
		authn.Route{Name: "exact-host", Hosts: []string{"one.example.com"}, Paths: []string{"/*"}, Access: authn.AllowPublic},
		authn.Route{Name: "below-host", Hosts: []string{"*.example.org"}, Paths: []string{"/*"}, Access: authn.AllowPublic},
		authn.Route{Name: "exact-path", Paths: []string{"/exact"}, Access: authn.AllowPublic},
		authn.Route{Name: "prefix", Paths: []string{"/pre/*"}, Methods: []string{"GET", "POST"}, Access: authn.AllowPublic},
		authn.Route{Name: "network", Paths: []string{"/net"}, Networks: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32"),
		}, Access: authn.AllowPublic},
	)
	for _, tt := range []struct {
		name, method, host, path, client string
		route                            string // empty: refused
	}{
		{"host", "GET", "one.example.com", "/x", "192.0.2.7", "exact-host"},
		{"host that ends alike", "GET", "not-one.example.com", "/x", "192.0.2.7", ""},
		{"below", "GET", "a.example.org", "/x", "192.0.2.7", "below-host"},
		{"further below", "GET", "a.b.example.org", "/x", "192.0.2.7", "below-host"},
		{"the domain itself is not below it", "GET", "example.org", "/x", "192.0.2.7", ""},
		{"a dot alone is no host", "GET", ".example.org", "/x", "192.0.2.7", ""},
		{"suffix without a dot", "GET", "evilexample.org", "/x", "192.0.2.7", ""},
		{"exact path", "GET", "h", "/exact", "192.0.2.7", "exact-path"},
		{"path below an exact one", "GET", "h", "/exact/x", "192.0.2.7", ""},
		{"path with case", "GET", "h", "/Exact", "192.0.2.7", ""},
		{"prefix itself", "GET", "h", "/pre", "192.0.2.7", "prefix"},
		{"below the prefix", "GET", "h", "/pre/a/b", "192.0.2.7", "prefix"},
		{"prefix of a word", "GET", "h", "/prefix", "192.0.2.7", ""},
		{"HEAD with GET", "HEAD", "h", "/pre", "192.0.2.7", "prefix"},
		{"other method", "DELETE", "h", "/pre", "192.0.2.7", ""},
		{"lower-case method", "get", "h", "/pre", "192.0.2.7", ""},
		{"CONNECT", "CONNECT", "one.example.com", "/x", "192.0.2.7", ""},
		{"TRACE", "TRACE", "one.example.com", "/x", "192.0.2.7", ""},
		{"network", "GET", "h", "/net", "10.1.2.3", "network"},
		{"mapped address", "GET", "h", "/net", "::ffff:10.1.2.3", "network"},
		{"IPv6 network", "GET", "h", "/net", "2001:db8::1", "network"},
		{"other network", "GET", "h", "/net", "11.1.2.3", ""},
		{"no host", "GET", "", "/exact", "192.0.2.7", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := gate.Decide(t.Context(), authn.Request{
				Method: tt.method, Host: tt.host, RawPath: tt.path, Client: netip.MustParseAddr(tt.client),
			})
			got := ""
			if d.Verdict == authn.Allow {
				got = d.Route.Name
			}
			if got != tt.route {
				t.Errorf("allowed by %q, want %q (%v)", got, tt.route, d.Refusal)
			}
		})
	}
}

// An unknown client address must neither match a network nor fall through to the more generous route behind it.
func TestDecideRefusesUnknownClientWhereANetworkIsAsked(t *testing.T) {
	gate := newGate(t, authn.Limit{},
		authn.Route{Name: "banned", Paths: []string{"/a"}, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		authn.Route{Name: "open", Paths: []string{"/*"}, Access: authn.AllowPublic},
	)
	unknown := authn.Request{Method: "GET", Host: "h", RawPath: "/a"}
	if d := gate.Decide(t.Context(), unknown); d.Verdict != authn.Deny || d.Refusal.Code != authn.CodeBadRequestLine {
		t.Errorf("unknown client: %v %v, want a denial", d.Verdict, d.Refusal)
	}
	unknown.RawPath = "/b"
	if d := gate.Decide(t.Context(), unknown); d.Verdict != authn.Allow {
		t.Errorf("unknown client where no network is asked: %v %v, want allow", d.Verdict, d.Refusal)
	}
	known := get("/a", authn.Credentials{})
	if d := gate.Decide(t.Context(), known); d.Verdict != authn.Allow || d.Route.Name != "open" {
		t.Errorf("known client of another network: %v %v, want allow", d.Verdict, d.Refusal)
	}
}

func TestDecideLetsPreflightsPassOnlyWhereTheRouteSaysSo(t *testing.T) {
	gate := newGate(t, authn.Limit{},
		authn.Route{Name: "api", Paths: []string{"/api/*"}, Access: authn.AllowAuthenticated, AllowPreflight: true},
		authn.Route{Name: "closed", Paths: []string{"/closed"}, AllowPreflight: true},
		authn.Route{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowAuthenticated},
	)
	for _, tt := range []struct {
		path, method string
		preflight    bool
		want         authn.Verdict
	}{
		{"/api/x", "OPTIONS", true, authn.Allow},
		{"/api/x", "OPTIONS", false, authn.Challenge},
		{"/api/x", "GET", true, authn.Challenge},
		{"/x", "OPTIONS", true, authn.Challenge},
		{"/closed", "OPTIONS", true, authn.Deny},
	} {
		r := get(tt.path, authn.Credentials{})
		r.Method, r.Preflight = tt.method, tt.preflight
		d := gate.Decide(t.Context(), r)
		if d.Verdict != tt.want || d.Identity != nil {
			t.Errorf("%s %s, preflight %v: %v, want %v", tt.method, tt.path, tt.preflight, d.Verdict, tt.want)
		}
	}
}

func TestDecideSpendsLimits(t *testing.T) {
	gate := newGate(t, authn.Limit{Requests: 5, Per: time.Minute},
		authn.Route{Name: "few", Paths: []string{"/few"}, Access: authn.AllowPublic, Limit: authn.Limit{Requests: 2, Per: time.Minute}},
		authn.Route{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowPublic},
	)
	verdicts := func(path, client string, n int) string {
		var b strings.Builder
		for range n {
			r := get(path, authn.Credentials{})
			r.Client = netip.MustParseAddr(client)
			d := gate.Decide(t.Context(), r)
			b.WriteByte(d.Verdict.String()[0])
			if d.Refusal != nil && (d.Refusal.Code != authn.CodeRateLimited || d.Refusal.RetryAfter <= 0) {
				t.Errorf("refused with %v, retry after %v", d.Refusal, d.Refusal.RetryAfter)
			}
		}
		return b.String()
	}
	if got := verdicts("/few", "192.0.2.7", 3); got != "aad" {
		t.Errorf("route limit: %s", got)
	}
	if got := verdicts("/x", "192.0.2.7", 3); got != "aad" {
		t.Errorf("general limit, three spent already: %s", got)
	}
	if got := verdicts("/x", "192.0.2.8", 1); got != "a" {
		t.Errorf("another client: %s", got)
	}
	if got := verdicts("/x", "2001:db8::1", 3) + verdicts("/x", "2001:db8::2", 3); got != "aaaaad" {
		t.Errorf("one IPv6 /64: %s", got)
	}
	if d := gate.Explain(t.Context(), get("/x", authn.Credentials{})); d.Verdict != authn.Allow {
		t.Errorf("Explain spends a limit: %v", d.Refusal)
	}
}

func TestExplainSaysWhyRoutesDidNotMatch(t *testing.T) {
	gate := newGate(t, authn.Limit{},
		authn.Route{Name: "host", Hosts: []string{"other"}, Paths: []string{"/*"}},
		authn.Route{Name: "path", Paths: []string{"/other"}},
		authn.Route{Name: "method", Paths: []string{"/*"}, Methods: []string{"POST"}},
		authn.Route{Name: "network", Paths: []string{"/*"}, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		authn.Route{Name: "this", Paths: []string{"/*"}, Access: authn.AllowPublic},
	)
	d := gate.Explain(t.Context(), get("/a", authn.Credentials{}))
	got := map[string]string{}
	for _, miss := range d.Misses {
		got[miss.Route.Name] = miss.Why
	}
	want := map[string]string{"host": "host", "path": "path", "method": "method", "network": "network"}
	if diff := cmp.Diff(want, got); diff != "" || d.Route.Name != "this" || d.Verdict != authn.Allow {
		t.Errorf("%v by %v, misses (-want +got):\n%s", d.Verdict, d.Route, diff)
	}
}

func TestNoRouteIsDenied(t *testing.T) {
	d := newGate(t, authn.Limit{}).Decide(t.Context(), get("/", bearer("root")))
	if d.Verdict != authn.Deny || d.Refusal.Code != authn.CodeNoRoute {
		t.Errorf("an empty table: %v %v", d.Verdict, d.Refusal)
	}
	if !errors.As(error(d.Refusal), new(*authn.Error)) {
		t.Error("the refusal is no *authn.Error")
	}
}
