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

// reasonHeader tells a front proxy and its administrator why a request was refused, in the words of authn.Code. It survives
// where the status does not.
const reasonHeader = "X-Authly-Reason"

// Of an answer's headers the identity may take this many bytes, names and separators included. nginx reads an answer into
// 4 KiB by default and fails on a longer one; the security headers and what a server adds need the rest.
const mostIdentityBytes = 3 * 1024

// codeIdentityTooLarge is the reason for refusing a caller whose identity headers would exceed mostIdentityBytes. It is not
// among the codes of authn, being not about the caller but about what front proxies can carry.
const codeIdentityTooLarge authn.Code = "identity_too_large"

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

	// relayed is the status that the front proxy is given for a refusal.
	relayed func(status int) int
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

// ForwardAuth serves questions of front proxies and nothing else: on this listener everything but /authz/ is not found, and
// no public route of any application answers 200.
func (d *Door) ForwardAuth() http.Handler {
	return d.root(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.RequestURI, authzPrefix) {
			d.refuse(w, r, authn.Refuse(authn.CodeNotFound, "Not found"))
			return
		}
		d.serveAuthz(w, r)
	}))
}

// serveAuthz answers a front proxy's question. Neither CORS nor a mux may stand in front of it: the 2xx with which they
// answer preflights, and the redirects with which they clean paths, would be taken for the answer.
func (d *Door) serveAuthz(w http.ResponseWriter, r *http.Request) {
	abandonBody(w, r)
	w.Header()["Cache-Control"] = noStore
	exchangeOf(r).Verdict = verdictDeny // until the decision says otherwise
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !d.cfg.Trust.Trusts(peer.Addr()) {
		refusal := error(authn.Refuse(authn.CodeUntrustedPeer, "Only trusted proxies may ask"))
		if limited := d.cfg.Gate.Admit(r.Context(), exchangeOf(r).Origin.Client); limited != nil {
			refusal = limited
		}
		d.refuseAuthz(w, r, unchanged, refusal)
		return
	}
	asked, rest, ok := dialectOf(r.RequestURI)
	if !ok {
		d.refuseAuthz(w, r, unchanged, authn.Refuse(authn.CodeNotFound, "Not found"))
		return
	}
	request, err := d.requestOf(asked, r, rest)
	if err != nil {
		d.refuseAuthz(w, r, asked.relayed, err)
		return
	}
	decision := d.cfg.Gate.Decide(r.Context(), request)
	note(exchangeOf(r), decision)
	switch {
	case decision.Refusal != nil:
		d.refuseAuthz(w, r, asked.relayed, decision.Refusal)
	case decision.Verdict != authn.Allow: // can not be; and if it were, it would not be an allowance
		d.refuseAuthz(w, r, asked.relayed, authn.Refuse(authn.CodeForbidden, "Not allowed"))
	default:
		if err := d.stampAnswer(w.Header(), decision, request); err != nil {
			exchangeOf(r).Verdict = verdictDeny
			d.refuseAuthz(w, r, asked.relayed, err)
			return
		}
		w.WriteHeader(http.StatusOK) // no other 2xx: Envoy takes nothing else for a permission
	}
}

// requestOf turns the question into the one form that decisions are made on, and notes in the exchange whose request it is.
func (d *Door) requestOf(asked dialect, r *http.Request, rest string) (authn.Request, error) {
	q, err := asked.ask(r, rest)
	if err != nil {
		return authn.Request{}, err
	}
	if _, err := only(r.Header, "X-Forwarded-For"); err != nil {
		return authn.Request{}, err
	}
	host, err := headers.NormalizeHost(q.host)
	if err != nil {
		return authn.Request{}, err
	}
	rawPath, _, _, err := headers.SplitTarget(q.target)
	if err != nil {
		return authn.Request{}, err
	}
	scheme, err := webScheme(q.scheme)
	if err != nil {
		return authn.Request{}, err
	}
	origin := &exchangeOf(r).Origin
	origin.Scheme, origin.Host = scheme, host
	origin.Client = headers.ClientFrom(d.cfg.Trust, r.Header["X-Forwarded-For"])
	return authn.Request{
		Method:      q.method,
		Host:        host,
		RawPath:     rawPath,
		Client:      origin.Client,
		Credentials: headers.Credentials(r.Header),
		Preflight:   headers.IsPreflight(q.method, r.Header),
	}, nil
}

// stampAnswer sets every identity header, empty for an anonymous caller, and the assertion, empty where there is none:
// several front proxies leave the client's own header in place where the answer omits it. On an error it has set none: there
// is no assertion, or together they would be longer than mostIdentityBytes.
func (d *Door) stampAnswer(h http.Header, decision authn.Decision, asked authn.Request) error {
	assertion, err := d.assert(decision, asked.Method, asked.Host)
	if err != nil {
		return err
	}
	stamps := d.stamps(decision.Identity)
	if stamps.Bytes()+len(headers.AssertionName)+len(": ")+len(assertion)+len("\r\n") > mostIdentityBytes {
		return &authn.Error{Code: codeIdentityTooLarge, Detail: "The identity headers would be longer than front proxies accept"}
	}
	stamps.Set(h)
	h[headers.AssertionName] = []string{assertion}
	return nil
}

// refuseAuthz answers with an error, in a status that the front proxy relays. Unlike a permission, which ends at the front
// proxy, it comes before people's browsers, and has the security headers.
//
// It is the one place where forward-auth says no, and so the place for whatever a refusal should carry beside the problem,
// such as the Location of a login page on a 401.
func (d *Door) refuseAuthz(w http.ResponseWriter, r *http.Request, relayed func(int) int, err error) {
	reason := authn.Fault(err).Code
	d.cfg.Security.PutOwn(w.Header(), exchangeOf(r).Origin.Scheme == "https")
	w.Header().Set(reasonHeader, string(reason))
	if reason == codeIdentityTooLarge { // to the table of errors it is one of many ways in which a caller may not
		err = authn.Refuse(authn.CodeForbidden, authn.Fault(err).Detail)
	}
	d.cfg.Problem(&relayWriter{ResponseWriter: w, relayed: relayed}, r, err)
	exchangeOf(r).Reason = string(reason)
}

// relayWriter writes a refusal in the status that the front proxy relays.
type relayWriter struct {
	http.ResponseWriter
	relayed func(status int) int
	begun   bool
}

// WriteHeader never lets a refusal out as a 1xx or a 2xx.
func (w *relayWriter) WriteHeader(status int) {
	w.begun = true
	if status = w.relayed(status); status < 300 {
		status = http.StatusForbidden
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write of a body whose writer named no status would be a 200.
func (w *relayWriter) Write(body []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusForbidden)
	}
	return w.ResponseWriter.Write(body)
}

// noStore is the value of Cache-Control on every answer here. It is never changed.
var noStore = []string{"no-store"}

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
