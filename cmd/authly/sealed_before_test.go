package main_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// sealedDirectly seals as versions did before there were data keys: with the master key itself.
func sealedDirectly(t *testing.T, master, material []byte, bound string) (sealed []byte, sealing string) {
	t.Helper()
	key, err := hkdf.Key(sha256.New, master, nil, "authly: seal signing keys", 32)
	if err != nil {
		t.Fatal(err)
	}
	mark, err := hkdf.Key(sha256.New, master, nil, "authly: name of what seals", 8)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(nil, nil, material, []byte(bound)), "master:" + hex.EncodeToString(mark)
}

// asBefore makes a database what a version before there were data keys has left: its keys sealed with a master key itself, or as
// they are without one. It returns what they are made of, and what somebody finds who has the database.
func asBefore(t *testing.T, storeURL string, master []byte) (plain map[string][]byte) {
	t.Helper()
	var at secret.Wrapper
	if !strings.HasPrefix(storeURL, "sqlite:") {
		at = masterOf(t, masterKey)
	}
	plain, _ = materialOf(t, storeURL, at)
	disk, err := store.Open(t.Context(), storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	keys, err := disk.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, _ := sqlOf(t, storeURL)
	for _, key := range keys {
		material, sealing := plain[key.ID], ""
		if master != nil {
			material, sealing = sealedDirectly(t, master, material, string(key.Purpose)+" "+key.Algorithm+" "+key.ID)
		}
		update(t, db, `UPDATE keys SET material = $1, sealing = $2, data_key = NULL WHERE id = $3`, material, sealing, key.ID)
	}
	update(t, db, `UPDATE mails SET data_key = NULL`)
	update(t, db, `DELETE FROM mails`)
	update(t, db, `DELETE FROM data_keys`)
	return plain
}

func update(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// What a version of before has left, sealed otherwise or not at all, is sealed at the start, while a replica goes on that has not
// been replaced yet; and then it is not on disk any more as it was.
func TestRowsOfBeforeAreSealed(t *testing.T) {
	t.Parallel()
	for name, master := range map[string][]byte{"open": nil, "sealed directly": []byte(masterKey)} {
		t.Run(name, func(t *testing.T) {
			onBothDatabases(t, func(t *testing.T, storeURL string) {
				running := start(t, storeURL, protectedEcho)
				pair := running.login(t, "admin", adminPassword)
				plain := asBefore(t, storeURL, master)
				if disk := onDisk(t, storeURL); master == nil {
					for id, material := range plain {
						if !isOn(disk, material) {
							t.Fatalf("key %s is not found as it is: the search is wrong", id)
						}
					}
				}
				if master != nil { // which nobody may take for lost
					refusesToStart(t, storeURL, "keys.master_key", "AUTHLY_MASTER_KEY="+anotherKey)
				}
				next := start(t, storeURL, protectedEcho, "AUTHLY_MASTER_KEY="+masterKey)
				after, stored := materialOf(t, storeURL, masterOf(t, masterKey))
				if !maps.EqualFunc(plain, after, bytes.Equal) {
					t.Error("the keys are others")
				}
				keysAreSealed(t, onDisk(t, storeURL), after, stored)
				next.isIn(t, "signed before", pair, true)
				running.isIn(t, "signed after", next.login(t, "admin", adminPassword), true)
			})
		})
	}
}

// onDisk is what somebody gets who gets a copy of the database.
func onDisk(t *testing.T, storeURL string) string {
	t.Helper()
	if path, ok := strings.CutPrefix(storeURL, "sqlite://"); ok {
		return filesOf(t, path+"*", func(name string) bool { return !strings.Contains(name, ".key") })
	}
	return storetest.DumpPostgres(t, storeURL)
}

// A copied row, a swapped column, a cut one: what was exchanged in the database stops the start, and a server that runs goes on
// with what it has.
func TestExchangedRowsDoNotOpen(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		running := start(t, storeURL, protectedEcho)
		pair := running.login(t, "admin", adminPassword)
		running.must(t, http.StatusAccepted, "POST", "/auth/password/forgot", "", `{"email":"admin@example.com"}`)
		db, _ := sqlOf(t, storeURL)
		exchange := func(what, statement string) {
			t.Helper()
			update(t, db, `CREATE TABLE kept AS SELECT * FROM keys`)
			update(t, db, statement)
			if said := refusesToStart(t, storeURL, "damaged or exchanged"); !strings.Contains(said, "a signing key cannot be opened: ") {
				t.Errorf("%s: it is not said which key: %s", what, said)
			}
			update(t, db, `UPDATE keys SET material = (SELECT material FROM kept WHERE kept.id = keys.id),
				purpose = (SELECT purpose FROM kept WHERE kept.id = keys.id)`)
			update(t, db, `DROP TABLE kept`)
		}
		exchange("a copied row", `UPDATE keys SET material = (SELECT material FROM kept WHERE purpose = 'refresh') WHERE purpose = 'access'`)
		exchange("a cut one", `UPDATE keys SET material = substr(material, 1, 40) WHERE purpose = 'access'`)
		exchange("the data key in its place", `UPDATE keys SET material = (SELECT wrapped FROM data_keys) WHERE purpose = 'access'`)
		exchange("another purpose", `UPDATE keys SET purpose = CASE purpose WHEN 'access' THEN 'assertion' ELSE purpose END`)
		start(t, storeURL, protectedEcho).isIn(t, "with everything as it was", pair, true)
		running.isIn(t, "at the server that was running", pair, true)
	})
}

// A wrong master key ends the start with one error, and everything is as it was.
func TestWrongMasterKeyChangesNothing(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		a := start(t, storeURL, protectedEcho, "AUTHLY_MASTER_KEY="+masterKey)
		pair := a.login(t, "admin", adminPassword)
		a.must(t, http.StatusAccepted, "POST", "/auth/password/forgot", "", `{"email":"admin@example.com"}`)
		a.kill(t)
		before := rowsOf(t, storeURL)
		if len(before) < 10 {
			t.Fatalf("%d rows", len(before))
		}
		for _, environ := range [][]string{
			{"AUTHLY_MASTER_KEY=" + anotherKey},
			{"AUTHLY_MASTER_KEY=" + anotherKey, "JWT_SECRET_KEY=" + accessSecret, "JWT_REFRESH_SECRET_KEY=" + refreshSecret},
			{"AUTHLY_KEYS_MASTER_KEY_FILE=" + t.TempDir() + "/another.key"},
			{"WITHOUT_MASTER_KEY=1"},
		} {
			said := refusesToStart(t, storeURL, "keys.master_key", environ...)
			if n := strings.Count(said, "\nauthly: ") + strings.Count(said[:8], "authly: "); n != 1 {
				t.Errorf("%d errors, want one: %s", n, said)
			}
			if !slices.Equal(before, rowsOf(t, storeURL)) {
				t.Errorf("%s: the database is not as it was", environ)
			}
		}
		start(t, storeURL, protectedEcho, "AUTHLY_MASTER_KEY="+masterKey).isIn(t, "with the right one", pair, true)
	})
}

// rowsOf returns every row of every table, in the order of tables and then as text.
func rowsOf(t *testing.T, storeURL string) (all []string) {
	t.Helper()
	db, postgres := sqlOf(t, storeURL)
	tables := `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
	if postgres {
		tables = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`
	}
	for _, table := range textsOf(t, db, tables) {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		var some []string
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			some = append(some, fmt.Sprintf("%s %v", table, values))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
		slices.Sort(some)
		all = append(all, some...)
	}
	return all
}

func textsOf(t *testing.T, db *sql.DB, query string) (texts []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}
