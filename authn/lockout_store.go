package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

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
	// Own says that the attempt was counted for the client's own counter too.
	Own bool
	// LockedFor is how long a lock lasts that begins with this attempt, if it fails; 0: none does.
	LockedFor time.Duration
}

// Evaluate reports whether the password may be looked at.
func (r Ruling) Evaluate(a Attempt) bool { return r.Spared || r.Wait <= 0 && !a.Refused }

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

	// Unlock removes every counter of an account for an administrator: all its locks and delays are over. It writes EventUnlocked
	// about the user if there was anything to forget.
	Unlock(ctx context.Context, account string, user uuid.UUID, act Act) error

	// RememberClient notes that the user signed in from the attempt's network and agent. Of one user it keeps the most clients
	// that signed in last. No error if the user is gone.
	RememberClient(ctx context.Context, a Attempt, most int, at time.Time) error

	// PurgeAttempts removes counters that no longer count at the given time, and clients that have not been seen since, and
	// reports how many.
	PurgeAttempts(ctx context.Context, p LockoutPolicy, clientsSince, now time.Time) (int, error)
}
