package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
)

// As the README says it: the other master key is given to one replica after the other, then it takes the place of the one of before,
// then that is taken out. Nobody notices.
func TestMasterKeyRotatesWhileServing(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		before, both, after := "AUTHLY_MASTER_KEY="+masterKey, []string{"AUTHLY_MASTER_KEY=" + anotherKey, "AUTHLY_MASTER_KEY_PREVIOUS=" + masterKey},
			"AUTHLY_MASTER_KEY="+anotherKey
		old := start(t, storeURL, protectedEcho, before)
		pair := old.login(t, "admin", adminPassword)
		first := start(t, storeURL, protectedEcho, both...)
		if said := first.stderr.String(); !strings.Contains(said, "authly key rotate-master") {
			t.Errorf("nobody is told how to go on: %s", said)
		}
		second := start(t, storeURL, protectedEcho, before) // while not all have both, none needs the other one
		second.isIn(t, "before", first.login(t, "admin", adminPassword), true)

		done := first.command(t, "", "key", "rotate-master")
		if done["before"] == done["after"] || done["data_keys"] != 1.0 {
			t.Errorf("done: %v", done)
		}
		replicas := []*authly{old, first, start(t, storeURL, protectedEcho, both...), start(t, storeURL, protectedEcho, after)}
		for _, a := range replicas {
			a.isIn(t, "signed before", pair, true)
			next := a.login(t, "admin", adminPassword)
			for _, b := range replicas {
				b.isIn(t, "signed after", next, true)
			}
		}
		refusesToStart(t, storeURL, "keys.master_key", before)
		again := first.command(t, "", "key", "rotate-master") // there is nothing to do
		if again["data_keys"] != 0.0 {
			t.Errorf("again: %v", again)
		}
		made := first.command(t, "", "key", "rotate", "--now")
		eventually(t, "a replica without the one of before signs with a key that was sealed since", func() bool {
			return kidOf(t, replicas[3].login(t, "admin", adminPassword).Access) == made["id"]
		})
	})
}

// When a data key has sealed for long enough one of the replicas makes the next, and what was sealed with the one of before is sealed
// with that; nobody notices.
func TestDataKeysRotateOnSchedule(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		running := start(t, storeURL, protectedEcho)
		pair := running.login(t, "admin", adminPassword)
		db, _ := sqlOf(t, storeURL)
		quarter := (90 * 24 * time.Hour).Microseconds()
		execute(t, db, fmt.Sprintf(`UPDATE data_keys SET created_at = created_at - %d`, quarter))
		replicas := []*authly{launch(t, storeURL, protectedEcho), launch(t, storeURL, protectedEcho)}
		for _, a := range replicas {
			a.awaitReady(t)
		}
		sealings := textsOf(t, db, `SELECT DISTINCT sealing FROM keys`)
		newest := textsOf(t, db, `SELECT id FROM data_keys ORDER BY position DESC`)
		if len(newest) != 2 || len(sealings) != 1 || sealings[0] != authn.SealingOf(newest[0]) {
			t.Errorf("data keys %v, keys are sealed with %v", newest, sealings)
		}
		for _, a := range append(replicas, running) {
			a.isIn(t, "signed before", pair, true)
			running.isIn(t, "signed after", a.login(t, "admin", adminPassword), true)
		}
	})
}

// sealedWith is a way to have a master key, in which it is replaced again and again.
type sealedWith struct {
	environ func(round int) []string // of a command that is to replace it
	server  []string                 // of a server that goes on all the time
	config  func(db *store.Store) secret.Config
	file    string // the key file, if it is one
}

func configuredMasters(t *testing.T) sealedWith {
	keys := []string{masterKey, anotherKey}
	return sealedWith{
		environ: func(round int) []string {
			return []string{"AUTHLY_MASTER_KEY=" + keys[(round+1)%2], "AUTHLY_MASTER_KEY_PREVIOUS=" + keys[round%2]}
		},
		server: []string{"AUTHLY_MASTER_KEY=" + masterKey, "AUTHLY_MASTER_KEY_PREVIOUS=" + anotherKey},
		config: func(db *store.Store) secret.Config {
			return secret.Config{Keys: db, Current: masterOf(t, masterKey), Previous: []secret.Wrapper{masterOf(t, anotherKey)}, Now: time.Now}
		},
	}
}

