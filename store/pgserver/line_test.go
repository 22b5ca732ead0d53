package pgserver

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A line that is cut at a commit is what a client must be ready for: the commit was made or it was not, and nobody says which.
func TestLine(t *testing.T) {
	server, err := Start(Config{})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	database, _, err := CreateDatabase(t.Context(), server.Admin(), server.Owner())
	must(t, err)
	direct, err := pgx.Connect(t.Context(), database.String())
	must(t, err)
	for _, tt := range []struct {
		name     string
		verdict  Verdict
		answered bool
		rows     int
	}{{"pass", Pass, true, 1}, {"cut", Cut, false, 0}, {"cut answer", CutAnswer, false, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := direct.Exec(t.Context(), `DROP TABLE IF EXISTS kept; CREATE TABLE kept (n integer)`)
			must(t, err)
			var inserts int
			line, err := NewLine(database, func(m Message) Verdict {
				if strings.HasPrefix(m.Statement(), "INSERT") {
					inserts++
				}
				if strings.EqualFold(m.Statement(), "commit") {
					return tt.verdict
				}
				return Pass
			})
			must(t, err)
			defer func() { must(t, line.Close()) }()
			conn, err := pgx.Connect(t.Context(), line.URL().String())
			must(t, err)
			tx, err := conn.Begin(t.Context())
			must(t, err)
			_, err = tx.Exec(t.Context(), `INSERT INTO kept VALUES ($1)`, 1)
			must(t, err)
			if err := tx.Commit(t.Context()); (err == nil) != tt.answered {
				t.Errorf("commit: %v", err)
			}
			var rows int
			must(t, direct.QueryRow(t.Context(), `SELECT count(*) FROM kept`).Scan(&rows))
			if rows != tt.rows || inserts != 1 {
				t.Errorf("%d rows, want %d; %d inserts seen, want 1", rows, tt.rows, inserts)
			}
		})
	}
}
