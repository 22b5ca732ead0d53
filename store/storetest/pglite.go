package storetest

import (
	"testing"

	"github.com/descoped/authly/store/pgserver"
)

// PGliteURL returns the URL of a new, empty PostgreSQL that can have pgvector and serves one connection, until the test ends; see
// pgserver.StartPGlite. Without it the test fails.
func PGliteURL(t testing.TB) string {
	t.Helper()
	database, stop, err := pgserver.StartPGlite()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("PGlite: %v", err)
		}
	})
	return database.String()
}
