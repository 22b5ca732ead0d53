package secret_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
)

func TestSealer(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db := open()
		s := secret.NewSealer(sealing(t, db, masterKey))
		text, name := sealed(t, s, "material", cell("1"))
		if bytes.Contains(text, []byte("material")) || name == "" {
			t.Errorf("sealed as %q with %q", text, name)
		}
		if other, _ := sealed(t, s, "material", cell("1")); bytes.Equal(other, text) {
			t.Error("the same text is sealed to the same")
		}
		opens(t, s, text, name, cell("1"), "material")
		opens(t, secret.NewSealer(sealing(t, db, masterKey)), text, name, cell("1"), "material") // after a restart
		if !s.Current(name) || s.Current("") || s.Current("file:0000") || s.Current("master:0000") || s.Current("master:data:00") {
			t.Error("Current is not about what Seal uses")
		}
		if keys := dataKeys(t, db); len(keys) != 1 || keys[0].Master != newMaster(t, masterKey).Name() {
			t.Errorf("data keys: %v", keys)
		}

		column, table, of := cell("1"), cell("1"), cell("1")
		column.Column, table.Table, of.Of = "sealing", "mails", "refresh EdDSA 1"
		refuses(t, s, text, name, cell("2"), "exchanged") // a copied row
		refuses(t, s, text, name, column, "exchanged")    // a swapped column
		refuses(t, s, text, name, table, "exchanged")
		refuses(t, s, text, name, of, "exchanged")
		for i := range text {
			damaged := bytes.Clone(text)
			damaged[i] ^= 1
			refuses(t, s, damaged, name, cell("1"), "damaged")
			refuses(t, s, text[:i], name, cell("1"), "damaged") // cut
		}
		refuses(t, s, text, "vault:1", cell("1"), "does not know")
		refuses(t, s, text, authn.SealingOf("0123456789abcdef"), cell("1"), "does not have")
	})
}

// Another HSM with the same label is no damage to the database: what is told is which one to bring back.
func TestDataKeyOfAnotherToken(t *testing.T) {
	t.Parallel()
	db := openAt(t, "sqlite://"+t.TempDir()+"/authly.db")
	cfg := sealing(t, db, masterKey)
	cfg.Current = token{cfg.Current}
	_, name := sealed(t, secret.NewSealer(cfg), "material", cell("1"))
	cfg.Current = token{sealing(t, db, anotherKey).Current}
	other := secret.NewSealer(cfg)
	for _, err := range []error{other.Load(t.Context()), func() error { _, err := other.Open(t.Context(), nil, name, cell("1")); return err }()} {
		blames(t, err, "bring back the one that has it")
		if !errors.Is(err, authn.ErrNoMasterKey) || strings.Contains(err.Error(), "exchanged") {
			t.Errorf("the database is blamed: %v", err)
		}
	}
}

// token is a master key that is known by a label, as one in an HSM is.
type token struct{ secret.Wrapper }

func (token) Name() string { return "hsm:label" }

func (t token) Unwrap(ctx context.Context, wrapped []byte, bound string) ([]byte, error) {
	key, err := t.Wrapper.Unwrap(ctx, wrapped, bound)
	if err != nil {
		return nil, fmt.Errorf("it is %w: the token has no such key, bring back the one that has it", authn.ErrNoMasterKey)
	}
	return key, nil
}

// A wrapped data key opens in its own database and under its own id, and nowhere else, whoever has the same master key.
func TestDataKeyOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		here, there := open(), openAt(t, "sqlite://"+t.TempDir()+"/authly.db")
		text, name := sealed(t, secret.NewSealer(sealing(t, there, masterKey)), "material", cell("1"))
		foreign := dataKeys(t, there)[0]
		if _, err := here.AddDataKey(t.Context(), foreign, "", act()); err != nil {
			t.Fatal(err)
		}
		s := secret.NewSealer(sealing(t, here, masterKey))
		blames(t, s.Load(t.Context()), "was damaged or exchanged in the database, or is of another database")
		refuses(t, s, text, name, cell("1"), "or is of another database")
		opens(t, secret.NewSealer(sealing(t, there, masterKey)), text, name, cell("1"), "material")

		renamed := foreign // of its own database, under another id
		renamed.ID = "0123456789abcdef"
		if _, err := there.AddDataKey(t.Context(), renamed, foreign.ID, act()); err != nil {
			t.Fatal(err)
		}
		blames(t, secret.NewSealer(sealing(t, there, masterKey)).Load(t.Context()), "exchanged")
	})
}

