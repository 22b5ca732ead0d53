package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func lockoutCases() []promise {
	return []promise{
		{"lockout/locks and unlocks", "five wrong passwords lock for five minutes, and the sixth is not even looked at", locks},
		{"lockout/forgets", "mistakes of last week must not lock today", forgets},
		{"lockout/clears", "the right password, or an administrator, makes a clean start; nobody has failed who was not looked at", clears},
		{"lockout/first failure", "a policy of one failure locks at once", locksAtFirst},
		{"lockout/accounts and networks apart", "nobody is locked by what was tried on somebody else, or waits for another network's guesses", keptApart},
		{"lockout/spares known clients", "guesses from elsewhere must not keep an owner out", sparesKnown},
		{"lockout/fifty at once", "fifty guesses at once must not get fifty answers, nor wait for an unlock for ever", guessFifty},
		{"lockout/known clients", "what an account was signed in to from is kept, but not without bound", knownClients},
		{"lockout/purge", "rows that still count must stay, all others go, or an attacker fills the disk with names", purgeLockouts},
	}
}

var policy = authn.LockoutPolicy{Failures: 5, Duration: 5 * time.Minute}

const home, office = "192.0.2.0/24", "2001:db8::/64"

// attempt counts one attempt and fails unless the lock ends at the given time (zero: not locked).
func attempt(t *testing.T, s Store, account string, at, lockedUntil time.Time) {
	t.Helper()
	r := try(t, s, authn.Attempt{Account: account, Network: home}, policy, at)
	switch until := at.Add(r.Wait); {
	case r.Locked != !lockedUntil.IsZero():
		t.Errorf("account %q at %v: %+v, want locked until %v", account, at.Sub(now), r, lockedUntil)
	case r.Locked && !until.Equal(lockedUntil):
		t.Errorf("account %q at %v: locked until %v, want %v", account, at.Sub(now), until, lockedUntil)
	}
}

func try(t *testing.T, s Store, a authn.Attempt, p authn.LockoutPolicy, at time.Time) authn.Ruling {
	t.Helper()
	r, err := s.CountAttempt(t.Context(), a, p, at)
	must(t, err)
	return r
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
	alice := authn.Attempt{Account: "alice", Network: home}
	failTimes(t, s, "alice", 4, now)
	must(t, s.ForgetAttempts(t.Context(), alice, false))
	failTimes(t, s, "alice", 5, now)
	attempt(t, s, "alice", now, now.Add(policy.Duration))
	must(t, s.ForgetAttempts(t.Context(), alice, true)) // spared by the lock, which stays
	attempt(t, s, "alice", now, now.Add(policy.Duration))
	must(t, s.Unlock(t.Context(), "alice", uuid.New(), By(now)))
	failTimes(t, s, "alice", 5, now)
	must(t, s.Unlock(t.Context(), "nobody", uuid.New(), By(now)))
	must(t, s.ForgetAttempts(t.Context(), authn.Attempt{Account: "nobody"}, false))
	takesBack(t, s)
}

func locksAtFirst(t *testing.T, db Database) {
	s := db.open(t)
	strict := authn.LockoutPolicy{Failures: 1, Duration: time.Minute}
	for i, wait := range []time.Duration{0, time.Minute, time.Minute} {
		r := try(t, s, authn.Attempt{Account: "alice"}, strict, now)
		equal(t, fmt.Sprintf("the wait of attempt %d", i+1), r.Wait, wait)
	}
}

func keptApart(t *testing.T, db Database) {
	s := db.open(t)
	failTimes(t, s, "alice", 5, now)
	for _, other := range []string{"Alice", "alice ", "", "alic", "alice\u200b"} {
		failTimes(t, s, other, 5, now)
	}
	attempt(t, s, "alice", now, now.Add(policy.Duration))
	networksApart(t, s)
}

