package authn_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
)

// What decides is the first route of the list that matches, as if it were gone through from the beginning. Here it is.
func firstOf(routes []authn.Route, r authn.Request) (name string, unknown bool) {
	for _, route := range routes {
		if !holds(route.Hosts, func(p string) bool {
			domain, wild := strings.CutPrefix(p, "*")
			return p == r.Host || wild && len(r.Host) > len(domain) && strings.HasSuffix(r.Host, domain)
		}) || !holds(route.Paths, func(p string) bool {
			prefix, wild := strings.CutSuffix(p, "/*")
			return p == r.RawPath || wild && (r.RawPath == prefix || strings.HasPrefix(r.RawPath, prefix+"/"))
		}) || !holds(route.Methods, func(m string) bool { return m == r.Method || m == "GET" && r.Method == "HEAD" }) {
			continue
		}
		if len(route.Networks) > 0 && !r.Client.IsValid() {
			return "", true
		}
		if holds(route.Networks, func(n netip.Prefix) bool { return n.Contains(r.Client) }) {
			return route.Name, false
		}
	}
	return "", false
}

// holds reports whether a list, if there is one, has something that fits.
func holds[T any](list []T, fits func(T) bool) bool {
	for _, v := range list {
		if fits(v) {
			return true
		}
	}
	return len(list) == 0
}

// The table finds what going through the list finds, and explaining goes the same way.
func TestFirstRouteDecides(t *testing.T) {
	some := func(t *rapid.T, label string, most int, from ...string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(from), 0, most).Draw(t, label)
	}
	rapid.Check(t, func(t *rapid.T) {
		var routes []authn.Route
		for i := range rapid.IntRange(0, 12).Draw(t, "routes") {
			route := authn.Route{
				Name: string(rune('a' + i)), Access: authn.AllowPublic,
				Hosts:   some(t, "hosts", 2, "a.test", "b.a.test", "*.a.test", "*.test", "*.b.a.test", "test"),
				Methods: some(t, "methods", 2, "GET", "POST", "HEAD"),
				Paths: rapid.SliceOfN(rapid.SampledFrom([]string{
					"/*", "/", "/a", "/a/*", "/a/b", "/a/b/*", "/ab/*", "/a/b/c",
				}), 1, 3).Draw(t, "paths"),
			}
			for _, network := range some(t, "networks", 2, "10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32") {
				route.Networks = append(route.Networks, netip.MustParsePrefix(network))
			}
			routes = append(routes, route)
		}
		gate := authn.NewGate(authn.GateConfig{Routes: routes, Authenticator: callers{}, Now: time.Now})
		for range 20 {
			r := authn.Request{
				Method:  rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT"}).Draw(t, "method"),
				Host:    rapid.SampledFrom([]string{"a.test", "b.a.test", "c.b.a.test", "test", "x.test", "xa.test", "other"}).Draw(t, "host"),
				RawPath: rapid.SampledFrom([]string{"/", "/a", "/a/", "/a/b", "/a/b/c", "/a/b/c/d", "/ab", "/ab/c", "/x"}).Draw(t, "path"),
			}
			if client := rapid.SampledFrom([]string{"", "10.1.2.3", "10.9.9.9", "192.0.2.1", "2001:db8::1"}).Draw(t, "client"); client != "" {
				r.Client = netip.MustParseAddr(client)
			}
			want, unknown := firstOf(routes, r)
			for _, decision := range []authn.Decision{gate.Decide(t.Context(), r), gate.Explain(t.Context(), r)} {
				got := ""
				if decision.Route != nil {
					got = decision.Route.Name
				}
				if got != want || (decision.Refusal != nil && decision.Refusal.Code == authn.CodeBadRequestLine) != unknown {
					t.Fatalf("%s %s%s from %v: route %q (%v), want %q, unknown %v", r.Method, r.Host, r.RawPath, r.Client, got, decision.Refusal, want, unknown)
				}
			}
		}
	})
}
