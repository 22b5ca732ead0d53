package authn

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Request is what a decision is made on, parsed once at the edge from a request or from a front proxy's question.
type Request struct {
	Method      string     // as sent
	Host        string     // lower case, without port and trailing dot: see headers.NormalizeHost
	RawPath     string     // the path as it stood on the wire, still encoded, without the query
	Client      netip.Addr // invalid: not known
	Credentials Credentials
	Preflight   bool // method OPTIONS with Origin and Access-Control-Request-Method
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
	Misses   []Miss    // Explain only: the routes before Route, and why they did not match
}

// Miss is a route that did not match and the part of it that did not.
type Miss struct {
	Route *Route
	Why   string // "host", "path", "method" or "network"
}

// Authenticator turns credentials into an identity. Logins is the one that serves; authly explain has one of its own.
type Authenticator interface {
	// Authenticate returns an *Error of CodeNoCredentials or CodeInvalidCredentials if the credentials are missing or not
	// good, and another code if that could not be found out.
	Authenticate(ctx context.Context, c Credentials) (*Identity, error)
}

// GateConfig is what a Gate needs.
type GateConfig struct {
	Routes        []Route       // the table; the first match wins
	Authenticator Authenticator // required
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
	g := &Gate{
		authenticator: cfg.Authenticator,
		table:         newRouteTable(cfg.Routes),
		general:       NewLimiter(cfg.General, cfg.Now),
		perRoute:      make(map[string]*Limiter),
	}
	for _, route := range cfg.Routes {
		if route.Limit.Requests > 0 {
			g.perRoute[route.Name] = NewLimiter(route.Limit, cfg.Now)
		}
	}
	return g
}

// Decide answers whether the request may pass. Everything that goes wrong on the way is a denial.
func (g *Gate) Decide(ctx context.Context, r Request) Decision {
	if err := g.Admit(r.Client); err != nil {
		return refuse(Deny, nil, err)
	}
	return g.decide(ctx, r, nil, g.perRoute)
}

// Explain is Decide that also says why the routes before the one that matched did not, and spends no limit.
func (g *Gate) Explain(ctx context.Context, r Request) Decision {
	var misses []Miss
	d := g.decide(ctx, r, &misses, nil)
	d.Misses = misses
	return d
}

// Admit spends one request of the general limit. Decide does so itself; callers use it for requests that no route is asked
// for, such as those to Authly's own endpoints. The error is CodeRateLimited.
func (g *Gate) Admit(client netip.Addr) error {
	if g.general == nil {
		return nil
	}
	return g.general.Spend(ClientNetwork(client))
}

func (g *Gate) decide(ctx context.Context, r Request, misses *[]Miss, limits map[string]*Limiter) Decision {
	if err := CheckMethod(r.Method); err != nil {
		return refuse(Deny, nil, err)
	}
	if r.Host == "" {
		return refuse(Deny, nil, Refuse(CodeBadRequestLine, "The host is missing"))
	}
	path, err := ParsePath(r.RawPath)
	if err != nil {
		return refuse(Deny, nil, err)
	}
	route, err := g.match(r, path, misses)
	if err != nil {
		return refuse(Deny, nil, err)
	}
	if limiter := limits[route.Name]; limiter != nil {
		if err := limiter.Spend(ClientNetwork(r.Client)); err != nil {
			return refuse(Deny, route, err)
		}
	}
	if r.Preflight && r.Method == "OPTIONS" && route.AllowPreflight && route.Access != AllowNobody {
		return Decision{Verdict: Allow, Route: route}
	}
	return g.judge(ctx, route, r.Credentials)
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
func (g *Gate) judge(ctx context.Context, route *Route, c Credentials) Decision {
	if route.IgnoreBearer {
		c = Credentials{}
	}
	if route.AllowStale {
		c.StaleRoute = route.Name
	}
	switch route.Access {
	case AllowPublic:
		return g.judgePublic(ctx, route, c)
	case AllowAuthenticated, AllowListed:
	default:
		return refuse(Deny, route, Refuse(CodeForbidden, "Nobody may pass here"))
	}
	identity, err := g.authenticator.Authenticate(ctx, c)
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

// judgePublic lets everybody pass, with an identity if there is a good token and without one if there is a bad one. Only
// when it cannot be found out whether the token is good is the request refused: a failing store never widens anything.
func (g *Gate) judgePublic(ctx context.Context, route *Route, c Credentials) Decision {
	if c.Kind != BearerCredential {
		return Decision{Verdict: Allow, Route: route}
	}
	identity, err := g.authenticator.Authenticate(ctx, c)
	if err == nil {
		return Decision{Verdict: Allow, Route: route, Identity: identity}
	}
	if d := refuseCredentials(route, err); d.Verdict != Challenge {
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
