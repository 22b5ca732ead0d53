package config

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// rulesOf reads routes in YAML.
func rulesOf(t *testing.T, routes string) []authn.Route {
	t.Helper()
	c, err := load("config.yaml", []byte("routes:\n"+routes), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Rules()
}

// Whether the last of the routes is covered by those before.
func TestCovered(t *testing.T) {
	for _, test := range []struct {
		name   string
		routes []string // without name and allow
		want   bool
	}{
		{"same path", []string{"paths: [/a]", "paths: [/a]"}, true},
		{"other path", []string{"paths: [/a]", "paths: [/b]"}, false},
		{"exact in prefix", []string{"paths: [/a/*]", "paths: [/a/b]"}, true},
		{"top of prefix", []string{"paths: [/a/*]", "paths: [/a]"}, true},
		{"top of prefix with a slash", []string{"paths: [/a/*]", "paths: [/a/]"}, true},
		{"look-alike of prefix", []string{"paths: [/a/*]", "paths: [/ab]"}, false},
		{"prefix in prefix", []string{"paths: [/a/*]", "paths: [/a/b/*]"}, true},
		{"prefix in exact", []string{"paths: [/a]", "paths: [/a/*]"}, false},
		{"encoded the same", []string{"paths: [/%61]", "paths: [/a]"}, true},
		{"everything", []string{"paths: [/*]", "paths: [/, /a/*]"}, true},
		{"one of two", []string{"paths: [/a]", "paths: [/a, /b]"}, false},
		{"by two together", []string{"paths: [/a/*]", "paths: [/b/*]", "paths: [/a/x, /b/y]"}, true},
		{"narrower host", []string{"paths: [/*]", "paths: [/*], hosts: [a.example.com]"}, true},
		{"wider host", []string{"paths: [/*], hosts: [a.example.com]", "paths: [/*]"}, false},
		{"host in wildcard", []string{"paths: [/*], hosts: [\"*.example.com\"]", "paths: [/*], hosts: [A.Example.com]"}, true},
		{"wildcard in wildcard", []string{"paths: [/*], hosts: [\"*.example.com\"]", "paths: [/*], hosts: [\"*.a.example.com\"]"}, true},
		{"wildcard in narrower wildcard", []string{"paths: [/*], hosts: [\"*.a.example.com\"]", "paths: [/*], hosts: [\"*.example.com\"]"}, false},
		{"top of wildcard", []string{"paths: [/*], hosts: [\"*.example.com\"]", "paths: [/*], hosts: [example.com]"}, false},
		{"narrower method", []string{"paths: [/*], methods: [GET, POST]", "paths: [/*], methods: [POST]"}, true},
		{"HEAD in GET", []string{"paths: [/*], methods: [GET]", "paths: [/*], methods: [HEAD]"}, true},
		{"GET in HEAD", []string{"paths: [/*], methods: [HEAD]", "paths: [/*], methods: [GET]"}, false},
		{"any method", []string{"paths: [/*], methods: [GET, POST, PUT, DELETE]", "paths: [/*]"}, false},
		{"narrower network", []string{"paths: [/*], networks: [10.0.0.0/8]", "paths: [/*], networks: [10.1.0.0/16]"}, true},
		{"wider network", []string{"paths: [/*], networks: [10.1.0.0/16]", "paths: [/*], networks: [10.0.0.0/8]"}, false},
		{"every network is not every client", []string{"paths: [/*], networks: [0.0.0.0/0, \"::/0\"]", "paths: [/*]"}, false},
		{"differently on two sides", []string{"paths: [/*], methods: [GET]", "paths: [/a/*]", "paths: [/a/*], methods: [POST]"}, true},
		{"each on one side only", []string{"paths: [/*], methods: [GET]", "paths: [/a/*]", "paths: [/*], methods: [GET, POST]"}, false},
		{"an earlier nobody", []string{"paths: [/*], methods: [GET]", "paths: [/a/*], methods: [GET]"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var text strings.Builder
			for i, r := range test.routes {
				text.WriteString("  - {name: r" + string(rune('0'+i)) + ", allow: nobody, " + r + "}\n")
			}
			rules := rulesOf(t, text.String())
			last := len(rules) - 1
			if got := covered(&rules[last], rules[:last]) != nil; got != test.want {
				t.Errorf("covered: %v, want %v", got, test.want)
			}
		})
	}
}

// Whatever is said to be covered: no request of a large sample reaches it, as the gate itself decides.
func TestCoveredIsSound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(all []string, least int) []string {
		picked := slices.Clone(all)
		random.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
		return picked[:least+random.IntN(3-least)]
	}
	hosts := []string{"a.x", "b.a.x", "x", "*.x", "*.a.x"}
	paths := []string{"/", "/a", "/a/", "/a/b", "/ab", "/*", "/a/*", "/a/b/*", "/ab/*"}
	methods := []string{"GET", "HEAD", "POST", "PUT"}
	networks := []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/24", "::/0"}
	found := 0
	for range 2000 {
		var rules []authn.Route
		for i := range 4 {
			rule := authn.Route{Name: string(rune('a' + i)), Access: authn.AllowPublic, Hosts: some(hosts, 0), Paths: some(paths, 1), Methods: some(methods, 0)}
			for _, n := range some(networks, 0) {
				rule.Networks = append(rule.Networks, netip.MustParsePrefix(n))
			}
			rules = append(rules, rule)
		}
		if covered(&rules[3], rules[:3]) == nil {
			continue
		}
		found++
		gate := authn.NewGate(authn.GateConfig{Routes: rules, Authenticator: nil, Now: nil})
		for _, host := range []string{"x", "a.x", "b.x", "b.a.x", "c.b.a.x", "y"} {
			for _, path := range []string{"/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a/c", "/ab", "/ab/c", "/c"} {
				for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
					for _, client := range []string{"10.1.0.1", "10.1.1.1", "10.2.0.1", "11.0.0.1", "2001:db8::1"} {
						decision := gate.Decide(t.Context(), authn.Request{
							Method: method, Host: host, RawPath: path, Client: netip.MustParseAddr(client),
						})
						if decision.Route != nil && decision.Route.Name == "d" {
							t.Fatalf("%s %s%s from %s reaches a route that was said to be covered: %+v", method, host, path, client, rules)
						}
					}
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d of the samples were covered", found)
	}
}
