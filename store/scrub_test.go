package store

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// onDisk reports whether the file of a SQLite database or its log holds something, in pages in use or freed.
func onDisk(t *testing.T, path string, what []byte) bool {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, error %v", files, err)
	}
	found := false
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(content, what)
	}
	return found
}

// What is removed is gone from the pages of the file, and with Scrub what was freed by a version that did not see to that.
func TestSQLiteForgets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "authly.db")
	s := openFile(t, path)
	body := []byte(strings.Repeat("a token that was mailed ", 500)) // more than a page
	post := func() uuid.UUID {
		t.Helper()
		m := authn.QueuedMail{ID: uuid.New(), Kind: authn.MailNewSignIn, To: "a@example.com", Body: body, CreatedAt: at(1), ExpiresAt: at(2), DueAt: at(1)}
		if err := s.Post(t.Context(), []authn.Posting{{Mail: m}}); err != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	id := post()
	if !onDisk(t, path, body[:24]) {
		t.Fatal("what is there is not found: the search is wrong")
	}
	if err := s.FinishMail(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if onDisk(t, path, body[:24]) {
		t.Error("what was removed is still on disk")
	}

	old, err := sql.Open("sqlite", "file:"+path+"?_pragma=secure_delete(0)") // as a version before had it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	id = post()
	if err := s.Scrub(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := old.ExecContext(t.Context(), `DELETE FROM mails WHERE id = $1`, id.String()); err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if !onDisk(t, path, body[:24]) {
		t.Fatal("a freed page does not hold what was there: the test proves nothing")
	}
	if err := s.Scrub(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if onDisk(t, path, body[:24]) {
		t.Error("what a version before has freed is still on disk")
	}
}

// PostgreSQL writes tables anew for who owns them, and goes on for who does not.
func TestPostgresScrubs(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), storetest.PostgresURL(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	file := func() (name string) {
		t.Helper()
		if err := s.engine.reads.QueryRowContext(t.Context(), `SELECT pg_relation_filepath('keys')`).Scan(&name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	before := file()
	if err := s.Scrub(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if file() == before {
		t.Error("the table was not written anew")
	}
}
