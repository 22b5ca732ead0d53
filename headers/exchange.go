package headers

import (
	"context"
	"time"
)

// Exchange is what is known about one request: made where it arrives, filled on the way by whoever finds something out,
// and read by the access log at the end. It holds nothing that must not be logged. It belongs to the goroutine that serves
// the request.
type Exchange struct {
	ID      string // the request id, also shown to clients
	Origin  Origin
	Route   string // name of the route that matched
	Verdict string // "allow", "challenge" or "deny"
	Reason  string // the authn.Code of the refusal or failure
	User    string // username of the caller; empty: anonymous
	Started time.Time
}

type exchangeKey struct{}

// WithExchange returns a context that carries x.
func WithExchange(ctx context.Context, x *Exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// ExchangeOf returns the Exchange that ctx carries, and an empty one that nobody will read if it carries none. It is never
// nil.
func ExchangeOf(ctx context.Context) *Exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*Exchange); ok && x != nil {
		return x
	}
	return &Exchange{}
}
