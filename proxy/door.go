package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// Config is what a Door needs. Fields are required unless their comment says otherwise.
type Config struct {
	Gate     *authn.Gate
	Trust    headers.Trust // the zero value trusts nobody
	Names    headers.IdentityNames
	Security *headers.Security
	CORS     *headers.CORS // nil: CORS is left to the applications

	// Own serves Authly's own endpoints and pages; Owns reports whether a decoded path is one of them, at a host if it is not at all.
	Own  http.Handler
	Owns func(host, decodedPath string) bool

	// Problem answers with an error, in the one form and with the one status that Authly has for it.
	Problem func(http.ResponseWriter, *http.Request, error)

	// Page shows an error to a person who opens a page at the gateway, with the status and the headers of Problem. Nil: nobody is
	// shown one. What is answered to a front proxy is no page: it would find neither its style nor its words at the application's host.
	Page func(w http.ResponseWriter, r *http.Request, status int, err error)

	// Assert signs what an application is told of the caller, see authn.Asserter. Needed if a route has an audience.
	Assert func(audience string, id *authn.Identity, method, host string) (string, error)

	// Upstreams holds the applications by the name of their route. A route may have none: it is then of use for
	// forward-auth alone, and the gateway answers not found.
	Upstreams map[string]UpstreamConfig

	// Watch has ended called, once and from any goroutine, when a caller's session ends or is otherwise no longer good for
	// what was let through and still runs, as authn.Follower does; at once if that is known already. stop gives it up. Nil:
	// streams outlive their sessions.
	Watch func(who *authn.Identity, ended func()) (stop func())

	MaxStreamAge time.Duration // after which whatever was let through is ended, whoever asked for it; zero: never

	Cookie     headers.SessionCookie // by which browsers' sessions are known
	Domains    headers.CookieDomains // on whose hosts they are known by another one
	SameOrigin *headers.SameOrigin   // whose pages may change something by a cookie; nil: anybody's
	LoginPage  headers.LoginPage     // where people are sent who are not signed in; empty: nowhere

	// Handover is the path, on every host of Domains, at which browsers are handed over to it; needed if there are any.
	Handover string

	PublicURL string // what every link starts with, such as https://login.example.com; empty: no links are made
	Log       *slog.Logger
	Access    func(Access) // writes a line of the access log, in place of Log; optional
	Now       func() time.Time

	Denied func(authn.Event) // is told of every request that was kept out, and must not wait; nil: nobody is
}

// Door lets requests in. Its handlers can be used before Start, which only begins the health checks.
type Door struct {
	cfg       Config
	upstreams map[string]*upstream
	sieve     *headers.Sieve
	buffers   *bufferPool
	letters   letters
	sockets   sockets
	anonymous *headers.Stamps
}

// New returns a Door, or an error that names the route whose upstream makes no sense.
func New(cfg Config) (*Door, error) {
	switch {
	case cfg.Gate == nil || cfg.Security == nil || cfg.Own == nil || cfg.Owns == nil || cfg.Problem == nil:
		return nil, errors.New("proxy: Gate, Security, Own, Owns and Problem are required")
	case cfg.Log == nil || cfg.Now == nil:
		return nil, errors.New("proxy: Log and Now are required")
	case cfg.MaxStreamAge < 0:
		return nil, errors.New("proxy: MaxStreamAge is negative")
	}
	if err := cfg.Names.Validate(); err != nil {
		return nil, fmt.Errorf("proxy: identity headers: %w", err)
	}
	cfg.Problem = logged(cfg.Problem, cfg.Log)
	d := &Door{
		cfg: cfg, upstreams: make(map[string]*upstream, len(cfg.Upstreams)),
		sieve: headers.NewSieve(cfg.Names), buffers: new(bufferPool), anonymous: cfg.Names.Stamps(nil),
	}
	if cfg.PublicURL != "" {
		if u, err := url.Parse(cfg.PublicURL); err != nil || u.Host == "" {
			return nil, errors.New("proxy: PublicURL is not an absolute URL")
		}
	}
	for name, c := range cfg.Upstreams {
		u, err := d.newUpstream(name, c)
		if err != nil {
			return nil, fmt.Errorf("proxy: route %q: %w", name, err)
		}
		d.upstreams[name] = u
	}
	return d, nil
}

// Start begins the health checks of the upstreams that have one; they end with ctx or by Close. It is called at most once.
func (d *Door) Start(ctx context.Context) {
	for _, u := range d.upstreams {
		u.pool.start(ctx)
	}
}

// Close stops the health checks, waits until they have stopped, and closes idle connections to the upstreams. Requests
// that are on their way are not touched: the http.Server in front drains them, but for WebSockets, which GoAway and Wait are for.
func (d *Door) Close() {
	for _, u := range d.upstreams {
		u.pool.close()
	}
}
