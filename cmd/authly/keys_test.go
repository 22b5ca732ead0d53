package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

const (
	masterKey  = "a-master-key-that-was-made-for-these-tests"
	anotherKey = "another-master-key-made-for-the-same-tests"
)

// startReplicas starts three servers on one database.
func startReplicas(t *testing.T, storeURL string, environ ...string) []*authly {
	t.Helper()
	replicas := make([]*authly, 3)
	for i := range replicas {
		replicas[i] = launch(t, storeURL, protectedEcho, environ...)
	}
	for _, a := range replicas {
		a.awaitReady(t)
	}
	return replicas
}

// kidOf is the kid that a token names.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	header, _, _ := strings.Cut(token, ".")
	id, _ := segmentOf(t, header)["kid"].(string)
	return id
}

// However often keys are replaced, at once and by whomever, no replica refuses what another one has just signed.
func TestKeysRotateWhileServing(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		replicas := startReplicas(t, storeURL, "AUTHLY_MASTER_KEY="+masterKey)
		var stop atomic.Bool
		var clients sync.WaitGroup
		var mu sync.Mutex
		signed, rounds := map[string]bool{}, 0
		for i := range replicas {
			clients.Go(func() {
				pair := replicas[i].login(t, "admin", adminPassword)
				for n := 0; !stop.Load() && !t.Failed(); n++ {
					a, b, c := replicas[(i+n)%3], replicas[(i+n+1)%3], replicas[(i+n+2)%3]
					b.isIn(t, "signed elsewhere", pair, true)
					c.isIn(t, "signed elsewhere", pair, true)
					next := a.refreshed(t, pair.Refresh)
					b.isIn(t, "refreshed elsewhere", next, true)
					pair = a.login(t, "admin", adminPassword)
					mu.Lock()
					signed[kidOf(t, pair.Access)], signed[kidOf(t, pair.Refresh)] = true, true
					rounds++
					mu.Unlock()
				}
			})
		}
		for i := range 2 {
			for _, purpose := range []string{"access", "refresh"} {
				made := replicas[i%3].command(t, "", "key", "rotate", "--now", "--purpose", purpose)
				eventually(t, "the new key signs", func() bool {
					mu.Lock()
					defer mu.Unlock()
					return signed[made["id"].(string)] || t.Failed()
				})
			}
		}
		stop.Store(true)
		clients.Wait()
		if len(signed) < 4 || rounds < 4 {
			t.Errorf("%d keys signed in %d rounds", len(signed), rounds)
		}
		for i, a := range replicas {
			if published := strings.Count(a.do(t, "GET", "/.well-known/jwks.json", "", "").body, `"kid"`); published < 3 {
				t.Errorf("replica %d publishes %d keys, want 3 of access tokens", i, published)
			}
		}
	})
}

// When a key has signed for long enough the next one is made: by one of the replicas, and all publish it.
func TestKeysRotateOnSchedule(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		first := start(t, storeURL, protectedEcho)
		pair := first.login(t, "admin", adminPassword)
		db, _ := sqlOf(t, storeURL)
		month := (30 * 24 * time.Hour).Microseconds()
		execute(t, db, fmt.Sprintf(`UPDATE keys SET created_at = created_at - %d, active_from = active_from - %d`, month, month))
		replicas := startReplicas(t, storeURL)
		for i, a := range replicas {
			eventually(t, "the next key is published", func() bool {
				return strings.Count(a.do(t, "GET", "/.well-known/jwks.json", "", "").body, `"kid"`) > 1
			})
			a.isIn(t, "signed by the present key", pair, true)
			if id := kidOf(t, a.login(t, "admin", adminPassword).Access); id != kidOf(t, pair.Access) {
				t.Errorf("replica %d signs with %s already", i, id)
			}
		}
		var rows []struct{ Purpose, State string }
		if err := json.Unmarshal([]byte(first.run(t, 0, "key", "list", "--output", "json")), &rows); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, row := range rows {
			count[row.Purpose+" "+row.State]++
		}
		for _, purpose := range []string{"access", "refresh"} {
			if count[purpose+" active"] != 1 || count[purpose+" next"] != 1 || count[purpose+" retired"] != 0 {
				t.Errorf("keys: %v", count)
			}
		}
	})
}

