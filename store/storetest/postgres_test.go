package storetest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// Tests must not see each other's data.
func TestPostgresURLGivesEachTestADatabase(t *testing.T) {
	if one, two := PostgresURL(t), PostgresURL(t); one == two {
		t.Error("two tests got one database")
	} else {
		for _, database := range []string{one, two} {
			conn, err := pgx.Connect(t.Context(), database)
			must(t, err)
			must(t, conn.Close(t.Context()))
		}
	}
}
