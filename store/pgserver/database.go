package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// CreateDatabase makes a new, empty database that owner owns, and returns its URL and what drops it, with whoever is
// connected. admin needs the right to make databases.
func CreateDatabase(ctx context.Context, admin, owner *url.URL) (database *url.URL, drop func() error, err error) {
	return create(ctx, admin, owner, "template0 ENCODING 'UTF8'")
}

// CopyDatabase is CreateDatabase with everything in it that is in another database, to which nobody may be connected.
func CopyDatabase(ctx context.Context, admin, original *url.URL) (database *url.URL, drop func() error, err error) {
	name := strings.TrimPrefix(original.Path, "/")
	return create(ctx, admin, original, pgx.Identifier{name}.Sanitize())
}

func create(ctx context.Context, admin, owner *url.URL, template string) (database *url.URL, drop func() error, err error) {
	name := "authly_test_" + strings.ToLower(rand.Text())
	err = run(ctx, admin, `CREATE DATABASE `+name+` OWNER `+pgx.Identifier{owner.User.Username()}.Sanitize()+
		` TEMPLATE `+template)
	if err != nil {
		return nil, nil, err
	}
	database = new(url.URL)
	*database = *owner
	database.Path = "/" + name
	return database, func() error {
		return run(context.WithoutCancel(ctx), admin, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	}, nil
}

// run runs one statement.
func run(ctx context.Context, as *url.URL, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, as.String())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
