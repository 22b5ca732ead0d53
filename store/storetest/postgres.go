package storetest

import (
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/descoped/authly/store/pgserver"
)

// PostgresURL returns the URL of a new, empty database that is dropped when the test ends.
//
// It is on a server that the process starts on first use and that ends with it; see pgserver. The role in the URL owns the
// database and has no other right. The server is kept in memory where there is enough of it, and its commits are not synced
// to disk, which makes tests quick and does not change what a client sees.
//
// Where AUTHLY_TEST_POSTGRES_URL names a server that asks for passwords, databases are made on that one instead; its role needs
// CREATEDB, and ought to have no other right.
//
// Without a server the test fails: a test that skips itself proves nothing.
func PostgresURL(t testing.TB) string {
	t.Helper()
	admin, owner, err := sharedPostgres()
	if err != nil {
		t.Fatalf("no PostgreSQL to test with: %v", err)
	}
	database, drop, err := pgserver.CreateDatabase(t.Context(), admin, owner)
	if err != nil {
		t.Fatalf("the PostgreSQL server of the tests: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("the PostgreSQL server of the tests: %v", err)
		}
	})
	return database.String()
}

// sharedPostgres returns the URL of who may make databases, and that of who shall own them. The server is the one thing that
// tests share: to start one takes seconds.
func sharedPostgres() (admin, owner *url.URL, err error) {
	if given := os.Getenv("AUTHLY_TEST_POSTGRES_URL"); given != "" {
		u, err := url.Parse(given)
		if err != nil {
			return nil, nil, fmt.Errorf("AUTHLY_TEST_POSTGRES_URL is no URL")
		}
		return u, u, nil
	}
	server, err := startOnce()
	if err != nil {
		return nil, nil, err
	}
	return server.Admin(), server.Owner(), nil
}

// startOnce starts the server of this process, or returns the one that it started before.
var startOnce = sync.OnceValues(func() (*pgserver.Server, error) { return pgserver.Start(pgserver.Config{}) })
