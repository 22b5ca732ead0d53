package authn

import (
	"context"
	"slices"
	"time"
)

const (
	reloadEvery  = 10 * time.Second       // between two looks at the store if nothing is told
	learnEvery   = 500 * time.Millisecond // between two looks for unknown keys: whoever makes kids up costs no more
	learnTimeout = 2 * time.Second        // of one such look
)

// Run keeps up with the store until ctx ends, and adds keys when it is time.
func (k *KeyRing) Run(ctx context.Context) {
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := k.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && failing:
			k.managed.cfg.Log.InfoContext(ctx, "the signing keys are followed again")
		case err != nil && !failing:
			k.managed.cfg.Log.WarnContext(ctx, "the signing keys cannot be followed: those that are known go on", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-k.wake:
		}
	}
}

func (k *KeyRing) follow(ctx context.Context) error {
	if err := k.Load(ctx); err != nil {
		return err
	}
	return k.managed.rotateDue(ctx)
}

// Heed takes a change of the feed: what was signed by a key that has ended is refused from now on, and Run looks at the store.
func (k *KeyRing) Heed(c Change) {
	switch c.Kind {
	case KeyEnded:
		if k.holds(c.KeyID) {
			k.managed.cfg.Log.Warn("a signing key was revoked: what it has signed is refused", "event", "key_revoked", "key_id", c.KeyID)
		}
		k.ended.Store(c.KeyID, true)
	case KeyAdded:
	default:
		return
	}
	select {
	case k.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// holds reports whether a key verifies for some purpose.
func (k *KeyRing) holds(id string) bool {
	for _, used := range k.held.Load().byPurpose {
		if used.verifying[id] != nil && !k.isEnded(id) {
			return true
		}
	}
	return false
}

func (k *KeyRing) isEnded(id string) bool {
	_, ended := k.ended.Load(id)
	return ended
}

// forgetEnded drops what the ring does not hold any more, because the store says the same or has removed the key.
func (k *KeyRing) forgetEnded(stored []Key) {
	k.ended.Range(func(id, _ any) bool {
		if !slices.ContainsFunc(stored, func(s Key) bool { return s.ID == id && s.RevokedAt.IsZero() }) {
			k.ended.Delete(id)
		}
		return true
	})
}

// canLearn reports whether new keys can appear at all among those that tokens name. For encrypted claims they can also where
// this configuration asks for none; and only tokens of Authly's own name those. Those of hand-overs are managed in any case.
func (k *KeyRing) canLearn(purpose KeyPurpose) bool {
	return purpose == SealClaims || purpose == SignHandover || k.use(SignAccess).isManaged() || k.use(SignRefresh).isManaged()
}

// learn looks at the store for somebody who has met an unknown key. It returns when a look is over that was begun after the
// call: a key that another replica signs with is in the store before. All who ask meanwhile share one look, and there is at
// most one in learnEvery, for which they wait.
func (k *KeyRing) learn() error {
	before := k.looks.Load()
	k.learnMu.Lock()
	defer k.learnMu.Unlock()
	if k.looks.Load() > before {
		return k.learnt
	}
	if wait := learnEvery - time.Since(k.looked); wait > 0 {
		time.Sleep(wait)
	}
	k.looks.Add(1)
	ctx, cancel := context.WithTimeout(context.Background(), learnTimeout)
	defer cancel()
	if k.learnt = k.Load(ctx); k.learnt != nil {
		k.managed.cfg.Log.Warn("a token names an unknown signing key, and the store does not tell", "error", k.learnt)
	}
	k.looked = time.Now()
	return k.learnt
}

// Reseal seals anew the keys that are not sealed as they would be now, such as those of before there were data keys. It is for
// who serves, not for every command that looks at the database.
func (k *KeyRing) Reseal(ctx context.Context) error { return k.managed.Reseal(ctx) }

// Purge removes the keys of which nothing that they have signed is left, and reports how many.
func (k *KeyRing) Purge(ctx context.Context) (int, error) { return k.managed.Purge(ctx) }