// What a key has signed is dead on every replica when they have heard that it is revoked, and a login works.
func TestKeyRevoked(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		replicas := startReplicas(t, storeURL)
		old := replicas[0].login(t, "admin", adminPassword)
		for _, a := range replicas {
			a.isIn(t, "before", old, true)
		}
		printed := replicas[0].command(t, "", "key", "revoke", kidOf(t, old.Access))
		successor := printed["successor"].(map[string]any)["id"].(string)
		for i, a := range replicas {
			eventually(t, "the gateway refuses what the revoked key has signed", func() bool {
				return a.do(t, "GET", "/x", old.Access, "").status == http.StatusUnauthorized
			})
			if got := a.do(t, "GET", "/users/me", old.Access, ""); got.status != http.StatusUnauthorized {
				t.Errorf("replica %d, endpoint: %d", i, got.status)
			}
			pair := a.login(t, "admin", adminPassword)
			if kidOf(t, pair.Access) != successor {
				t.Errorf("replica %d signs with %s, want %s", i, kidOf(t, pair.Access), successor)
			}
			for _, b := range replicas {
				b.isIn(t, "after", pair, true)
			}
			published := a.do(t, "GET", "/.well-known/jwks.json", "", "").body
			if !strings.Contains(published, successor) || strings.Contains(published, kidOf(t, old.Access)) {
				t.Errorf("replica %d publishes %s", i, published)
			}
		}
		next := replicas[1].refreshed(t, old.Refresh) // of another key
		replicas[2].revokeOnPage(t, kidOf(t, next.Refresh))
		for i, a := range replicas {
			if got := a.refresh(t, next.Refresh); got.status != http.StatusUnauthorized {
				t.Errorf("replica %d refreshes what the revoked key has signed: %d", i, got.status)
			}
			a.isIn(t, "the access token beside it", next, true)
			a.refreshed(t, a.login(t, "admin", adminPassword).Refresh)
		}
	})
}

// revokeOnPage revokes a key as an administrator does in a browser. The trail says who, also as the file that the pages lead to.
func (a *authly) revokeOnPage(t *testing.T, kid string) {
	t.Helper()
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	signedIn := a.do(t, "POST", "/auth/login", "", url.Values{"username": {"admin"}, "password": {adminPassword}}.Encode(), form...)
	cookie, _, _ := strings.Cut(signedIn.header.Get("Set-Cookie"), ";")
	answer := a.do(t, "POST", "/auth/admin/keys/"+kid+"/revoke", "", "", append(form, "Cookie", cookie, "Host", "localhost")...)
	if answer.status != http.StatusSeeOther || !strings.HasSuffix(answer.header.Get("Location"), "/auth/admin/keys?said=key_revoked") {
		t.Fatalf("the page answers %d %s", answer.status, answer.body)
	}
	exported := a.do(t, "GET", "/auth/admin/audit/file?format=csv&kind=key_revoked&actor=user", "", "", "Cookie", cookie, "Host", "localhost")
	if exported.status != http.StatusOK || strings.Count(exported.body, kid) != 1 {
		t.Errorf("the trail says %d %s", exported.status, exported.body)
	}
}

