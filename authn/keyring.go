package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// KeyRing holds the keys that tokens are signed and verified with: for each purpose one that signs, and all that verify.
// A key verifies tokens of its own purpose and algorithm only.
//
// Managed keys are in the store, and the ring is what this replica knows of them. A key is published long before it signs, so
// that all replicas know it by then; Run looks at the store from time to time, and as soon as Heed is told that there is
// something new. Where that is too late, as after a key that signs was revoked, the ring looks when a token names a key that it
// does not know: no replica refuses what another one has just signed.
type KeyRing struct {
	managed *ManagedKeys
	uses    []keyUse
	now     func() time.Time

	held       atomic.Pointer[heldKeys]
	wake       chan struct{}
	loadMu     sync.Mutex
	configured map[KeyPurpose]*configuredSecrets // whoever has loadMu may look at it

	ended sync.Map // the kids of revoked keys that Heed was told of and the ring may still hold

	learnMu sync.Mutex   // who looks for an unknown key; the others wait for what it finds
	looks   atomic.Int64 // how often it was looked, begun ones too
	looked  time.Time    // when that was last over
	learnt  error        // of the last look
}

// NewKeyRing loads the keys, making those that are missing.
func NewKeyRing(ctx context.Context, cfg KeyRingConfig) (*KeyRing, error) {
	managed, err := NewManagedKeys(cfg)
	if err != nil {
		return nil, err
	}
	ring := &KeyRing{
		managed: managed, uses: managed.uses, now: cfg.Now, wake: make(chan struct{}, 1), configured: secretsOf(managed.uses),
	}
	if err := ring.load(ctx, true); err != nil {
		return nil, err
	}
	return ring, nil
}

// heldKeys are the keys of a ring at one time. They are not changed: what is new is put in their place as a whole.
type heldKeys struct {
	byPurpose map[KeyPurpose]*usedKeys
	known     map[string]bool // the kids of all keys of the store, of whatever purpose, revoked or not
	closed    map[string]bool // of those the ones that this replica cannot open, and that are not revoked
}

// usedKeys are the keys of one purpose.
type usedKeys struct {
	use       keyUse
	secret    *signingKey            // of the configuration, signs if there is one
	managed   []*signingKey          // that are not revoked, in the order in which they sign
	verifying map[string]*signingKey // by the kid
	byHeader  map[string]*signingKey // the same, by the header of the tokens that they sign
}

// add makes a key one that verifies.
func (u *usedKeys) add(key *signingKey) {
	u.verifying[key.id] = key
	if typ := u.use.tokenType(); typ != "" {
		u.byHeader[key.header(typ)] = key
	}
}

// signer returns the key that signs at the given time, as signs in the store has it: the last one that is active, of the
// algorithm that is configured; and where the clock is behind that of who made the first key, that one. One in an HSM that this
// replica does not have makes room for any that it can sign with.
func (u *usedKeys) signer(now time.Time) (signs *signingKey) {
	if u.secret != nil {
		return u.secret
	}
	for _, key := range u.managed {
		switch {
		case key.algorithm != u.use.algorithm:
		case signs == nil, !key.activeFrom.After(now) && (key.canSign() || !signs.canSign()):
			signs = key
		}
	}
	return signs
}

// last returns the key that signs in the end, when those that wait have had their time; nil if none is managed.
func (u *usedKeys) last() (last *signingKey) {
	for _, key := range u.managed {
		if key.algorithm == u.use.algorithm {
			last = key
		}
	}
	return last
}

// Algorithm returns the algorithm that access tokens are signed with.
func (k *KeyRing) Algorithm() string { return k.use(SignAccess).algorithm }

func (k *KeyRing) use(purpose KeyPurpose) keyUse {
	i := slices.IndexFunc(k.uses, func(use keyUse) bool { return use.purpose == purpose })
	return k.uses[i]
}

// signer returns the key that signs for the purpose.
func (k *KeyRing) signer(purpose KeyPurpose) *signingKey {
	return k.held.Load().byPurpose[purpose].signer(k.now())
}

// verifier returns the key of the purpose that has the id; nil if there is none that verifies, or nobody can say.
func (k *KeyRing) verifier(purpose KeyPurpose, id string) *signingKey {
	key, _ := k.lookUp(purpose, id)
	return key
}

// lookUp is verifier that tells nobody from nobody knows: ErrUnavailable if the store does not answer and may have the key, or has
// one that cannot be opened here: what it has signed is good elsewhere, and nobody is to sign in anew for it.
func (k *KeyRing) lookUp(purpose KeyPurpose, id string) (*signingKey, error) {
	key, known := k.find(purpose, id)
	if !known && isKeyID(id) && k.canLearn(purpose) {
		err := k.learn()
		if key, known = k.find(purpose, id); !known && errors.Is(err, ErrUnavailable) {
			return nil, err
		}
	}
	if key == nil && k.held.Load().closed[id] && !k.isEnded(id) {
		return nil, fmt.Errorf("%w: the signing key %s cannot be opened here", ErrUnavailable, id)
	}
	return key, nil
}

func (k *KeyRing) find(purpose KeyPurpose, id string) (key *signingKey, known bool) {
	if k.isEnded(id) {
		return nil, true
	}
	held := k.held.Load()
	for _, used := range held.byPurpose {
		known = known || used.verifying[id] != nil
	}
	return held.byPurpose[purpose].verifying[id], known || held.known[id]
}

// Load looks at the store.
func (k *KeyRing) Load(ctx context.Context) error { return k.load(ctx, false) }

// load looks at the store. If it must be whole, a key that cannot be opened is an error; else that key is left out: another
// replica may have made it with a master key that this one does not have, and the other keys are as good as before.
func (k *KeyRing) load(ctx context.Context, whole bool) error {
	k.loadMu.Lock()
	defer k.loadMu.Unlock()
	stored, err := k.managed.listAll(ctx)
	if err != nil {
		return err
	}
	next, err := k.hold(ctx, stored, whole)
	if err != nil {
		return err
	}
	for _, used := range next.byPurpose {
		if used.signer(k.now()) == nil && !used.use.idle {
			return fmt.Errorf("there is no key to sign %s tokens with", used.use.purpose)
		}
	}
	k.held.Store(next)
	k.forgetEnded(stored)
	return nil
}

// hold makes stored keys ready for use. Those that are in use are not opened again.
func (k *KeyRing) hold(ctx context.Context, stored []Key, whole bool) (*heldKeys, error) {
	next := k.ofConfiguration()
	for _, s := range stored {
		next.known[s.ID] = true
		used := next.byPurpose[s.Purpose]
		if used == nil || !s.RevokedAt.IsZero() || k.isEnded(s.ID) {
			continue
		}
		held := k.held.Load()
		isNew := held != nil && !held.known[s.ID]
		key, err := k.ready(ctx, s)
		switch {
		case err != nil && whole:
			return nil, err
		case err != nil && isNew:
			k.managed.cfg.Log.ErrorContext(ctx, "a signing key cannot be used", "key_id", s.ID, "purpose", s.Purpose, "error", err)
			fallthrough
		case err != nil:
			next.closed[s.ID] = true
			continue
		case isNew:
			k.managed.logAdded(ctx, s)
		}
		used.managed = append(used.managed, key)
		used.add(key)
	}
	return next, nil
}

func (k *KeyRing) ready(ctx context.Context, s Key) (*signingKey, error) {
	if held := k.held.Load(); held != nil {
		if key := held.byPurpose[s.Purpose].verifying[s.ID]; key != nil {
			return key, nil
		}
	}
	return k.managed.open(ctx, s)
}
