package store

import (
	"database/sql"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// Keys and mails of before are kept as they are, sealed or not, and a replica of before still adds, seals and revokes beside this
// version.
func TestMigrationKeepsSealed(t *testing.T) {
	fromVersion(t, 7, func(t *testing.T, db *sql.DB, upgrade func() *Store) {
		execute := func(statement string, args ...any) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
				t.Fatal(err)
			}
		}
		add := func(id, sealing string) {
			t.Helper()
			execute(`INSERT INTO keys (id, purpose, algorithm, material, sealing, created_at, active_from)
				VALUES ($1, 'access', 'EdDSA', $2, $3, 1, 1)`, id, []byte(id), sealing)
			execute(`INSERT INTO mails (id, kind, recipient, body, sealing, created_at, expires_at, due_at, attempts)
				VALUES ($1, 'new_sign_in', 'a@example.com', $2, $3, 1, 1, 1, 0)`, uuid.NewString(), []byte(id), sealing)
		}
		add("1", "")
		add("2", "file:0123")
		s := upgrade()
		add("3", "master:4567")
		names, err := s.Sealings(t.Context())
		if want := []string{"", "file:0123", "master:4567"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("sealed with %q, want %q, error %v", names, want, err)
		}
		mails, err := s.WaitingMails(t.Context(), uuid.Nil, 10)
		if err != nil || len(mails) != 3 {
			t.Errorf("%d mails, error %v", len(mails), err)
		}
		key := authn.DataKey{ID: "0123456789abcdef", Wrapped: []byte{1}, Master: "master:89ab", CreatedAt: at(1)}
		act := storetest.By(at(2))
		if _, err := s.AddDataKey(t.Context(), key, "", act); err != nil {
			t.Fatal(err)
		}
		if err := s.SealKey(t.Context(), authn.Key{ID: "1", Material: []byte{1}, Sealing: authn.SealingOf(key.ID)}, "", act); err != nil {
			t.Fatal(err)
		}
		execute(`UPDATE keys SET revoked_at = 2, material = $1, sealing = '' WHERE id = '1'`, []byte{})
		keys, err := s.ListKeys(t.Context())
		if err != nil || len(keys) != 3 || keys[0].RevokedAt.IsZero() || keys[1].Sealing != "file:0123" {
			t.Errorf("keys %v, error %v", keys, err)
		}
	})
}
