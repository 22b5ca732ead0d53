package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func lockoutCases() []promise {
	return []promise{
		{"lockout/locks and unlocks", "five wrong passwords lock for five minutes, and the sixth is not even looked at", locks},
		{"lockout/forgets", "mistakes of last week must not lock today", forgets},
		{"lockout/clears", "the right password, or an administrator, makes a clean start", clears},
		{"lockout/first failure", "a policy of one failure locks at once", locksAtFirst},
		{"lockout/accounts apart", "nobody is locked by what was tried on somebody else", accountsApart},
		{"lockout/fifty at once", "fifty guesses at once must not get fifty answers", guessFifty},
		{"lockout/purge", "rows that still count must stay, all others go, or an attacker fills the disk with names", purgeLockouts},
	}
}

var policy = authn.LockoutPolicy{Failures: 5, Duration: 5 * time.Minute}

// attempt counts one attempt and fails unless the lock ends at the given time (zero: not locked).
func attempt(t *testing.T, s Store, account string, at, lockedUntil time.Time) {
	t.Helper()
	got, err := s.CountAttempt(t.Context(), account, policy, at)
	must(t, err)
	if !got.LockedUntil.Equal(lockedUntil) {
		t.Errorf("account %q at %v: locked until %v, want %v", account, at.Sub(now), got.LockedUntil, lockedUntil)
	}
}

// failTimes counts n attempts at once moment, none of which is locked.
func failTimes(t *testing.T, s Store, account string, n int, at time.Time) {
	t.Helper()
	for range n {
		attempt(t, s, account, at, time.Time{})
	}
}

func locks(t *testing.T, db Database) {
	s := db.open(t)
	failTimes(t, s, "alice", 5, now)
	end := now.Add(policy.Duration)
	for _, after := range []time.Duration{0, time.Second, policy.Duration - time.Microsecond} {
		attempt(t, s, "alice", now.Add(after), end) // and being asked does not make it longer
	}
	failTimes(t, s, "alice", 5, end) // the lock is over, and the count began anew
	attempt(t, s, "alice", end, end.Add(policy.Duration))
}

func forgets(t *testing.T, db Database) {
	s := db.open(t)
	failTimes(t, s, "alice", 4, now)
	later := now.Add(policy.Duration)
	failTimes(t, s, "alice", 4, later)
	failTimes(t, s, "alice", 1, later.Add(policy.Duration-time.Microsecond)) // within the duration: the fifth in a row
	attempt(t, s, "alice", later.Add(policy.Duration), later.Add(2*policy.Duration-time.Microsecond))
}

func clears(t *testing.T, db Database) {
	s := db.open(t)
	failTimes(t, s, "alice", 4, now)
	must(t, s.ClearFailures(t.Context(), "alice"))
	failTimes(t, s, "alice", 5, now)
	attempt(t, s, "alice", now, now.Add(policy.Duration))
	must(t, s.ClearFailures(t.Context(), "alice"))
	failTimes(t, s, "alice", 5, now)
	must(t, s.ClearFailures(t.Context(), "nobody"))
}

func locksAtFirst(t *testing.T, db Database) {
	s := db.open(t)
	strict := authn.LockoutPolicy{Failures: 1, Duration: time.Minute}
	locks := []time.Time{now.Add(time.Minute), {}, {}}
	for i, until := range []time.Time{{}, now.Add(time.Minute), now.Add(time.Minute)} {
		got, err := s.CountAttempt(t.Context(), "alice", strict, now)
		must(t, err)
		equal(t, fmt.Sprintf("the end of the lock at attempt %d", i+1), got.LockedUntil, until)
		equal(t, fmt.Sprintf("the end of the lock that attempt %d begins", i+1), got.Locks, locks[i])
	}
}

func accountsApart(t *testing.T, db Database) {
	s := db.open(t)
	failTimes(t, s, "alice", 5, now)
	for _, other := range []string{"Alice", "alice ", "", "alic", "alice\u200b"} {
		failTimes(t, s, other, 5, now)
	}
	attempt(t, s, "alice", now, now.Add(policy.Duration))
}

func guessFifty(t *testing.T, db Database) {
	stores := db.replicas(t)
	for round, account := range []string{"new", "known"} {
		if round == 1 {
			failTimes(t, stores[0], account, 1, now.Add(-policy.Duration)) // forgotten by now
		}
		ends := make([]time.Time, 50)
		errs := atOnce(len(ends), func(i int) error {
			attempt, err := stores[i%2].CountAttempt(t.Context(), account, policy, now)
			ends[i] = attempt.LockedUntil
			return err
		})
		equal(t, "the number of calls without error", tally(t, errs), len(ends))
		evaluated := 0
		for _, end := range ends {
			if end.IsZero() {
				evaluated++
			} else {
				equal(t, "the end of the lock", end, now.Add(policy.Duration))
			}
		}
		equal(t, "the number of passwords looked at", evaluated, policy.Failures)
	}
}

func purgeLockouts(t *testing.T, db Database) {
	s := db.open(t)
	later := now.Add(policy.Duration)
	failTimes(t, s, "old", 4, now)
	failTimes(t, s, "locked before", 5, now)
	failTimes(t, s, "fresh", 4, now.Add(time.Microsecond))
	failTimes(t, s, "locked", 5, now.Add(time.Microsecond))
	purge := func(at time.Time) int {
		n, err := s.PurgeLockouts(t.Context(), policy, at)
		must(t, err)
		return n
	}
	equal(t, "purged before anything is over", purge(later.Add(-time.Microsecond)), 0)
	equal(t, "purged when two are over", purge(later), 2)
	attempt(t, s, "locked", later, later.Add(time.Microsecond))
	failTimes(t, s, "fresh", 1, later)
	attempt(t, s, "fresh", later, later.Add(policy.Duration))
	for i := range 2100 {
		_, err := s.CountAttempt(t.Context(), fmt.Sprintf("name%d", i), policy, now)
		must(t, err)
	}
	equal(t, "purged when many are over", purge(now.Add(time.Hour)), 2102)
}
