package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Standing is what wrong passwords have come to for an account, whoever tried them and from wherever.
type Standing struct {
	Failures    int       // in a row, as far as they still count
	LastFailure time.Time // zero: there is none that counts
	LockedUntil time.Time // zero: the account is not locked
}

// Standing tells whether wrong passwords keep a user out, for whoever looks into it. A client from which the user has signed
// in lately may be let in past a lock, and one that has just failed may have to wait although there is none.
func (g *Guard) Standing(ctx context.Context, user uuid.UUID) (Standing, error) {
	counters, _, _, err := g.cfg.Store.AttemptsOf(ctx, Attempt{Account: userAccount(user), User: user})
	if err != nil {
		return Standing{}, Fault(err)
	}
	now := g.cfg.Now()
	c := g.cfg.Lockout.remembered(counters.Account, g.cfg.Lockout.Duration, now)
	s := Standing{Failures: c.Failures}
	if s.Failures > 0 {
		s.LastFailure = c.LastFailure
	}
	if now.Before(c.LockedUntil) {
		s.LockedUntil = c.LockedUntil
	}
	return s, nil
}
