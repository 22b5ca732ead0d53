package headers

import (
	"context"
	"time"

	"github.com/descoped/authly/authn"
)

// Exchange is what is known about one request: made where it arrives, filled on the way by whoever finds something out,
// and read by the access log at the end. It holds nothing that must not be logged. It belongs to the goroutine that serves
// the request.
type Exchange struct {
	ID      string // the request id, also shown to clients
	Origin  Origin
	Route   string          // name of the route that matched
	Verdict string          // "allow", "challenge" or "deny"
	Reason  string          // the authn.Code of the refusal or failure
	User    string          // username of the caller; empty: anonymous
	Caller  *authn.Identity // the same for the audit trail; nil: anonymous
	Limits  []authn.Level   // that the request counted against, as far as its client may know
	Started time.Time

	parent context.Context // of the context that carries it
}

type exchangeKey struct{}

// WithExchange returns a context that carries x: ctx itself if it does. An Exchange is carried by one context.
func WithExchange(ctx context.Context, x *Exchange) context.Context {
	if x == nil {
		return context.WithValue(ctx, exchangeKey{}, x)
	}
	if ctx.Value(exchangeKey{}) == any(x) {
		return ctx
	}
	x.parent = ctx
	return (*carrier)(x)
}

// carrier is an Exchange as the context that carries it: every request has one, and this way it is made by one allocation.
type carrier Exchange

func (c *carrier) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *carrier) Done() <-chan struct{}       { return c.parent.Done() }
func (c *carrier) Err() error                  { return c.parent.Err() }

func (c *carrier) Value(key any) any {
	if key == (exchangeKey{}) {
		return (*Exchange)(c)
	}
	return c.parent.Value(key)
}

// ExchangeOf returns the Exchange that ctx carries, and an empty one that nobody will read if it carries none. It is never
// nil.
func ExchangeOf(ctx context.Context) *Exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*Exchange); ok && x != nil {
		return x
	}
	return &Exchange{}
}
