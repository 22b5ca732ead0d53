package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

func openFile(t *testing.T, path string) *Store {
	t.Helper()
	database := url.URL{Scheme: "sqlite", Path: path}
	s, err := Open(t.Context(), database.String(), Options{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func testUser() authn.User {
	return authn.User{ID: uuid.New(), Username: "alice", Email: "a@example.com", EmailKey: "a@example.com", CreatedAt: time.Unix(1, 0)}
}

// What the database holds is for its owner's eyes: the file, and the log and index that SQLite puts beside it.
func TestSQLiteFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authly.db")
	s := openFile(t, path)
	if err := s.CreateUser(t.Context(), testUser(), storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(name), info.Mode())
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("the folder holds %v, want the three files of the database alone", entries)
	}
}

func TestSQLiteWarnsOfReadableFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authly.db")
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o640: true, 0o604: true} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		s, err := Open(t.Context(), "sqlite://"+path, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "level=WARN"); warned != want {
			t.Errorf("mode %v: warned is %v, want %v", mode, warned, want)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSQLiteOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	obstructed := filepath.Join(folder, "obstructed.db")
	if err := os.Mkdir(obstructed+"-wal", 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(folder, "missing", "authly.db"): "the folder " + filepath.Join(folder, "missing"),
		folder:                              "not a regular file",
		filepath.Join(garbage, "authly.db"): "garbage.db",
		garbage:                             garbage + ": file is not a database",
		obstructed:                          "the store is unavailable: " + obstructed + ": disk I/O error",
	} {
		s, err := Open(t.Context(), "sqlite://"+path, Options{})
		if err == nil {
			t.Errorf("%s was opened", path)
			_ = s.Close()
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %q, want it to say %q", path, err, want)
		}
	}
}

// Every connection must have the settings on which the promises rest, those that the pool makes later too.
func TestSQLiteSettings(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "a ?#%&'b.db"))
	pragma := func(conn *sql.Conn, name string) (value string) {
		if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	for pool, wants := range map[*sql.DB]map[string]string{
		s.engine.writes: {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "0"},
		s.engine.reads:  {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "1"},
	} {
		for range pool.Stats().MaxOpenConnections {
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for name, want := range wants {
				if got := pragma(conn, name); got != want {
					t.Errorf("PRAGMA %s is %s, want %s", name, got, want)
				}
			}
		}
	}
}

// A process that holds the write lock for long makes others wait, and then fail, but never stops a reader.
func TestSQLiteLockedByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authly.db")
	s, err := Open(t.Context(), "sqlite://"+path, Options{Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	other := openFile(t, path)
	tx, err := other.engine.writes.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(t.Context(), testUser(), storetest.By(time.Now())); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("a write beside a lock: got %v, want ErrUnavailable", err)
	}
	if _, err := s.ListUsers(t.Context(), 0, 1); err != nil {
		t.Errorf("a read beside a lock: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(t.Context(), testUser(), storetest.By(time.Now())); err != nil {
		t.Errorf("a write after the lock: %v", err)
	}
}

// What is written to a file that was removed or replaced is lost, so whoever asks for the health must hear of it.
func TestSQLiteFileReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authly.db")
	s := openFile(t, path)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("a ping of a removed file: got %v, want ErrUnavailable", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("a ping of a replaced file: got %v, want ErrUnavailable", err)
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a ping of the file that is back: %v", err)
	}
}

// A full disk, a read-only file system and their like are unavailability, not a fault of the program.
func TestSQLiteFull(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "authly.db"))
	if _, err := s.engine.writes.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; i < 10_000 && err == nil; i++ {
		u := testUser()
		u.Username, u.EmailKey = uuid.NewString(), uuid.NewString()
		err = s.CreateUser(t.Context(), u, storetest.By(time.Now()))
	}
	if !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("writing until the database is full: got %v, want ErrUnavailable", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a full database still answers: %v", err)
	}
}

// With a million users no query that a request waits for may read a whole table.
func TestSQLiteUsesIndexes(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "authly.db"))
	for _, query := range []string{
		`SELECT ` + userColumns + ` FROM users u WHERE u.id = 'x'`,
		`SELECT ` + userColumns + ` FROM users u WHERE u.username = 'x'`,
		`SELECT ` + userColumns + ` FROM users u WHERE u.email_key = 'x'`,
		`SELECT ` + userColumns + `, ` + tokenColumns + ` FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.jti = 'x'`,
		`UPDATE tokens SET invalidated_at = 1 WHERE user_id = 'x' AND invalidated_at IS NULL AND session_id <> 'y'`,
		`UPDATE tokens SET invalidated_at = 1 WHERE invalidated_at IS NULL AND session_id IN (SELECT key FROM json_each('{}'))`,
		`SELECT ` + sessionColumns + ` FROM sessions s WHERE s.user_id = 'x' AND s.ended_at IS NULL ORDER BY s.created_at DESC, s.id DESC`,
		`SELECT id, user_id FROM sessions WHERE ended_at IS NULL AND last_seen_at <= 1 LIMIT 1000`,
		`SELECT id, user_id FROM sessions WHERE ended_at IS NULL AND created_at <= 1 LIMIT 1000`,
		`SELECT id FROM sessions WHERE id IN (SELECT key FROM json_each('{}')) AND ended_at IS NULL`,
		`SELECT id FROM sessions WHERE expires_at < 1 ORDER BY expires_at LIMIT 1000`,
		`SELECT position FROM changes WHERE made_at < 1 ORDER BY made_at LIMIT 1000`,
		`SELECT kind FROM changes WHERE position > 1 ORDER BY position`,
		`SELECT id FROM tokens WHERE expires_at < 1 ORDER BY expires_at LIMIT 1000`,
		`SELECT EXISTS (SELECT 1 FROM users WHERE is_admin AND is_active AND id <> 'x')`,
		`SELECT id FROM users ORDER BY created_at, id LIMIT 10 OFFSET 1000`,
		`SELECT password_scheme, count(*) FROM users GROUP BY password_scheme`,
	} {
		rows, err := s.engine.reads.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := collect(rows, func(rows *sql.Rows) (detail string, err error) {
			var ignored int
			err = rows.Scan(&ignored, &ignored, &ignored, &detail)
			return detail, err
		})
		if err != nil || len(steps) == 0 {
			t.Fatalf("the plan of %s: %v, error %v", query, steps, err)
		}
		for _, step := range steps {
			if strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" && !strings.HasPrefix(step, "SCAN json_each") &&
				!strings.Contains(step, "COVERING INDEX") &&
				!strings.Contains(step, "users_administrators") || // which holds administrators alone
				strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s\nreads a table or sorts: %s", query, step)
			}
		}
	}
}
