package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
)

func (w *warnings) routes() {
	if len(w.config.Routes) == 0 {
		w.add("routes", "There are none: every request is denied.")
	}
	rules := w.config.Rules()
	for i := range w.config.Routes {
		r := &w.config.Routes[i]
		path := at("routes", i)
		if covering := covered(&rules[i], rules[:i]); covering != nil {
			w.add(path, "Route "+r.Name+" is never reached: what it matches, earlier routes match first ("+
				either(covering, "and")+").")
		} else {
			w.unlisted(path, r, &rules[i], rules[:i])
		}
		if len(r.Upstream) > 0 {
			w.hidden(join(path, "paths"), r)
		}
		w.unreached(join(path, "hosts"), r)
		if r.Audience != "" && !r.Assertion {
			w.add(join(path, "audience"), "Is of no use: the route has no assertion.")
		}
		if r.InsecureSkipVerify {
			w.add(join(path, "insecure_skip_verify"),
				"The upstream's certificate is not checked: anybody on the way can read and change everything.")
		}
		if r.Stale == "allow" {
			w.add(join(path, "stale"), "While the store is away, tokens pass here that may have been taken back.")
		}
		if r.PassAuthorization {
			w.add(join(path, "pass_authorization"), "The application receives its users' tokens and could act as them elsewhere.")
		}
	}
}

// hidden warns of paths that the gateway never forwards, because Authly answers there itself.
func (w *warnings) hidden(path string, r *Route) {
	prefix := w.config.Server.APIPrefix
	for i, pattern := range r.Paths {
		decoded, err := parsePattern(pattern)
		if err != nil {
			continue
		}
		base := strings.TrimSuffix(decoded, "/*")
		if below(base, "/authz") {
			w.add(at(path, i), "Is never forwarded: front proxies ask Authly below /authz/.")
			continue
		}
		rest, ok := strings.CutPrefix(base, prefix)
		if !ok {
			continue
		}
		own := []string{"/health", "/.well-known/jwks.json", "/openapi.json", "/docs", "/docs/style.css"}
		if slices.Contains(own, rest) || below(rest, "/auth") || below(rest, "/users") {
			w.add(at(path, i), "Is never forwarded: Authly answers there itself. Set server.api_prefix to move its own endpoints.")
		}
	}
}

// below reports whether a path is top or a path below it.
func below(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (rest == "" || rest[0] == '/')
}

// mostCombinations bounds the work of covered for one route.
const mostCombinations = 4096

// covered returns the names of the earlier routes that together match everything that r matches, or nothing if some request
// may still reach r. A route matches the combinations of its hosts, paths, methods and networks; r is covered if each
// combination lies whole within one earlier route. It never claims too much: where it is not sure, or the combinations are
// too many, r is reachable.
func covered(r *authn.Route, earlier []authn.Route) []string {
	hosts, paths, methods := orAny(r.Hosts), r.Paths, orAny(r.Methods)
	networks := r.Networks
	if len(networks) == 0 {
		networks = []netip.Prefix{{}}
	}
	if len(earlier) == 0 || len(hosts)*len(paths)*len(methods)*len(networks) > mostCombinations {
		return nil
	}
	var by []string
	for _, host := range hosts {
		for _, path := range paths {
			for _, method := range methods {
				for _, network := range networks {
					i := slices.IndexFunc(earlier, func(e authn.Route) bool {
						return coversHost(e.Hosts, host) && coversPath(e.Paths, path) &&
							coversMethod(e.Methods, method) && coversNetwork(e.Networks, network)
					})
					if i < 0 {
						return nil
					}
					if !slices.Contains(by, earlier[i].Name) {
						by = append(by, earlier[i].Name)
					}
				}
			}
		}
	}
	return by
}

// orAny is a list, or the one element that stands for anything if it is empty.
func orAny(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

func coversHost(patterns []string, host string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		suffix, wild := strings.CutPrefix(p, "*")
		return p == host || wild && len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	})
}

func coversPath(patterns []string, path string) bool {
	base, isPrefix := strings.CutSuffix(path, "/*")
	return slices.ContainsFunc(patterns, func(p string) bool {
		outer, wild := strings.CutSuffix(p, "/*")
		if wild {
			return below(base, outer)
		}
		return !isPrefix && p == path
	})
}

func coversMethod(methods []string, method string) bool {
	if len(methods) == 0 {
		return true
	}
	return slices.Contains(methods, method) || method == "HEAD" && slices.Contains(methods, "GET")
}

func coversNetwork(networks []netip.Prefix, network netip.Prefix) bool {
	if len(networks) == 0 {
		return true
	}
	return network.IsValid() && slices.ContainsFunc(networks, func(n netip.Prefix) bool {
		return n.Bits() <= network.Bits() && n.Contains(network.Addr())
	})
}
