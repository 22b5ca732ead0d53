package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// What a Guard knows of the clients that an account was signed in to from.
const (
	knownFor   = 30 * 24 * time.Hour
	knownMost  = 50             // clients of one account
	knownFresh = 12 * time.Hour // for so long it is not noted again that somebody signed in from the same place
)

// GuardConfig is what a Guard needs; everything but the limits is required.
type GuardConfig struct {
	Store     LockoutStore
	Passwords *Passwords
	Lockout   LockoutPolicy
	Limits    *Limits
	PerName   Limit // attempts at one account, from wherever
	PerClient Limit // attempts from one client network, at whatever accounts
	PerPair   Limit // attempts at one account from one client network
	Spraying  Limit // as PerClient: a second one, for a longer time
	Overall   Limit // attempts at all accounts from everywhere
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
	turns                                         *turns
}

// NewGuard returns a Guard.
func NewGuard(cfg GuardConfig) *Guard {
	return &Guard{
		cfg: cfg, turns: newTurns(),
		perPair:   cfg.Limits.Limiter("login-pair", cfg.PerPair),
		perClient: cfg.Limits.Limiter("login-client", cfg.PerClient),
		spraying:  cfg.Limits.Limiter("login-spraying", cfg.Spraying),
		perName:   cfg.Limits.Limiter("login-name", cfg.PerName),
		global:    cfg.Limits.Limiter("login-overall", cfg.Overall),
	}
}

// attempt is one check of a password on its way.
type attempt struct {
	guard   *Guard
	counted Attempt
	user    *User // nil: there is none of that name
	from    Client

	familiar bool      // somebody has signed in from this network and agent
	noted    time.Time // when it was last noted that this user has
	levels   []Level   // of the limits that were spent
	ruling   Ruling
}

// check looks at a password for an account, which is user's (nil: nobody's). Where that was right, the attempt that it
// returns still counts as a failure, until somebody settles it.
//
// Errors: CodeRateLimited, CodeDelayed, CodeLocked; CodeInvalidGrant for a wrong password.
func (g *Guard) check(ctx context.Context, account string, user *User, password string, from Client) (*attempt, error) {
	a, err := g.begin(ctx, account, user, from)
	if err != nil {
		return nil, err
	}
	if !a.familiar && !a.ruling.Evaluate(a.counted) {
		return nil, a.refuse(ctx)
	}
	done, err := g.turns.begin(ctx, a.turn())
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
		if right, err = g.compare(ctx, account, user, password); err != nil {
			return nil, a.takeBack(ctx, evaluate, err)
		}
	}
	if !evaluate || !right {
		return nil, a.refuse(ctx)
	}
	return a, nil
}

// begin finds out what is known of an attempt and spends the limits. The error is that of a limit which others cannot use up.
func (g *Guard) begin(ctx context.Context, account string, user *User, from Client) (*attempt, error) {
	agent := sha256.Sum256([]byte(from.UserAgent))
	a := &attempt{guard: g, user: user, from: from, counted: Attempt{
		Account: account, Network: networkOf(from.Address, 24), Agent: hex.EncodeToString(agent[:16]),
	}}
	if user != nil {
		a.counted.User = user.ID
	}
	counters, byUser, byAnybody, err := g.cfg.Store.AttemptsOf(ctx, a.counted)
	if err != nil {
		return nil, Fault(err)
	}
	since := g.cfg.Now().Add(-knownFor)
	a.counted.Known, a.familiar, a.noted = byUser.After(since), byAnybody.After(since), byUser
	network := ClientNetwork(from.Address)
	own := []spending{{g.perPair, account + " " + network}, {g.perClient, network}, {g.spraying, network}}
	levels, refused := spend(ctx, append(own, spending{g.perName, account}, spending{g.global, ""})...)
	a.levels, a.counted.Refused = levels, refused >= 0
	a.ruling = g.cfg.Lockout.Rule(&counters, a.counted, g.cfg.Now())
	if refused >= 0 && refused < len(own) {
		return nil, a.refuse(ctx)
	}
	return a, nil
}

// turn is what attempts wait for each other at: right passwords that are sent side by side are not taken for a lock's worth
// of failures. Those from where somebody signs in do not wait behind guesses from elsewhere.
func (a *attempt) turn() string {
	if a.familiar {
		return a.counted.Account + " " + a.counted.Network + " " + a.counted.Agent
	}
	return a.counted.Account
}

