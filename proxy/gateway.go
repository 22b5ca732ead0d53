package proxy

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// Gateway returns the handler of the main listener. A request passes, in this order:
//
//  1. root: exchange, access log, panics.
//  2. Forward-auth questions leave here. They are told by the raw request target, in front of anything that parses it: the
//     target of a question can be the target of the request that is asked about, whatever that looks like.
//  3. parse: method, request target, path and host become plain data or a refusal.
//  4. Authly's own endpoints leave here.
//  5. serveRoute: the decision, CORS, and the upstream.
//
// There is no ServeMux on this way: it redirects and cleans paths, and so would decide on another path than the
// application sees.
func (d *Door) Gateway() http.Handler {
	endpoints := d.endpoints()
	return d.root(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, "/authz/") {
			d.serveAuthz(w, r, exchangeOf(r))
			return
		}
		t, err := parse(r)
		switch {
		case err != nil:
			exchangeOf(r).Verdict = verdictDeny
			if limited := d.admit(w, r); limited != nil {
				err = limited // what is malformed counts like everything else
			}
			d.refuse(w, r, err)
		case d.cfg.Owns(t.host, t.path):
			endpoints.ServeHTTP(w, r)
		default:
			d.serveRoute(w, r, t)
		}
	}))
}

// What the access log calls a verdict.
const (
	verdictAllow     = "allow"
	verdictChallenge = "challenge"
	verdictDeny      = "deny"
)

// target is what a request asks for, read once.
type target struct {
	rawPath  string // as on the wire
	rawQuery string // as on the wire, without the question mark
	hasQuery bool   // there was a question mark
	path     string // decoded
	host     string // normalized
}

// parse reads the request line and the host. The error is an *authn.Error.
func parse(r *http.Request) (target, error) {
	var t target
	var err error
	if err = headers.CheckMethod(r.Method); err != nil {
		return t, err
	}
	if t.rawPath, t.rawQuery, t.hasQuery, err = headers.SplitTarget(r.RequestURI); err != nil {
		return t, err
	}
	if t.path, err = authn.ParsePath(t.rawPath); err != nil {
		return t, err
	}
	if err = originError(r); err != nil {
		return t, err
	}
	t.host = exchangeOf(r).Origin.Host
	return t, nil
}

// admit spends the general limit, and tells the client how it stands.
func (d *Door) admit(w http.ResponseWriter, r *http.Request) error {
	x := exchangeOf(r)
	levels, err := d.cfg.Gate.Admit(r.Context(), x.Origin.Client)
	x.Limits = levels
	headers.TellStrictest(w.Header(), levels)
	return err
}

// endpoints is the way to Authly's own endpoints and pages. The security headers are outermost, so that the refusals of
// every step have them.
func (d *Door) endpoints() http.Handler {
	inner := d.own(d.cfg.CORS.Handler(d.cfg.CORS.RefuseForeign(d.cfg.Own, d.refuse)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.admit(w, r); err != nil {
			exchangeOf(r).Verdict = verdictDeny
			d.refuse(w, r, err)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// serveRoute asks for the decision and obeys it.
func (d *Door) serveRoute(w http.ResponseWriter, r *http.Request, t target) {
	x := exchangeOf(r)
	credentials, cookie := headers.Credentials(r.Header), d.cookieOf(t.host).Read(r.Header)
	authority := forwardedHost(r, x.Origin)
	decision := d.cfg.Gate.Decide(r.Context(), authn.Request{
		Method:      r.Method,
		Host:        t.host,
		RawPath:     t.rawPath,
		Client:      x.Origin.Client,
		Credentials: credentials,
		Cookie:      cookie,
		CrossOrigin: d.cfg.SameOrigin.FromAnotherOrigin(cookie, r.Method, authority, r.Header),
		Preflight:   headers.IsPreflight(r.Method, r.Header),
	})
	note(x, decision)
	headers.TellStrictest(w.Header(), decision.Limits)
	var up *upstream
	if decision.Route != nil {
		up = d.upstreams[decision.Route.Name]
	}
	cors := d.cfg.CORS
	if up != nil && up.cfg.NoCORS {
		cors = nil
	}
	deliver := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case decision.Refusal != nil:
			d.refuseOrWelcome(w, r, decision, headers.Asked{
				Method: r.Method, Scheme: x.Origin.Scheme, Authority: authority, Target: r.RequestURI, Header: r.Header,
			})
		case decision.Verdict != authn.Allow: // can not be; and if it were, it would not be an allowance
			d.refuse(w, r, authn.Refuse(authn.CodeForbidden, "Not allowed"))
		case up == nil:
			d.refuse(w, r, authn.Refuse(authn.CodeNotFound, "No application is configured for this route"))
		default:
			d.forward(w, r, up, decision, &passage{
				target:            t,
				identity:          decision.Identity,
				keepAuthorization: up.keepsAuthorization(decision, credentials),
				stripCORS:         cors != nil,
			})
		}
	}
	if cors == nil {
		deliver(w, r)
		return
	}
	d.serveCORS(w, r, cors, decision, http.HandlerFunc(deliver))
}

// serveCORS answers a preflight itself, whatever the decision: a preflight carries no credential, and the request that it
// asks about is decided when it comes. Only a client that is over its limit gets the refusal. All other requests go on, and
// their answer, a refusal too, gets what lets an allowed origin read it.
func (d *Door) serveCORS(w http.ResponseWriter, r *http.Request, cors *headers.CORS, decision authn.Decision, deliver http.Handler) {
	switch {
	case !headers.IsPreflight(r.Method, r.Header):
		cors.Handler(deliver).ServeHTTP(w, r)
	case decision.Refusal != nil && decision.Refusal.Code == authn.CodeRateLimited:
		deliver.ServeHTTP(w, r)
	default:
		x := exchangeOf(r)
		x.Verdict, x.Reason = verdictAllow, reasonPreflight
		d.own(cors.Handler(deliver)).ServeHTTP(w, r)
	}
}

// note writes a decision into the exchange, for the access log.
func note(x *headers.Exchange, decision authn.Decision) {
	switch decision.Verdict {
	case authn.Allow:
		x.Verdict = verdictAllow
	case authn.Challenge:
		x.Verdict = verdictChallenge
	default:
		x.Verdict = verdictDeny
	}
	if decision.Refusal != nil {
		x.Reason = string(decision.Refusal.Code)
	}
	if decision.Route != nil {
		x.Route = decision.Route.Name
	}
	if decision.Identity != nil {
		x.User, x.Caller = decision.Identity.Username, decision.Identity
	}
}
