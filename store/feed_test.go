package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// endOne begins and ends a session of u and returns the session's id.
func endOne(t *testing.T, s *store.Store, u authn.User) uuid.UUID {
	t.Helper()
	begun := time.Unix(2, 0)
	session := authn.Session{ID: uuid.New(), UserID: u.ID, CreatedAt: begun, LastSeenAt: begun}
	token := func(kind authn.TokenKind) authn.Token {
		return authn.Token{
			ID: uuid.New(), JTI: uuid.NewString(), Kind: kind, UserID: u.ID, SessionID: session.ID, Hash: []byte{1},
			CreatedAt: begun, ExpiresAt: begun.Add(time.Hour),
		}
	}
	err := s.BeginSession(t.Context(), session, token(authn.AccessToken), token(authn.RefreshToken), u.PasswordHash, authn.SessionPolicy{}, storetest.By(time.Now()))
	if err == nil {
		_, err = s.EndSession(t.Context(), u.ID, session.ID, storetest.By(begun))
	}
	if err != nil {
		t.Fatal(err)
	}
	return session.ID
}

// read returns the sessions whose end the feed tells after the cursor, which it moves.
func read(t *testing.T, s *store.Store, cursor *authn.Cursor) (ended []uuid.UUID) {
	t.Helper()
	changes, next, err := s.Changes(t.Context(), *cursor)
	if err != nil {
		t.Fatal(err)
	}
	*cursor = next
	for _, c := range changes {
		ended = append(ended, c.SessionID)
	}
	return ended
}

func is(ended []uuid.UUID, ids ...uuid.UUID) bool { return slices.Equal(ended, ids) }

// An entry takes its position when it is written. Who reads between that and its commit sees higher ones first, and must see
// it all the same; and the wait for it must not bring the others again and again.
func TestPostgresCommitsLate(t *testing.T) {
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		database := with(storetest.PostgresURL(t), "default_query_exec_mode", mode)
		s := openPostgres(t, database, 0)
		u := user("alice")
		if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
			t.Fatal(err)
		}
		before := endOne(t, s, u)
		var cursor authn.Cursor
		if ended := read(t, s, &cursor); !is(ended, before) {
			t.Fatalf("%s: got %v", mode, ended)
		}
		late := uuid.New()
		commit := writeLate(t, database, late)
		for range 3 {
			early := endOne(t, s, u)
			if ended := read(t, s, &cursor); !is(ended, early) {
				t.Errorf("%s: while a transaction is open: got %v, want the new entry alone", mode, ended)
			}
		}
		commit()
		if ended := read(t, s, &cursor); !is(ended, late) {
			t.Errorf("%s: after the late commit: got %v, want the late entry", mode, ended)
		}
		if ended := read(t, s, &cursor); len(ended) != 0 {
			t.Errorf("%s: then: got %v, want nothing", mode, ended)
		}
	}
}

