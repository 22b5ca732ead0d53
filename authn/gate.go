package authn

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Request is what a decision is made on, parsed once at the edge from a request or from a front proxy's question.
type Request struct {
	Method      string      // as sent
	Host        string      // lower case, without port and trailing dot: see headers.NormalizeHost
	RawPath     string      // the path as it stood on the wire, still encoded, without the query
	Client      netip.Addr  // invalid: not known
	Credentials Credentials // of Authorization
	Cookie      Credentials // the session cookie: CookieCredential, NoCredential or MalformedCredential
	CrossOrigin bool        // a page of another origin would change something: a cookie is no credential for that
	Preflight   bool        // method OPTIONS with Origin and Access-Control-Request-Method
}

// Verdict is the outcome of a decision. The zero value is a denial.
type Verdict int

// The verdicts.
const (
	Deny      Verdict = iota // may not pass, whoever it is or because of who it is
	Challenge                // may not pass without a good credential
	Allow
)

// Decision is the answer to a Request.
type Decision struct {
	Verdict  Verdict
	Refusal  *Error    // why not; nil exactly when Verdict is Allow
	Route    *Route    // that matched; nil if none did
	Identity *Identity // of the caller; nil: anonymous
	Limits   []Level   // that the request counted against, as they stand then
	Misses   []Miss    // Explain only: the routes before Route, and why they did not match
}

// Miss is a route that did not match and the part of it that did not.
type Miss struct {
	Route *Route
	Why   string // "host", "path", "method" or "network"
}

// Authenticator turns credentials into an identity. Checker is the one that serves; an Explainer has one of its own.
type Authenticator interface {
	// Authenticate returns an *Error of CodeNoCredentials or CodeInvalidCredentials if the credentials are missing or not
	// good, and another code if that could not be found out.
	Authenticate(ctx context.Context, c Credentials) (*Identity, error)
}

// GateConfig is what a Gate needs.
type GateConfig struct {
	Routes        []Route       // the table; the first match wins
	Authenticator Authenticator // required
	Limits        *Limits       // where requests are counted; nil: in memory
	General       Limit         // requests per client network, whatever the route; zero: none
	Now           func() time.Time
}

// Gate decides. It is safe for use by many goroutines.
type Gate struct {
	authenticator Authenticator
	table         *routeTable
	general       *Limiter
	perRoute      map[string]*Limiter
}

// NewGate returns a Gate over a table of routes, which must not change afterwards.
func NewGate(cfg GateConfig) *Gate {
	limits := limitsOr(cfg.Limits, cfg.Now)
	g := &Gate{
		authenticator: cfg.Authenticator,
		table:         newRouteTable(cfg.Routes),
		general:       limits.Limiter("general", cfg.General),
		perRoute:      make(map[string]*Limiter),
	}
	for _, route := range cfg.Routes {
		if route.Limit.Requests > 0 {
			g.perRoute[route.Name] = limits.Limiter("route-"+route.Name, route.Limit)
		}
	}
	return g
}

// Decide answers whether the request may pass. Everything that goes wrong on the way is a denial.
func (g *Gate) Decide(ctx context.Context, r Request) Decision {
	route, err := g.find(r, nil)
	if err != nil {
		levels, limited := g.Admit(ctx, r.Client)
		if limited != nil {
			err = limited
		}
		d := refuse(Deny, nil, err)
		d.Limits = levels
		return d
	}
	byNetwork, byUser := g.perRoute[route.Name], (*Limiter)(nil)
	if route.LimitByUser {
		byNetwork, byUser = nil, byNetwork
	}
	var levels []Level
	if byNetwork != nil || g.general != nil {
		network, refused := ClientNetwork(r.Client), 0
		if levels, refused = spend(ctx, spending{g.general, network}, spending{byNetwork, network}); refused >= 0 {
			return refuse(Deny, route, rateLimited(levels))
		}
	}
	d := g.pass(ctx, route, r)
	d.Limits = levels
	if byUser == nil {
		return d
	}
	more, refused := spend(ctx, spending{byUser, limitedBy(d.Identity, r.Client)})
	if d.Limits = append(levels, more...); refused >= 0 {
		d.Verdict, d.Refusal = Deny, rateLimited(d.Limits)
	}
	return d
}

// limitedBy is whose requests count together where a route counts by user: those of a user, from wherever, and those of all
// who are nobody from one network.
func limitedBy(user *Identity, client netip.Addr) string {
	if user == nil {
		return ClientNetwork(client)
	}
	return userAccount(user.UserID)
}

// Explain is Decide that also says why the routes before the one that matched did not, and spends no limit.
func (g *Gate) Explain(ctx context.Context, r Request) Decision {
	var misses []Miss
	d := g.consider(ctx, r, &misses)
	d.Misses = misses
	return d
}

// consider is Decide whatever the limits.
func (g *Gate) consider(ctx context.Context, r Request, misses *[]Miss) Decision {
	route, err := g.find(r, misses)
	if err != nil {
		return refuse(Deny, nil, err)
	}
	return g.pass(ctx, route, r)
}

