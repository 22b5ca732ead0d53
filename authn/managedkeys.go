package authn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// PublishAhead is how long a key is published before it signs. Whoever keeps a copy of the public keys must fetch them
	// again within half of it; the other half is for replicas to hear of the key, and for clocks that differ.
	PublishAhead = 10 * time.Minute

	// keyKeepSlack is how long a key is kept beyond the life of what it signed last: for a replica that went on signing with it
	// because it had not heard of the next one, and for clocks that differ.
	keyKeepSlack = PublishAhead
)

// ManagedKeys looks after the keys in the store: it makes, replaces, revokes and removes them. Those who sign and verify use a
// KeyRing; both can run in different processes.
type ManagedKeys struct {
	cfg  KeyRingConfig
	uses []keyUse
	told *sync.Map // the ids of keys that the log has been told of
}

// NewManagedKeys returns a ManagedKeys. Nothing is read yet.
func NewManagedKeys(cfg KeyRingConfig) (*ManagedKeys, error) {
	uses, err := cfg.uses()
	if err != nil {
		return nil, err
	}
	if cfg.Sealer == nil {
		cfg.Sealer = unsealed{}
	}
	if cfg.Keep == nil {
		cfg.Keep = keepPlain
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &ManagedKeys{cfg: cfg, uses: uses, told: new(sync.Map)}, nil
}

// listAll returns all keys, and makes the first one where there is none. Nothing is made unless every key that is there can be
// opened: that one cannot is a mistake of the configuration, and must not end in everybody being logged out.
func (m *ManagedKeys) listAll(ctx context.Context) ([]Key, error) {
	keys, err := m.cfg.Store.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	for _, use := range m.uses {
		if use.idle || !use.isManaged() || signingAt(keys, use, m.cfg.Now()) != nil {
			continue
		}
		if _, err := m.openAll(ctx, keys); err != nil {
			return nil, err
		}
		now := m.cfg.Now()
		first, _, err := m.add(ctx, use, now, "", systemAct(Client{}, now))
		if err != nil {
			return nil, fmt.Errorf("signing key for %s tokens: %w", use.purpose, err)
		}
		m.logAdded(ctx, first)
		keys = append(keys, first)
	}
	slices.SortStableFunc(keys, func(a, b Key) int { return a.ActiveFrom.Compare(b.ActiveFrom) })
	return keys, nil
}

// add makes a key and keeps it, unless the last key like it is not the one that is given: then that is returned.
func (m *ManagedKeys) add(ctx context.Context, use keyUse, activeFrom time.Time, after string, act Act) (key Key, added bool, err error) {
	candidate, err := m.newKey(ctx, use, act.At, activeFrom)
	if err != nil {
		return Key{}, false, err
	}
	kept, err := m.cfg.Store.AddKey(ctx, candidate, after, act)
	if err != nil { // it may be kept all the same
		return Key{}, false, err
	}
	if added = kept.ID == candidate.ID; added {
		m.told.Store(kept.ID, true) // by the trail
	} else {
		m.discard(ctx, candidate)
	}
	return kept, added, nil
}

// logAdded tells of a key that somebody else has made and that is new to this process, once.
func (m *ManagedKeys) logAdded(ctx context.Context, key Key) {
	if _, told := m.told.LoadOrStore(key.ID, true); told {
		return
	}
	m.cfg.Log.InfoContext(ctx, "there is a new signing key", "key_id", key.ID, "purpose", key.Purpose,
		"algorithm", key.Algorithm, "active_from", key.ActiveFrom)
}

// newKey makes a key that is sealed.
func (m *ManagedKeys) newKey(ctx context.Context, use keyUse, now, activeFrom time.Time) (Key, error) {
	key := Key{ID: newKeyID(), Purpose: use.purpose, Algorithm: use.algorithm, CreatedAt: now, ActiveFrom: activeFrom}
	material, err := m.material(ctx, key.ID, use.algorithm)
	if err != nil {
		return Key{}, err
	}
	key.Material, key.Sealing, err = m.cfg.Sealer.Seal(ctx, material, key.cell())
	if err != nil {
		m.discard(ctx, key)
	}
	if key.Sealing != "" {
		clear(material)
	}
	return key, err
}

// unseal returns the key with its material as it is.
func (m *ManagedKeys) unseal(ctx context.Context, s Key) (Key, error) {
	if s.Sealing == "" {
		return s, nil
	}
	material, err := m.cfg.Sealer.Open(ctx, s.Material, s.Sealing, s.cell())
	s.Material, s.Sealing = material, ""
	return s, err
}

// open makes a stored key ready for use.
func (m *ManagedKeys) open(ctx context.Context, s Key) (*signingKey, error) {
	plain, err := m.unseal(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%w: %s (%s): %w", ErrKeySealed, s.ID, s.Purpose, err)
	}
	if s.Sealing != "" {
		defer clear(plain.Material) // it is a copy
	}
	key, err := parseKey(plain, m.cfg.Keep, m.cfg.HSM)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", s.ID, err)
	}
	return key, nil
}

// openAll opens every key that could be used.
func (m *ManagedKeys) openAll(ctx context.Context, stored []Key) ([]*signingKey, error) {
	var all []*signingKey
	for _, s := range stored {
		if !s.RevokedAt.IsZero() || !slices.ContainsFunc(m.uses, func(use keyUse) bool { return use.purpose == s.Purpose }) {
			continue
		}
		key, err := m.open(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return all, nil
}

// Reseal seals what is sealed otherwise than it would be now, or not at all.
func (m *ManagedKeys) Reseal(ctx context.Context) error {
	stored, err := m.cfg.Store.ListKeys(ctx)
	if err != nil {
		return err
	}
	for _, s := range stored {
		if !s.RevokedAt.IsZero() || m.cfg.Sealer.Current(s.Sealing) {
			continue
		}
		plain, err := m.unseal(ctx, s)
		if err != nil {
			continue // of a purpose that is not in use; load has opened the others
		}
		before := s.Sealing
		s.Material, s.Sealing, err = m.cfg.Sealer.Seal(ctx, plain.Material, s.cell())
		if before != "" && s.Sealing != "" {
			clear(plain.Material) // neither what was there nor what is going to be
		}
		if err != nil {
			return err
		}
		if err := m.cfg.Store.SealKey(ctx, s, before, systemAct(Client{}, m.cfg.Now())); err != nil {
			return fmt.Errorf("sealing the signing key %s: %w", s.ID, err)
		}
		m.cfg.Log.InfoContext(ctx, "a signing key was sealed anew", "event", "key_sealed", "key_id", s.ID, "purpose", s.Purpose)
	}
	return nil
}

// rotateDue adds the next key of each purpose when the present one has signed for long enough. Of replicas that do so at once
// one succeeds.
func (m *ManagedKeys) rotateDue(ctx context.Context) error {
	if m.cfg.RotateEvery <= 0 {
		return nil
	}
	keys, err := m.cfg.Store.ListKeys(ctx)
	if err != nil {
		return err
	}
	now := m.cfg.Now()
	var failed error // of one purpose, while the others go on
	for _, use := range m.uses {
		last := lastOf(keys, use)
		if use.idle || !use.isManaged() || last == nil || now.Before(last.ActiveFrom.Add(m.cfg.RotateEvery-PublishAhead)) {
			continue
		}
		if _, _, err := m.add(ctx, use, now.Add(PublishAhead), last.ID, systemAct(Client{}, now)); err != nil {
			failed = errors.Join(failed, fmt.Errorf("the next signing key for %s tokens: %w", use.purpose, err))
		}
	}
	return failed
}
