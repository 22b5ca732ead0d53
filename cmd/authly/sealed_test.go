package main_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// vault is a server that keeps one of everything that is secret, and what that is.
type vault struct {
	*authly
	storeURL string
	secrets  map[string]string // what they are, by the bytes that must be nowhere
	controls map[string]string // what must be found, or the search is wrong
}

// hide adds a secret in the ways in which bytes are written.
func (v *vault) hide(what string, secret []byte) {
	v.secrets[string(secret)] = what
	v.secrets[hex.EncodeToString(secret)] = what + " in hex"
	v.secrets[strings.ToUpper(hex.EncodeToString(secret))] = what + " in capital hex"
	v.secrets[strings.TrimRight(base64.StdEncoding.EncodeToString(secret), "=")] = what + " in base64"
	v.secrets[base64.RawURLEncoding.EncodeToString(secret)] = what + " in base64 for URLs"
}

// hideToken adds a token whole, and the part of it that nobody could guess.
func (v *vault) hideToken(what, token string) {
	v.hide(what, []byte(token))
	signature := token[strings.LastIndexByte(token, '.')+1:]
	v.secrets[signature] = "signature of a " + what
	if raw, err := base64.RawURLEncoding.DecodeString(signature); err == nil {
		v.hide("signature of a "+what, raw)
	}
}

// hideKey adds a signing key: as it is, what is secret in it, and as PEM.
func (v *vault) hideKey(what string, material []byte) {
	v.hide(what, material)
	v.hide("seed of a "+what, material[len(material)-32:])
	for text := base64.StdEncoding.EncodeToString(material); len(text) >= 32; text = text[min(64, len(text)):] {
		v.secrets[text[:min(64, len(text))]] = what + " in PEM"
	}
}

