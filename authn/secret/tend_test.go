package secret_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
)

// resealed is a Reseal that has the keys of a database sealed anew, and counts how often it was asked.
type resealed struct {
	keys  *authn.ManagedKeys
	calls int
}

func (r *resealed) reseal(ctx context.Context) error {
	r.calls++
	return r.keys.Reseal(ctx)
}

// On schedule the next data key is made, by one of the replicas; what was sealed is sealed anew, and the old one goes when it is of
// no use any more and has not been for an hour.
func TestDataKeysRotate(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db, clock := open(), newClock()
		cfg := sealing(t, db, masterKey)
		cfg.Now, cfg.RotateEvery = clock.now, 24*time.Hour
		replicas := []*secret.Sealer{secret.NewSealer(cfg), secret.NewSealer(cfg), secret.NewSealer(cfg)}
		keys, err := authn.NewManagedKeys(authn.KeyRingConfig{Store: db, Sealer: replicas[0], Now: clock.now})
		if err != nil {
			t.Fatal(err)
		}
		key := authn.Key{ID: "0123456789abcdef", Purpose: authn.SignAccess, Algorithm: "EdDSA", CreatedAt: clock.now(), ActiveFrom: clock.now()}
		key.Material, key.Sealing = sealed(t, replicas[0], "material", cell(key.ID))
		if _, err := db.AddKey(t.Context(), key, "", act()); err != nil {
			t.Fatal(err)
		}
		kept := &resealed{keys: keys}
		tend := func(s *secret.Sealer, kept ...secret.Reseal) {
			t.Helper()
			if err := s.Tend(t.Context(), kept...); err != nil {
				t.Error(err)
			}
		}
		for range 3 {
			tend(replicas[0], kept.reseal)
		}
		if n := len(dataKeys(t, db)); n != 1 || kept.calls != 1 {
			t.Errorf("%d data keys, and was asked %d times to seal anew, want once", n, kept.calls)
		}

		clock.advance(24 * time.Hour)
		var all sync.WaitGroup
		for _, s := range replicas[1:] {
			all.Go(func() { tend(s) })
		}
		all.Wait()
		two := dataKeys(t, db)
		if len(two) != 2 {
			t.Fatalf("%d data keys", len(two))
		}
		opens(t, replicas[0], key.Material, key.Sealing, cell(key.ID), "material")
		tend(replicas[0], kept.reseal)
		stored, err := db.ListKeys(t.Context())
		if err != nil || len(stored) != 1 || stored[0].Sealing != authn.SealingOf(two[1].ID) || kept.calls != 2 {
			t.Fatalf("keys %v, error %v, asked %d times", stored, err, kept.calls)
		}
		for _, s := range replicas {
			opens(t, s, stored[0].Material, stored[0].Sealing, cell(key.ID), "material")
		}
		clock.advance(59 * time.Minute)
		tend(replicas[1])
		if n := len(dataKeys(t, db)); n != 2 {
			t.Errorf("a data key was removed too early: %d left", n)
		}

		// Who was stopped for all that time seals with what is gone: the store refuses it, and it has to look.
		clock.advance(2 * time.Minute)
		tend(replicas[1])
		if left := dataKeys(t, db); len(left) != 1 || left[0].ID != two[1].ID {
			t.Errorf("data keys: %v", left)
		}
		late := key
		late.ID, late.Sealing = "fedcba9876543210", authn.SealingOf(two[0].ID)
		if _, err := db.AddKey(t.Context(), late, key.ID, act()); err == nil {
			t.Error("a key was kept that nobody can open")
		}
		tend(replicas[1])
		refuses(t, replicas[1], key.Material, key.Sealing, cell(key.ID), "does not have")
	})
}

// A data key that something is sealed with stays, however old.
func TestDataKeyInUseStays(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db, clock := open(), newClock()
		cfg := sealing(t, db, masterKey)
		cfg.Now, cfg.RotateEvery = clock.now, time.Hour
		s := secret.NewSealer(cfg)
		key := authn.Key{ID: "0123456789abcdef", Purpose: "of a later version", Algorithm: "TOTP"}
		key.Material, key.Sealing = sealed(t, s, "material", cell(key.ID))
		if _, err := db.AddKey(t.Context(), key, "", act()); err != nil {
			t.Fatal(err)
		}
		failing := func(context.Context) error { return errors.New("not now") }
		for range 3 {
			clock.advance(2 * time.Hour)
			if err := s.Tend(t.Context(), failing); err == nil {
				t.Error("that nothing was sealed anew is not told")
			}
			if err := secret.NewSealer(cfg).Tend(t.Context()); err != nil {
				t.Error(err)
			}
		}
		keys := dataKeys(t, db)
		if len(keys) != 3 || authn.SealingOf(keys[0].ID) != key.Sealing {
			t.Errorf("data keys: %v", keys)
		}
		opens(t, s, key.Material, key.Sealing, cell(key.ID), "material")
		refuses(t, s, nil, key.Sealing, cell(key.ID), "damaged")
	})
}
