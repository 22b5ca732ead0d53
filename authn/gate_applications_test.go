package authn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

func application(title, host, path string) *authn.Application {
	return &authn.Application{Title: title, URL: "https://" + host + path, Host: host, RawPath: path}
}

// What people may open is what the gate lets them GET, by whichever rule, and from where they are.
func TestApplications(t *testing.T) {
	office := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	gate := newGate(t, authn.Limit{Requests: 1, Per: time.Hour},
		authn.Route{Name: "untitled", Paths: []string{"/untitled"}, Access: authn.AllowPublic},
		authn.Route{Name: "taken", Paths: []string{"/taken"}, Access: authn.AllowPublic},
		authn.Route{Name: "public", Paths: []string{"/public/*"}, Access: authn.AllowPublic, Application: application("Public", "a.example.com", "/public/")},
		authn.Route{Name: "role", Paths: []string{"/role"}, Access: authn.AllowListed, Roles: []string{"staff"}, Application: application("By role", "a.example.com", "/role")},
		authn.Route{Name: "user", Paths: []string{"/user"}, Access: authn.AllowListed, Users: []string{"bob"}, Application: application("By name", "a.example.com", "/user")},
		authn.Route{Name: "nobody", Paths: []string{"/nobody"}, Application: application("Nobody's", "a.example.com", "/nobody")},
		authn.Route{Name: "post", Paths: []string{"/post"}, Methods: []string{"POST"}, Access: authn.AllowPublic, Application: application("Posted", "a.example.com", "/post")},
		authn.Route{Name: "office", Hosts: []string{"o.example.com"}, Paths: []string{"/*"}, Networks: office, Access: authn.AllowAuthenticated, Application: application("Wiki", "o.example.com", "/")},
		authn.Route{Name: "elsewhere", Hosts: []string{"o.example.com"}, Paths: []string{"/*"}, Access: authn.AllowListed, Roles: []string{"staff"}, Application: application("Wiki from elsewhere", "o.example.com", "/")},
		authn.Route{Name: "tokens", Paths: []string{"/own"}, Access: authn.AllowAuthenticated, IgnoreBearer: true, Application: application("Its own tokens", "a.example.com", "/own")},
		authn.Route{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowAuthenticated, Application: application("Taken", "a.example.com", "/taken")},
	)
	for _, tt := range []struct {
		who, client string
		want        []string
	}{
		{"alice", "192.0.2.7", []string{"Public", "By role", "Wiki from elsewhere"}},
		{"alice", "10.1.2.3", []string{"Public", "By role", "Wiki"}},
		{"bob", "192.0.2.7", []string{"Public", "By name"}},
		{"bob", "10.1.2.3", []string{"Public", "By name", "Wiki"}},
		{"root", "192.0.2.7", []string{"Public"}},
		{"somebody else", "10.1.2.3", []string{"Public"}},
	} {
		for range 2 { // no limit is spent
			may, err := gate.Applications(t.Context(), authn.Request{Credentials: bearer(tt.who), Client: netip.MustParseAddr(tt.client)})
			if err != nil {
				t.Fatal(err)
			}
			var titles []string
			for _, app := range may {
				titles = append(titles, app.Title)
			}
			if diff := cmp.Diff(tt.want, titles); diff != "" {
				t.Errorf("%s from %s (-want +got):\n%s", tt.who, tt.client, diff)
			}
		}
	}
	_, err := gate.Applications(t.Context(), authn.Request{Credentials: bearer("broken"), Client: netip.MustParseAddr("192.0.2.7")})
	wantCode(t, "while the store is away", err, authn.CodeUnavailable)
}

// A path that a route is for in particular is told from one that is merely among all paths.
func TestGateNames(t *testing.T) {
	gate := newGate(t, authn.Limit{},
		authn.Route{Name: "own", Hosts: []string{"own.example.com"}, Paths: []string{"/.well-known/change-password"}},
		authn.Route{Name: "below", Hosts: []string{"*.below.example.com"}, Paths: []string{"/.well-known/*"}},
		authn.Route{Name: "rest", Paths: []string{"/*"}},
	)
	for host, want := range map[string]bool{
		"own.example.com": true, "a.below.example.com": true, "below.example.com": false, "login.example.com": false,
	} {
		if got := gate.Names(host, "/.well-known/change-password"); got != want {
			t.Errorf("%s: %v, want %v", host, got, want)
		}
		if gate.Names(host, "/.well-knownish") {
			t.Errorf("%s names a path that none of its routes does", host)
		}
	}
}