func networksApart(t *testing.T, s Store) {
	t.Helper()
	p := authn.LockoutPolicy{Failures: 6, Duration: time.Minute, MaxDelay: time.Hour}
	fromHome, fromOffice := authn.Attempt{Account: "carol", Network: home}, authn.Attempt{Account: "carol", Network: office}
	for range 3 {
		equal(t, "a failure from home", try(t, s, fromHome, p, now), authn.Ruling{})
	}
	equal(t, "one more from home", try(t, s, fromHome, p, now).Wait, time.Second)
	for range 3 {
		try(t, s, fromOffice, p, now)
	}
	equal(t, "the lock for both", try(t, s, fromHome, p, now), authn.Ruling{Wait: time.Minute, Locked: true})
	equal(t, "the lock of another account", try(t, s, authn.Attempt{Account: "dave", Network: home}, p, now), authn.Ruling{})
}

func sparesKnown(t *testing.T, db Database) {
	s := db.open(t)
	owner := authn.Attempt{Account: "alice", Network: home, Agent: "browser", Known: true}
	failTimes(t, s, "alice", 5, now)
	for range 5 {
		equal(t, "the owner during the lock", try(t, s, owner, policy, now),
			authn.Ruling{Wait: policy.Duration, Locked: true, Spared: true, Own: true})
	}
	owned, locked := authn.Ruling{Wait: policy.Duration, Locked: true}, now.Add(policy.Duration)
	equal(t, "the owner, when the own share is used up", try(t, s, owner, policy, now), owned)
	must(t, s.ForgetAttempts(t.Context(), owner, true))
	owned.Spared, owned.Own = true, true
	equal(t, "the owner after a success", try(t, s, owner, policy, now), owned)
	attempt(t, s, "alice", now, locked)
	c, _, _, err := s.AttemptsOf(t.Context(), owner)
	must(t, err)
	equal(t, "the counters", c, authn.Counters{
		Account: authn.Counter{Failures: 5, LastFailure: now, LockedUntil: locked, Locks: 1},
		Network: authn.Counter{Failures: 5, LastFailure: now}, Client: authn.Counter{Failures: 1, LastFailure: now},
	})
}

// takesBack uncounts attempts whose password nobody has looked at.
func takesBack(t *testing.T, s Store) {
	t.Helper()
	a := authn.Attempt{Account: "carol", Network: home, Agent: "browser", Known: true}
	for range 50 {
		r := try(t, s, a, policy, now)
		equal(t, "the wait", r.Wait, 0)
		must(t, s.TakeBackAttempt(t.Context(), a, policy, r))
	}
	failTimes(t, s, "carol", 4, now)
	r := try(t, s, a, policy, now)
	equal(t, "the lock that begins", r.LockedFor, policy.Duration)
	must(t, s.TakeBackAttempt(t.Context(), a, policy, r))
	failTimes(t, s, "carol", 1, now)
	attempt(t, s, "carol", now, now.Add(policy.Duration))
}

func guessFifty(t *testing.T, db Database) {
	stores := db.replicas(t)
	for round, account := range []string{"new", "known"} {
		if round == 1 {
			failTimes(t, stores[0], account, 1, now.Add(-policy.Duration)) // forgotten by now
		}
		rulings := make([]authn.Ruling, 50)
		errs := atOnce(len(rulings), func(i int) (err error) {
			a := authn.Attempt{Account: account, Network: fmt.Sprint("network ", i)}
			rulings[i], err = stores[i%2].CountAttempt(t.Context(), a, policy, now)
			return err
		})
		equal(t, "the number of calls without error", tally(t, errs), len(rulings))
		evaluated := 0
		for _, r := range rulings {
			if r.Evaluate(authn.Attempt{}) {
				evaluated++
			} else {
				equal(t, "the wait", r.Wait, policy.Duration)
			}
		}
		equal(t, "the number of passwords looked at", evaluated, policy.Failures)
	}
	unlockMeetsGuesses(t, stores)
}

func unlockMeetsGuesses(t *testing.T, stores []Store) {
	t.Helper()
	errs := atOnce(60, func(i int) error {
		s, a := stores[i%2], authn.Attempt{Account: "alice", Network: []string{home, office}[i%4/2], Agent: "browser", Known: true}
		switch i % 3 {
		case 0:
			return s.Unlock(t.Context(), "alice", uuid.New(), By(now))
		case 1:
			return s.ForgetAttempts(t.Context(), a, false)
		}
		_, err := s.CountAttempt(t.Context(), a, policy, now)
		return err
	})
	equal(t, "the number of calls without error", tally(t, errs), len(errs))
}

