package secret_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
)

// A master key of the configuration is replaced while replicas go on: those with both open everything before, between and after.
func TestReplaceMaster(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db, other := open(), open()
		first := secret.NewSealer(sealing(t, db, masterKey))
		text, name := sealed(t, first, "material", cell("1"))
		running := secret.NewSealer(sealing(t, other, anotherKey, masterKey)) // started anew, with both
		if err := running.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if keys := dataKeys(t, db); len(keys) != 1 || keys[0].Master != newMaster(t, masterKey).Name() {
			t.Errorf("the master key was replaced before anybody asked for it: %v", keys)
		}

		done, err := secret.NewSealer(sealing(t, db, anotherKey, masterKey)).ReplaceMaster(t.Context(), act())
		if err != nil || done.DataKeys != 1 || done.Before != newMaster(t, masterKey).Name() || done.After != newMaster(t, anotherKey).Name() {
			t.Fatalf("done: %+v, %v", done, err)
		}
		keys := dataKeys(t, db)
		for _, key := range keys {
			if key.Master != done.After {
				t.Errorf("a data key has the master key %s", key.Master)
			}
		}
		if len(keys) != 2 {
			t.Errorf("%d data keys", len(keys))
		}
		again, newer := sealed(t, secret.NewSealer(sealing(t, db, anotherKey)), "later", cell("2"))
		if newer == name {
			t.Error("a data key that the master key of before has wrapped still seals")
		}
		for _, s := range []*secret.Sealer{running, secret.NewSealer(sealing(t, db, anotherKey))} {
			opens(t, s, text, name, cell("1"), "material")
			opens(t, s, again, newer, cell("2"), "later")
		}
		opens(t, first, text, name, cell("1"), "material") // it holds the data key
		refuses(t, first, again, newer, cell("2"), "which keys.master_key (AUTHLY_MASTER_KEY) is not")
		if _, _, err := first.Seal(t.Context(), []byte("x"), cell("3")); err != nil {
			t.Errorf("a replica that was not started anew: %v", err)
		}
		if !first.Current(newer) {
			t.Error("a replica that was not started anew would undo what others have sealed")
		}
		if _, err := secret.NewSealer(sealing(t, db, anotherKey, masterKey)).ReplaceMaster(t.Context(), act()); !errors.Is(err, secret.ErrSameMaster) {
			t.Errorf("again: %v", err)
		}
		blames(t, secret.NewSealer(sealing(t, db, masterKey)).Load(t.Context()), "is not")
	})
}

// Those who replace it at once do so one after another.
func TestReplaceMasterAtOnce(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db, file := open(), filepath.Join(t.TempDir(), "key")
		text, name := sealed(t, secret.NewSealer(withFile(db, file)), "material", cell("1"))
		var all sync.WaitGroup
		for range 4 {
			s := secret.NewSealer(withFile(db, file))
			all.Go(func() {
				if _, err := s.ReplaceMaster(t.Context(), act()); err != nil {
					t.Errorf("replacing: %v", err)
				}
			})
		}
		all.Wait()
		opens(t, secret.NewSealer(withFile(db, file)), text, name, cell("1"), "material")
		if _, err := os.Stat(file + ".next"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the next key file is left: %v", err)
		}
	})
}

// cutOff is a store at which ReplaceMaster ends as if the process had been killed, before or after what it does.
type cutOff struct {
	*store.Store
	done bool
}

var errKilled = errors.New("killed")

func (c cutOff) ReplaceMaster(ctx context.Context, rewrapped []authn.DataKey, next authn.DataKey, before string, act authn.Act) error {
	if c.done {
		if err := c.Store.ReplaceMaster(ctx, rewrapped, next, before, act); err != nil {
			return err
		}
	}
	return errKilled
}

// However far the replacement of a key file came, everything opens, for who runs and for who starts, and a second one ends it.
func TestKeyFileIsReplaced(t *testing.T) {
	t.Parallel()
	for name, interrupt := range map[string]func(t *testing.T, db *store.Store, file string){
		"not at all": func(*testing.T, *store.Store, string) {},
		"before it was on disk": func(t *testing.T, db *store.Store, file string) {
			killed(t, cutOff{Store: db}, file)
		},
		"when it was on disk": func(t *testing.T, db *store.Store, file string) {
			killed(t, cutOff{Store: db, done: true}, file)
		},
		"when the file of before was kept": func(t *testing.T, db *store.Store, file string) {
			killed(t, cutOff{Store: db, done: true}, file)
			if err := os.Link(file, file+".previous"); err != nil {
				t.Fatal(err)
			}
		},
		"after another one": func(t *testing.T, db *store.Store, file string) {
			if _, err := secret.NewSealer(withFile(db, file)).ReplaceMaster(t.Context(), act()); err != nil {
				t.Fatal(err)
			}
			killed(t, cutOff{Store: db, done: true}, file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, file := sqliteStore(t), filepath.Join(t.TempDir(), "key")
			running := secret.NewSealer(withFile(db, file))
			text, sealing := sealed(t, running, "material", cell("1"))
			kept, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			interrupt(t, db, file)
			between, betweenName := sealed(t, secret.NewSealer(withFile(db, file)), "between", cell("2"))
			opens(t, secret.NewSealer(withFile(db, file)), text, sealing, cell("1"), "material")
			opens(t, running, between, betweenName, cell("2"), "between")

			done, err := secret.NewSealer(withFile(db, file)).ReplaceMaster(t.Context(), act())
			if err != nil || done.File != file {
				t.Fatalf("done: %+v, %v", done, err)
			}
			for _, s := range []*secret.Sealer{running, secret.NewSealer(withFile(db, file))} {
				opens(t, s, text, sealing, cell("1"), "material")
				opens(t, s, between, betweenName, cell("2"), "between")
			}
			later, laterName := sealed(t, secret.NewSealer(withFile(db, file)), "later", cell("3"))
			opens(t, running, later, laterName, cell("3"), "later")
			isNow, err := os.ReadFile(file)
			if err != nil || string(isNow) == string(kept) {
				t.Errorf("the key file is the one of before, or gone: %v", err)
			}
			if _, err := os.Stat(file + ".next"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the next key file is left: %v", err)
			}
			previous, err := os.ReadFile(file + ".previous")
			if err != nil || string(previous) == string(isNow) || string(previous) != string(kept) && name != "after another one" {
				t.Errorf("the key file of before is not kept: %v", err)
			}
		})
	}
}

