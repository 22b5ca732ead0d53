package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite opens a database file with one connection that writes and several that read. SQLite has one write lock; writers
// of this process queue for it here, in order and without polling, and those of another process (a running server and
// authly user) wait with a busy timeout.
func openSQLite(ctx context.Context, loc location, opts Options) (engine, error) {
	if err := provideFile(loc.path, opts.KeepSchema); err != nil {
		return engine{}, err
	}
	warnIfReadable(loc.path, opts)
	if err := enterWAL(ctx, loc.path, opts.Timeout); err != nil {
		return engine{}, sqliteFault(loc.path, err)
	}
	found, err := readySQLite(ctx, loc.path, opts)
	if err != nil {
		return engine{}, sqliteFault(loc.path, err)
	}
	writes, err := sql.Open("sqlite", sqliteDSN(loc.path, opts.Timeout, "_txlock", "immediate"))
	if err != nil {
		return engine{}, err
	}
	writes.SetMaxOpenConns(1)
	reads, err := sql.Open("sqlite", sqliteDSN(loc.path, opts.Timeout, "_query_only", "1"))
	if err != nil {
		return engine{}, errors.Join(err, writes.Close())
	}
	reads.SetMaxOpenConns(opts.MaxConnections - 1)
	reads.SetMaxIdleConns(opts.MaxConnections - 1)
	opened, err := os.Stat(loc.path)
	if err != nil {
		return engine{}, errors.Join(unavailable(err), reads.Close(), writes.Close())
	}
	return engine{
		reads: reads, writes: writes, found: found,
		present:  func() error { return sameFile(loc.path, opened) },
		close:    func() error { return errors.Join(reads.Close(), writes.Close()) }, // the writer last: it empties the log
		members:  func(param string) string { return `json_each(` + param + `)` },
		holds:    func(text, part string) string { return `instr(` + text + `, ` + part + `) > 0` },
		feed:     sqliteFeed,
		scrub:    sqliteScrub,
		listen:   watcher{dsn: sqliteDSN(loc.path, opts.Timeout, "_query_only", "1")}.listen,
		violated: sqliteViolated, unavailable: sqliteUnavailable,
		again: func(error) bool { return false },
	}, nil
}

// provideFile makes a database file where there is none, unless that is not for a start to do.
func provideFile(path string, keep bool) error {
	if _, err := os.Stat(path); keep && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the database %s does not exist, and store.migrate is false: run authly migrate, which makes it", path)
	}
	return createFile(path)
}

// readySQLite leaves the database with the schema that this program needs, and returns the version that it found.
func readySQLite(ctx context.Context, path string, opts Options) (found int64, err error) {
	if !opts.KeepSchema {
		return migrateSQLite(ctx, sqliteDSN(path, opts.Timeout, "_txlock", "immediate"))
	}
	db, err := sql.Open("sqlite", sqliteDSN(path, opts.Timeout, "_query_only", "1"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return checkSchema(ctx, db, opts.Timeout, func(err error) bool { return strings.Contains(err.Error(), "no such table") })
}

// sqliteDSN is the driver's name for the file, with what every connection needs: foreign keys; synchronous FULL, so that a
// commit survives a power failure; what is removed is overwritten, so that who gets the file later does not find it; no
// double-quoted strings and no writing to the schema table.
func sqliteDSN(path string, busy time.Duration, more ...string) string {
	q := url.Values{
		"_busy_timeout": {strconv.FormatInt(busy.Milliseconds(), 10)},
		"_foreign_keys": {"1"},
		"_synchronous":  {"FULL"},
		"_dqs":          {"0"},
		"_defensive":    {"1"},
		"_error_rc":     {"1"},
		"_pragma":       {"trusted_schema(0)", "secure_delete(1)"},
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

// createFile makes an empty database file that only its owner can read; SQLite gives the -wal and -shm files beside it the
// same mode. The file is made under another name and then linked: were it opened and closed here under its own, the locks
// that another Store of this process may already hold on it would be lost (POSIX record locks belong to the process).
func createFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("the database %s is not a regular file", path)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the database file: %w", err)
	}
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return fmt.Errorf("the folder %s for the database does not exist: create it first", folder)
	}
	f, err := os.CreateTemp(folder, ".authly-*") // mode 0600
	if err != nil {
		return fmt.Errorf("the database cannot be created: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return fmt.Errorf("the database cannot be created: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the database cannot be created: %w", err)
	}
	return syncFolder(folder)
}

// syncFolder makes the name of a new file survive a power failure.
func syncFolder(folder string) error {
	d, err := os.Open(folder) // #nosec G304 -- the folder of the database
	if err != nil {
		return fmt.Errorf("the folder of the database: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func warnIfReadable(path string, opts Options) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		opts.Log.Warn("the database file is accessible to other users of this machine; chmod 600 it", "path", path)
	}
}

// sameFile fails if the file was removed or replaced since it was opened: what is written then is kept nowhere.
func sameFile(path string, opened fs.FileInfo) error {
	info, err := os.Stat(path)
	if err == nil && !os.SameFile(info, opened) {
		err = fmt.Errorf("the database %s was replaced while it was open: start again", path)
	}
	return err
}

// enterWAL switches the file to write-ahead logging, which stays with the file. SQLite does not wait for other connections
// here, whatever the busy timeout, so this does.
func enterWAL(ctx context.Context, path string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	db, err := sql.Open("sqlite", sqliteDSN(path, timeout))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		var mode string
		err := db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
		switch {
		case err == nil && mode == "wal":
			return nil
		case err == nil:
			return fmt.Errorf("SQLite cannot use write-ahead logging on %s: put the database on a local disk", path)
		case !isBusy(err):
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-poll.C:
		}
	}
}

// sqliteFault says which file an error of opening is about, which SQLite does not, and marks it as authn.ErrUnavailable where it
// is one.
func sqliteFault(path string, err error) error {
	if sqliteUnavailable(err) || isDisconnect(err) {
		return unavailable(fmt.Errorf("%s: %w", path, err))
	}
	return fmt.Errorf("the SQLite database %s: %w", path, err)
}

// sqliteCode returns the primary and the extended result code, 0 for an error that is not SQLite's.
func sqliteCode(err error) (primary, extended int) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return 0, 0
	}
	return e.Code() & 0xff, e.Code()
}

func isBusy(err error) bool {
	primary, _ := sqliteCode(err)
	return primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED
}

// sqliteViolated tells the unique constraints of users apart. SQLite does not name constraints; that the message names the
// column is part of its interface in all but name.
func sqliteViolated(err error) string {
	if _, extended := sqliteCode(err); extended != sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return ""
	}
	switch message := err.Error(); {
	case strings.Contains(message, "users.username"):
		return usernameUnique
	case strings.Contains(message, "users.email_key"):
		return emailUnique
	}
	return ""
}

func sqliteUnavailable(err error) bool {
	switch primary, _ := sqliteCode(err); primary {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM:
		return true
	}
	return false
}

// sqliteScrub empties the log, which holds pages as they were, and with whole also the pages that were freed before what is removed
// was overwritten.
func sqliteScrub(whole bool) []string {
	empty := `PRAGMA wal_checkpoint(TRUNCATE)`
	if whole {
		return []string{`VACUUM`, empty}
	}
	return []string{empty}
}
