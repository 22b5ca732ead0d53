package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// LockoutPolicy says how failed logins make the next one wait.
type LockoutPolicy struct {
	Failures    int           // this many failures in a row lock; at least 1
	Duration    time.Duration // of the first lock; failures older than this are forgotten
	MaxDuration time.Duration // each lock is twice as long as the one before, up to this; shorter than Duration: as Duration
	MaxDelay    time.Duration // from the third failure on the next attempt waits 1, 2, 4 ... seconds, up to this; 0: it does not
}

// A Counter is what is remembered of failed attempts under one key. The zero value is a clean start.
type Counter struct {
	Failures    int       // in a row, and attempts under way
	LastFailure time.Time // zero: none
	LockedUntil time.Time // the end of the last lock; zero: none that counts
	Locks       int       // one after the other, without a quiet time between them
}

// Counters are the counters that an attempt touches.
type Counters struct {
	Account Counter // of the account, whoever tries and from wherever
	Network Counter // of the account and the network that the client is in
	Client  Counter // of the account and a client that it knows
}

// Attempt is one try of a password, as far as it is counted. The texts are opaque, of at most 128 bytes.
type Attempt struct {
	Account string    // see LockoutStore
	User    uuid.UUID // whose account that is; uuid.Nil: nobody's
	Network string    // that the client is in
	Agent   string    // what the client says it is
	Known   bool      // the account has been signed in to from this network and agent

	// Refused says that something beside the counters has refused the attempt. Then only the client's own counter is asked.
	Refused bool
}

// Ruling is what the counters say of an attempt.
type Ruling struct {
	// Wait is the time until the account takes an attempt from anybody in this network; 0: now.
	Wait time.Duration
	// Locked says that the account is locked, rather than that a client comes too soon after its last failure.
	Locked bool
	// Spared says that the client's own counter lets the attempt pass, although Wait is not over or the attempt is Refused.
	Spared bool
	// LockedFor is how long a lock lasts that begins with this attempt, if it fails; 0: none does.
	LockedFor time.Duration
}

// Evaluate reports whether the password may be looked at.
func (r Ruling) Evaluate(a Attempt) bool { return r.Spared || r.Wait <= 0 && !a.Refused }

// Rule says what becomes of an attempt, and counts it as a failure where the password may be looked at. It counts before
// anybody has looked, so that guesses side by side are all counted. One that may not be looked at is not counted: it tells
// the guesser nothing, and who counted it would let others make an owner wait for longer.
//
// What it says of an account is the same whether or not the client is known, but for Spared: all failures count for the
// account and the network, those of known clients too. Else who sits in the network of an account's owner could tell by a
// lock that holds there and not elsewhere, or the other way round, that there is such an account.
func (p LockoutPolicy) Rule(c *Counters, a Attempt, now time.Time) Ruling {
	*c = Counters{
		Account: p.remembered(c.Account, p.Duration, now),
		Network: p.remembered(c.Network, max(p.Duration, p.MaxDelay), now),
		Client:  p.remembered(c.Client, max(p.Duration, p.MaxDelay), now),
	}
	locked := c.Account.LockedUntil.Sub(now)
	r := Ruling{Wait: max(locked, p.delay(c.Network, now), 0), Locked: locked > 0}
	own := a.Known && max(c.Client.LockedUntil.Sub(now), p.delay(c.Client, now)) <= 0
	if r.Wait <= 0 && !a.Refused {
		r.LockedFor = p.count(&c.Account, now)
		c.Network.Failures, c.Network.LastFailure = c.Network.Failures+1, now
		if own {
			p.count(&c.Client, now)
		}
	} else if own {
		r.Spared = true
		p.count(&c.Client, now)
	}
	return r
}

// TakeBack undoes what Rule has counted for an attempt whose password nobody has looked at in the end.
func (p LockoutPolicy) TakeBack(c *Counters, a Attempt, r Ruling) {
	if !r.Spared {
		p.uncount(&c.Account)
		c.Network.Failures = max(c.Network.Failures-1, 0)
	}
	if a.Known {
		p.uncount(&c.Client)
	}
}

