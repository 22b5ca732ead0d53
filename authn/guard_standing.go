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
	all, err := g.standings(ctx, []uuid.UUID{user})
	return all[user], err
}

// standings is Standing for several users; who has a clean start is not among them.
func (g *Guard) standings(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]Standing, error) {
	if len(users) == 0 {
		return nil, nil
	}
	accounts := make([]string, len(users))
	for i, user := range users {
		accounts[i] = userAccount(user)
	}
	counters, err := g.cfg.Store.AccountCounters(ctx, accounts)
	if err != nil {
		return nil, Fault(err)
	}
	all, now := make(map[uuid.UUID]Standing, len(counters)), g.cfg.Now()
	for i, user := range users {
		if c, ok := counters[accounts[i]]; ok {
			all[user] = g.cfg.Lockout.standing(c, now)
		}
	}
	return all, nil
}

// standing is what a counter of an account comes to now.
func (p LockoutPolicy) standing(c Counter, now time.Time) Standing {
	c = p.remembered(c, p.Duration, now)
	s := Standing{Failures: c.Failures}
	if s.Failures > 0 {
		s.LastFailure = c.LastFailure
	}
	if now.Before(c.LockedUntil) {
		s.LockedUntil = c.LockedUntil
	}
	return s
}

// lockWindow is when the locks end that hold now: after the first time, and at the second at the latest; see remembered.
func (g *Guard) lockWindow() (after, until time.Time) {
	now := g.cfg.Now()
	return now, now.Add(g.cfg.Lockout.longest() + clocksDiffer)
}
