package store

import (
	"database/sql"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// A key of before signs from the time at which it was made, and so does one that a replica of before adds beside this version.
func TestMigrationKeepsKeys(t *testing.T) {
	fromVersion(t, 2, func(t *testing.T, db *sql.DB, upgrade func() *Store) {
		keepOldKey(t, db, "1", 10)
		s := upgrade()
		keepOldKey(t, db, "2", 20)
		want := []authn.Key{
			{ID: "1", Purpose: "access", Algorithm: "EdDSA", Material: []byte("1"), CreatedAt: at(10), ActiveFrom: at(10)},
			{ID: "2", Purpose: "access", Algorithm: "EdDSA", Material: []byte("2"), CreatedAt: at(20), ActiveFrom: at(20)},
		}
		keys, err := s.ListKeys(t.Context())
		if diff := cmp.Diff(want, keys); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		want[1].ID = "3"
		if last, err := s.AddKey(t.Context(), want[1], "", storetest.By(time.Now())); err != nil || last.ID != "2" {
			t.Errorf("the last key: %s, %v", last.ID, err)
		}
	})
}

func keepOldKey(t *testing.T, db *sql.DB, id string, created int64) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `INSERT INTO keys (id, purpose, algorithm, material, created_at)
		VALUES ($1, 'access', 'EdDSA', $2, $3)`, id, []byte(id), micros(at(created)))
	if err != nil {
		t.Fatal(err)
	}
}
