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
	storetest.Run(t, copies(t, ""))
}

// A pooler that gives every transaction another session cannot keep prepared statements. This one is also asked by the role of
// examples/postgres that may read and write rows and no more, which shows in every promise that it is enough.
func TestPostgreSQLExec(t *testing.T) {
	t.Parallel()
	secure := storetest.SecurePostgres(t)
	owner, _ := secure.Database(t)
	if _, err := store.Migrate(t.Context(), owner, store.Options{}); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T) storetest.Database {
		url := with(secure.Copy(t, owner), "default_query_exec_mode", "exec")
		return func(ctx context.Context) (storetest.Store, error) {
			return store.Open(ctx, url, store.Options{KeepSchema: true})
		}
	})
}

// Under the simple protocol the driver writes values into the statement: what is quoted wrongly becomes SQL.
func TestPostgreSQLSimpleProtocol(t *testing.T) {
	t.Parallel()
	storetest.Run(t, copies(t, "simple_protocol"))
}

// copies makes copies of a database that was opened once, and so migrated, in the mode in which all of them are used.
func copies(t *testing.T, mode string) func(t *testing.T) storetest.Database {
	original := storetest.PostgresURL(t)
	in := func(url string) storetest.Database {
		if mode == "" {
			return database(url)
		}
		return database(with(url, "default_query_exec_mode", mode))
	}
	s, err := in(original)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) storetest.Database { return in(storetest.CopyPostgres(t, original)) }
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
