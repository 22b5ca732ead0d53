package store

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// Rows are all that the serving role can change, and it can do with them what Authly does.
func TestPostgresKeepsSchema(t *testing.T) {
	secure := storetest.SecurePostgres(t)
	owner, app := secure.Database(t)
	keep := Options{MaxConnections: 2, KeepSchema: true}
	wants := func(what, reason string) {
		t.Helper()
		s, err := Open(t.Context(), app, keep)
		if err == nil {
			_ = s.Close()
		}
		if reason == "" && err != nil || reason != "" && (err == nil || !strings.Contains(err.Error(), reason)) {
			t.Errorf("%s: %v, want %q", what, err, reason)
		}
	}
	wants("an empty database", "run authly migrate")
	if _, err := Migrate(t.Context(), app, Options{}); err == nil || !strings.Contains(err.Error(), "the role that owns the tables") {
		t.Errorf("a migration by the role that serves: %v", err)
	}
	for _, want := range []int64{0, SchemaVersion} {
		if found, err := Migrate(t.Context(), owner, keep); found != want || err != nil {
			t.Errorf("a migration found version %d, error %v; want %d", found, err, want)
		}
		wants("a good schema", "")
	}
	db, err := sql.Open("pgx", owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	version := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	version(`INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)`)
	wants("a newer schema", "was used by a newer version of Authly")
	version(`DELETE FROM schema_version WHERE version_id >= 7`)
	wants("an older schema", "run authly migrate of this version")
	version(`REVOKE SELECT ON schema_version FROM authly_app`)
	wants("no right to read", "permission denied")
}

// A file is not made where authly migrate is to make it.
func TestSQLiteKeepsSchema(t *testing.T) {
	database := "sqlite://" + t.TempDir() + "/authly.db"
	keep := Options{KeepSchema: true}
	refusedBy := func(what, reason string) {
		t.Helper()
		if _, err := Open(t.Context(), database, keep); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %q", what, err, reason)
		}
	}
	refusedBy("no file", "run authly migrate, which makes it")
	refusedBy("still no file", "does not exist")
	path := strings.TrimPrefix(database, "sqlite://")
	if err := createFile(path); err != nil {
		t.Fatal(err)
	}
	refusedBy("an empty file", "run authly migrate")
	for _, want := range []int64{0, SchemaVersion} {
		if found, err := Migrate(t.Context(), database, keep); found != want || err != nil {
			t.Errorf("a migration found version %d, error %v; want %d", found, err, want)
		}
		s, err := Open(t.Context(), database, keep)
		if err != nil {
			t.Fatal(err)
		}
		u := authn.User{ID: uuid.New(), Username: uuid.NewString(), EmailKey: uuid.NewString(), PasswordHash: "x", Active: true}
		if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	change := func(statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", sqliteDSN(path, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	change(`INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)`)
	refusedBy("a newer schema", "newer version of Authly")
	change(`DELETE FROM schema_version WHERE version_id >= 7`)
	refusedBy("an older schema", "run authly migrate of this version")
}