// A secret can be replaced without logging anybody out, and by managed keys.
func TestPreviousSecrets(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		const second, secondRefresh = "the-second-secret-for-access-tokens-of-tests", "the-second-secret-for-refresh-tokens-of-tests"
		first := start(t, storeURL, protectedEcho, "JWT_SECRET_KEY="+accessSecret, "JWT_REFRESH_SECRET_KEY="+refreshSecret)
		pairs := []tokens{first.login(t, "admin", adminPassword), first.login(t, "admin", adminPassword)}
		previous := []string{"JWT_SECRET_KEY_PREVIOUS=" + accessSecret, "JWT_REFRESH_SECRET_KEY_PREVIOUS=" + refreshSecret}
		replaced := start(t, storeURL, protectedEcho, append([]string{"JWT_SECRET_KEY=" + second, "JWT_REFRESH_SECRET_KEY=" + secondRefresh}, previous...)...)
		replaced.isIn(t, "with the previous secrets", pairs[0], true)
		next := replaced.refreshed(t, pairs[0].Refresh)
		replaced.isIn(t, "after a refresh", next, true)
		if kidOf(t, next.Access) == kidOf(t, pairs[0].Access) || kidOf(t, next.Refresh) == kidOf(t, pairs[0].Refresh) {
			t.Error("a previous secret signs")
		}
		managed := start(t, storeURL, protectedEcho, previous...)
		managed.isIn(t, "with managed keys", pairs[1], true)
		managed.isIn(t, "refreshed by managed keys", managed.refreshed(t, pairs[1].Refresh), true)

		without := start(t, storeURL, protectedEcho, "JWT_SECRET_KEY="+second, "JWT_REFRESH_SECRET_KEY="+secondRefresh)
		without.isIn(t, "without the previous secrets", pairs[0], false)
		without.isIn(t, "of the secrets that are there", next, true)
	})
}

