package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Migrate brings the schema of a database up to date as Open does, whatever the options say of that, and returns the version
// that it had, 0 for an empty database. It is now SchemaVersion.
func Migrate(ctx context.Context, url string, opts Options) (found int64, err error) {
	opts.KeepSchema = false
	s, err := Open(ctx, url, opts)
	if err != nil {
		return 0, err
	}
	return s.engine.found, s.Close()
}

// checkSchema refuses a database whose schema is not that of this program. It reads and nothing else. missing knows the error
// of a table that is not there.
func checkSchema(ctx context.Context, db *sql.DB, timeout time.Duration, missing func(error) bool) (found int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable).Scan(&found)
	switch {
	case err != nil && missing(err):
		return 0, fmt.Errorf("the database has no schema yet, or none that its user may see, and store.migrate is false: " +
			"run authly migrate, as the user who is to own the tables")
	case err != nil:
		return 0, fmt.Errorf("reading the schema version: %w", err)
	case found > SchemaVersion:
		return 0, newerSchema(found, SchemaVersion)
	}
	if err := checkVersion(found); err != nil {
		return 0, fmt.Errorf("%w, and store.migrate is false: run authly migrate of this version of Authly, as the user who owns the tables", err)
	}
	return found, nil
}

func newerSchema(found, known int64) error {
	return fmt.Errorf("the database has schema version %d and this program knows versions up to %d: "+
		"it was used by a newer version of Authly; start that one, or restore a backup", found, known)
}
