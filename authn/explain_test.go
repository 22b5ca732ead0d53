package authn_test

import (
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// What is explained is what would be decided about a user's request, whatever kind of credential the route reads.
func TestExplainer(t *testing.T) {
	m := newMind(t, options{})
	root, alice, bob := m.admin(t, "root"), m.user(t, "alice"), m.user(t, "bob")
	if _, err := m.accounts.Update(t.Context(), root, alice.ID, authn.AccountUpdate{Roles: &[]string{"staff"}}, from); err != nil {
		t.Fatal(err)
	}
	if _, err := m.accounts.Update(t.Context(), root, bob.ID, authn.AccountUpdate{Active: ptr(false)}, from); err != nil {
		t.Fatal(err)
	}
	gate := authn.NewGate(authn.GateConfig{
		Now: m.clock.Now, Authenticator: m.logins, General: authn.Limit{Requests: 1, Per: time.Hour},
		Routes: []authn.Route{
			{Name: "public", Paths: []string{"/public"}, Access: authn.AllowPublic, Cookies: authn.BearerFirst},
			{Name: "staff", Paths: []string{"/staff/*"}, Access: authn.AllowListed, Roles: []string{"staff"}},
			{Name: "cookies", Paths: []string{"/cookies"}, Access: authn.AllowAuthenticated, IgnoreBearer: true, Cookies: authn.CookieFirst},
			{Name: "both", Paths: []string{"/both"}, Access: authn.AllowAuthenticated, Cookies: authn.BearerFirst},
		},
	})
	explainer := authn.NewExplainer(gate, m.accounts)
	for _, c := range []struct{ path, user, want string }{
		{"/public", "", "allow public "},
		{"/public", "alice", "allow public alice"},
		{"/public", "bob", "allow public "}, // nobody, as with a token that is dead
		{"/staff/a", "", "challenge staff no_credentials"},
		{"/staff/a", "alice", "allow staff alice"},
		{"/staff/a", "Alice@example.com", "allow staff alice"},
		{"/staff/a", alice.ID.String(), "allow staff alice"},
		{"/staff/a", "root", "deny staff forbidden root"},
		{"/staff/a", "bob", "challenge staff invalid_token"},
		{"/cookies", "alice", "allow cookies alice"},
		{"/both", "alice", "allow both alice"},
		{"/none", "alice", "deny no_route"},
		{"/staff/../a", "alice", "deny ambiguous_path"},
	} {
		d, err := explainer.Explain(t.Context(), root, get(c.path, bearer("of somebody else")), c.user)
		if err != nil {
			t.Fatal(err)
		}
		if got := inALine(d); got != c.want {
			t.Errorf("%s by %q: %s, want %s", c.path, c.user, got, c.want)
		}
	}
	if _, err := explainer.Explain(t.Context(), root, get("/both", authn.Credentials{}), "nobody"); code(t, err) != authn.CodeNotFound {
		t.Errorf("a user whom there is not: %v", err)
	}
	if d := gate.Decide(t.Context(), get("/public", authn.Credentials{})); d.Verdict != authn.Allow {
		t.Errorf("explaining has spent a limit: %v", d.Refusal)
	}
	self := m.caller(t, "alice")
	if _, err := explainer.Explain(t.Context(), self, get("/both", authn.Credentials{}), "nobody"); code(t, err) != authn.CodeForbidden {
		t.Errorf("alice is told whether there is a user: %v", err)
	}
	if _, err := explainer.Routes(self); code(t, err) != authn.CodeForbidden {
		t.Errorf("alice is shown the routes: %v", err)
	}
	if routes, err := explainer.Routes(root); err != nil || len(routes) != 4 || routes[3].Name != "both" {
		t.Errorf("an administrator is shown %v, %v", routes, err)
	}
}

// inALine is a decision in a line.
func inALine(d authn.Decision) string {
	line := d.Verdict.String()
	if d.Route != nil {
		line += " " + d.Route.Name
	}
	if d.Refusal != nil {
		line += " " + string(d.Refusal.Code)
	}
	switch {
	case d.Identity != nil:
		line += " " + d.Identity.Username
	case d.Refusal == nil:
		line += " "
	}
	return line
}
