package authn

import "time"

// LockoutPolicy says how failed logins make the next one wait.
type LockoutPolicy struct {
	Failures    int           // this many failures in a row lock; at least 1
	Duration    time.Duration // of the first lock; failures older than this are forgotten
	MaxDuration time.Duration // each lock is twice as long as the one before, up to this; shorter than Duration: as Duration
	MaxDelay    time.Duration // from the third failure on the next attempt waits 1, 2, 4 ... seconds, up to this; 0: it does not
}

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
		r.Own = own
	} else {
		r.Spared, r.Own = own, own
	}
	if r.Own {
		p.count(&c.Client, now)
	}
	return r
}

// TakeBack undoes what Rule has counted for an attempt whose password nobody has looked at in the end.
func (p LockoutPolicy) TakeBack(c *Counters, r Ruling) {
	if !r.Spared {
		p.uncount(&c.Account)
		c.Network.Failures = max(c.Network.Failures-1, 0)
	}
	if r.Own {
		p.uncount(&c.Client)
	}
}

// remembered is what still counts: failures that are not older than so long and of after the last lock; locks, unless there
// was neither failure nor lock for the longest time that a lock may last.
func (p LockoutPolicy) remembered(c Counter, failuresFor time.Duration, now time.Time) Counter {
	if c.LockedUntil.After(now.Add(p.longest() + clocksDiffer)) {
		c.LockedUntil = time.Time{} // the failures stay, and the next one locks again
	}
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

// clocksDiffer is by how much the clocks of replicas may. What is further in the future than that was kept by a clock that has been
// set back since: nobody waits until it comes there again.
const clocksDiffer = time.Minute

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
	if c.Failures < free || p.MaxDelay <= 0 || c.LastFailure.After(now.Add(clocksDiffer)) {
		return 0
	}
	wait := time.Second << min(c.Failures-free, 30)
	return c.LastFailure.Add(min(wait, p.MaxDelay)).Sub(now)
}