// remembered is what still counts: failures that are not older than so long and of after the last lock; locks, unless there
// was neither failure nor lock for the longest time that a lock may last.
func (p LockoutPolicy) remembered(c Counter, failuresFor time.Duration, now time.Time) Counter {
	if now.Before(c.LockedUntil) {
		return c
	}
	if c.LastFailure.Before(c.LockedUntil) || !now.Before(c.LastFailure.Add(failuresFor)) {
		c.Failures = 0
	}
	if quiet := p.longest(); !now.Before(c.LockedUntil.Add(quiet)) && !now.Before(c.LastFailure.Add(quiet)) {
		c.LockedUntil, c.Locks = time.Time{}, 0
	}
	return c
}

// longest is how long a lock may last, and how long it must be quiet until the next one is a first one again.
func (p LockoutPolicy) longest() time.Duration { return max(p.Duration, p.MaxDuration) }

// count adds a failure and locks if that is one too many. It returns how long it locks.
func (p LockoutPolicy) count(c *Counter, now time.Time) time.Duration {
	c.Failures, c.LastFailure = c.Failures+1, now
	if c.Failures < max(p.Failures, 1) {
		return 0
	}
	duration := p.Duration
	for range c.Locks {
		if duration *= 2; duration >= p.longest() {
			duration = p.longest()
			break
		}
	}
	c.Locks, c.LockedUntil = c.Locks+1, now.Add(duration)
	return duration
}

// uncount takes a failure back, and the lock that it made.
func (p LockoutPolicy) uncount(c *Counter) {
	c.Failures = max(c.Failures-1, 0)
	if c.LastFailure.Before(c.LockedUntil) && c.Failures < max(p.Failures, 1) {
		c.Locks, c.LockedUntil = max(c.Locks-1, 0), c.LastFailure
	}
}

// delay is how long the next attempt has to wait after those that failed.
func (p LockoutPolicy) delay(c Counter, now time.Time) time.Duration {
	const free = 3 // failures: the first two of a person who mistypes cost nothing
	if c.Failures < free || p.MaxDelay <= 0 {
		return 0
	}
	wait := time.Second << min(c.Failures-free, 30)
	return c.LastFailure.Add(min(wait, p.MaxDelay)).Sub(now)
}

// LockoutStore counts failed logins by account. An account is an opaque string of at most 128 bytes; names that do not
// exist have accounts too, so that they behave like those that do. Rows go by their age alone: no flood of other names makes
// a store forget one that counts.
type LockoutStore interface {
	// AttemptsOf returns the counters that an attempt would touch, without touching them, and what is known of its client:
	// when the user last signed in from its network and agent (zero: never), and when anybody did.
	AttemptsOf(ctx context.Context, a Attempt) (c Counters, byUser, byAnybody time.Time, err error)

	// CountAttempt applies p.Rule to the counters as one act, and keeps what comes out. Of any number of simultaneous calls,
	// on all replicas, as many may be evaluated as if they had come one after the other.
	CountAttempt(ctx context.Context, a Attempt, p LockoutPolicy, now time.Time) (Ruling, error)

	// TakeBackAttempt undoes a CountAttempt whose ruling this was.
	TakeBackAttempt(ctx context.Context, a Attempt, p LockoutPolicy, r Ruling) error

	// ForgetAttempts makes a clean start after the right password: of the counters of account and network, unless the attempt
	// was spared, and of the client's own.
	ForgetAttempts(ctx context.Context, a Attempt, spared bool) error

	// ForgetAccount removes every counter of an account: all its locks and delays are over.
	ForgetAccount(ctx context.Context, account string) error

	// RememberClient notes that the user signed in from the attempt's network and agent. Of one user it keeps the most clients
	// that signed in last. No error if the user is gone.
	RememberClient(ctx context.Context, a Attempt, most int, at time.Time) error

	// PurgeAttempts removes counters that no longer count at the given time, and clients that have not been seen since, and
	// reports how many.
	PurgeAttempts(ctx context.Context, p LockoutPolicy, clientsSince, now time.Time) (int, error)
}
