package store

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/descoped/authly/store/storetest"
)

// fromVersion runs a test on both databases as migration number version left them; upgrade opens them as this version does.
func fromVersion(t *testing.T, version int64, test func(t *testing.T, db *sql.DB, upgrade func() *Store)) {
	file := filepath.Join(t.TempDir(), "authly.db")
	if err := createFile(file); err != nil {
		t.Fatal(err)
	}
	database := storetest.PostgresURL(t)
	for name, c := range map[string]struct {
		dialect             goose.Dialect
		driver, source, url string
	}{
		"sqlite":   {goose.DialectSQLite3, "sqlite", sqliteDSN(file, time.Second), "sqlite://" + file},
		"postgres": {goose.DialectPostgres, "pgx", database, database},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open(c.driver, c.source)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			migrateTo(t, c.dialect, db, "migrations/"+name, version)
			test(t, db, func() *Store {
				s, err := Open(t.Context(), c.url, Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			})
		})
	}
}

func migrateTo(t *testing.T, dialect goose.Dialect, db *sql.DB, folder string, version int64) {
	t.Helper()
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(dialect, db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}
