package authn

import "strings"

// routeTable finds the first route that matches a request without going through all of them: it costs about as much with ten
// thousand routes as with ten. What it finds is what going through the list would find.
//
// A request can only be for routes of its own host, of a domain above it or of any host, and of its own path or a path above
// it. For each of these there is a list of places in the table. The first place, in any of them, at which method and network
// fit as well is the route.
type routeTable struct {
	routes []Route
	any    routePaths            // of routes for any host
	hosts  map[string]routePaths // by the whole host
	below  map[string]routePaths // by what follows the * of *.example.com
}

// routePaths are the places of routes, in order, by what their paths say.
type routePaths struct {
	exact map[string][]int // by the whole path
	under map[string][]int // by what stands before the /* of a prefix
}

func newRouteTable(routes []Route) *routeTable {
	t := &routeTable{routes: routes, any: newRoutePaths(), hosts: map[string]routePaths{}, below: map[string]routePaths{}}
	for place := range routes {
		route := &routes[place]
		if len(route.Hosts) == 0 {
			t.any.add(route, place)
		}
		for _, host := range route.Hosts {
			group, key := t.hosts, host
			if domain, wild := strings.CutPrefix(host, "*"); wild {
				group, key = t.below, domain
			}
			if _, ok := group[key]; !ok {
				group[key] = newRoutePaths()
			}
			group[key].add(route, place)
		}
	}
	return t
}

func newRoutePaths() routePaths {
	return routePaths{exact: map[string][]int{}, under: map[string][]int{}}
}

// add notes a place. A route that names a path or a host twice may be noted twice, which does no harm.
func (p routePaths) add(route *Route, place int) {
	for _, pattern := range route.Paths {
		if prefix, isPrefix := strings.CutSuffix(pattern, "/*"); isPrefix {
			p.under[prefix] = append(p.under[prefix], place)
		} else {
			p.exact[pattern] = append(p.exact[pattern], place)
		}
	}
}

// first returns the place of the first route that fits, or len(t.routes) if none does. fits is asked about routes whose host
// and path match.
func (t *routeTable) first(host, path string, fits func(*Route) bool) int {
	first := len(t.routes)
	t.any.first(t.routes, path, fits, &first)
	if len(t.hosts) > 0 {
		t.hosts[host].first(t.routes, path, fits, &first)
	}
	for at := 1; len(t.below) > 0 && at < len(host); at++ {
		if host[at] == '.' {
			t.below[host[at:]].first(t.routes, path, fits, &first)
		}
	}
	return first
}

// names reports whether some route is for this host and not for any.
func (t *routeTable) names(host string) bool {
	if _, ok := t.hosts[host]; ok {
		return true
	}
	for at := 1; at < len(host); at++ {
		if _, ok := t.below[host[at:]]; ok && host[at] == '.' {
			return true
		}
	}
	return false
}

// first lowers a place to that of the first route that fits, if there is one before it.
func (p routePaths) first(routes []Route, path string, fits func(*Route) bool, first *int) {
	look := func(places []int) {
		for _, place := range places {
			if place >= *first {
				return
			}
			if fits(&routes[place]) {
				*first = place
				return
			}
		}
	}
	if len(p.exact) > 0 {
		look(p.exact[path])
	}
	if len(p.under) == 0 {
		return
	}
	look(p.under[path])
	for end := len(path); end >= 0; end = strings.LastIndexByte(path[:end], '/') {
		if end < len(path) {
			look(p.under[path[:end]])
		}
	}
}
