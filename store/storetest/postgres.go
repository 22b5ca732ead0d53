package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresURL returns the URL of a new, empty database that is dropped when the test ends.
//
// It is on a server that the process starts on first use from the installed binaries (in PATH or where Debian, Ubuntu, Red
// Hat and their kin put them), on a port of 127.0.0.1 and a socket in a temporary folder, and that ends with the process,
// however that ends. The role in the URL owns the database and has no other right. The server's commits are not synced to
// disk (fsync=off), which makes tests quick and does not change what a client sees.
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
	name := "authly_test_" + strings.ToLower(rand.Text())
	createDatabase(t, admin, name, owner.User.Username())
	t.Cleanup(func() { adminExec(t, admin, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`) })
	database := *owner
	database.Path = "/" + name
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
	return server.url("postgres"), server.url(ownerRole), nil
}

// startOnce starts the server of this process, or returns the one that it started before.
var startOnce = sync.OnceValues(startServer)

func createDatabase(t testing.TB, admin *url.URL, name, owner string) {
	t.Helper()
	adminExec(t, admin, `CREATE DATABASE `+name+` OWNER `+pgx.Identifier{owner}.Sanitize()+` TEMPLATE template0 ENCODING 'UTF8'`)
}

// adminExec runs one statement as the one who may make databases. It has its own context: t's has ended when it cleans up.
func adminExec(t testing.TB, admin *url.URL, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin.String())
	if err != nil {
		t.Fatalf("connecting to the PostgreSQL server of the tests: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("the PostgreSQL server of the tests: %v", err)
	}
}