// Admit spends one request of the general limit. Decide does so itself; callers use it for requests that no route is asked
// for, such as those to Authly's own endpoints. It tells how the limit stands then, if there is one; the error is
// CodeRateLimited.
func (g *Gate) Admit(ctx context.Context, client netip.Addr) ([]Level, error) {
	if g.general == nil {
		return nil, nil
	}
	levels, refused := spend(ctx, spending{g.general, ClientNetwork(client)})
	if refused >= 0 {
		return levels, rateLimited(levels)
	}
	return levels, nil
}

// find checks the form of a request and returns the route that is for it.
func (g *Gate) find(r Request, misses *[]Miss) (*Route, error) {
	if err := CheckMethod(r.Method); err != nil {
		return nil, err
	}
	if r.Host == "" {
		return nil, Refuse(CodeBadRequestLine, "The host is missing")
	}
	path, err := ParsePath(r.RawPath)
	if err != nil {
		return nil, err
	}
	return g.match(r, path, misses)
}

// pass answers for a route, whatever its limit.
func (g *Gate) pass(ctx context.Context, route *Route, r Request) Decision {
	if r.Preflight && r.Method == "OPTIONS" && route.AllowPreflight && route.Access != AllowNobody {
		return Decision{Verdict: Allow, Route: route}
	}
	return g.judge(ctx, route, r)
}

// match finds the first route for the request. A route that asks for the client's network, when that is not known, ends the
// search with a refusal: passing it over could let the request reach a more generous route behind it.
func (g *Gate) match(r Request, path string, misses *[]Miss) (*Route, error) {
	known := r.Client.IsValid()
	place := g.table.first(r.Host, path, func(route *Route) bool {
		return route.matchesMethod(r.Method) && (len(route.Networks) == 0 || !known || route.matchesAddress(r.Client))
	})
	if misses != nil {
		*misses = g.misses(r, path, place)
	}
	if place == len(g.table.routes) {
		return nil, Refuse(CodeNoRoute, "No route allows this request")
	}
	route := &g.table.routes[place]
	if len(route.Networks) > 0 && !known {
		return nil, Refuse(CodeBadRequestLine, "The client address is not known")
	}
	return route, nil
}

// Serves reports whether there is a route for a page, of a host and with a decoded path, that somebody may open, and whether
// some route names the host and is not for any.
func (g *Gate) Serves(host, path string) (named, ok bool) {
	place := g.table.first(host, path, func(route *Route) bool { return route.matchesMethod("GET") })
	ok = place < len(g.table.routes) && g.table.routes[place].Access != AllowNobody
	return g.table.names(host), ok
}

// misses says of each route before a place why it does not match.
func (g *Gate) misses(r Request, path string, place int) []Miss {
	var misses []Miss
	for i := range g.table.routes[:place] {
		route, why := &g.table.routes[i], "network"
		switch {
		case !route.matchesHost(r.Host):
			why = "host"
		case !route.matchesPath(path):
			why = "path"
		case !route.matchesMethod(r.Method):
			why = "method"
		}
		misses = append(misses, Miss{Route: route, Why: why})
	}
	return misses
}

// judge resolves the caller and applies the route's rule to them.
func (g *Gate) judge(ctx context.Context, route *Route, r Request) Decision {
	switch route.Access {
	case AllowPublic:
		return g.judgePublic(ctx, route, r)
	case AllowAuthenticated, AllowListed:
	default:
		return refuse(Deny, route, Refuse(CodeForbidden, "Nobody may pass here"))
	}
	identity, err := g.identify(ctx, route, r)
	if err != nil {
		return refuseCredentials(route, err)
	}
	if route.Access == AllowListed && !route.lists(identity) {
		d := refuse(Deny, route, Refuse(CodeForbidden, "Not authorized to access this resource"))
		d.Identity = identity
		return d
	}
	return Decision{Verdict: Allow, Route: route, Identity: identity}
}

// judgePublic lets everybody pass, with an identity if there is a good credential and without one if there is a bad one. Only
// when it cannot be found out whether it is good is the request refused: a failing store never widens anything.
func (g *Gate) judgePublic(ctx context.Context, route *Route, r Request) Decision {
	bearer, cookie := route.reads(r)
	if bearer.Kind != BearerCredential && cookie.Kind != CookieCredential {
		return Decision{Verdict: Allow, Route: route}
	}
	identity, err := g.identify(ctx, route, r)
	if err == nil {
		return Decision{Verdict: Allow, Route: route, Identity: identity}
	}
	if d := refuseCredentials(route, err); d.Verdict != Challenge && d.Refusal.Code != CodeOriginRefused {
		return d
	}
	return Decision{Verdict: Allow, Route: route}
}

// lists reports whether the identity is one of those that an AllowListed route names.
func (r *Route) lists(identity *Identity) bool {
	return slices.ContainsFunc(r.Roles, identity.HasRole) || slices.Contains(r.Users, identity.Username)
}

func refuse(v Verdict, route *Route, err error) Decision {
	return Decision{Verdict: v, Route: route, Refusal: Fault(err)}
}

// refuseCredentials challenges a caller who has proved nothing, and denies one of whom it could not be found out.
func refuseCredentials(route *Route, err error) Decision {
	fault := Fault(err)
	if fault.Code == CodeNoCredentials || fault.Code == CodeInvalidCredentials {
		return refuse(Challenge, route, fault)
	}
	return refuse(Deny, route, fault)
}

// String is the verdict's name: deny, challenge or allow.
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Challenge:
		return "challenge"
	}
	return "deny"
}
