package authn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// A route that counts by user counts a user's requests from everywhere together, and those of nobody by network.
func TestRouteLimitByUser(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	three := authn.Limit{Requests: 3, Per: time.Minute}
	gate := authn.NewGate(authn.GateConfig{
		Routes: []authn.Route{
			{Name: "mine", Paths: []string{"/mine"}, Access: authn.AllowAuthenticated, Limit: three, LimitByUser: true},
			{Name: "all", Paths: []string{"/all"}, Access: authn.AllowPublic, Limit: three, LimitByUser: true},
		},
		Authenticator: callers{
			"alice": {UserID: uuid.New(), Username: "alice"}, "bob": {UserID: uuid.New(), Username: "bob"},
		},
		General: authn.Limit{Requests: 40, Per: time.Hour}, Now: func() time.Time { return now },
	})
	ask := func(path, token, client string) authn.Decision {
		r := get(path, authn.Credentials{})
		if token != "" {
			r.Credentials = bearer(token)
		}
		r.Client = netip.MustParseAddr(client)
		return gate.Decide(t.Context(), r)
	}
	for i, tt := range []struct {
		path, token, client string
		want                authn.Verdict
		code                authn.Code
	}{
		{"/mine", "alice", "192.0.2.1", authn.Allow, ""},
		{"/mine", "alice", "198.51.100.1", authn.Allow, ""},
		{"/mine", "alice", "203.0.113.1", authn.Allow, ""},
		{"/mine", "alice", "192.0.2.2", authn.Deny, authn.CodeRateLimited},
		{"/mine", "bob", "192.0.2.1", authn.Allow, ""},
		{"/all", "alice", "192.0.2.1", authn.Allow, ""}, // each route has its own
		{"/mine", "nobody", "192.0.2.1", authn.Challenge, authn.CodeInvalidCredentials},
		{"/mine", "", "192.0.2.1", authn.Challenge, authn.CodeNoCredentials},
		{"/mine", "another", "192.0.2.1", authn.Challenge, authn.CodeInvalidCredentials},
		{"/mine", "one more", "192.0.2.1", authn.Deny, authn.CodeRateLimited},
		{"/mine", "one more", "192.0.2.2", authn.Challenge, authn.CodeInvalidCredentials},
		{"/mine", "bob", "192.0.2.1", authn.Allow, ""}, // bad tokens from one's network take nothing from a user
		{"/all", "", "192.0.2.1", authn.Allow, ""},
	} {
		d := ask(tt.path, tt.token, tt.client)
		code := authn.Code("")
		if d.Refusal != nil {
			code = d.Refusal.Code
		}
		if d.Verdict != tt.want || code != tt.code {
			t.Errorf("request %d, %s as %q from %s: %v %s, want %v %s", i+1, tt.path, tt.token, tt.client, d.Verdict, code, tt.want, tt.code)
		}
	}
	refused := ask("/mine", "alice", "192.0.2.1")
	if refused.Identity == nil || len(refused.Refusal.Limits) != 2 || refused.Refusal.RetryAfter != 20*time.Second {
		t.Fatalf("refused: %+v, %+v", refused, refused.Refusal)
	}
	now = now.Add(refused.Refusal.RetryAfter)
	if d := ask("/mine", "alice", "192.0.2.1"); d.Verdict != authn.Allow {
		t.Errorf("when told to: %v %v", d.Verdict, d.Refusal)
	}
}

// Whichever limits have refused a request: who comes again exactly when told is let in.
func TestRouteRetryAfterIsEnough(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for general := 1; general < 6; general++ {
		for route := 1; route < 6; route++ {
			gate := authn.NewGate(authn.GateConfig{
				Routes: []authn.Route{{
					Name: "all", Paths: []string{"/*"}, Access: authn.AllowPublic,
					Limit: authn.Limit{Requests: route, Per: 7 * time.Second},
				}},
				General: authn.Limit{Requests: general, Per: 11 * time.Second}, Now: func() time.Time { return now },
			})
			for range 40 {
				d := gate.Decide(t.Context(), get("/", authn.Credentials{}))
				if d.Refusal == nil {
					now = now.Add(333 * time.Millisecond)
					continue
				}
				wait := d.Refusal.RetryAfter
				now = now.Add(wait)
				if d := gate.Decide(t.Context(), get("/", authn.Credentials{})); d.Refusal != nil {
					t.Fatalf("general %d, route %d: after %v still %v", general, route, wait, d.Refusal.RetryAfter)
				}
			}
		}
	}
}
