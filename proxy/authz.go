package proxy

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// authzPrefix begins the request targets at which front proxies ask whether a request may pass, whatever server.api_prefix
// is. It is compared with the raw target, in front of any mux: a mux would clean and decode what Envoy puts behind it.
const authzPrefix = "/authz/"

// question is what a front proxy wants to know, in one shape whoever asks. Its fields are as they stood on the wire.
type question struct {
	method string
	scheme string
	host   string
	target string // path and query
}

// dialect is the way in which one front proxy asks, and what becomes of the answer there.
type dialect struct {
	// ask reads the question from the headers of this dialect and from no other: a front proxy overwrites only those that it
	// knows, so that any other header is the client's own word. rest is what follows the dialect's name in the target.
	ask func(r *http.Request, rest string) (question, error)

	// relayed is the status that the front proxy is given for a refusal, and redirected the one for a way to the login page.
	relayed, redirected func(status int) int
}

// dialectOf finds the dialect that a raw request target names, and what follows the name. All but Envoy's are exact; a query
// behind them, which some proxies carry over from the original request, says nothing.
func dialectOf(requestURI string) (d dialect, rest string, ok bool) {
	name := strings.TrimPrefix(requestURI, authzPrefix)
	if rest, ok := strings.CutPrefix(name, "envoy"); ok {
		return envoy(), rest, true
	}
	name, _, _ = strings.Cut(name, "?")
	switch name {
	case "traefik":
		return traefik(), "", true
	case "caddy":
		return caddy(), "", true
	case "nginx":
		return nginx(), "", true
	case "haproxy":
		return haproxy(), "", true
	}
	return dialect{}, "", false
}

// serveAuthz answers a front proxy's question. Neither CORS nor a mux may stand in front of it: the 2xx with which they
// answer preflights, and the redirects with which they clean paths, would be taken for the answer.
func (d *Door) serveAuthz(w http.ResponseWriter, r *http.Request, x *headers.Exchange) {
	abandonBody(w, r)
	x.Verdict = verdictDeny // until the decision says otherwise
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !d.cfg.Trust.Trusts(peer.Addr()) {
		refusal := error(authn.Refuse(authn.CodeUntrustedPeer, "Only trusted proxies may ask"))
		if _, limited := d.cfg.Gate.Admit(r.Context(), x.Origin.Client); limited != nil {
			refusal = limited
		}
		d.refuseAuthz(w, r, x, unchanged, refusal)
		return
	}
	asked, rest, ok := dialectOf(r.RequestURI)
	if !ok {
		d.refuseAuthz(w, r, x, unchanged, authn.Refuse(authn.CodeNotFound, "Not found"))
		return
	}
	request, page, err := d.requestOf(asked, r, x, rest)
	if err != nil {
		d.refuseAuthz(w, r, x, asked.relayed, err)
		return
	}
	decision := d.cfg.Gate.Decide(r.Context(), request)
	note(x, decision)
	switch {
	case decision.Refusal != nil && d.isWelcome(decision, page):
		d.welcomeAuthz(w, r, x, asked.redirected, page)
	case decision.Refusal != nil:
		d.refuseAuthz(w, r, x, asked.relayed, d.pointed(decision))
	case decision.Verdict != authn.Allow: // can not be; and if it were, it would not be an allowance
		d.refuseAuthz(w, r, x, asked.relayed, authn.Refuse(authn.CodeForbidden, "Not allowed"))
	default:
		if err := d.permit(w, r, x, decision, request); err != nil {
			x.Verdict = verdictDeny
			d.refuseAuthz(w, r, x, asked.relayed, err)
		}
	}
}

// requestOf turns the question into the one form that decisions are made on, and notes in the exchange whose request it is. What
// was asked for is returned beside it, for those who have to sign in first.
func (d *Door) requestOf(asked dialect, r *http.Request, x *headers.Exchange, rest string) (request authn.Request, page headers.Asked, err error) {
	q, err := asked.ask(r, rest)
	if err != nil {
		return request, page, err
	}
	if _, err := only(r.Header, "X-Forwarded-For"); err != nil {
		return request, page, err
	}
	host, err := headers.NormalizeHost(q.host)
	if err != nil {
		return request, page, err
	}
	rawPath, _, _, err := headers.SplitTarget(q.target)
	if err != nil {
		return request, page, err
	}
	scheme, err := webScheme(q.scheme)
	if err != nil {
		return request, page, err
	}
	origin := &x.Origin
	origin.Scheme, origin.Host = scheme, host
	origin.Client = headers.ClientFrom(d.cfg.Trust, r.Header["X-Forwarded-For"])
	cookie := d.cookieOf(host).Read(r.Header)
	page = headers.Asked{Method: q.method, Scheme: scheme, Authority: q.host, Target: q.target, Header: r.Header}
	return authn.Request{
		Method:      q.method,
		Host:        host,
		RawPath:     rawPath,
		Client:      origin.Client,
		Credentials: headers.Credentials(r.Header),
		Cookie:      cookie,
		CrossOrigin: d.cfg.SameOrigin.FromAnotherOrigin(cookie, q.method, q.host, r.Header),
		Preflight:   headers.IsPreflight(q.method, r.Header),
	}, page, nil
}

// unchanged is the relayed of dialects whose front proxy passes on any refusal.
func unchanged(status int) int { return status }

// forwarded reads the question from the X-Forwarded-* headers that Traefik made common.
func forwarded(r *http.Request, _ string) (question, error) {
	var q question
	for _, field := range []struct {
		name  string
		value *string
	}{
		{"X-Forwarded-Method", &q.method},
		{"X-Forwarded-Proto", &q.scheme},
		{"X-Forwarded-Host", &q.host},
		{"X-Forwarded-Uri", &q.target},
	} {
		var err error
		if *field.value, err = only(r.Header, field.name); err != nil {
			return question{}, err
		}
	}
	return q, nil
}

// only returns the one value of a header that a question cannot do without. Missing, empty or given twice it is an error: a
// default would let whoever can suppress or add a header choose the rule. The name is in canonical form.
func only(h http.Header, name string) (string, error) {
	values := h[name]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", authn.Refuse(authn.CodeBadRequestLine, "The header "+name+" is missing")
	case len(values) > 1:
		return "", authn.Refuse(authn.CodeBadRequestLine, "The header "+name+" is given twice")
	}
	return values[0], nil
}

// webScheme reads the scheme of the original request. WebSockets begin as requests of http and https (RFC 6455 section 3).
func webScheme(scheme string) (string, error) {
	switch scheme {
	case "http", "ws":
		return "http", nil
	case "https", "wss":
		return "https", nil
	}
	return "", authn.Refuse(authn.CodeBadRequestLine, "The scheme is none that is served")
}
