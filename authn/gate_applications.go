package authn

import "context"

// Application is an address at which people open what a route is for. The route must match it, with the method GET.
type Application struct {
	Title string // in the words of people
	URL   string // absolute, http or https

	Host, RawPath string // of URL, as in a Request
}

// Applications returns what somebody may open, in the order of the table: each application whose address the gate would let them
// GET, by its own route and no other's. as says who and where they are, by credentials, CrossOrigin left out, and client address.
// No limit is spent. The error is that it could not be found out: an empty list would say that they may open nothing.
func (g *Gate) Applications(ctx context.Context, as Request) ([]Application, error) {
	var may []Application
	for i := range g.table.routes {
		route := &g.table.routes[i]
		if route.Application == nil {
			continue
		}
		as.Method, as.Host, as.RawPath = "GET", route.Application.Host, route.Application.RawPath
		switch d := g.consider(ctx, as, nil); {
		case d.Verdict == Allow && d.Route == route:
			may = append(may, *route.Application)
		case d.Refusal != nil && (d.Refusal.Code == CodeUnavailable || d.Refusal.Code == CodeInternal):
			return nil, d.Refusal
		}
	}
	return may, nil
}

// Names reports whether some route is for this path of a host in particular, and not only since it is for every path.
func (g *Gate) Names(host, path string) bool {
	for i := range g.table.routes {
		route := &g.table.routes[i]
		if !route.matchesHost(host) {
			continue
		}
		for _, pattern := range route.Paths {
			if pattern != "/*" && (&Route{Paths: []string{pattern}}).matchesPath(path) {
				return true
			}
		}
	}
	return false
}
