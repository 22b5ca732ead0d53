//go:build pkcs11

package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/descoped/authly/authn/secret/hsm/hsmtest"
	"github.com/descoped/authly/store"
)

const binaryTags = "pkcs11"

// inHSM is the environment of a server whose keys are in a token.
func inHSM(t *testing.T, token *hsmtest.Token, environ ...string) []string {
	t.Helper()
	pin := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(pin, []byte(token.PIN+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(environ, append(token.Environ(), "AUTHLY_KEYS_PKCS11_MODULE="+token.Module,
		"AUTHLY_KEYS_PKCS11_TOKEN_LABEL="+token.Label, "AUTHLY_KEYS_PKCS11_PIN_FILE="+pin)...)
}

// The keys of a server are made in the token, sign there, and are replaced, revoked and destroyed there; the master key is there too.
func TestHSMServes(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		token := hsmtest.New(t)
		environ := inHSM(t, token)
		a := start(t, storeURL, protectedEcho, environ...)
		first := a.login(t, "admin", adminPassword)
		a.isIn(t, "signed in the HSM", first, true)
		header, _, _ := strings.Cut(first.Access, ".")
		if alg := segmentOf(t, header)["alg"]; alg != "ES256" {
			t.Errorf("signed with %v", alg)
		}
		if jwks := a.do(t, "GET", "/.well-known/jwks.json", "", "").body; !strings.Contains(jwks, kidOf(t, first.Access)) || !strings.Contains(jwks, `"P-256"`) {
			t.Errorf("published: %s", jwks)
		}
		if n := token.Objects(t); n != 3 { // the master key, and both halves of the one that signs
			t.Errorf("%d objects in the token", n)
		}
		if strings.HasPrefix(storeURL, "sqlite") && isThere(strings.TrimPrefix(storeURL, "sqlite://")+".key") {
			t.Error("there is a key file beside the database")
		}
		wrappedByHSM(t, storeURL, "hsm:"+token.Label)

		next := a.command(t, "", "key", "rotate", "--now")["id"].(string)
		eventually(t, "the next key signs", func() bool { return kidOf(t, a.login(t, "admin", adminPassword).Access) == next })
		second := a.login(t, "admin", adminPassword)
		a.isIn(t, "signed by the key of before", first, true)
		a.command(t, "", "key", "revoke", kidOf(t, first.Access))
		eventually(t, "what the revoked key has signed is refused", func() bool {
			return a.do(t, "GET", "/x", first.Access, "").status == http.StatusUnauthorized
		})
		if n := token.Objects(t); n != 3 {
			t.Errorf("%d objects in the token after the first key was revoked", n)
		}
		a.kill(t)
		again := start(t, storeURL, protectedEcho, environ...)
		again.isIn(t, "after a restart", second, true)
		again.isIn(t, "after a restart, refreshed", again.refreshed(t, second.Refresh), true)
		said := a.stdout.String() + a.stderr.String() + again.stderr.String() + again.run(t, 0, "check") + again.run(t, 0, "key", "list")
		if strings.Contains(said, token.PIN) {
			t.Error("the PIN was told")
		}
		if !strings.Contains(again.run(t, 0, "check"), "valid") {
			t.Error("the configuration is not found good")
		}
	})
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// wrappedByHSM checks what the data keys of a database are wrapped by.
func wrappedByHSM(t *testing.T, storeURL, want string) {
	t.Helper()
	db, err := store.Open(t.Context(), storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keys, err := db.ListDataKeys(t.Context())
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d data keys, %v", len(keys), err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key.Master, want) {
			t.Errorf("a data key is wrapped by %s, want %s", key.Master, want)
		}
	}
}

