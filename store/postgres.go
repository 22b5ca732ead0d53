package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// openPostgres opens a pool of connections. Nothing here depends on what a session remembers, so that it works through a
// pooler that gives every transaction another session: no session settings, no session locks, and prepared statements only as
// the URL's default_query_exec_mode says.
func openPostgres(ctx context.Context, loc location, opts Options) (engine, error) {
	config, implied, err := loc.reach()
	if err != nil {
		return engine{}, err
	}
	config.MaxConns = int32(min(opts.MaxConnections, 10_000)) // #nosec G115 -- bounded
	config.PingTimeout = opts.Timeout
	connect := config.ConnConfig
	if connect.ConnectTimeout == 0 || connect.ConnectTimeout > opts.Timeout {
		connect.ConnectTimeout = opts.Timeout
	}
	if _, ok := connect.RuntimeParams["application_name"]; !ok {
		connect.RuntimeParams["application_name"] = "authly"
	}
	if connect.ValidateConnect == nil {
		connect.ValidateConnect = refuseStandby
	}
	// A caller who gives up cancels the statement on the server and keeps the connection, unless that does not answer either.
	connect.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: time.Second}
	}
	if opts.lookup != nil {
		connect.LookupFunc = opts.lookup
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return engine{}, postgresFault(ctx, err)
	}
	db := stdlib.OpenDBFromPool(pool)
	closeAll := func() error {
		err := db.Close()
		pool.Close()
		return err
	}
	e := postgresEngine(db)
	if e.found, err = readyPostgres(ctx, db, opts); err != nil {
		_ = closeAll()
		return engine{}, postgresFault(ctx, explainTLS(err, implied))
	}
	e.close, e.nearest = closeAll, nearestByVector(ctx, db, opts)
	e.listen = listener{config: connect.Copy(), timeout: opts.Timeout}.listen
	return e, nil
}

// readyPostgres leaves the database with the schema that this program needs, and returns the version that it found.
func readyPostgres(ctx context.Context, db *sql.DB, opts Options) (found int64, err error) {
	if err := pingOnce(ctx, db, opts.Timeout); err != nil {
		return 0, err
	}
	if opts.KeepSchema {
		return checkSchema(ctx, db, opts.Timeout, func(err error) bool { return sqlState(err) == "42P01" }) // undefined_table
	}
	if found, err = migratePostgres(ctx, db); sqlState(err) == "42501" { // insufficient_privilege
		err = fmt.Errorf("%w: run authly migrate with the role that owns the tables, and set store.migrate to false for this one", err)
	}
	return found, err
}

// postgresEngine is what PostgreSQL is to a Store, but for what depends on the server and how it is reached.
func postgresEngine(db *sql.DB) engine {
	return engine{
		reads: db, writes: db,
		// Read committed, whatever the role's default: a statement must see what was committed while it waited for a lock.
		begin:     &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		forUpdate: " FOR UPDATE", skipLocked: " FOR UPDATE SKIP LOCKED",
		members:        func(param string) string { return `json_each_text(CAST(CAST(` + param + ` AS TEXT) AS JSON))` },
		holds:          func(text, part string) string { return `strpos(` + text + `, ` + part + `) > 0` },
		feed:           postgresFeed,
		scrub:          postgresScrub,
		notify:         `SELECT pg_notify('` + changesChannel + `', '')`,
		withoutVectors: postgresWithoutVectors,
		violated:       postgresViolated, unavailable: postgresUnavailable, again: postgresAgain,
	}
}

var errStandby = errors.New("store: the server is a standby")

// refuseStandby has the URL's next host tried. A standby may be behind by any time: what was revoked would pass there. One that
// is merely set to read is not.
func refuseStandby(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, `SELECT pg_is_in_recovery()`).ReadAll()
	if err == nil && string(results[0].Rows[0][0]) == "t" {
		err = errStandby
	}
	return err
}

// parseFault says what pgx does not like about a URL without the URL: its own message repeats it.
func parseFault(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return fmt.Errorf("the PostgreSQL URL is not valid: %w", cause)
	}
	return errURL
}

// postgresFault marks an error of opening as authn.ErrUnavailable where it is one.
func postgresFault(ctx context.Context, err error) error {
	if ctx.Err() != nil || isDisconnect(err) || postgresUnavailable(err) {
		return unavailable(err)
	}
	return fmt.Errorf("the PostgreSQL database: %w", err)
}

// sqlState returns the five characters of SQLSTATE, "" for an error that is not the server's.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		return e.Code
	}
	return ""
}

func postgresViolated(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "23505" { // unique_violation
		return e.ConstraintName
	}
	return ""
}

// postgresUnavailable knows the conditions in which another try, later or on another server, may succeed (PostgreSQL,
// appendix A): the connection, resources, an operator's intervention, a system error, and a server that only reads.
func postgresUnavailable(err error) bool {
	state := sqlState(err)
	if state == "" {
		_, failed := errors.AsType[*pgconn.ConnectError](err)
		return failed || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.Is(err, pgconn.ErrConnClosed) || isEOF(err)
	}
	return slices.Contains([]string{"08", "53", "57", "58"}, state[:2]) || state == "25006"
}

// postgresAgain knows serialization failures and deadlocks. The order of locks makes none, but an operator's own statement
// on the same rows can.
func postgresAgain(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01"
}

// postgresScrub writes the tables with secrets in them anew. To who does not own them PostgreSQL says so and does nothing.
func postgresScrub(bool) []string {
	return []string{`VACUUM FULL keys`, `VACUUM FULL mails`, `VACUUM FULL data_keys`}
}