// compare does what a check costs. It is the only one that compares the passwords of users.
func (g *Guard) compare(ctx context.Context, account string, user *User, password string) (right bool, err error) {
	if user == nil {
		return false, g.cfg.Passwords.CompareUnknown(ctx, account, password)
	}
	return g.cfg.Passwords.Compare(ctx, user.PasswordHash, password)
}

// takeBack uncounts an attempt whose password nobody has looked at, since there was no time for it.
func (a *attempt) takeBack(ctx context.Context, counted bool, cause error) error {
	if !counted {
		return Fault(cause)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := a.guard.cfg.Store.TakeBackAttempt(ctx, a.counted, a.guard.cfg.Lockout, a.ruling); err != nil {
		a.guard.cfg.Log.WarnContext(ctx, "an attempt that was not evaluated stays counted", "error", err)
	}
	return Fault(cause)
}

var errWrongPassword = Refuse(CodeInvalidGrant, "Incorrect username or password")

// refuse is the answer to an attempt that fails, and logs it. Whoever waits as long as it says finds no limit, no delay and
// no lock.
func (a *attempt) refuse(ctx context.Context) *Error {
	refusal := errWrongPassword
	switch wait := max(a.ruling.Wait, longestWait(a.levels)); {
	case a.counted.Refused:
		refusal = rateLimited(a.levels)
		refusal.RetryAfter = wait
	case a.ruling.Locked:
		refusal = &Error{Code: CodeLocked, Detail: "Too many failed attempts. Account temporarily locked.", RetryAfter: wait}
	case a.ruling.Wait > 0:
		refusal = &Error{Code: CodeDelayed, Detail: "Too many failed attempts. Try again later.", RetryAfter: wait}
	}
	if !a.counted.Refused { // else the access log says enough: there is no end to them
		a.guard.refused(ctx, a.user, a.from, refusal)
	}
	if refusal == errWrongPassword && a.ruling.LockedFor > 0 {
		a.guard.cfg.Log.WarnContext(ctx, "account locked", "user_id", idText(a.user), "client", addressText(a.from),
			"failures", a.guard.cfg.Lockout.Failures, "duration", a.ruling.LockedFor.String())
	}
	return refusal
}

// refused logs a login that failed.
func (g *Guard) refused(ctx context.Context, user *User, from Client, refusal *Error) {
	g.cfg.Log.InfoContext(ctx, "login refused", "reason", refusal.Code, "user_id", idText(user), "client", addressText(from))
}

// idText is a user in a log. A name that does not exist is not logged: people type passwords into the wrong field.
func idText(user *User) string {
	if user == nil {
		return "unknown"
	}
	return user.ID.String()
}

// settle makes a clean start after a password that was right. A sign-in past a lock leaves that lock alone: it holds off who
// guesses elsewhere, and would give them a new share of guesses each time.
func (a *attempt) settle(ctx context.Context) error {
	if err := a.guard.cfg.Store.ForgetAttempts(ctx, a.counted, a.ruling.Spared); err != nil {
		return Fault(err)
	}
	return nil
}

// remember notes where a user has signed in from. It may fail: the login goes on.
func (a *attempt) remember(ctx context.Context) {
	now := a.guard.cfg.Now()
	if a.noted.After(now.Add(-knownFresh)) {
		return
	}
	if err := a.guard.cfg.Store.RememberClient(ctx, a.counted, knownMost, now); err != nil {
		a.guard.cfg.Log.WarnContext(ctx, "not noted where a user signs in from", "user_id", a.counted.User, "error", err)
	}
}

// unlock forgets every failure of an account, with its locks and delays.
func (g *Guard) unlock(ctx context.Context, id uuid.UUID) error {
	if err := g.cfg.Store.ForgetAccount(ctx, userAccount(id)); err != nil {
		return Fault(err)
	}
	return nil
}

// Purge removes what no longer counts, and reports how many rows that were.
func (g *Guard) Purge(ctx context.Context) (int, error) {
	now := g.cfg.Now()
	return g.cfg.Store.PurgeAttempts(ctx, g.cfg.Lockout, now.Add(-knownFor), now)
}
