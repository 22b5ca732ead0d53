package web

import (
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// routesPath is where administrators see the routes.
const routesPath = adminPath + "/routes"

// mostRoutes is how many routes a list shows.
const mostRoutes = 500

// routePages shows the routes, and which one decides. Asking changes nothing, and is sent by GET.
func (p *Pages) routePages() []page {
	return []page{{
		path: routesPath, name: "routes", menu: adminMenu, show: (*visit).showRoutes,
		fields: []field{
			{name: "url", label: "routes.field.url", hint: "routes.hint.url"},
			{name: "method", label: "routes.field.method"},
			{name: "user", label: "routes.field.user", hint: "routes.hint.user", optional: true},
			{name: "client", label: "routes.field.client", hint: "routes.hint.client", optional: true},
		},
	}}
}

// routesView is what the template shows.
type routesView struct {
	Routes    []routeView
	Unshown   string // how many more there are; empty: none
	Explained *explanationView
}

// routeView is a route in words.
type routeView struct {
	Number                          int // from 1, in the order in which they are searched
	Name                            string
	Hosts, Paths, Methods, Networks string // empty: any
	Who                             string
	Credentials                     string
	Limit                           string // empty: none
}

// explanationView is what is decided about a request, and why.
type explanationView struct {
	Method, Host, Path string // as they are read; empty: they are not
	Verdict            coded
	Allowed            bool
	Caller             string // empty: nobody
	IsAsked            bool   // who it is mattered
	Reason             coded  // without a code: there is none
	Detail             string
	Route              *routeView // nil: none matches
	Missed             []missView
	Unshown            string
	Own                bool // the gateway asks no route for it
}

// missView is a route that does not match, the part of it that does not, and what that part asks for.
type missView struct {
	Number int
	Name   string
	Part   coded
	Wants  string
}

// showRoutes shows the routes, and explains if that is asked for.
func (v *visit) showRoutes() (any, error) {
	routes, err := v.cfg.Explainer.Routes(v.caller)
	if err != nil {
		return nil, err
	}
	shown := routesView{Unshown: v.beyond(len(routes))}
	for i := range routes[:min(len(routes), mostRoutes)] {
		shown.Routes = append(shown.Routes, *v.routeView(&routes[i], i))
	}
	shown.Explained, err = v.explain()
	if e := authn.Fault(err); err != nil && (e.Field != "" || e.Code == authn.CodeNotFound) {
		v.wrong = e
		return shown, nil
	}
	return shown, err
}

// beyond is how many of a list are not shown.
func (v *visit) beyond(n int) string {
	if n <= mostRoutes {
		return ""
	}
	return v.number(n - mostRoutes)
}

// explain answers the form; nil if it was not sent.
func (v *visit) explain() (*explanationView, error) {
	query := v.r.URL.Query()
	if !query.Has("url") {
		v.filled = form{"method": "GET"}
		if client := v.caller.From.Address; client.IsValid() {
			v.filled["client"] = client.String()
		}
		return nil, nil
	}
	asked, err := pick(query, v.page.fields)
	if err != nil {
		return nil, err
	}
	for name := range asked {
		asked[name] = strings.TrimSpace(asked[name])
	}
	v.filled = asked
	request, err := headers.Question(asked["method"], asked["url"], asked["client"], v.cfg.PublicURL)
	if e := authn.Fault(err); err != nil {
		if e.Field != "" {
			return nil, e
		}
		return v.explanation(request, authn.Decision{Refusal: e}), nil // before any route is asked
	}
	decision, err := v.cfg.Explainer.Explain(v.r.Context(), v.caller, request, asked["user"])
	if e := authn.Fault(err); err != nil && e.Code == authn.CodeNotFound {
		return nil, authn.RefuseField("user", "There is no such user")
	}
	if err != nil {
		return nil, err
	}
	return v.explanation(request, decision), nil
}

// explanation is a decision in words.
func (v *visit) explanation(r authn.Request, d authn.Decision) *explanationView {
	shown := &explanationView{
		Method: r.Method, Host: r.Host, Path: r.RawPath, Verdict: v.coded("routes.verdict.", d.Verdict.String()),
		Allowed: d.Verdict == authn.Allow, IsAsked: d.Verdict != authn.Deny || d.Identity != nil, Unshown: v.beyond(len(d.Misses)),
	}
	if d.Identity != nil {
		shown.Caller = d.Identity.Username
	}
	if d.Refusal != nil {
		shown.Reason, shown.Detail = v.coded("audit.reason.", string(d.Refusal.Code)), v.tongue.detail(d.Refusal)
	}
	if d.Route != nil {
		shown.Route = v.routeView(d.Route, len(d.Misses))
	}
	if path, err := authn.ParsePath(r.RawPath); err == nil {
		shown.Own = v.cfg.Owns(path) || v.OwnsAtRoot(r.Host, path)
	}
	// Of many the last ones are the nearest to the one that decides.
	first := max(0, len(d.Misses)-mostRoutes)
	for i, miss := range d.Misses[first:] {
		shown.Missed = append(shown.Missed, missView{
			Number: first + i + 1, Name: miss.Route.Name, Part: v.coded("routes.part.", miss.Why), Wants: wants(miss),
		})
	}
	return shown
}

// wants is what the part of a route that does not match would match.
func wants(m authn.Miss) string {
	switch m.Why {
	case "host":
		return strings.Join(m.Route.Hosts, ", ")
	case "path":
		return strings.Join(m.Route.Paths, ", ")
	case "method":
		return strings.Join(m.Route.Methods, ", ")
	}
	return networks(m.Route)
}

func networks(r *authn.Route) string {
	var all []string
	for _, n := range r.Networks {
		all = append(all, n.String())
	}
	return strings.Join(all, ", ")
}

// routeView is a route in words. place is where it stands, from 0.
func (v *visit) routeView(r *authn.Route, place int) *routeView {
	shown := &routeView{
		Number: place + 1, Name: r.Name, Hosts: strings.Join(r.Hosts, ", "), Paths: strings.Join(r.Paths, ", "),
		Methods: strings.Join(r.Methods, ", "), Networks: networks(r), Who: v.mayPass(r), Credentials: v.t(credentialsOf(r)),
	}
	if r.Limit.Requests > 0 {
		name := "routes.limit.network"
		if r.LimitByUser {
			name = "routes.limit.user"
		}
		shown.Limit = v.t(name, "Requests", strconv.Itoa(r.Limit.Requests), "Per", v.tongue.lasting(r.Limit.Per))
	}
	return shown
}

// mayPass says whom a route lets pass.
func (v *visit) mayPass(r *authn.Route) string {
	switch r.Access {
	case authn.AllowPublic:
		return v.t("routes.who.public")
	case authn.AllowAuthenticated:
		return v.t("routes.who.authenticated")
	case authn.AllowListed:
	default:
		return v.t("routes.who.nobody")
	}
	var parts []string
	if len(r.Roles) > 0 {
		parts = append(parts, v.t("routes.who.roles", "Roles", strings.Join(r.Roles, ", ")))
	}
	if len(r.Users) > 0 {
		parts = append(parts, v.t("routes.who.users", "Users", strings.Join(r.Users, ", ")))
	}
	return strings.Join(parts, "; ")
}

// credentialsOf is the name of the word for what a route reads to know who is calling.
func credentialsOf(r *authn.Route) string {
	switch {
	case r.IgnoreBearer && r.Cookies == authn.IgnoreCookies:
		return "routes.credentials.none"
	case r.IgnoreBearer:
		return "routes.credentials.cookie"
	case r.Cookies == authn.IgnoreCookies:
		return "routes.credentials.bearer"
	case r.Cookies == authn.CookieFirst:
		return "routes.credentials.cookie_bearer"
	}
	return "routes.credentials.bearer_cookie"
}