// fill has the server make one of everything.
func (v *vault) fill(t *testing.T, clientSecret string) {
	t.Helper()
	admin := v.login(t, "admin", adminPassword)
	v.register(t, admin, "alice", markedUser)
	alice := v.login(t, "alice", markedUser)
	next := v.refreshed(t, alice.Refresh)
	for what, token := range map[string]string{
		"access token": alice.Access, "refresh token": alice.Refresh, "next access token": next.Access, "next refresh token": next.Refresh,
	} {
		v.hideToken(what, token)
	}
	v.must(t, http.StatusCreated, "POST", "/users/", "", `{"username":"bob","email":"bob@example.com","password":"`+markedNew+`"}`)
	v.must(t, http.StatusAccepted, "POST", "/auth/password/forgot", "", `{"email":"alice@example.com"}`)
	v.must(t, http.StatusCreated, "POST", "/users/invitations", admin.Access, `{"email":"carol@example.com"}`)
	v.must(t, http.StatusOK, "POST", "/auth/introspect", "", "token="+next.Access, "Content-Type", "application/x-www-form-urlencoded",
		"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("billing:"+clientSecret)))
	for what, text := range map[string]string{
		"password": markedUser, "new password": markedNew, "administrator's password": adminPassword, "client's secret": clientSecret,
		"JWT secret": markedSecret, "JWT refresh secret": markedRefresh, "master key": masterKey, "other master key": anotherKey,
	} {
		v.hide(what, []byte(text))
	}
	for _, name := range []string{"alice", "bob@example.com", "carol@example.com", "$2a$04$"} {
		v.controls[name] = "what is not secret"
	}
}

// unlock opens all that is sealed, as who has the master key can, and so learns what must be nowhere else.
func (v *vault) unlock(t *testing.T, master secret.Wrapper) {
	t.Helper()
	db, err := store.Open(t.Context(), v.storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sealer := secret.NewSealer(secret.Config{Keys: db, Current: master, File: secret.NewKeyFile(db.File()+".key", true, nil), Now: time.Now})
	v.unlockKeys(t, master)
	mails, err := db.WaitingMails(t.Context(), uuid.Nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	tokens := 0
	for _, m := range mails {
		id := m.ID.String()
		at := authn.Cell{Table: "mails", Column: "body", Row: id, Of: "mail " + string(m.Kind) + " " + id + " " + m.To}
		body, err := sealer.Open(t.Context(), m.Body, m.Sealing, at)
		if err != nil {
			t.Fatal(err)
		}
		v.found("mail", m.Body)
		var mail struct{ Token string }
		if err := json.Unmarshal(body, &mail); err != nil {
			t.Fatal(err)
		}
		v.hide("mail of "+string(m.Kind), body)
		if mail.Token == "" {
			continue
		}
		tokens++
		v.secrets[mail.Token] = "token of " + string(m.Kind)
		raw, err := base64.RawURLEncoding.DecodeString(mail.Token)
		if err != nil {
			t.Fatal(err)
		}
		v.hide("token of "+string(m.Kind), raw)
	}
	if tokens < 3 {
		t.Fatalf("%d mailed tokens wait, want one to verify, one to reset and one to accept", tokens)
	}
}

func (v *vault) unlockKeys(t *testing.T, master secret.Wrapper) {
	t.Helper()
	plain, stored := materialOf(t, v.storeURL, master)
	if len(plain) < 4 {
		t.Fatalf("%d keys, want one of each purpose", len(plain))
	}
	for id, material := range plain {
		v.hideKey("signing key", material)
		v.found("key", stored[id])
	}
}

// found adds what is kept as it is: the search must find it, raw or in hex.
func (v *vault) found(what string, sealed []byte) { v.controls[string(sealed)] = "sealed " + what }

// search looks for all that is secret in what is on disk, and for what is not.
func (v *vault) search(t *testing.T, where, disk string) {
	t.Helper()
	for text, what := range v.secrets {
		if strings.Contains(disk, text) {
			t.Errorf("%s: a %s is there", where, what)
		}
	}
	if strings.Contains(disk, "PRIVATE KEY") || strings.Contains(disk, "marked-") {
		t.Errorf("%s: a key or a password is there", where)
	}
	for text, what := range v.controls {
		if !strings.Contains(disk, text) && !strings.Contains(disk, hex.EncodeToString([]byte(text))) {
			t.Errorf("%s: %s is not found: the search is wrong", where, what)
		}
	}
}

// searchAll looks in every file of the database, and in what backups hold.
func (v *vault) searchAll(t *testing.T) {
	t.Helper()
	if path, ok := strings.CutPrefix(v.storeURL, "sqlite://"); ok {
		v.search(t, "the database file and its log", filesOf(t, path+"*", func(name string) bool { return !strings.Contains(name, ".key") }))
		return
	}
	v.search(t, "the dump", storetest.DumpPostgres(t, v.storeURL))
	if folder := storetest.PostgresData(t); folder != "" {
		v.search(t, "the server's files", filesBelow(t, folder))
	}
}

func filesOf(t *testing.T, pattern string, counts func(name string) bool) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	var all strings.Builder
	for _, file := range files {
		if !counts(filepath.Base(file)) {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

// filesBelow returns the tables and the log of a PostgreSQL server, which may remove files meanwhile.
func filesBelow(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	for _, part := range []string{"base", "pg_wal"} {
		err := filepath.WalkDir(filepath.Join(folder, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return nil
			}
			content, err := os.ReadFile(path)
			if err == nil {
				all.Write(content)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// Nothing secret is in a copy of the database, of its files or of a backup, before the master key is replaced and after; and then
// nothing that the one of before could open.
func TestNothingSecretIsOnDisk(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		const clientSecret = "marked-secret-of-the-program-billing"
		hash, err := bcrypt.GenerateFromPassword([]byte(clientSecret), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		configuration := fmt.Sprintf("clients: [{id: billing, secret_hash: %q}]\nroutes: [{name: rest, paths: [/*], allow: authenticated, "+
			"assertion: true, upstream: \"echo:\"}]\ntokens: {encrypted_claims: [email]}\n", hash)
		a := start(t, storeURL, configuration, "JWT_SECRET_KEY_PREVIOUS="+markedSecret, "JWT_REFRESH_SECRET_KEY_PREVIOUS="+markedRefresh,
			"AUTHLY_MAIL_URL=smtp://127.0.0.1:1", "AUTHLY_MAIL_FROM=a@example.com", "AUTHLY_LIMITS_MAIL={requests: 0, per: 1m}")
		v := &vault{authly: a, storeURL: storeURL, secrets: map[string]string{}, controls: map[string]string{}}
		v.fill(t, clientSecret)
		var master secret.Wrapper // nil: of the key file
		if !strings.HasPrefix(storeURL, "sqlite:") {
			master = masterOf(t, masterKey)
		}
		v.unlock(t, master)
		v.hideMaster(t)
		v.searchAll(t)

		wrapped := v.dataKeys(t)
		if master != nil {
			v.process.Env = append(v.process.Env, "AUTHLY_MASTER_KEY="+anotherKey, "AUTHLY_MASTER_KEY_PREVIOUS="+masterKey)
			master = masterOf(t, anotherKey)
		}
		v.command(t, "", "key", "rotate-master")
		v.hideMaster(t)
		v.controls = map[string]string{"alice": "what is not secret"} // nothing is sealed as it was
		v.unlock(t, master)
		for _, key := range wrapped {
			if strings.HasPrefix(storeURL, "sqlite:") { // PostgreSQL keeps its log for a while
				v.hide("data key that the master key of before has wrapped", key.Wrapped)
			} else if strings.Contains(storetest.DumpPostgres(t, storeURL), hex.EncodeToString(key.Wrapped)) {
				t.Error("the dump has a data key that the master key of before has wrapped")
			}
		}
		v.searchAll(t)
	})
}

// hideMaster adds the master key in the key file, if there is one.
func (v *vault) hideMaster(t *testing.T) {
	t.Helper()
	path, isSQLite := strings.CutPrefix(v.storeURL, "sqlite://")
	if !isSQLite {
		return
	}
	content, err := os.ReadFile(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSuffix(string(content), "\n")
	v.hide("master key of the file", []byte(key))
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	v.hide("master key of the file, decoded", raw)
}

func (v *vault) dataKeys(t *testing.T) []authn.DataKey {
	t.Helper()
	db, err := store.Open(t.Context(), v.storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keys, err := db.ListDataKeys(t.Context())
	if err != nil || len(keys) == 0 {
		t.Fatalf("data keys %v, error %v", keys, err)
	}
	return keys
}
