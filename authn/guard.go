package authn

import (
	"context"
	"log/slog"
	"time"
)

// What a Guard knows of the clients that an account was signed in to from.
const (
	knownFor   = 30 * 24 * time.Hour
	knownMost  = 50             // clients of one account
	knownFresh = 12 * time.Hour // for so long it is not noted again that somebody signed in from the same place
)

// GuardStore is what a Guard keeps, and what it tells of it.
type GuardStore interface {
	LockoutStore
	DirectoryStore
}

// GuardConfig is what a Guard needs; everything but the limits is required.
type GuardConfig struct {
	Store     GuardStore
	Passwords *Passwords
	Lockout   LockoutPolicy
	Limits    *Limits
	PerName   Limit // attempts at one account, from wherever
	PerClient Limit // attempts from one client network, at whatever accounts
	PerPair   Limit // attempts at one account from one client network
	Spraying  Limit // as PerClient: a second one, for a longer time
	Overall   Limit // attempts at all accounts from everywhere
	Trail     *Trail
	Now       func() time.Time
	Log       *slog.Logger
}

// Guard is the one way to the check of a password, whatever it is asked for. It spends the limits, counts the attempt before
// the password is looked at, refuses what comes too soon or meets a lock, and does the same work whether there is such a user
// or not.
//
// What an account's owner has to wait for, others decide with their guesses: anybody can lock an account. Therefore a client
// from which the account was signed in to lately, told by its network and what it says it is, has a counter of its own, and
// is let through to the password when others have used up what there is for everybody. It is told nothing of that: a wrong
// password is then answered as if nobody had looked, after the same time, and so nobody learns by sitting in somebody's
// network whether there is an account, and that it is used from there. Only the right password makes a difference.
type Guard struct {
	cfg                                           GuardConfig
	perName, perClient, perPair, spraying, global *Limiter
}

// NewGuard returns a Guard.
func NewGuard(cfg GuardConfig) *Guard {
	return &Guard{
		cfg:       cfg,
		perPair:   cfg.Limits.Limiter("login-pair", cfg.PerPair),
		perClient: cfg.Limits.Limiter("login-client", cfg.PerClient),
		spraying:  cfg.Limits.Limiter("login-spraying", cfg.Spraying),
		perName:   cfg.Limits.Limiter("login-name", cfg.PerName),
		global:    cfg.Limits.Limiter("login-overall", cfg.Overall),
	}
}

// check looks at a password for an account, which is user's (nil: nobody's). The weighing, if there is one, begins with the
// password and can refuse a right one. A right one is settled before the account's next has its turn: else those that are sent
// side by side could be taken for a lock's worth of failures.
//
// Errors: CodeRateLimited, CodeDelayed, CodeLocked; CodeInvalidGrant for a wrong password.
func (g *Guard) check(
	ctx context.Context, account string, user *User, password string, from Client, what check, w *weighing,
) (*attempt, error) {
	a, err := g.begin(ctx, account, user, from, what)
	if err != nil {
		return nil, err
	}
	if !a.familiar && !a.ruling.Evaluate(a.counted) {
		return nil, a.refuse(ctx)
	}
	done, err := g.cfg.Passwords.Begin(ctx, from, a.turn())
	if err != nil {
		return nil, Fault(err)
	}
	defer done()
	a.ruling, err = g.cfg.Store.CountAttempt(ctx, a.counted, g.cfg.Lockout, g.cfg.Now())
	if err != nil {
		return nil, Fault(err)
	}
	evaluate, right := a.ruling.Evaluate(a.counted), false
	if evaluate || a.familiar {
		w.begin(ctx)
		if right, err = g.compare(ctx, account, user, password); err != nil {
			return nil, a.takeBack(ctx, evaluate, err)
		}
	}
	if !evaluate || !right {
		return nil, a.refuse(ctx)
	}
	switch objection := w.judge(ctx); {
	case objection == errWrongPassword:
		return nil, a.deny(ctx, w.risk)
	case objection != nil:
		return nil, objection
	}
	return a, a.settle(ctx)
}

// compare does what a check costs. It is the only one that compares the passwords of users.
func (g *Guard) compare(ctx context.Context, account string, user *User, password string) (right bool, err error) {
	if user == nil {
		return false, g.cfg.Passwords.CompareUnknown(ctx, account, password)
	}
	return g.cfg.Passwords.Compare(ctx, user.PasswordHash, password)
}

// Purge removes what no longer counts, and reports how many rows that were.
func (g *Guard) Purge(ctx context.Context) (int, error) {
	now := g.cfg.Now()
	return g.cfg.Store.PurgeAttempts(ctx, g.cfg.Lockout, now.Add(-knownFor), now)
}
