// Package fill puts as much into a database at once as years of use would, so that measurements need not wait for them.
//
// It writes what package store keeps, into tables that authly has made: whoever changes those changes this too, and a test
// holds what was written against a real Store. What it writes is made of numbers: user i has always the same name and id.
package fill

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver
)

// Database is a database that is filled.
type Database struct {
	insert func(ctx context.Context, t table) error
	tidy   func(ctx context.Context) error
	close  func(ctx context.Context) error
}

// table is what goes into one table.
type table struct {
	name    string
	columns []string
	rows    int
	row     func(i int) []any
}

// Open opens a database by its URL: sqlite://FILE, or postgres://…. Close it before who else works on it is measured.
func Open(ctx context.Context, database string) (*Database, error) {
	if file, ok := strings.CutPrefix(database, "sqlite://"); ok {
		return openSQLite(file)
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	return &Database{
		insert: func(ctx context.Context, t table) error {
			rows := pgx.CopyFromSlice(t.rows, func(i int) ([]any, error) { return t.row(i), nil })
			_, err := conn.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, rows)
			return err
		},
		tidy: func(ctx context.Context) error {
			_, err := conn.Exec(ctx, `VACUUM ANALYZE`) // as autovacuum would have done
			return err
		},
		close: conn.Close,
	}, nil
}

func openSQLite(file string) (*Database, error) {
	// Nobody else is there yet, and nothing is lost that could not be made again: half a gigabyte of cache, and no waiting for
	// the disk.
	source := url.URL{Scheme: "file", Opaque: file, RawQuery: "mode=rw&_pragma=busy_timeout(10000)&_txlock=immediate" +
		"&_pragma=cache_size(-524288)&_pragma=synchronous(0)"}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &Database{
		insert: func(ctx context.Context, t table) error { return insertSQLite(ctx, db, t) },
		tidy: func(ctx context.Context) error {
			_, err := db.ExecContext(ctx, `PRAGMA optimize`)
			return err
		},
		close: func(context.Context) error { return db.Close() },
	}, nil
}

func insertSQLite(ctx context.Context, db *sql.DB, t table) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after a commit
	places := strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ")
	statement, err := tx.PrepareContext(ctx,
		fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, t.name, strings.Join(t.columns, ", "), places))
	if err != nil {
		return err
	}
	defer statement.Close()
	for i := range t.rows {
		if _, err := statement.ExecContext(ctx, t.row(i)...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Close ends the connection, the statistics of the database being up to date.
func (d *Database) Close(ctx context.Context) error {
	if err := d.tidy(ctx); err != nil {
		_ = d.close(ctx) // the first error says more
		return err
	}
	return d.close(ctx)
}

// id makes one of a kind and a number: always the same, and spread as random ones are.
func id(kind string, i int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s %d", kind, i))
}
