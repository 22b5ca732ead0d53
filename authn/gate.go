package authn

import (
	"context"
	"net/netip"
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

// Gate decides.
type Gate struct {
	cfg GateConfig
}

// NewGate returns a Gate over a table of routes.
func NewGate(cfg GateConfig) *Gate { return &Gate{cfg: cfg} }

// Decide answers whether the request may pass. Everything that goes wrong on the way is a denial.
func (g *Gate) Decide(ctx context.Context, r Request) Decision { return Decision{} }

// Explain is Decide that also says why the routes before the one that matched did not, and spends no limit.
func (g *Gate) Explain(ctx context.Context, r Request) Decision { return Decision{} }

// Admit spends one request of the general limit for requests that no route is asked for: Authly's own endpoints.
func (g *Gate) Admit(client netip.Addr) error { return nil }