// materialOf returns what the keys of a database are made of, by their ids, and each of them as it is stored. Without a master key
// they are opened with the key file.
func materialOf(t *testing.T, storeURL string, cfg secret.Wrapper) (plain, stored map[string][]byte) {
	t.Helper()
	db, err := store.Open(t.Context(), storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sealer := secret.NewSealer(secret.Config{Keys: db, Current: cfg, File: secret.NewKeyFile(db.File()+".key", true, nil), Now: time.Now})
	keys, err := db.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plain, stored = map[string][]byte{}, map[string][]byte{}
	for _, key := range keys {
		stored[key.ID], plain[key.ID] = key.Material, key.Material
		if key.Sealing == "" {
			continue
		}
		at := authn.Cell{Table: "keys", Column: "material", Row: key.ID, Of: string(key.Purpose) + " " + key.Algorithm + " " + key.ID}
		if plain[key.ID], err = sealer.Open(t.Context(), key.Material, key.Sealing, at); err != nil {
			t.Fatal(err)
		}
	}
	return plain, stored
}

func masterOf(t *testing.T, key string) secret.Wrapper {
	t.Helper()
	master, err := secret.NewMaster([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return master
}

// isOn reports whether bytes are in a text, in one of the ways in which bytes are written.
func isOn(disk string, material []byte) bool {
	return strings.Contains(disk, string(material)) || strings.Contains(disk, hex.EncodeToString(material)) ||
		strings.Contains(disk, base64.StdEncoding.EncodeToString(material))
}

func keysAreSealed(t *testing.T, disk string, plain, stored map[string][]byte) {
	t.Helper()
	if len(plain) < 2 {
		t.Fatalf("%d keys", len(plain))
	}
	for id, material := range plain {
		if isOn(disk, material) || isOn(disk, material[len(material)-32:]) {
			t.Errorf("key %s is on disk as it is", id)
		}
		if bytes.Equal(material, stored[id]) || !isOn(disk, stored[id]) {
			t.Errorf("key %s was not looked for in the right place", id)
		}
	}
}

func TestKeysAreSealed(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storeURL := sqliteURL(t)
		first := start(t, storeURL, protectedEcho)
		if !strings.Contains(first.stderr.String(), "made a key file") {
			t.Error("nobody was told that there is a key file to keep")
		}
		plain, stored := materialOf(t, storeURL, nil)
		disk := sqliteFiles(t, storeURL)
		keysAreSealed(t, disk, plain, stored)

		a := start(t, storeURL, protectedEcho, "AUTHLY_MASTER_KEY="+masterKey) // set later
		again, _ := materialOf(t, storeURL, masterOf(t, masterKey))
		if !maps.EqualFunc(plain, again, bytes.Equal) {
			t.Error("the keys are others")
		}
		said := a.stdout.String() + a.stderr.String()
		if strings.Contains(said, masterKey) {
			t.Error("the master key is in the log")
		}
		if strings.Contains(said, "made a key file") || strings.Count(said, "sealed anew") != len(plain) {
			t.Errorf("it does not tell that the keys are sealed with the master key: %s", said)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		storeURL := storetest.PostgresURL(t)
		said := refusesToStart(t, storeURL, "keys.master_key", "WITHOUT_MASTER_KEY=1")
		if !strings.Contains(said, "AUTHLY_MASTER_KEY") || !strings.Contains(said, "openssl rand -base64 32") {
			t.Errorf("it is not said how to make one: %s", said)
		}
		sealed := start(t, storeURL, protectedEcho, "AUTHLY_MASTER_KEY="+masterKey)
		again, stored := materialOf(t, storeURL, masterOf(t, masterKey))
		keysAreSealed(t, postgresRows(t, storeURL), again, stored)
		sealed.isIn(t, "with sealed keys", sealed.login(t, "admin", adminPassword), true)
	})
}

// refusesToStart starts a server that must not start, and returns what it says.
func refusesToStart(t *testing.T, storeURL string, blamed string, environ ...string) string {
	t.Helper()
	a := launch(t, storeURL, protectedEcho, environ...)
	status := a.await(t)
	said := a.stdout.String() + a.stderr.String()
	if status == 0 || !strings.Contains(said, blamed) || strings.Contains(said, masterKey) || strings.Contains(said, anotherKey) {
		t.Errorf("it ended with %d, want an error about %s: %s", status, blamed, said)
	}
	return said
}

// A master key that is wrong or missing stops the start. Nothing is made in the place of keys that cannot be opened.
func TestMasterKeyIsNeeded(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		first := start(t, storeURL, protectedEcho, "AUTHLY_MASTER_KEY="+masterKey)
		pair := first.login(t, "admin", adminPassword)
		before, _ := materialOf(t, storeURL, masterOf(t, masterKey))
		refusesToStart(t, storeURL, "keys.master_key", "AUTHLY_MASTER_KEY="+anotherKey)
		refusesToStart(t, storeURL, "keys.master_key", "AUTHLY_MASTER_KEY="+anotherKey, "JWT_ALGORITHM=ES256")
		refusesToStart(t, storeURL, "keys.master_key", "WITHOUT_MASTER_KEY=1")
		if after, _ := materialOf(t, storeURL, masterOf(t, masterKey)); !maps.EqualFunc(before, after, bytes.Equal) {
			t.Errorf("there are %d keys, and were %d", len(after), len(before))
		}
		again := start(t, storeURL, protectedEcho, "AUTHLY_KEYS_MASTER_KEY="+masterKey)
		again.isIn(t, "with the right master key", pair, true)
		theirs := again.process.Env
		again.process.Env = append(slices.Clone(theirs), "AUTHLY_KEYS_MASTER_KEY="+anotherKey) // of a command, beside the server
		if said := again.run(t, 1, "key", "rotate", "--now"); !strings.Contains(said, "keys.master_key") {
			t.Errorf("a key was sealed with what the server does not have: %s", said)
		}
		again.process.Env = theirs
		again.run(t, 0, "key", "rotate", "--now")
		again.process.Env = append(slices.Clone(theirs), "AUTHLY_KEYS_MASTER_KEY="+anotherKey)
		for id := range before {
			again.run(t, 0, "key", "revoke", id)
		}
		anew := again.login(t, "admin", adminPassword)
		again.isIn(t, "with keys that the server has made", anew, true)
		log, kid := again.stderr.String(), kidOf(t, anew.Refresh)
		if told := linesWith(log, "key_added", kid) + linesWith(log, "new signing key", kid); told != 1 {
			t.Errorf("the log tells %d times of the key that the server has made, want once", told)
		}
		again.process.Env = theirs
	})
}

