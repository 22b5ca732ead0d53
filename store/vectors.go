package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/jackc/pgx/v5"
)

// nearestByVector returns what orders sign-ins by pgvector, or "" where the database does not have that extension. Where it could
// have it and the role may, it is created, unless the schema is somebody else's: the extension is a trusted one, and whoever owns
// the database may. Nothing depends on it, and so nothing here is an error.
func nearestByVector(ctx context.Context, db *sql.DB, opts Options) string {
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()
	var missing bool
	err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_available_extensions
		WHERE name = 'vector' AND installed_version IS NULL)`).Scan(&missing)
	if err == nil && missing && !opts.KeepSchema {
		_, err = db.ExecContext(ctx, `CREATE EXTENSION IF NOT EXISTS vector`) // another replica may be quicker
	}
	var schema string
	found := db.QueryRowContext(ctx, `SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'vector' AND has_schema_privilege(n.oid, 'USAGE')`).Scan(&schema)
	if found != nil {
		opts.Log.Debug("sign-ins are compared without pgvector", "available", missing, "error", err)
		return ""
	}
	return orderByVector(schema)
}

// orderByVector names everything by the schema of the extension, which need not be on the search path. The values are parsed at
// each query, of at most a hundred rows; that needs no second table that has to be kept in step when the extension comes later.
func orderByVector(schema string) string {
	schema = pgx.Identifier{schema}.Sanitize()
	return ` ORDER BY CAST(vector AS ` + schema + `.vector) OPERATOR(` + schema + `.<->)
		CAST(CAST($2 AS TEXT) AS ` + schema + `.vector), position DESC`
}

// postgresWithoutVectors knows the errors of an extension that was dropped, or moved to where the role may not go: its type,
// operator or schema is there no more.
func postgresWithoutVectors(err error) bool {
	return slices.Contains([]string{"42704", "42883", "3F000", "42501"}, sqlState(err))
}