// Without its HSM the server checks tokens and signs nobody in; when the HSM is back it does again, by itself.
func TestHSMPulledOut(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		token := hsmtest.New(t)
		environ := inHSM(t, token)
		a := start(t, storeURL, protectedEcho, environ...)
		pair := a.login(t, "admin", adminPassword)
		for range 2 {
			token.Remove(t)
			eventually(t, "logins are refused", func() bool { return a.loginStatus(t, "admin", adminPassword) == http.StatusServiceUnavailable })
			a.isIn(t, "without the HSM", pair, true)
			refused := a.refresh(t, pair.Refresh)
			if refused.status != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" || strings.Contains(refused.body, "HSM") {
				t.Errorf("a refresh without the HSM: %d %v %s", refused.status, refused.header, refused.body)
			}
			if status, text := a.ready(t); status != http.StatusOK || a.metric(t, "authly_hsm_available") != 0 {
				t.Errorf("/readyz without the HSM: %d %s", status, text)
			}
			if jwks := a.do(t, "GET", "/.well-known/jwks.json", "", ""); !strings.Contains(jwks.body, kidOf(t, pair.Access)) {
				t.Errorf("published without the HSM: %s", jwks.body)
			}
			if !strings.Contains(a.run(t, 0, "key", "list"), "active") {
				t.Error("keys cannot be listed")
			}
			token.PutBack(t)
			eventually(t, "logins work again", func() bool { return a.loginStatus(t, "admin", adminPassword) == http.StatusOK })
			pair = a.refreshed(t, pair.Refresh)
			if a.metric(t, "authly_hsm_available") != 1 {
				t.Error("the metric says that the HSM is away")
			}
		}
		// Once each time, and not with every login; a machine that is very slow may make it look away once more.
		told := a.stderr.String()
		if away := strings.Count(told, "the HSM is away"); away < 2 || away > 4 || strings.Count(told, "the HSM is back") != away {
			t.Errorf("told: %s", told)
		}
		token.Remove(t)
		late := launch(t, storeURL, protectedEcho, environ...)
		if status := late.await(t); status != 1 || !strings.Contains(late.stderr.String(), "authly: the HSM is not at hand: keys.pkcs11.") {
			t.Errorf("a start without the HSM: %d %s", status, late.stderr)
		}
		id := kidOf(t, pair.Access)
		a.run(t, 0, "key", "revoke", id) // it was stolen: that the HSM is away must not matter
		eventually(t, "what it has signed is refused", func() bool { return a.do(t, "GET", "/x", pair.Access, "").status == http.StatusUnauthorized })
		token.PutBack(t)
		eventually(t, "another key signs", func() bool { return a.loginStatus(t, "admin", adminPassword) == http.StatusOK })
		if other := kidOf(t, a.login(t, "admin", adminPassword).Access); other == id {
			t.Error("the revoked key signs")
		}
	})
}

// An HSM that does not answer holds up nobody who has a token.
func TestHSMSilent(t *testing.T) {
	faulty := hsmtest.NewFaulty(t)
	a := start(t, sqliteURL(t), protectedEcho, inHSM(t, faulty.Token, faulty.Environ()...)...)
	pair := a.login(t, "admin", adminPassword)
	before := faulty.Calls(t, "C_Sign")
	faulty.Block(t, "C_Sign")
	var logins sync.WaitGroup
	statuses := make([]int, 12) // more than there are sessions
	for i := range statuses {
		logins.Go(func() { statuses[i] = a.loginStatus(t, "admin", adminPassword) })
	}
	eventually(t, "logins wait in the HSM", func() bool { return faulty.Calls(t, "C_Sign") >= before+8 })
	for range 200 {
		if got := a.do(t, "GET", "/x", pair.Access, ""); got.status != http.StatusOK {
			t.Fatalf("a request beside them: %d", got.status)
		}
	}
	logins.Wait() // they are told when the HSM's time is over
	for _, status := range statuses {
		if status != http.StatusServiceUnavailable {
			t.Errorf("a login at a silent HSM: %d", status)
		}
	}
	faulty.Unblock(t, "C_Sign")
	eventually(t, "logins work again", func() bool { return a.loginStatus(t, "admin", adminPassword) == http.StatusOK })
}

