package main_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/pgserver"
	"github.com/descoped/authly/store/storetest"
)

// asServed runs a test on SQLite, and on PostgreSQL as examples/postgres says: the schema is made by authly migrate, and the server
// and all commands beside it come by TLS, as a role that reads and writes rows and no more.
func asServed(t *testing.T, test func(t *testing.T, storeURL string, environ ...string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) {
		owner, app := storetest.SecurePostgres(t).Database(t)
		authlyMigrate(t, 0, owner)
		test(t, app, "AUTHLY_STORE_MIGRATE=false")
	})
}

// authlyMigrate runs authly migrate and returns what it says.
func authlyMigrate(t *testing.T, status int, storeURL string, more ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), path, append([]string{"migrate"}, more...)...)
	program.Dir = t.TempDir()
	program.Env = append(os.Environ(), "AUTHLY_STORE_URL="+storeURL, "AUTHLY_STORE_MIGRATE=false")
	said, err := program.CombinedOutput()
	if program.ProcessState == nil || program.ProcessState.ExitCode() != status {
		t.Fatalf("authly migrate: %v, want status %d: %s", err, status, said)
	}
	u, err := url.Parse(storeURL)
	if err != nil {
		t.Fatal(err)
	}
	if password, ok := u.User.Password(); ok && strings.Contains(string(said), password) {
		t.Errorf("authly migrate repeats the password: %s", said)
	}
	return string(said)
}

// A server that may not change the schema says who has to, and serves as soon as that was done.
func TestServeWithoutMigrating(t *testing.T) {
	t.Parallel()
	for name, urls := range map[string]func(t *testing.T) (owner, app string){
		"sqlite":   func(t *testing.T) (owner, app string) { u := sqliteURL(t); return u, u },
		"postgres": func(t *testing.T) (owner, app string) { return storetest.SecurePostgres(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			owner, app := urls(t)
			refused := func(what, reason string) {
				t.Helper()
				a := launch(t, app, protectedEcho, "AUTHLY_STORE_MIGRATE=false")
				if status := a.await(t); status != 1 || !strings.Contains(a.stderr.String(), reason) {
					t.Errorf("%s: status %d, want 1 and %q:\n%s", what, status, reason, a.stderr)
				}
				if said := a.run(t, 1, "user", "list"); !strings.Contains(said, reason) {
					t.Errorf("%s, authly user list: %s", what, said)
				}
			}
			refused("an empty database", "run authly migrate")
			var report struct{ From, To int64 }
			said := authlyMigrate(t, 0, owner, "--output", "json")
			if err := json.Unmarshal([]byte(said), &report); err != nil || report.From != 0 || report.To != store.SchemaVersion {
				t.Errorf("authly migrate: %s, error %v", said, err)
			}
			if said := authlyMigrate(t, 0, owner); !strings.Contains(said, "already") {
				t.Errorf("once more: %s", said)
			}
			a := start(t, app, protectedEcho, "AUTHLY_STORE_MIGRATE=false")
			a.isIn(t, "on a schema that was made before", a.login(t, "admin", adminPassword), true)
			a.kill(t)

			db, _ := sqlOf(t, owner)
			execute(t, db, `INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)`)
			refused("a newer schema", "was used by a newer version of Authly; start that one")
			execute(t, db, `DELETE FROM schema_version WHERE version_id = 9999 OR version_id = (SELECT max(version_id) FROM schema_version WHERE version_id < 9999)`)
			refused("an older schema", "run authly migrate of this version")
		})
	}
}

