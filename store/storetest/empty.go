package storetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Emptier gives out one PostgreSQL database again and again, empty each time: another one consists of a thousand files.
type Emptier struct{ conn *pgx.Conn }

// NewEmptier makes note of what is in a migrated database that nobody has used, until the test ends. owner is its URL, for the
// role that owns it.
func NewEmptier(t testing.TB, owner string) *Emptier {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	e := &Emptier{conn}
	e.execute(t, `CREATE SCHEMA seed`)
	e.eachTable(t, `CREATE TABLE seed.%1$I AS TABLE %1$I`)
	return e
}

// Empty puts into the database what was in it at first, and nothing else. Nobody else may be in a transaction. Few rows are
// sooner deleted than tables are truncated, which makes files anew.
func (e *Emptier) Empty(t testing.TB) {
	t.Helper()
	for _, sealed := range []string{"keys", "mails"} { // no data key goes before what is sealed with it
		e.execute(t, `DELETE FROM `+sealed)
	}
	e.eachTable(t, `DELETE FROM %1$I`)
	e.eachTable(t, `INSERT INTO %1$I OVERRIDING SYSTEM VALUE SELECT * FROM seed.%1$I`)
	e.execute(t, `DO $$ DECLARE name TEXT; BEGIN
		FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema() AND sequencename <> 'schema_version_id_seq' LOOP
			EXECUTE format('ALTER SEQUENCE %I RESTART', name);
		END LOOP; END $$`)
}

// eachTable runs a statement on every table.
func (e *Emptier) eachTable(t testing.TB, statement string) {
	t.Helper()
	e.execute(t, `DO $$ DECLARE name TEXT; BEGIN
		FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
			EXECUTE format('`+statement+`', name);
		END LOOP; END $$`)
}

func (e *Emptier) execute(t testing.TB, statement string) {
	t.Helper()
	if _, err := e.conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
