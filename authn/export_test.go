package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Verify lets tests ask for what the store is not asked for.
func (l *Logins) Verify(kind TokenKind, text string) error {
	_, err := l.verify(kind, text)
	return err
}

// KeylessRing has no key that could sign.
func KeylessRing(now func() time.Time) *KeyRing {
	ring := &KeyRing{now: now}
	ring.held.Store(&heldKeys{byPurpose: map[KeyPurpose]*usedKeys{SignAssertion: {}}})
	return ring
}

// Unseal lets tests show encrypted claims that no signature vouches for.
func (k *KeyRing) Unseal(text string) error {
	_, _, err := k.unseal(text)
	return err
}

// SigningKey lets tests sign what Authly itself never would.
func (k *KeyRing) SigningKey(purpose KeyPurpose) (id string, private, public any) {
	key := k.signer(purpose)
	_ = key.withPrivate(func(p any) error { // of the heap: no ring of a test keeps it elsewhere
		private, public = p, key.public
		if public == nil {
			public = p
		}
		return nil
	})
	return key.id, private, public
}

// Follow is one round of Run.
func (k *KeyRing) Follow(ctx context.Context) error { return k.follow(ctx) }

// DummyHash is what the password of an unknown user is compared with.
func DummyHash(scheme string) string { return dummyHash(scheme) }

// SchemeDraws counts which schemes n different names that do not exist are given.
func SchemeDraws(stored map[string]int, n int) map[string]int {
	shares := newSchemeShares(stored)
	counts := map[string]int{}
	for i := range n {
		account := "name:" + strconv.Itoa(i)
		scheme := shares.pick(account, "fallback")
		if scheme == shares.pick(account, "fallback") {
			counts[scheme]++
		}
	}
	return counts
}

// HashQueue is a queue without anything behind it.
type HashQueue struct{ *hashQueue }

func NewHashQueue(slots int, maxWait time.Duration) HashQueue {
	return HashQueue{newHashQueue(slots, maxWait)}
}

// Begin enters the queue of those who log in, or of those who set a password.
func (q HashQueue) Begin(ctx context.Context, setting bool, network, account string) (done func(), err error) {
	return q.begin(ctx, &hashWaiter{setting: setting, network: network, account: account})
}

// Standing is how many wait and are served, how many were shed, and how many lines and accounts are remembered.
func (q HashQueue) Standing() (waiting, served int, shed uint64, remembered int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting(), q.served, q.shed, len(q.lines[0].lines) + len(q.lines[1].lines) + len(q.accounts)
}

// Took tells the queue how long each of those served takes.
func (q HashQueue) Took(d time.Duration) { q.took = d }

// WaitingBounds are how many may wait, in all and of a network.
func WaitingBounds() (all, network int) { return maxWaiting, maxWaitingPerNetwork }

// CommonPasswords are those that are refused.
func CommonPasswords() []string { return readCommonPasswords() }

// FoldPassword is how passwords are compared with common ones.
func FoldPassword(text string) string { return foldPassword(text) }

// WorkOf is what a comparison with a hash of the scheme does: the schemes with which is hashed, that one first.
func (p *Passwords) WorkOf(scheme string) []string {
	return append([]string{scheme}, p.stored.Load().plan.besides(scheme)...)
}

// Watched is what is kept for watches: of sessions or tokens, of users, and of users who are to be looked at.
func (f *Follower) Watched() (sessions, users, doubted int) {
	f.watches.mu.Lock()
	defer f.watches.mu.Unlock()
	return max(len(f.watches.bySession.first), len(f.watches.byToken.first)), len(f.watches.byUser.first), len(f.watches.doubted)
}

// Kept is how many assertions are remembered, once what there is no room for has gone, and how many there may be.
func (a *Asserter) Kept() (n, most int) {
	a.kept.CleanUp()
	return a.kept.EstimatedSize(), keptAssertions
}

// CheckPassword is what a login does until it begins a session.
func (l *Logins) CheckPassword(ctx context.Context, name, password string, from Client) error {
	account, user, err := l.account(ctx, name)
	if err != nil {
		return err
	}
	a, err := l.guard.check(ctx, account, user, password, from, checkForLogin, nil)
	if err != nil {
		return err
	}
	a.remember(ctx)
	return nil
}

// AttemptAt is an attempt at a user's account as a Guard counts it.
func AttemptAt(user uuid.UUID, from Client) Attempt {
	agent := sha256.Sum256([]byte(from.UserAgent))
	return Attempt{
		Account: userAccount(user), User: user, Network: networkOf(from.Address, 24), Agent: hex.EncodeToString(agent[:16]),
	}
}

// Drain is one round of Run.
func (o *Outbox) Drain(ctx context.Context) { o.drain(ctx) }

// Purge is the other half of it.
func (o *Outbox) Purge(ctx context.Context) { o.purge(ctx) }

// MailRetry is how long to wait after so many attempts.
func MailRetry(attempts int) time.Duration { return mailRetry(attempts) }

// SignWith signs as a key in an HSM does, with anything.
func SignWith(key any, algorithm string) ([]byte, error) {
	return signerMethod{algorithms[algorithm]}.Sign("text", key)
}

// VerifyingIDs lists the kids of the keys that verify for a purpose, in order.
func (k *KeyRing) VerifyingIDs(purpose KeyPurpose) []string {
	return slices.Sorted(maps.Keys(k.held.Load().byPurpose[purpose].verifying))
}