// What is wrong is told at the start, by one line that does not hold the PIN; and a wrong PIN is tried once.
func TestHSMDoesNotStart(t *testing.T) {
	faulty := hsmtest.NewFaulty(t)
	good := inHSM(t, faulty.Token, faulty.Environ()...)
	for _, c := range []struct{ set, told string }{
		{"AUTHLY_KEYS_PKCS11_PIN=marked-word", "refuses keys.pkcs11.pin"},
		{"AUTHLY_KEYS_PKCS11_MODULE=/nowhere.so", "there is no file /nowhere.so"},
		{"AUTHLY_KEYS_PKCS11_TOKEN_LABEL=other", `there is no token \"other\"`},
		{"AUTHLY_TOKENS_ALGORITHM=EdDSA", "an HSM signs with ES256, RS256 or PS256"},
	} {
		environ := good
		if strings.Contains(c.set, "PIN=") {
			environ = good[:len(good)-1] // without the file
		}
		a := launch(t, sqliteURL(t), protectedEcho, append(environ, c.set)...)
		status := a.await(t)
		told := strings.ReplaceAll(a.stderr.String(), `"`, `\"`)
		if status == 0 || !strings.Contains(told, c.told) || strings.Contains(told, "marked-word") || strings.Contains(told, faulty.PIN) {
			t.Errorf("%s: %d %s", c.set, status, told)
		}
	}
	if tries := faulty.Calls(t, "C_Login"); tries != 1 {
		t.Errorf("the wrong PIN was tried %d times", tries)
	}
}

// An HSM takes the place of the key file that SQLite has otherwise, without anybody's doing.
func TestHSMAfterKeyFile(t *testing.T) {
	storeURL, token := sqliteURL(t), hsmtest.New(t)
	file := start(t, storeURL, protectedEcho)
	pair := file.login(t, "admin", adminPassword)
	file.kill(t)
	for range 2 {
		a := start(t, storeURL, protectedEcho, inHSM(t, token)...)
		a.isIn(t, "in the HSM", pair, true)
		wrappedByHSM(t, storeURL, "hsm:"+token.Label)
		a.kill(t)
		if err := os.RemoveAll(strings.TrimPrefix(storeURL, "sqlite://") + ".key"); err != nil { // nothing needs it now
			t.Fatal(err)
		}
	}
}

// The master key moves into the HSM and out of it again, and so do the keys that sign; nobody is logged out.
func TestHSMMovesInAndOut(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		token := hsmtest.New(t)
		const es256 = "AUTHLY_TOKENS_ALGORITHM=ES256"
		outside := start(t, storeURL, protectedEcho, es256, "AUTHLY_MASTER_KEY="+masterKey)
		pair := outside.login(t, "admin", adminPassword)
		outside.kill(t)

		inside := start(t, storeURL, protectedEcho, inHSM(t, token, "AUTHLY_MASTER_KEY_PREVIOUS="+masterKey)...)
		inside.isIn(t, "in the HSM", pair, true)
		inside.run(t, 0, "key", "rotate-master")
		wrappedByHSM(t, storeURL, "hsm:"+token.Label)
		inside.command(t, "", "key", "rotate", "--now")
		inside.kill(t)
		alone := start(t, storeURL, protectedEcho, inHSM(t, token)...)
		alone.isIn(t, "with the HSM alone", pair, true)
		signedInside := alone.login(t, "admin", adminPassword)
		alone.kill(t)

		both := start(t, storeURL, protectedEcho, inHSM(t, token, "AUTHLY_MASTER_KEY="+anotherKey)...)
		both.run(t, 0, "key", "rotate-master")
		wrappedByHSM(t, storeURL, "master:")
		both.kill(t)
		without := start(t, storeURL, protectedEcho, es256, "AUTHLY_MASTER_KEY="+anotherKey)
		without.isIn(t, "without the HSM", pair, true)
		without.isIn(t, "without the HSM, signed there", signedInside, true)
		without.isIn(t, "without the HSM, signed now", without.login(t, "admin", adminPassword), true)
	})
}
