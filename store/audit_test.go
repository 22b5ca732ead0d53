package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// What cannot be written into the trail is not done; and what is done is told, once it is.
func TestNothingUnaudited(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "authly.db")
	t.Run("sqlite", func(t *testing.T) { testUnaudited(t, "sqlite://"+file, "sqlite", file) })
	t.Run("postgres", func(t *testing.T) {
		database := storetest.PostgresURL(t)
		testUnaudited(t, database, "pgx", database)
	})
}

func testUnaudited(t *testing.T, database, driver, source string) {
	var told []authn.EventKind
	s, err := store.Open(t.Context(), database, store.Options{
		Audited: func(_ context.Context, e authn.Event) { told = append(told, e.Kind) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	raw, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	exec := func(statement string) {
		t.Helper()
		if _, err := raw.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	u := user("alice")
	if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	acts := map[string]func() error{
		"a user": func() error { return s.CreateUser(t.Context(), user("bob"), storetest.By(time.Now())) },
		"a change": func() error {
			name := "alicia"
			_, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{Username: &name, Act: storetest.By(time.Now())})
			return err
		},
		"a deletion": func() error { return s.DeleteUser(t.Context(), u.ID, storetest.By(time.Now())) },
	}
	exec(`ALTER TABLE audit_events RENAME TO lost`)
	for name, act := range acts {
		if err := act(); err == nil {
			t.Errorf("%s was done and not written down", name)
		}
	}
	if users, err := s.ListUsers(t.Context(), 0, 10); err != nil || len(users) != 1 || users[0].Username != "alice" {
		t.Errorf("the users are %v, error %v; want alice alone, unchanged", users, err)
	}
	if len(told) != 1 {
		t.Errorf("told of %v, want the one user that was created", told)
	}
	exec(`ALTER TABLE lost RENAME TO audit_events`)
	for _, name := range []string{"a user", "a change", "a deletion"} {
		if err := acts[name](); err != nil {
			t.Errorf("%s, now that it can be written down: %v", name, err)
		}
	}
	if len(told) != 4 {
		t.Errorf("told of %v, want four events", told)
	}
}
