package store_test

import (
	"context"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Database {
		return database("sqlite://" + filepath.Join(t.TempDir(), "authly.db"))
	})
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.Run(t, inMode(t, ""))
}

// A pooler that gives every transaction another session cannot keep prepared statements. This one is also asked by the role of
// examples/postgres that may read and write rows and no more, which shows in every promise that it is enough.
func TestPostgreSQLExec(t *testing.T) {
	t.Parallel()
	secure := storetest.SecurePostgres(t)
	owner, app := secure.Database(t)
	if _, err := store.Migrate(t.Context(), owner, store.Options{}); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, emptied(t, owner, func(ctx context.Context) (storetest.Store, error) {
		return store.Open(ctx, with(app, "default_query_exec_mode", "exec"), store.Options{KeepSchema: true})
	}))
}

// Under the simple protocol the driver writes values into the statement: what is quoted wrongly becomes SQL.
func TestPostgreSQLSimpleProtocol(t *testing.T) {
	t.Parallel()
	storetest.Run(t, inMode(t, "simple_protocol"))
}

// inMode opens a database that was migrated before, in a mode of the driver's.
func inMode(t *testing.T, mode string) func(t *testing.T) storetest.Database {
	url := storetest.PostgresURL(t)
	if _, err := store.Migrate(t.Context(), url, store.Options{}); err != nil {
		t.Fatal(err)
	}
	if mode == "" {
		return emptied(t, url, database(url))
	}
	return emptied(t, url, database(with(url, "default_query_exec_mode", mode)))
}

// emptied gives every case the same database, without what the case before has left.
func emptied(t *testing.T, owner string, db storetest.Database) func(t *testing.T) storetest.Database {
	e := storetest.NewEmptier(t, owner)
	return func(t *testing.T) storetest.Database {
		e.Empty(t)
		return db
	}
}

func database(url string) storetest.Database {
	return func(ctx context.Context) (storetest.Store, error) { return store.Open(ctx, url, store.Options{}) }
}

// with returns the database URL with a further parameter.
func with(database, name, value string) string {
	u, err := url.Parse(database)
	if err != nil {
		panic(err) // of storetest's own making
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}
