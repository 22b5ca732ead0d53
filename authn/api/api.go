package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// Config is what an API needs. Logins, Accounts, Sessions, Clients, Keys, Store, Trail and Log are required.
type Config struct {
	Logins   *authn.Logins
	Accounts *authn.Accounts
	Sessions *authn.Sessions
	Clients  *authn.Clients // who may use the endpoints for programs
	Keys     *authn.KeyRing
	Store    authn.Pinger // asked by GET /health
	Trail    *authn.Trail

	Prefix    string // in front of every endpoint: empty, or a path such as /api/v1 without a slash at its end
	PublicURL string // scheme and host that every link starts with, never a request's Host
	Version   string // of the program, shown in the API's description

	Cookie     headers.SessionCookie // by which browsers' sessions are known
	Domains    headers.CookieDomains // on whose hosts they are known by another one, which is not given here
	SameOrigin *headers.SameOrigin   // whose pages may change something by a cookie; nil: anybody's

	BodyTimeout time.Duration // in which a request's body must have arrived; 0: 10 seconds

	Now func() time.Time // nil: time.Now
	Log *slog.Logger
}

// API answers Authly's own JSON endpoints.
type API struct {
	cfg      Config
	host     string // of the public URL
	base     string // PublicURL and Prefix: what every link starts with
	routes   []route
	tops     map[string]bool // the first segments of their patterns, none of which is a variable
	document []byte          // openapi.json as served
	page     []byte          // the human page as served
}

// New returns the API. It fails if something required is missing or Prefix is not of its form.
func New(cfg Config) (*API, error) {
	if cfg.Logins == nil || cfg.Accounts == nil || cfg.Sessions == nil || cfg.Clients == nil || cfg.Keys == nil ||
		cfg.Store == nil || cfg.Trail == nil || cfg.Log == nil {
		return nil, errors.New("api: Logins, Accounts, Sessions, Clients, Keys, Store, Trail and Log are required")
	}
	if err := checkPrefix(cfg.Prefix); err != nil {
		return nil, err
	}
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &API{cfg: cfg, base: strings.TrimSuffix(cfg.PublicURL, "/") + cfg.Prefix}
	if u, err := url.Parse(cfg.PublicURL); err == nil {
		a.host, _ = headers.NormalizeHost(u.Host) // none is nobody's
	}
	a.routes = a.table()
	a.tops = tops(a.routes)
	var err error
	if a.document, err = describe(a.base, cfg.Version); err != nil {
		return nil, err
	}
	if a.page, err = drawDocs(a.document, cfg.Prefix); err != nil {
		return nil, err
	}
	return a, nil
}

// checkPrefix accepts the empty prefix and plain paths: each of their bytes means itself in a URL.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	path, err := authn.ParsePath(prefix)
	if err != nil || strings.HasSuffix(path, "/") || (&url.URL{Path: path}).EscapedPath() != path {
		return errors.New("api: Prefix must be empty or a plain path such as /api/v1, without a slash at its end")
	}
	return nil
}

// tops returns the first segments of the routes' patterns.
func tops(routes []route) map[string]bool {
	all := make(map[string]bool)
	for i := range routes {
		all[top(routes[i].pattern)] = true
	}
	return all
}

// top returns the first segment of a path, which begins with a slash.
func top(path string) string {
	first, _, _ := strings.Cut(path[1:], "/")
	return first
}

// Owns reports whether a decoded path belongs to the API: one of its endpoints, or anything at all below /auth and /users,
// so that a slip of the pen in an endpoint's name never reaches an application. It is asked about every request to one.
func (a *API) Owns(path string) bool {
	rest, ok := a.below(path)
	if !ok || !a.tops[top(rest)] {
		return false
	}
	if within(rest, "/auth") || within(rest, "/users") {
		return true
	}
	return a.Answers(path)
}

// Answers reports whether there is an endpoint at a decoded path.
func (a *API) Answers(path string) bool {
	rest, ok := a.below(path)
	if !ok {
		return false
	}
	for i := range a.routes {
		if _, ok := a.routes[i].match(rest); ok {
			return true
		}
	}
	return false
}

// below returns what follows the prefix; nothing, and false, if the path is not below it.
func (a *API) below(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, a.cfg.Prefix)
	if !ok || !strings.HasPrefix(rest, "/") {
		return "", false
	}
	return rest, true
}

// within reports whether path is top or below it.
func within(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (rest == "" || rest[0] == '/')
}

// ServeHTTP answers a request to one of the endpoints. It never redirects: a path either is an endpoint's or is not found.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	beginWait(w, r, a.cfg.BodyTimeout)
	path, err := authn.ParsePath(r.URL.EscapedPath())
	if err != nil {
		a.fail(w, r, nil, err)
		return
	}
	rest, _ := a.below(path)
	rt, vars, allow := a.find(r.Method, rest) // of no endpoint, if rest is empty
	switch {
	case rt != nil:
		if err := a.serve(w, r, rt, vars); err != nil {
			a.fail(w, r, rt, err)
		}
	case len(allow) > 0:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		a.fail(w, r, a.endpointAt(rest), authn.Refuse(authn.CodeMethodNotAllowed, "Method not allowed"))
	default:
		a.fail(w, r, nil, authn.Refuse(authn.CodeNotFound, "Not found"))
	}
}

// serve does for every endpoint what none may forget: it says that the answer is not to be kept, finds out who is calling
// where that matters, and only then lets the handler read the request. People are asked who they are before the body is
// read; a registered client may say it in the body.
func (a *API) serve(w http.ResponseWriter, r *http.Request, rt *route, vars map[string]string) error {
	w.Header().Set("Cache-Control", "no-store")
	r = tellingLimits(w, r)
	c := call{w: w, r: r, vars: vars}
	if err := a.know(&c, rt.who); err != nil {
		return err
	}
	if err := c.read(rt.takes); err != nil {
		return err
	}
	if rt.who == registered {
		if err := a.knowClient(&c); err != nil {
			return err
		}
	}
	return rt.handle(&c)
}

// tellingLimits returns the request in a context by which the answer tells how the limits stand that are spent for it.
func tellingLimits(w http.ResponseWriter, r *http.Request) *http.Request {
	x := headers.ExchangeOf(r.Context())
	return r.WithContext(authn.WithLimitsTold(r.Context(), func(levels []authn.Level) {
		x.Limits = append(x.Limits, levels...)
		headers.TellStrictest(w.Header(), x.Limits)
	}))
}

// fail answers with the problem and logs what a client must not see: once, here, and only what is Authly's own fault. That too
// many log in is not.
func (a *API) fail(w http.ResponseWriter, r *http.Request, rt *route, err error) {
	refusal := authn.Fault(err)
	if statusOf(refusal.Code) >= http.StatusInternalServerError && refusal.Code != authn.CodeOverloaded {
		if errors.Is(r.Context().Err(), context.Canceled) { // whatever was being done for the client ended with it
			refusal = &authn.Error{Code: authn.CodeClientGone, Cause: err}
		} else {
			a.cfg.Log.ErrorContext(r.Context(), "request failed", "request_id", headers.ExchangeOf(r.Context()).ID,
				"method", r.Method, "code", string(refusal.Code), "error", refusal.Cause)
		}
	}
	writeProblem(w, r, refusal, rt != nil && rt.oauth)
}
