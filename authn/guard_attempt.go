package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// attempt is one check of a password on its way.
type attempt struct {
	guard   *Guard
	counted Attempt
	user    *User // nil: there is none of that name
	from    Client
	what    check // it is asked for

	familiar bool      // somebody has signed in from this network and agent
	noted    time.Time // when it was last noted that this user has
	levels   []Level   // of the limits that were spent
	ruling   Ruling
	risk     *Risk // for which a right password is refused; nil: it is not
}

// begin finds out what is known of an attempt and spends the limits. The error is that of a limit which others cannot use up.
func (g *Guard) begin(ctx context.Context, account string, user *User, from Client, what check) (*attempt, error) {
	agent := sha256.Sum256([]byte(from.UserAgent))
	a := &attempt{guard: g, user: user, from: from, what: what, counted: Attempt{
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
	tell(ctx, of(levels, g.perClient, g.spraying)) // by account and network neither: it would tell which names are one account's
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

// refuse is the answer to an attempt that fails, and notes it. Whoever waits as long as it says finds no limit, no delay and
// no lock.
func (a *attempt) refuse(ctx context.Context) *Error {
	refusal := errWrongPassword
	switch wait := max(a.ruling.Wait, longestWait(a.levels)); {
	case a.counted.Refused:
		refusal = rateLimited(told(a.levels, a.guard.perName, a.guard.global))
		refusal.RetryAfter = wait
	case a.ruling.Locked:
		refusal = &Error{Code: CodeLocked, Detail: "Too many failed attempts. Account temporarily locked.", RetryAfter: wait}
	case a.ruling.Wait > 0:
		refusal = &Error{Code: CodeDelayed, Detail: "Too many failed attempts. Try again later.", RetryAfter: wait}
	}
	a.note(ctx, refusal)
	return refusal
}

// deny is the answer to a right password that comes with too much risk: that to a wrong one. The trail alone tells why.
func (a *attempt) deny(ctx context.Context, r Risk) *Error {
	a.risk = &r
	return a.refuse(ctx)
}

// note has the trail say what became of an attempt that failed. One that was spared is told like those that were not looked
// at, which may come in floods: writing it down at once would take longer than they do.
func (a *attempt) note(ctx context.Context, refusal *Error) {
	g, reason := a.guard, refusal.Code
	if a.ruling.Spared {
		reason = errWrongPassword.Code
	}
	failed := g.failure(a.user, a.from, a.what, reason)
	if a.risk != nil {
		failed = failed.ofRisk(*a.risk)
	}
	switch {
	case refusal != errWrongPassword:
		g.cfg.Trail.Counted(failed)
	case a.ruling.LockedFor > 0:
		g.cfg.Trail.Record(ctx, after(failed, g.locked(a.user, a.from, g.cfg.Now().Add(a.ruling.LockedFor)))...)
	default:
		g.cfg.Trail.Record(ctx, failed)
	}
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
