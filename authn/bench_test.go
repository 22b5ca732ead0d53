package authn_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// benchmarked are the algorithms of which each has another cost.
func benchmarked() []string { return []string{"EdDSA", "HS256", "RS256", "PS256", "ES256"} }

func newBenchMind(b *testing.B, algorithm string) (*mind, string) {
	b.Helper()
	o := options{algorithm: algorithm}
	if algorithm == "HS256" {
		o.secret = goodSecret
	}
	m := newMind(b, o)
	m.user(b, "alice")
	return m, m.login(b, "alice").Access
}

// What a token costs that nobody has seen before.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range benchmarked() {
		b.Run(algorithm, func(b *testing.B) {
			m, access := newBenchMind(b, algorithm)
			b.ReportAllocs()
			for b.Loop() {
				if err := m.logins.Verify(authn.AccessToken, access); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What it costs from then on.
func BenchmarkCacheHit(b *testing.B) {
	m, access := newBenchMind(b, "EdDSA")
	r := m.replica(b)
	r.load(b)
	cred := authn.Credentials{Kind: authn.BearerCredential, Token: access}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.checker.Authenticate(b.Context(), cred); err != nil {
			b.Fatal(err)
		}
	}
}

// A whole decision: the last of 1,000 routes, a token that is remembered, 100,000 ended sessions.
func BenchmarkDecide(b *testing.B) {
	m, access := newBenchMind(b, "EdDSA")
	r := m.replica(b)
	ended := &endedSessions{n: 100_000}
	r.store.Feed = ended
	r.load(b)
	if n := r.follower.Sizes().Sessions; n != ended.n {
		b.Fatalf("%d ended sessions are remembered, want %d", n, ended.n)
	}
	gate := authn.NewGate(authn.GateConfig{Routes: hostRoutes(1000, authn.AllowAuthenticated), Authenticator: r.checker, Now: m.clock.Now})
	request := authn.Request{
		Method: "GET", Host: "app999.example.com", RawPath: "/reports/2024", Client: netip.MustParseAddr("203.0.113.9"),
		Credentials: authn.Credentials{Kind: authn.BearerCredential, Token: access},
	}
	allowed(b, gate, request)
}

// Finding the last of so many routes, and letting everybody pass there.
func BenchmarkRouteMatch(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		for name, routes := range map[string]func(int, authn.Access) []authn.Route{"hosts": hostRoutes, "paths": pathRoutes} {
			b.Run(fmt.Sprintf("%s=%d", name, n), func(b *testing.B) {
				gate := authn.NewGate(authn.GateConfig{Routes: routes(n, authn.AllowPublic), Authenticator: callers{}, Now: time.Now})
				allowed(b, gate, authn.Request{
					Method: "GET", Host: fmt.Sprintf("app%d.example.com", n-1), RawPath: fmt.Sprintf("/service%d/reports", n-1),
				})
			})
		}
	}
}

func allowed(b *testing.B, gate *authn.Gate, request authn.Request) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if d := gate.Decide(b.Context(), request); d.Verdict != authn.Allow {
			b.Fatal(d.Refusal)
		}
	}
}

func hostRoutes(n int, access authn.Access) []authn.Route {
	routes := make([]authn.Route, n)
	for i := range routes {
		routes[i] = authn.Route{
			Name: fmt.Sprint("app", i), Hosts: []string{fmt.Sprintf("app%d.example.com", i)}, Paths: []string{"/*"}, Access: access,
		}
	}
	return routes
}

func pathRoutes(n int, access authn.Access) []authn.Route {
	routes := make([]authn.Route, n)
	for i := range routes {
		routes[i] = authn.Route{Name: fmt.Sprint("service", i), Paths: []string{fmt.Sprintf("/service%d/*", i)}, Access: access}
	}
	return routes
}

// endedSessions is a feed of so many.
type endedSessions struct {
	authn.Feed
	n int
}

func (e *endedSessions) Changes(context.Context, authn.Cursor) ([]authn.Change, authn.Cursor, error) {
	changes := make([]authn.Change, e.n)
	for i := range changes {
		changes[i] = authn.Change{Kind: authn.SessionEnded, SessionID: uuid.New()}
	}
	return changes, authn.Cursor{Position: int64(e.n)}, nil
}

// A rotation: the token is verified, its successors are signed, and the store, SQLite, keeps them.
func BenchmarkRotate(b *testing.B) {
	m, _ := newBenchMind(b, "EdDSA")
	tokens := m.login(b, "alice")
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if tokens, err = m.logins.Refresh(b.Context(), tokens.Refresh, from); err != nil {
			b.Fatal(err)
		}
	}
}
