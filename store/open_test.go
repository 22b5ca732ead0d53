package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// secret is a password that no error may repeat, in any spelling.
const secret = "hunter2/%§"

func TestOpenErrorsHideThePassword(t *testing.T) {
	good, err := url.Parse(storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	wrong := *good
	wrong.User = url.UserPassword(good.User.Username(), secret)
	unreachable := wrong
	unreachable.Host = closedPort(t)
	badMode := with(wrong.String(), "sslmode", "sometimes")
	asParameter := *good
	asParameter.User = url.User(good.User.Username())
	for name, raw := range map[string]string{
		"wrong password":         wrong.String(),
		"unreachable":            unreachable.String(),
		"bad sslmode":            badMode,
		"bad number":             with(wrong.String(), "pool_max_conns", "many"),
		"bad mode":               with(wrong.String(), "default_query_exec_mode", "fast"),
		"missing certificate":    with(with(wrong.String(), "sslmode", "verify-full"), "sslrootcert", "/missing/ca.pem"),
		"password as parameter":  with(asParameter.String(), "password", secret),
		"parameter and bad mode": with(with(asParameter.String(), "password", secret), "sslmode", "sometimes"),
		"no escapes":             "postgres://u:" + secret + "@127.0.0.1/d",
		"another database":       "mysql://u:" + url.QueryEscape(secret) + "@127.0.0.1/d",
	} {
		s, err := store.Open(t.Context(), raw, store.Options{Timeout: 5 * time.Second})
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = s.Close()
			continue
		}
		for _, spelling := range []string{secret, "hunter2", url.QueryEscape(secret), url.PathEscape(secret)} {
			if strings.Contains(err.Error(), spelling) {
				t.Errorf("%s: the error repeats the password: %v", name, err)
			}
		}
	}
	if s, err := store.Open(t.Context(), good.String(), store.Options{}); err != nil {
		t.Errorf("the same with the right password: %v", err)
	} else {
		_ = s.Close()
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// A program that knows less than the database could destroy what a newer one has written.
func TestOpenRefusesNewerSchema(t *testing.T) {
	for name, c := range map[string]struct{ url, driver, source string }{
		"sqlite":   inFile(filepath.Join(t.TempDir(), "authly.db")),
		"postgres": inPostgres(storetest.PostgresURL(t)),
	} {
		t.Run(name, func(t *testing.T) {
			old, err := store.Open(t.Context(), c.url, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = old.Close() }()
			execute(t, c.driver, c.source, `INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)`)
			if err := old.Ping(t.Context()); err != nil {
				t.Errorf("a replica that is still running when a newer one comes: %v", err)
			}
			s, err := store.Open(t.Context(), c.url, store.Options{})
			if err == nil {
				_ = s.Close()
				t.Fatal("a newer schema was accepted")
			}
			if !strings.Contains(err.Error(), "schema version 9999") || errors.Is(err, authn.ErrUnavailable) {
				t.Errorf("the error does not say what is wrong: %v", err)
			}
			execute(t, c.driver, c.source, `DELETE FROM schema_version WHERE version_id > 0`)
			if err := old.Ping(t.Context()); err == nil {
				t.Error("a ping found the schema that it needs in a database of version 0")
			}
		})
	}
}

func inFile(path string) struct{ url, driver, source string } {
	return struct{ url, driver, source string }{"sqlite://" + path, "sqlite", path}
}

func inPostgres(url string) struct{ url, driver, source string } {
	return struct{ url, driver, source string }{url, "pgx", url}
}

// execute runs a statement beside the store.
func execute(t *testing.T, driver, source, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func user(name string) authn.User {
	return authn.User{ID: uuid.New(), Username: name, Email: name, EmailKey: name, Active: true, CreatedAt: time.Unix(1, 0)}
}

func openPostgres(t *testing.T, url string, timeout time.Duration) *store.Store {
	t.Helper()
	s, err := store.Open(context.WithoutCancel(t.Context()), url, store.Options{Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
