package authn

import "context"

type limitsToldKey struct{}

// WithLimitsTold returns a context with which whatever spends a limit calls tell, before it goes on, with how it stands then. Told
// is only what clients may know who are let through: the limits of their own network. What is left of those by name would tell
// who exists, and of those for everybody who is there.
func WithLimitsTold(ctx context.Context, tell func([]Level)) context.Context {
	return context.WithValue(ctx, limitsToldKey{}, tell)
}

// tell hands on levels that clients may know.
func tell(ctx context.Context, levels []Level) {
	if f, ok := ctx.Value(limitsToldKey{}).(func([]Level)); ok && len(levels) > 0 {
		f(levels)
	}
}

// spendTold is Spend of a limit that clients may know.
func (l *Limiter) spendTold(ctx context.Context, key string) error {
	levels, refused := spend(ctx, spending{l, key})
	tell(ctx, levels)
	if refused >= 0 {
		return rateLimited(levels)
	}
	return nil
}
