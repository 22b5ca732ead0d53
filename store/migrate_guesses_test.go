package store

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// A lock of before holds on, and ends by an unlock; what replicas of before go on counting is removed when it is old.
func TestMigrationKeepsLocks(t *testing.T) {
	fromVersion(t, 3, func(t *testing.T, db *sql.DB, upgrade func() *Store) {
		keepOldLock := func(account string, until any) {
			t.Helper()
			_, err := db.ExecContext(t.Context(), `INSERT INTO lockouts (account, failures, last_failure, locked_until)
				VALUES ($1, 2, $2, $3)`, account, micros(at(10)), until)
			if err != nil {
				t.Fatal(err)
			}
		}
		keepOldLock("locked", micros(at(70)))
		keepOldLock("failed", nil)
		s := upgrade()
		keepOldLock("late", nil)
		want := map[string]authn.Counter{
			"locked": {Failures: 2, LastFailure: at(10), LockedUntil: at(70), Locks: 1},
			"failed": {Failures: 2, LastFailure: at(10)},
		}
		for account, counter := range want {
			got, _, _, err := s.AttemptsOf(t.Context(), authn.Attempt{Account: account})
			if diff := cmp.Diff(counter, got.Account); diff != "" || err != nil {
				t.Errorf("%s: error %v (-want +got):\n%s", account, err, diff)
			}
		}
		if err := s.Unlock(t.Context(), "locked", uuid.New(), storetest.By(at(20))); err != nil {
			t.Fatal(err)
		}
		n, err := s.PurgeAttempts(t.Context(), authn.LockoutPolicy{Failures: 2, Duration: time.Minute}, at(0), at(80))
		if err != nil || n != 3 { // failed in both tables, late in the old one
			t.Errorf("%d rows removed, error %v, want 3", n, err)
		}
	})
}

// Replicas that ask at once get one salt, and another one by another name.
func TestSaltIsOneForAll(t *testing.T) {
	for name, url := range map[string]string{
		"sqlite": "sqlite://" + filepath.Join(t.TempDir(), "authly.db"), "postgres": storetest.PostgresURL(t),
	} {
		t.Run(name, func(t *testing.T) {
			salts := make(chan []byte, 8)
			for range cap(salts) {
				s, err := Open(t.Context(), url, Options{MaxConnections: 2})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				go func() {
					salt, err := s.Salt(t.Context(), "limits")
					if err != nil {
						t.Error(err)
					}
					salts <- salt
				}()
			}
			first := <-salts
			if len(first) != saltBytes {
				t.Errorf("a salt of %d bytes", len(first))
			}
			for range cap(salts) - 1 {
				if !bytes.Equal(first, <-salts) {
					t.Error("two replicas have different salts")
				}
			}
			s, err := Open(t.Context(), url, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if other, err := s.Salt(t.Context(), "other"); err != nil || bytes.Equal(first, other) {
				t.Errorf("the salt of another name is the same, error %v", err)
			}
		})
	}
}
