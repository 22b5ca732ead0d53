package authn

import (
	"context"
	"errors"
	"slices"
	"time"
)

// mayLookAfterKeys refuses, with CodeForbidden, who is no administrator.
func mayLookAfterKeys(caller *Identity) error {
	if !caller.Admin {
		return Refuse(CodeForbidden, "Not authorized to see or replace keys")
	}
	return nil
}

// List returns all keys to an administrator, those of the store in the order in which they sign and then those of the
// configuration. CodeForbidden.
func (m *ManagedKeys) List(ctx context.Context, caller *Identity) ([]KeyView, error) {
	if err := mayLookAfterKeys(caller); err != nil {
		return nil, err
	}
	keys, err := m.cfg.Store.ListKeys(ctx)
	if err != nil {
		return nil, Fault(err)
	}
	now := m.cfg.Now()
	views := []KeyView{}
	for _, k := range keys {
		views = append(views, m.view(keys, k, now))
	}
	for _, use := range m.uses {
		if key := use.secretKey(); key != nil {
			views = append(views, KeyView{ID: key.id, Purpose: use.purpose, Algorithm: key.method.Alg(), State: KeyActive, Configured: true})
		}
		if key := use.previousKey(); key != nil {
			views = append(views, KeyView{ID: key.id, Purpose: use.purpose, Algorithm: key.method.Alg(), State: KeyRetired, Configured: true})
		}
	}
	return views, nil
}

// Rotate adds the next key for a purpose, to sign after PublishAhead, or at once; for an administrator. One that waits to sign already is returned
// instead, unless it is to be at once. At once means that who keeps a copy of the public keys may not know the key yet.
//
// Errors: CodeForbidden, CodeInvalidRequest for a purpose that there is not, CodeConflict if no managed key signs for it, ErrKeySealed if a key
// that is there cannot be opened: what is sealed with something else now could not be opened by those who serve.
func (m *ManagedKeys) Rotate(ctx context.Context, caller *Identity, purpose KeyPurpose, atOnce bool) (KeyView, error) {
	if err := mayLookAfterKeys(caller); err != nil {
		return KeyView{}, err
	}
	use := m.use(purpose)
	switch {
	case use.purpose == "":
		return KeyView{}, RefuseField("purpose", "There is no such purpose: it is access, refresh, assertion, claims or handover")
	case use.idle:
		return KeyView{}, Refuse(CodeConflict, "The configuration has no use for such a key")
	case !use.isManaged():
		return KeyView{}, Refuse(CodeConflict, "A secret of the configuration signs, and is replaced there")
	}
	for {
		keys, err := m.cfg.Store.ListKeys(ctx)
		if err != nil {
			return KeyView{}, Fault(err)
		}
		now, last := m.cfg.Now(), lastOf(keys, use)
		if last != nil && last.ActiveFrom.After(now) && !atOnce {
			return m.view(keys, *last, now), nil
		}
		if _, err := m.openAll(ctx, keys); err != nil {
			return KeyView{}, err
		}
		activeFrom, after := now, ""
		if last != nil {
			after = last.ID
		}
		if last != nil && !atOnce {
			activeFrom = now.Add(PublishAhead)
		}
		key, added, err := m.add(ctx, use, activeFrom, after, caller.act(now))
		if err != nil {
			return KeyView{}, Fault(err)
		}
		if added {
			return m.view(append(keys, key), key, now), nil
		}
	}
}

// Revoke makes all dead that a key has signed, and erases the key; for an administrator. If it is the one that signs another one takes its place at
// once, which is returned too; unless the keys that are there are sealed with a master key that is not at hand (ErrNoMasterKey), or the
// HSM is away: then who serves makes the other one, as soon as it hears of this and can, or when it starts.
//
// Errors: CodeForbidden, CodeNotFound, CodeConflict for a key that is revoked already and for a secret of the configuration.
func (m *ManagedKeys) Revoke(ctx context.Context, caller *Identity, id string) (revoked KeyView, successor *KeyView, err error) {
	if err := mayLookAfterKeys(caller); err != nil {
		return KeyView{}, nil, err
	}
	keys, err := m.cfg.Store.ListKeys(ctx)
	if err != nil {
		return KeyView{}, nil, Fault(err)
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
	switch {
	case i < 0 && m.isConfigured(id):
		return KeyView{}, nil, Refuse(CodeConflict, "This is a secret of the configuration: what it has signed dies when it is replaced there")
	case i < 0:
		return KeyView{}, nil, Refuse(CodeNotFound, "Key not found")
	}
	now := m.cfg.Now()
	candidate, err := m.successorOf(ctx, keys, keys[i], now)
	if err != nil {
		return KeyView{}, nil, Fault(err)
	}
	replaced, err := m.cfg.Store.RevokeKey(ctx, id, candidate, caller.act(now))
	if candidate != nil && !replaced && (err == nil || errors.Is(err, ErrKeyNotFound) || errors.Is(err, ErrStale)) {
		m.discard(ctx, *candidate)
	}
	switch {
	case errors.Is(err, ErrKeyNotFound):
		return KeyView{}, nil, Refuse(CodeNotFound, "Key not found")
	case errors.Is(err, ErrStale):
		return KeyView{}, nil, Refuse(CodeConflict, "The key is revoked already")
	case err != nil:
		return KeyView{}, nil, Fault(err)
	}
	m.cfg.Log.WarnContext(ctx, "a signing key was revoked: what it has signed is dead", "event", "key_revoked", "key_id", id,
		"purpose", keys[i].Purpose, "algorithm", keys[i].Algorithm)
	keys[i].RevokedAt = now
	m.discard(ctx, keys[i])
	if replaced {
		keys = append(keys, *candidate)
		view := m.view(keys, *candidate, now)
		successor = &view
	}
	return m.view(keys, keys[i], now), successor, nil
}

// successorOf makes what can sign in the place of a key; nil if nothing can or has to.
func (m *ManagedKeys) successorOf(ctx context.Context, keys []Key, k Key, now time.Time) (*Key, error) {
	use := m.use(k.Purpose)
	if use.idle || !use.isManaged() || !k.signsFor(use) {
		return nil, nil
	}
	if _, err := m.openAll(ctx, keys); errors.Is(err, ErrNoMasterKey) {
		return nil, nil
	}
	made, err := m.newKey(ctx, use, now, now)
	if _, away := errors.AsType[*HSMAway](err); away {
		return nil, nil // that the HSM is away must not keep anybody from revoking a stolen key
	}
	return &made, err
}

func (m *ManagedKeys) isConfigured(id string) bool {
	return slices.ContainsFunc(m.uses, func(use keyUse) bool {
		secret, previous := use.secretKey(), use.previousKey()
		return secret != nil && secret.id == id || previous != nil && previous.id == id
	})
}

// Purge removes the keys of which nothing that they have signed is left, and reports how many.
func (m *ManagedKeys) Purge(ctx context.Context) (int, error) {
	keys, err := m.cfg.Store.ListKeys(ctx)
	if err != nil {
		return 0, err
	}
	now := m.cfg.Now()
	var over []Key
	for _, k := range keys {
		if v := m.view(keys, k, now); m.use(k.Purpose).purpose != "" && m.isOver(v, now) && !m.maySignElsewhere(keys, k, now) {
			over = append(over, k)
		}
	}
	gone, failed := m.removeFromHSM(ctx, over)
	removed, err := m.cfg.Store.PurgeKeys(ctx, gone, now.Add(-keepSlack))
	return removed, errors.Join(err, failed)
}