// writeLate writes an entry in a transaction that stays open until commit is called.
func writeLate(t *testing.T, database string, session uuid.UUID) (commit func()) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.ExecContext(t.Context(), `INSERT INTO changes (kind, user_id, session_id, made_at) VALUES ('session_ended', $1, $2, 1)`,
		uuid.NewString(), session.String())
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// After a fail-over to a server that has lost its newest transactions, positions and transactions are numbered again from
// where it was. A cursor of before must not skip what came after.
func TestPostgresOlderCopy(t *testing.T) {
	database := storetest.PostgresURL(t)
	s := openPostgres(t, database, 0)
	u := user("alice")
	if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	endOne(t, s, u)
	var common authn.Cursor
	read(t, s, &common)
	endOne(t, s, u)
	var lost authn.Cursor
	read(t, s, &lost)
	// The copy: the last entry is gone, and its position is free again.
	execute(t, "pgx", database, `DELETE FROM changes WHERE position = $1`, lost.Position)
	execute(t, "pgx", database, `SELECT setval('changes_position_seq', $1)`, common.Position)
	if _, _, err := s.Changes(t.Context(), lost); !errors.Is(err, authn.ErrFeedReset) {
		t.Errorf("a cursor ahead of the copy: got %v, want ErrFeedReset", err)
	}
	after := endOne(t, s, u)
	if _, _, err := s.Changes(t.Context(), lost); !errors.Is(err, authn.ErrFeedReset) {
		t.Errorf("a cursor that the copy has caught up with: got %v, want ErrFeedReset", err)
	}
	if ended := read(t, s, &common); !is(ended, after) {
		t.Errorf("a cursor of before the copy: got %v, want what came after", ended)
	}
	// Transactions are numbered again too: what the copy wrote looks as if it had been seen.
	seen := endOne(t, s, u)
	execute(t, "pgx", database, `UPDATE changes SET xid = '5' WHERE position > $1`, common.Position)
	if ended := read(t, s, &common); !is(ended, seen) {
		t.Errorf("an entry with a transaction number of before: got %v, want it", ended)
	}
	future := common
	mark, _, _ := strings.Cut(future.Seen, " ")
	future.Seen = mark + " 99999999:99999999:"
	if _, _, err := s.Changes(t.Context(), future); !errors.Is(err, authn.ErrFeedReset) {
		t.Errorf("a cursor of transactions that never were: got %v, want ErrFeedReset", err)
	}
}

// A backup that is put back into place is an older copy.
func TestSQLiteOlderCopy(t *testing.T) {
	folder := t.TempDir()
	original, backup := filepath.Join(folder, "authly.db"), filepath.Join(folder, "backup.db")
	open := func(path string) *store.Store {
		s, err := store.Open(t.Context(), "sqlite://"+path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(original)
	u := user("alice")
	if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	endOne(t, s, u)
	var common authn.Cursor
	read(t, s, &common)
	if err := s.Close(); err != nil { // which empties the log into the file
		t.Fatal(err)
	}
	copyFile(t, original, backup)
	s = open(original)
	endOne(t, s, u)
	lost := common
	read(t, s, &lost)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(backup)
	defer func() { _ = s.Close() }()
	if _, _, err := s.Changes(t.Context(), lost); !errors.Is(err, authn.ErrFeedReset) {
		t.Errorf("a cursor ahead of the copy: got %v, want ErrFeedReset", err)
	}
	if _, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{Roles: &[]string{"a"}, Act: storetest.By(time.Unix(9, 0))}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Changes(t.Context(), lost); !errors.Is(err, authn.ErrFeedReset) {
		t.Errorf("a cursor that the copy has caught up with: got %v, want ErrFeedReset", err)
	}
	if changes, _, err := s.Changes(t.Context(), common); err != nil || len(changes) != 1 {
		t.Errorf("a cursor of before the copy: got %v, error %v", changes, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, content, 0o600))
}

// follow listens in the background. It returns when it is being told.
func follow(t *testing.T, s *store.Store) (woken chan struct{}, ended chan error) {
	t.Helper()
	woken, ended = make(chan struct{}, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		ended <- s.Wake(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-woken:
	case err := <-ended:
		t.Fatalf("not listening: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("not listening in time")
	}
	return woken, ended
}

// A listener on a dead connection would wait for ever while nobody knows that there are no notifications any more.
func TestPostgresListenerLosesConnection(t *testing.T) {
	t.Parallel()
	line := proxyTo(t, storetest.PostgresURL(t))
	s := openPostgres(t, line.url, time.Second)
	_, cut := follow(t, s)
	line.cut()
	select {
	case err := <-cut:
		if !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("a connection that was cut: got %v, want ErrUnavailable", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a connection that was cut was not noticed")
	}
	_, silent := follow(t, s)
	line.freeze()
	defer line.thaw()
	select {
	case err := <-silent:
		if !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("a silent connection: got %v, want ErrUnavailable", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("a silent connection was not noticed")
	}
}