// The key file must be there and be nobody else's. Where it is lost keys can be revoked, and then there is a way on.
func TestKeyFileIsNeeded(t *testing.T) {
	t.Parallel()
	storeURL := sqliteURL(t)
	file := strings.TrimPrefix(storeURL, "sqlite://") + ".key"
	first := start(t, storeURL, protectedEcho)
	pair := first.login(t, "admin", adminPassword)
	ids, _ := materialOf(t, storeURL, nil)
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	put := func(content []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	put(kept, 0o644)
	if said := refusesToStart(t, storeURL, file); strings.Contains(said, "authly key revoke") || !strings.Contains(said, "chmod") {
		t.Errorf("the way out is another one: %s", said)
	}
	put(bytes.Repeat([]byte{1}, 32), 0o600)
	refusesToStart(t, storeURL, "not the one")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if said := refusesToStart(t, storeURL, file); !strings.Contains(said, "authly key revoke") {
		t.Errorf("no way out is shown: %s", said)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("another key file was made")
	}
	put(kept, 0o600)
	again := start(t, storeURL, protectedEcho)
	again.isIn(t, "with the key file", pair, true)

	first.kill(t)
	again.kill(t) // it would make other keys while it has what seals them
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if said := first.run(t, 1, "key", "rotate-master", "--lost"); !strings.Contains(said, "authly key revoke") {
		t.Errorf("keys that live are given up: %s", said)
	}
	for id := range ids {
		first.command(t, "", "key", "revoke", id)
	}
	refusesToStart(t, storeURL, "rotate-master --lost")
	first.run(t, 0, "key", "rotate-master", "--lost")
	anew := start(t, storeURL, protectedEcho)
	anew.isIn(t, "after all keys were revoked", pair, false)
	anew.isIn(t, "with new keys", anew.login(t, "admin", adminPassword), true)
}

// run runs a command on the server's store and returns what it says.
func (a *authly) run(t *testing.T, status int, args ...string) string {
	t.Helper()
	program := exec.CommandContext(t.Context(), a.process.Path, args...)
	program.Dir, program.Env = a.process.Dir, a.process.Env
	said, err := program.CombinedOutput()
	if program.ProcessState == nil || program.ProcessState.ExitCode() != status {
		t.Errorf("authly %s: %v, want status %d: %s", strings.Join(args, " "), err, status, said)
	}
	return string(said)
}

// Secrets of the configuration are shown, and where they are replaced; what they are is not.
func TestKeyCommandsWithSecrets(t *testing.T) {
	t.Parallel()
	a := start(t, sqliteURL(t), protectedEcho, "JWT_SECRET_KEY="+accessSecret, "JWT_REFRESH_SECRET_KEY="+refreshSecret)
	listed := a.run(t, 0, "key", "list", "--output", "json")
	type row struct {
		ID, Purpose, State string
		Configured         bool
	}
	var rows []row
	if err := json.Unmarshal([]byte(listed), &rows); err != nil {
		t.Fatal(err)
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return !r.Configured })
	if len(rows) != 2 || rows[0].State != string(authn.KeyActive) || rows[0].Purpose != string(authn.SignAccess) {
		t.Fatalf("listed: %s", listed)
	}
	said := listed + a.run(t, 1, "key", "revoke", rows[0].ID) + a.run(t, 1, "key", "rotate")
	if strings.Count(said, "configuration") != 2 || strings.Contains(said, accessSecret) || strings.Contains(said, refreshSecret) {
		t.Errorf("said: %s", said)
	}
}

// linesWith counts the lines of a log that hold all of some words.
func linesWith(log string, words ...string) (n int) {
	for line := range strings.Lines(log) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			n++
		}
	}
	return n
}