func masterFile(t *testing.T) sealedWith {
	file := filepath.Join(t.TempDir(), "master.key")
	environ := []string{"AUTHLY_KEYS_MASTER_KEY_FILE=" + file}
	return sealedWith{
		environ: func(int) []string { return environ }, server: environ, file: file,
		config: func(db *store.Store) secret.Config {
			return secret.Config{Keys: db, File: secret.NewKeyFile(file, false, nil), Now: time.Now}
		},
	}
}

// opened returns what the keys of a database are made of, opened with whatever master keys are at hand.
func (w sealedWith) opened(t *testing.T, storeURL string) map[string][]byte {
	t.Helper()
	db, err := store.Open(t.Context(), storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sealer := secret.NewSealer(w.config(db))
	keys, err := db.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plain := map[string][]byte{}
	for _, key := range keys {
		at := authn.Cell{Table: "keys", Column: "material", Row: key.ID, Of: string(key.Purpose) + " " + key.Algorithm + " " + key.ID}
		if plain[key.ID], err = sealer.Open(t.Context(), key.Material, key.Sealing, at); err != nil {
			t.Fatalf("key %s, sealed with %s: %v", key.ID, key.Sealing, err)
		}
	}
	masters := map[string]bool{}
	for _, key := range (&vault{storeURL: storeURL}).dataKeys(t) {
		masters[key.Master] = true
	}
	if len(masters) != 1 {
		t.Errorf("data keys have %d master keys", len(masters))
	}
	return plain
}

// However soon authly key rotate-master is killed, all that is sealed opens, the server that runs goes on, and a second run ends
// what the first began.
func TestMasterKeyRotationKilled(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]func(t *testing.T) sealedWith{"configured": configuredMasters, "file": masterFile} {
		t.Run(name, func(t *testing.T) {
			onBothDatabases(t, func(t *testing.T, storeURL string) { way(t).survivesKills(t, storeURL) })
		})
	}
}

func (w sealedWith) survivesKills(t *testing.T, storeURL string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	server := start(t, storeURL, protectedEcho, w.server...)
	pair := server.login(t, "admin", adminPassword)
	before := w.opened(t, storeURL)
	if len(before) < 2 {
		t.Fatalf("%d keys", len(before))
	}
	begun := time.Now()
	w.rotates(t, server, 0)
	whole := time.Since(begun)
	cut, round, enough := 0, 0, (kills(t)+2)/3
	for round < enough || cut == 0 && round < 20*enough {
		round++
		program := exec.Command(server.process.Path, "key", "rotate-master")
		program.Dir, program.Env = server.process.Dir, append(slices.Clone(server.process.Env), w.environ(round)...)
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(random.Int64N(int64(whole) * 6 / 5)))
		_ = program.Process.Kill()
		if program.Wait() != nil {
			cut++
		}
		if got := w.opened(t, storeURL); !maps.EqualFunc(before, got, bytes.Equal) {
			t.Fatal("after a kill the keys are others")
		}
		server.isIn(t, "after a kill", pair, true)
		w.rotates(t, server, round)
		if got := w.opened(t, storeURL); !maps.EqualFunc(before, got, bytes.Equal) {
			t.Fatal("after the second run the keys are others")
		}
	}
	t.Logf("%d of %d runs were cut; a whole one takes %v", cut, round, whole)
	if cut == 0 {
		t.Error("no run was cut")
	}
	server.isIn(t, "after all", server.login(t, "admin", adminPassword), true)
	fresh := start(t, storeURL, protectedEcho, w.environ(round)...)
	fresh.isIn(t, "at a server that starts then", pair, true)
}

// rotates replaces the master key without being killed.
func (w sealedWith) rotates(t *testing.T, a *authly, round int) {
	t.Helper()
	program := exec.CommandContext(t.Context(), a.process.Path, "key", "rotate-master")
	program.Dir, program.Env = a.process.Dir, append(slices.Clone(a.process.Env), w.environ(round)...)
	if said, err := program.CombinedOutput(); err != nil {
		t.Fatalf("authly key rotate-master: %v: %s", err, said)
	}
	if w.file == "" {
		return
	}
	if _, err := os.Stat(w.file + ".next"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the next key file is left: %v", err)
	}
	if info, err := os.Stat(w.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
}
