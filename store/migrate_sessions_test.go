package store

import (
	"database/sql"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// oldToken is a token as version 1 kept it. Times are seconds.
type oldToken struct {
	jti, kind, user, session string
	created, expires, ended  int64 // ended 0: valid
	address, agent           string
}

// People who are signed in when Authly is replaced by this version stay signed in, and see where.
func TestMigrationMakesSessions(t *testing.T) {
	fromVersion(t, 1, func(t *testing.T, db *sql.DB, upgrade func() *Store) {
		alice := uuid.New()
		living, ended, old := uuid.New(), uuid.New(), uuid.New()
		keepOldUser(t, db, alice)
		for _, token := range []oldToken{
			{"r2", "refresh", alice.String(), living.String(), 20, 220, 0, "192.0.2.2", "two"},
			{"a1", "access", alice.String(), living.String(), 10, 30, 0, "192.0.2.1", "one"},
			{"r1", "refresh", alice.String(), living.String(), 10, 210, 20, "192.0.2.1", "one"},
			{"a2", "access", alice.String(), living.String(), 20, 40, 0, "192.0.2.2", "two"},
			{"a3", "access", alice.String(), ended.String(), 11, 31, 25, "192.0.2.3", ""},
			{"r3", "refresh", alice.String(), ended.String(), 11, 211, 25, "192.0.2.3", ""},
			{"r4", "refresh", alice.String(), old.String(), 5, 15, 0, "", "old"},
		} {
			keepOldToken(t, db, token)
		}
		s := upgrade()
		for _, want := range []authn.Session{
			{ID: living, CreatedAt: at(10), LastSeenAt: at(20), ClientAddress: "192.0.2.1", UserAgent: "one"},
			{ID: ended, CreatedAt: at(11), LastSeenAt: at(11), EndedAt: at(25), ClientAddress: "192.0.2.3"},
			{ID: old, CreatedAt: at(5), LastSeenAt: at(5), UserAgent: "old"},
		} {
			want.UserID = alice
			if got, err := s.SessionByID(t.Context(), alice, want.ID); err != nil || got != want {
				t.Errorf("session: got %+v, error %v; want %+v", got, err, want)
			}
		}
		oldTokensWork(t, s, alice, living)
	})
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// oldTokensWork refreshes with a token of version 1, ends its session, and purges what has expired.
func oldTokensWork(t *testing.T, s *Store, user, session uuid.UUID) {
	t.Helper()
	if _, token, err := s.TokenOwner(t.Context(), authn.AccessToken, "a2", []byte("a2"), at(25)); err != nil || token.KeyID != "" {
		t.Errorf("an access token of before: %+v, error %v", token, err)
	}
	successor := func(kind authn.TokenKind, jti string) authn.Token {
		return authn.Token{ID: uuid.New(), JTI: jti, Kind: kind, UserID: user, SessionID: session, Hash: []byte(jti), ExpiresAt: at(300)}
	}
	rotation := authn.Rotation{
		JTI: "r2", Hash: []byte("r2"), Access: successor(authn.AccessToken, "a5"), Refresh: successor(authn.RefreshToken, "r5"), Act: storetest.By(at(25)),
	}
	if _, _, err := s.RotateRefresh(t.Context(), rotation); err != nil {
		t.Errorf("a refresh token of before: %v", err)
	}
	rotation.JTI, rotation.Hash = "r1", []byte("r1")
	if _, _, err := s.RotateRefresh(t.Context(), rotation); err != authn.ErrTokenSpent {
		t.Errorf("a refresh token that was spent before: got %v, want ErrTokenSpent", err)
	}
	sessions, err := s.ListSessions(t.Context(), user, authn.SessionPolicy{}, at(26))
	if err != nil || len(sessions) != 1 || sessions[0].ID != session {
		t.Errorf("the list: got %+v, error %v", sessions, err)
	}
	if n, err := s.PurgeSessions(t.Context(), at(16)); err != nil || n != 1 {
		t.Errorf("purged %d sessions, error %v; want the one whose token expired", n, err)
	}
	if n, err := s.EndSessions(t.Context(), user, uuid.Nil, storetest.By(at(26))); err != nil || n != 4 {
		t.Errorf("ended %d tokens, error %v; want 4", n, err)
	}
}

func keepOldUser(t *testing.T, db *sql.DB, id uuid.UUID) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `INSERT INTO users (id, username, email, email_key, password_hash, password_scheme,
			is_active, is_verified, is_admin, roles, created_at, updated_at)
		VALUES ($1, 'alice', 'alice', 'alice', 'x', 'x', $2, $2, $3, '[]', 1, 1)`, id.String(), true, false)
	if err != nil {
		t.Fatal(err)
	}
}

func keepOldToken(t *testing.T, db *sql.DB, o oldToken) {
	t.Helper()
	var invalidated any
	if o.ended != 0 {
		invalidated = micros(at(o.ended))
	}
	_, err := db.ExecContext(t.Context(), `INSERT INTO tokens (id, jti, kind, user_id, session_id, hash, created_at, expires_at,
			invalidated_at, client_address, user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		uuid.NewString(), o.jti, o.kind, o.user, o.session, []byte(o.jti), micros(at(o.created)), micros(at(o.expires)),
		invalidated, o.address, o.agent)
	if err != nil {
		t.Fatal(err)
	}
}