// What the server's role may do in the database, and beside it what it may not: who takes over the server has that much.
func TestServingRole(t *testing.T) {
	t.Parallel()
	secure := storetest.SecurePostgres(t)
	owner, app := secure.Database(t)
	authlyMigrate(t, 0, owner)
	if said := authlyMigrate(t, 0, app); !strings.Contains(said, "already") { // there is nothing to do
		t.Errorf("authly migrate by the role that serves: %s", said)
	}
	asOwner, _ := sqlOf(t, owner)
	execute(t, asOwner, `CREATE TABLE later (id BIGSERIAL PRIMARY KEY)`) // as a migration to come does
	execute(t, asOwner, `CREATE SCHEMA payroll`, `CREATE TABLE payroll.salaries (amount INTEGER)`)
	asApp, _ := sqlOf(t, app)
	for _, statement := range []string{
		`SELECT count(*) FROM users`, `SELECT max(version_id) FROM schema_version`, `SELECT last_value FROM changes_position_seq`,
		`INSERT INTO salts (name, value) VALUES ('a', 'b')`, `UPDATE salts SET value = 'c' WHERE name = 'a'`, `DELETE FROM salts WHERE name = 'a'`,
		`SELECT since FROM guards WHERE name = 'keys' FOR UPDATE`, `SELECT pg_advisory_xact_lock(1)`, `LISTEN authly_changes`,
		`NOTIFY authly_changes`, `SELECT pg_is_in_recovery()`, `SELECT pg_current_snapshot()`,
		`INSERT INTO later DEFAULT VALUES`, `SELECT * FROM later`, `DELETE FROM later`,
	} {
		if _, err := asApp.ExecContext(t.Context(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	for _, statement := range []string{
		`CREATE TABLE mine (id INTEGER)`, `CREATE TABLE public.mine (id INTEGER)`, `CREATE TEMPORARY TABLE users (id TEXT)`,
		`CREATE SCHEMA mine`, `CREATE VIEW mine AS SELECT * FROM users`, `CREATE FUNCTION mine() RETURNS INTEGER LANGUAGE SQL AS 'SELECT 1'`,
		`CREATE SEQUENCE mine`, `CREATE INDEX ON users (email)`, `CREATE EXTENSION pg_trgm`, `CREATE TYPE mine AS (id INTEGER)`,
		`ALTER TABLE users ADD COLUMN mine TEXT`, `ALTER TABLE users DISABLE TRIGGER ALL`, `ALTER TABLE users OWNER TO authly_app`,
		`ALTER SCHEMA authly RENAME TO mine`, `ALTER SYSTEM SET log_statement = 'none'`, `COMMENT ON TABLE users IS 'mine'`,
		`CREATE TRIGGER mine BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
		`CREATE RULE mine AS ON INSERT TO users DO INSTEAD NOTHING`, `CREATE POLICY mine ON users`,
		`DROP TABLE users`, `DROP TABLE users CASCADE`, `DROP SCHEMA authly CASCADE`, `DROP INDEX users_by_creation`,
		`TRUNCATE audit_events`, `TRUNCATE users CASCADE`, `SELECT setval('changes_position_seq', 1)`, `CREATE TABLE payroll.mine (id INTEGER)`,
		`SELECT * FROM payroll.salaries`, `INSERT INTO payroll.salaries VALUES (1)`,
		`INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)`, `DELETE FROM schema_version`, `UPDATE schema_version SET version_id = 1`,
		`SELECT rolpassword FROM pg_authid`, `SELECT pg_read_file('PG_VERSION')`, `COPY users TO '/tmp/authly'`, `COPY users FROM PROGRAM 'id'`,
		`SELECT lo_import('/etc/passwd')`, `SELECT pg_reload_conf()`, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user`,
		`SET ROLE authly_owner`, `SET SESSION AUTHORIZATION authly_owner`, `ALTER ROLE authly_owner PASSWORD 'x'`, `ALTER ROLE authly_app SUPERUSER`,
		`CREATE ROLE mine`, `CREATE DATABASE mine`, `GRANT authly_owner TO authly_app`,
		`ALTER DEFAULT PRIVILEGES FOR ROLE authly_owner GRANT ALL ON TABLES TO authly_app`,
	} {
		var refusal *pgconn.PgError
		if _, err := asApp.ExecContext(t.Context(), statement); !errors.As(err, &refusal) || refusal.Code != "42501" {
			t.Errorf("%s: %v, want insufficient_privilege", statement, err)
		}
	}
	strangersStayOut(t, secure, app)
	stillGood(t, asOwner)
}

// stillGood fails unless what the role tried has changed nothing.
func stillGood(t *testing.T, asOwner *sql.DB) {
	t.Helper()
	var tables int
	err := asOwner.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_tables
		WHERE tableowner = 'authly_owner' AND schemaname = 'authly' AND tablename IN ('users', 'tokens', 'audit_events', 'schema_version')`).Scan(&tables)
	if err != nil || tables != 4 {
		t.Errorf("%d of 4 tables are the owner's, error %v", tables, err)
	}
}

// strangersStayOut fails unless another role of the server is kept out of the database, to which roles are let in by default.
func strangersStayOut(t *testing.T, secure *storetest.Secure, app string) {
	t.Helper()
	u, err := url.Parse(app)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.RawQuery = secure.Server.Owner().User, "sslmode=require" // a role without any right
	db, _ := sqlOf(t, u.String())
	var refusal *pgconn.PgError
	if err := db.PingContext(context.WithoutCancel(t.Context())); !errors.As(err, &refusal) || refusal.Code != "42501" {
		t.Errorf("another role of the server: %v, want insufficient_privilege", err)
	}
}

// A database in which one role has done everything goes on with two, and keeps what is in it.
func TestRolesTakeOver(t *testing.T) {
	t.Parallel()
	secure := storetest.SecurePostgres(t)
	before, drop, err := pgserver.CreateDatabase(t.Context(), secure.Server.Admin(), secure.Server.Owner())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	sealed := "AUTHLY_MASTER_KEY=a master key of the tests with more than 32 bytes"
	a := start(t, before.String(), protectedEcho, sealed)
	pair := a.login(t, "admin", adminPassword)
	a.kill(t)
	owner, app := secure.TakeOver(t, strings.TrimPrefix(before.Path, "/"), "schema=public")
	for range 2 { // the file may be run again
		if said := authlyMigrate(t, 0, owner); !strings.Contains(said, "already") {
			t.Errorf("authly migrate: %s", said)
		}
		owner, app = secure.TakeOver(t, strings.TrimPrefix(before.Path, "/"), "schema=public")
	}
	b := start(t, app, protectedEcho, "AUTHLY_STORE_MIGRATE=false", sealed)
	b.isIn(t, "who was in before", pair, true)
	b.register(t, b.login(t, "admin", adminPassword), "alice", "alice's password")
	db, _ := sqlOf(t, app)
	var refusal *pgconn.PgError
	if _, err := db.ExecContext(t.Context(), `DROP TABLE users CASCADE`); !errors.As(err, &refusal) || refusal.Code != "42501" {
		t.Errorf("DROP TABLE: %v, want insufficient_privilege", err)
	}
	asBefore, _ := sqlOf(t, before.String())
	if _, err := asBefore.ExecContext(t.Context(), `SELECT 1 FROM users`); err == nil {
		t.Error("the role of before still reads the tables")
	}
}
