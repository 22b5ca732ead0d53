package storetest

import (
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/descoped/authly/store/pgserver"
)

// DumpPostgres returns what pg_dump makes of a database of PostgresURL.
func DumpPostgres(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal("the URL of the database to dump is no URL")
	}
	dump, err := pgserver.Dump(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return string(dump)
}

// PostgresData returns the folder of the server's files, in which all that was committed is; empty where the server is not one that
// the tests have started.
func PostgresData(t testing.TB) (folder string) {
	t.Helper()
	if os.Getenv("AUTHLY_TEST_POSTGRES_URL") != "" {
		return ""
	}
	server, err := startOnce()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), server.Admin().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `CHECKPOINT`); err != nil {
		t.Fatal(err)
	}
	return server.Data()
}