func knownClients(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	from := func(u authn.User, agent string) authn.Attempt {
		return authn.Attempt{Account: "a", User: u.ID, Network: home, Agent: agent}
	}
	known := func(a authn.Attempt, wantUser, wantAnybody time.Time) {
		t.Helper()
		_, byUser, byAnybody, err := s.AttemptsOf(t.Context(), a)
		must(t, err)
		equal(t, "known since", []time.Time{byUser, byAnybody}, []time.Time{wantUser, wantAnybody})
	}
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	known(from(alice, "1"), time.Time{}, time.Time{})
	for i, agent := range []string{"1", "2", "3", "1", "4"} { // 2 was used least recently
		must(t, s.RememberClient(t.Context(), from(alice, agent), 3, at(i)))
	}
	must(t, s.RememberClient(t.Context(), from(alice, "4"), 3, at(-1))) // a clock that is behind
	must(t, s.RememberClient(t.Context(), from(bob, "1"), 3, at(9)))
	must(t, s.RememberClient(t.Context(), from(person("nobody"), "1"), 3, at(20)))
	known(from(alice, "1"), at(3), at(9))
	known(from(alice, "2"), time.Time{}, time.Time{})
	known(from(alice, "3"), at(2), at(2))
	known(from(alice, "4"), at(4), at(4))
	known(authn.Attempt{User: alice.ID, Network: office, Agent: "1"}, time.Time{}, time.Time{})
	known(authn.Attempt{User: uuid.Nil, Network: home, Agent: "1"}, time.Time{}, at(9))
	n, err := s.PurgeAttempts(t.Context(), policy, at(3), now)
	must(t, err)
	equal(t, "purged", n, 2)
	known(from(alice, "1"), time.Time{}, at(9))
	must(t, s.DeleteUser(t.Context(), bob.ID, By(now)))
	known(from(alice, "1"), time.Time{}, time.Time{})
}

func purgeLockouts(t *testing.T, db Database) {
	s := db.open(t)
	p := policy
	p.MaxDuration = time.Hour
	fail := func(account string, n int, at time.Time) {
		for range n {
			equal(t, "the wait", try(t, s, authn.Attempt{Account: account, Network: home}, p, at).Wait, 0)
		}
	}
	later := now.Add(p.Duration)
	fail("old", 4, now)
	fail("locked before", 5, now)
	fail("fresh", 4, now.Add(time.Microsecond))
	fail("locked", 5, now.Add(time.Microsecond))
	purge := func(at time.Time) int {
		n, err := s.PurgeAttempts(t.Context(), p, now, at)
		must(t, err)
		return n
	}
	equal(t, "purged before anything is over", purge(later.Add(-time.Microsecond)), 0)
	equal(t, "purged when one name is over, and the networks of two", purge(later), 3)
	equal(t, "a lock that holds", try(t, s, authn.Attempt{Account: "locked"}, p, later).Wait, time.Microsecond)
	fail("fresh", 1, later)
	equal(t, "a lock that begins", try(t, s, authn.Attempt{Account: "fresh"}, p, later).Wait, p.Duration)
	fail("locked before", 5, later)
	equal(t, "a second lock", try(t, s, authn.Attempt{Account: "locked before"}, p, later).Wait, 2*p.Duration)
	for i := range 550 {
		try(t, s, authn.Attempt{Account: fmt.Sprintf("name%d", i), Network: home}, p, now)
	}
	equal(t, "purged when all are quiet", purge(now.Add(3*time.Hour)), 1106)
	fail("locked before", 5, now.Add(3*time.Hour))
	equal(t, "a lock after a quiet time",
		try(t, s, authn.Attempt{Account: "locked before"}, p, now.Add(3*time.Hour)).Wait, p.Duration)
}