// A master key that is wrong or missing is told, and nothing is made.
func TestWrongMasterKey(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db := open()
		right := secret.NewSealer(sealing(t, db, masterKey))
		text, name := sealed(t, right, "material", cell("1"))
		before := dataKeys(t, db)
		for what, c := range map[string]struct{ key, why string }{
			"another": {anotherKey, "which keys.master_key (AUTHLY_MASTER_KEY) is not"},
			"none":    {"", "keys.master_key (AUTHLY_MASTER_KEY) is not set"},
		} {
			wrong := secret.NewSealer(sealing(t, db, c.key))
			err := wrong.Load(t.Context())
			if blames(t, err, c.why); !errors.Is(err, authn.ErrNoMasterKey) {
				t.Errorf("%s: %v", what, err)
			}
			refuses(t, wrong, text, name, cell("1"), c.why)
			if _, _, err := wrong.Seal(t.Context(), []byte("material"), cell("1")); !errors.Is(err, authn.ErrNoMasterKey) {
				t.Errorf("%s: sealed, error %v", what, err)
			}
			if wrong.Current(name) {
				t.Errorf("%s: it takes another key's for its own", what)
			}
			if _, err := wrong.ReplaceMaster(t.Context(), act()); !errors.Is(err, authn.ErrNoMasterKey) {
				t.Errorf("%s: replaced, error %v", what, err)
			}
		}
		if diff := cmp.Diff(before, dataKeys(t, db)); diff != "" {
			t.Errorf("something was overwritten:\n%s", diff)
		}
		opens(t, secret.NewSealer(sealing(t, db, masterKey)), text, name, cell("1"), "material")
	})
}

// What was sealed before there were data keys opens with the master key that has sealed it, and stops who has another one from
// making a data key.
func TestSealedDirectly(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db := open()
		const old = "access EdDSA 0123456789abcdef"
		at := authn.Cell{Table: "keys", Column: "material", Row: "0123456789abcdef", Of: old}
		for _, prefix := range []string{"master:", "file:"} {
			text, name := sealedDirectly(t, prefix, masterKey, "material", old)
			s := secret.NewSealer(sealing(t, db, anotherKey, masterKey))
			opens(t, s, text, name, at, "material")
			refuses(t, s, text, name, cell("2"), "exchanged")
			refuses(t, s, text[:10], name, at, "damaged")
			refuses(t, secret.NewSealer(sealing(t, db, anotherKey)), text, name, at, "keys.master_key (AUTHLY_MASTER_KEY) is not")
			if s.Current(name) {
				t.Error("it is not to be sealed anew")
			}
		}
		text, name := sealedDirectly(t, "master:", masterKey, "material", old)
		key := authn.Key{ID: at.Row, Purpose: authn.SignAccess, Algorithm: "EdDSA", Material: text, Sealing: name}
		if _, err := db.AddKey(t.Context(), key, "", act()); err != nil {
			t.Fatal(err)
		}
		blames(t, secret.NewSealer(sealing(t, db, anotherKey)).Load(t.Context()), "keys.master_key (AUTHLY_MASTER_KEY) is not")
		if keys := dataKeys(t, db); len(keys) != 0 {
			t.Errorf("data keys were made: %v", keys)
		}
		if err := secret.NewSealer(sealing(t, db, masterKey)).Load(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Replicas that start at once agree on one data key, and each opens what another one has sealed.
func TestReplicasAgree(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		sealers, names, texts := make([]*secret.Sealer, 6), make([]string, 6), make([][]byte, 6)
		one, two := open(), open()
		var all sync.WaitGroup
		for i := range sealers {
			sealers[i] = secret.NewSealer(sealing(t, []*store.Store{one, two}[i%2], masterKey))
			all.Go(func() { texts[i], names[i] = sealed(t, sealers[i], "material", cell("1")) })
		}
		all.Wait()
		for i := range sealers {
			if names[i] != names[0] || !strings.HasPrefix(names[i], "master:data:") {
				t.Fatalf("sealed with %q and %q", names[i], names[0])
			}
			opens(t, sealers[(i+1)%len(sealers)], texts[i], names[i], cell("1"), "material")
		}
		if keys := dataKeys(t, one); len(keys) != 1 {
			t.Errorf("%d data keys", len(keys))
		}
	})
}
