package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// The migrations: numbered, one folder for each database, never changed once released.
//
//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

const (
	// SchemaVersion is the number of the newest migration; a test compares it with the files.
	SchemaVersion = 11

	versionTable     = "schema_version"
	migrationTimeout = 10 * time.Minute
	migrationLock    = 0x617574686c79 // the PostgreSQL advisory lock that a migrating replica holds: "authly"
)

// checkVersion fails if the database has an older schema than this program needs.
func checkVersion(version int64) error {
	if version < SchemaVersion {
		return fmt.Errorf("the database has schema version %d and this program needs %d", version, SchemaVersion)
	}
	return nil
}

// migratePostgres brings the schema up to date, and returns the version that it had. It holds an advisory lock, so that of
// replicas that start at once one does the work. The lock belongs to a transaction and not to a session: a pooler may give every
// transaction another one.
func migratePostgres(ctx context.Context, db *sql.DB) (found int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	lock, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return 0, err
	}
	defer func() { _ = lock.Rollback() }() // nothing was written in it
	for _, setting := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		if _, err := lock.ExecContext(ctx, `SELECT set_config($1, '0', true)`, setting); err != nil {
			return 0, err
		}
	}
	if _, err := lock.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
		return 0, err
	}
	if found, err = migrate(ctx, goose.DialectPostgres, db, "migrations/postgres"); err != nil {
		return 0, err
	}
	if _, err := db.ExecContext(ctx, keepVersions); err != nil {
		return 0, fmt.Errorf("keeping others from the schema version: %w", err)
	}
	return found, nil
}

// keepVersions takes from everybody but the owner what default privileges may have given them: to say which migrations there were.
// Who may write rows could otherwise keep every Authly from starting.
const keepVersions = `
	DO $$
	DECLARE other text;
	BEGIN
		FOR other IN
			SELECT DISTINCT CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE given.grantee::regrole::text END
			FROM pg_class versions, aclexplode(versions.relacl) given
			WHERE versions.oid = '` + versionTable + `'::regclass AND given.grantee <> versions.relowner AND given.privilege_type <> 'SELECT'
				AND pg_has_role(versions.relowner, 'USAGE')
		LOOP
			EXECUTE 'REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON ` + versionTable + ` FROM ' || other;
		END LOOP;
	END $$`

func pingOnce(ctx context.Context, db *sql.DB, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return db.PingContext(ctx)
}

// migrateSQLite brings the schema up to date, and returns the version that it had. It does so in one transaction that holds the
// write lock from before the version is read: of processes that start at once one does the work and the others wait for it.
func migrateSQLite(ctx context.Context, dsn string) (found int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return 0, err
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return 0, err
	}
	conn := &transacted{sqliteConn: raw.(sqliteConn)}
	defer func() { err = errors.Join(err, raw.Close()) }() // closing rolls back what is not committed
	if err := conn.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	db := sql.OpenDB(conn)
	defer func() { err = errors.Join(err, db.Close()) }()
	if found, err = migrate(ctx, goose.DialectSQLite3, db, "migrations/sqlite"); err != nil {
		return 0, err
	}
	return found, conn.exec(ctx, "COMMIT")
}

// migrate runs the migrations that the database has not seen, and returns the version that it had. The caller holds a lock.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, folder string) (found int64, err error) {
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(dialect, db, files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, err
	}
	version, known, err := provider.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the schema version: %w", err)
	}
	if version > known {
		return 0, newerSchema(version, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, fmt.Errorf("bringing the schema from version %d to %d: %w", version, known, err)
	}
	return version, nil
}

// sqliteConn is what the driver's connections can do and goose needs.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

// transacted is a connection inside a transaction, in which the transactions of goose become savepoints. As a
// driver.Connector it gives out itself.
type transacted struct{ sqliteConn }

func (c *transacted) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (c *transacted) Driver() driver.Driver                        { return nil }

// Close leaves the connection open: who opened it commits and closes it.
func (c *transacted) Close() error { return nil }

func (c *transacted) exec(ctx context.Context, statement string) error {
	_, err := c.ExecContext(ctx, statement, nil)
	return err
}

// BeginTx sets a savepoint.
func (c *transacted) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	return savepoint{c}, c.exec(ctx, "SAVEPOINT migration")
}

type savepoint struct{ conn *transacted }

func (s savepoint) Commit() error { return s.conn.exec(context.Background(), "RELEASE migration") }

func (s savepoint) Rollback() error {
	return errors.Join(s.conn.exec(context.Background(), "ROLLBACK TO migration"), s.Commit())
}
