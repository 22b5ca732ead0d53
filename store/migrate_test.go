package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// Both databases take the same steps, numbered without a gap up to SchemaVersion.
func TestMigrationsAreNumbered(t *testing.T) {
	var folders [2][]string
	for i, folder := range []string{"migrations/sqlite", "migrations/postgres"} {
		entries, err := fs.ReadDir(migrations, folder)
		if err != nil {
			t.Fatal(err)
		}
		for j, entry := range entries {
			number, _, _ := strings.Cut(entry.Name(), "_")
			if n, err := strconv.Atoi(number); err != nil || n != j+1 || len(number) != 5 {
				t.Errorf("%s/%s: want number %05d", folder, entry.Name(), j+1)
			}
			folders[i] = append(folders[i], entry.Name())
		}
		if len(entries) != SchemaVersion {
			t.Errorf("%s has %d migrations and SchemaVersion is %d", folder, len(entries), SchemaVersion)
		}
	}
	if diff := cmp.Diff(folders[0], folders[1]); diff != "" {
		t.Errorf("the databases have different migrations:\n%s", diff)
	}
}

// A migration that fails halfway leaves nothing: not a table, and no version that was not reached.
func TestSQLiteMigrationIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authly.db")
	s := openFile(t, path)
	for _, statement := range []string{
		`DELETE FROM ` + versionTable + ` WHERE version_id > 0`, `DROP TABLE audit_events`, `DROP TABLE mails`, `DROP TABLE mail_tokens`, `DROP TABLE feed`, `DROP TABLE changes`,
		`DROP TABLE guesses`, `DROP TABLE known_clients`, `DROP TABLE salts`, `DROP TABLE sign_ins`, `DROP TABLE handovers`, `DROP TABLE cookies`,
		`DROP TABLE installation`,
		`DROP TABLE sessions`, `DROP TABLE keys`, `DROP TABLE data_keys`, `DROP TABLE tokens`, `DROP TABLE users`, `DROP TABLE guards`,
	} { // lockouts is in the way of the first migration
		if _, err := s.engine.writes.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), "sqlite://"+path, Options{}); err == nil {
		t.Fatal("a database with a table in the way was opened")
	}
	var tables int
	err := s.engine.reads.QueryRowContext(t.Context(),
		`SELECT count(*) FROM sqlite_schema WHERE name IN ('guards', 'users', 'tokens', 'keys', 'sessions')`).Scan(&tables)
	if err != nil || tables != 0 {
		t.Errorf("%d tables were left behind, error %v", tables, err)
	}
	if err := s.Ping(t.Context()); err == nil || errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("a ping without schema: got %v, want a fault", err)
	}
	if _, err := s.engine.writes.ExecContext(t.Context(), `DROP TABLE lockouts`); err != nil {
		t.Fatal(err)
	}
	if err := openFile(t, path).Ping(t.Context()); err != nil {
		t.Errorf("after the way was cleared: %v", err)
	}
}