// killed replaces the master key with a store at which that ends too early.
func killed(t *testing.T, db cutOff, file string) {
	t.Helper()
	cfg := withFile(db.Store, file)
	cfg.Keys = db
	if _, err := secret.NewSealer(cfg).ReplaceMaster(t.Context(), act()); !errors.Is(err, errKilled) {
		t.Fatalf("it was not killed: %v", err)
	}
}

// A master key that is configured later takes the place of the key file by itself, and only of that.
func TestAdopt(t *testing.T) {
	t.Parallel()
	db, file := sqliteStore(t), filepath.Join(t.TempDir(), "key")
	text, name := sealed(t, secret.NewSealer(withFile(db, file)), "material", cell("1"))
	both := withFile(db, file)
	both.Current = newMaster(t, masterKey)
	for range 2 {
		if err := secret.NewSealer(both).Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if keys := dataKeys(t, db); len(keys) != 2 || keys[1].Master != newMaster(t, masterKey).Name() {
		t.Errorf("data keys: %v", keys)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	opens(t, secret.NewSealer(sealing(t, db, masterKey)), text, name, cell("1"), "material")
	if err := secret.NewSealer(sealing(t, db, anotherKey, masterKey)).Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys := dataKeys(t, db); keys[len(keys)-1].Master != newMaster(t, masterKey).Name() {
		t.Error("a previous master key was replaced before all replicas could have the other one")
	}
}

// Where the master key is lost for good one can begin anew, once nothing of what is lost is needed.
func TestAbandon(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, open func() *store.Store) {
		db := open()
		lost := secret.NewSealer(sealing(t, db, masterKey))
		key := authn.Key{ID: "0123456789abcdef", Purpose: authn.SignAccess, Algorithm: "EdDSA"}
		key.Material, key.Sealing = sealed(t, lost, "material", cell(key.ID))
		if _, err := db.AddKey(t.Context(), key, "", act()); err != nil {
			t.Fatal(err)
		}
		if err := lost.Abandon(t.Context(), act()); !errors.Is(err, secret.ErrSameMaster) {
			t.Errorf("what is not lost: %v", err)
		}
		another := secret.NewSealer(sealing(t, db, anotherKey))
		if err := another.Abandon(t.Context(), act()); !errors.Is(err, authn.ErrKeySealed) {
			t.Errorf("while a key lives: %v", err)
		}
		opens(t, lost, key.Material, key.Sealing, cell(key.ID), "material")
		if _, err := db.RevokeKey(t.Context(), key.ID, nil, act()); err != nil {
			t.Fatal(err)
		}
		if err := another.Abandon(t.Context(), act()); err != nil {
			t.Fatal(err)
		}
		damaged := dataKeys(t, db)[0]
		text, name := sealed(t, another, "anew", cell("1"))
		opens(t, secret.NewSealer(sealing(t, db, anotherKey)), text, name, cell("1"), "anew")
		if keys := dataKeys(t, db); len(keys) != 1 || keys[0].Master != newMaster(t, anotherKey).Name() {
			t.Errorf("data keys: %v", keys)
		}

		next, before := damaged, damaged.Wrapped // one that was damaged in the database is as lost
		next.ID, damaged.Wrapped = "fedcba9876543210", before[1:]
		if err := db.ReplaceMaster(t.Context(), []authn.DataKey{damaged}, next, damaged.Master, act()); err != nil {
			t.Fatal(err)
		}
		blames(t, secret.NewSealer(sealing(t, db, anotherKey)).Load(t.Context()), "damaged or exchanged")
		if err := secret.NewSealer(sealing(t, db, anotherKey)).Abandon(t.Context(), act()); err != nil {
			t.Fatal(err)
		}
		sealed(t, secret.NewSealer(sealing(t, db, anotherKey)), "anew", cell("1"))
	})
}
