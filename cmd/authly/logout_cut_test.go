package main_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/descoped/authly/store/pgserver"
	"github.com/descoped/authly/store/storetest"
)

// saboteur cuts a line to the database at a message, once.
type saboteur struct {
	mu      sync.Mutex
	chosen  func(pgserver.Message) bool // nil: every message passes
	verdict pgserver.Verdict
}

func (s *saboteur) judge(m pgserver.Message) pgserver.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chosen == nil || !s.chosen(m) {
		return pgserver.Pass
	}
	s.chosen = nil
	return s.verdict
}

func (s *saboteur) arm(verdict pgserver.Verdict, chosen func(pgserver.Message) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chosen, s.verdict = chosen, verdict
}

// disarm reports whether there was a cut.
func (s *saboteur) disarm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	cut := s.chosen == nil
	s.chosen = nil
	return cut
}

// after chooses the message that comes after so many.
func after(messages int) func(pgserver.Message) bool {
	return func(pgserver.Message) bool {
		messages--
		return messages < 0
	}
}

func isCommit(m pgserver.Message) bool { return strings.EqualFold(m.Statement(), "commit") }

// endings are the ways in which a client ends a session.
func endings(t *testing.T) map[string]func(a *authly, pair tokens) reply {
	return map[string]func(a *authly, pair tokens) reply{
		"logout": func(a *authly, pair tokens) reply { return a.do(t, "POST", "/auth/logout", pair.Access, "") },
		"logout of this": func(a *authly, pair tokens) reply {
			return a.do(t, "POST", "/auth/logout", pair.Access, `{"scope":"session"}`)
		},
		"session ended": func(a *authly, pair tokens) reply { return a.do(t, "DELETE", sessionPath(t, pair), pair.Access, "") },
	}
}

// The line to the database is cut at every message of a logout in turn, before it arrives or before its answer does: a logout
// that was not done, or of which nobody knows, is never answered as if it were done, and afterwards all of it is or nothing.
func TestLogoutCutAtEveryMessage(t *testing.T) {
	t.Parallel()
	database, err := url.Parse(storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	s := new(saboteur)
	line, err := pgserver.NewLine(database, s.judge)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { line.Close() })
	a := start(t, line.URL().String(), protectedEcho)
	a.register(t, a.login(t, "admin", adminPassword), "alice", passwordOf("alice"))
	for name, end := range endings(t) {
		for verdict, what := range map[pgserver.Verdict]string{pgserver.Cut: "message lost", pgserver.CutAnswer: "answer lost"} {
			attempt := func(chosen func(pgserver.Message) bool) (answer reply, alive, cut bool) {
				pair := a.login(t, "alice", passwordOf("alice"))
				s.arm(verdict, chosen)
				answer = end(a, pair)
				cut = s.disarm()
				return answer, a.endedOrNot(t, answer, pair), cut
			}
			t.Run(name+", "+what, func(t *testing.T) {
				messages := 0
				for {
					answer, _, cut := attempt(after(messages))
					if !cut {
						if answer.status/100 != 2 {
							t.Errorf("without a cut: %d %s", answer.status, answer.body)
						}
						break
					}
					messages++ // the server reads its feed in between, so not every number is another step of the logout
				}
				if messages < 3 {
					t.Errorf("cut at %d messages", messages)
				}
			})
			t.Run(name+", "+what+" at the commit", func(t *testing.T) {
				answer, alive, cut := attempt(isCommit)
				if want := verdict == pgserver.Cut; !cut || answer.status < 500 || alive != want {
					t.Errorf("cut: %v, %d %s, alive: %v, want %v", cut, answer.status, answer.body, alive, want)
				}
			})
		}
	}
}

// endedOrNot checks that a session whose end was answered so is in a legal state, and reports whether it was alive before it
// was ended once more. The refresh token tells, for it is always held against the database.
func (a *authly) endedOrNot(t *testing.T, answer reply, pair tokens) (alive bool) {
	t.Helper()
	success := answer.status/100 == 2
	if !success && answer.status < 500 {
		t.Errorf("answered %d %s, which is neither done nor failed", answer.status, answer.body)
	}
	refresh := a.refresh(t, pair.Refresh)
	alive = refresh.status == http.StatusOK
	switch {
	case alive && success:
		t.Errorf("answered %d, and the session lives", answer.status)
	case alive:
		if !a.accepts(t, pair.Access) {
			t.Errorf("answered %d: the refresh token is alive and the access token is not", answer.status)
		}
		a.must(t, http.StatusOK, "POST", "/auth/logout", pair.Access, "")
		a.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pairIn(t, refresh).Refresh))
	case refresh.status != http.StatusUnauthorized:
		t.Errorf("refresh with the database back: %d %s", refresh.status, refresh.body)
	}
	eventually(t, "the access token is dead", func() bool { // a replica that could not answer may learn the outcome from the feed
		return a.do(t, "GET", "/x", pair.Access, "").status == http.StatusUnauthorized &&
			a.do(t, "GET", "/users/me", pair.Access, "").status == http.StatusUnauthorized
	})
	a.must(t, http.StatusUnauthorized, "POST", "/auth/logout", pair.Access, "")
	return alive
}

// The file of SQLite is locked by another program, and then is not where it was: a logout fails, and succeeds afterwards.
func TestLogoutWithoutFile(t *testing.T) {
	t.Parallel()
	storeURL := sqliteURL(t)
	path := strings.TrimPrefix(storeURL, "sqlite://")
	a := start(t, storeURL, protectedEcho)
	db, _ := sqlOf(t, storeURL)
	for name, trouble := range map[string]func(t *testing.T) (mend func()){
		"locked": func(t *testing.T) func() {
			other, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := other.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
				t.Fatal(err)
			}
			return func() {
				if _, err := other.ExecContext(t.Context(), `ROLLBACK`); err != nil {
					t.Error(err)
				}
				other.Close()
			}
		},
		"away": func(t *testing.T) func() {
			move(t, path, path+".away")
			return func() { move(t, path+".away", path) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			pair := a.login(t, "admin", adminPassword)
			mend := trouble(t)
			answer := a.do(t, "POST", "/auth/logout", pair.Access, "")
			mend()
			if answer.status < 500 {
				t.Errorf("answered %d %s", answer.status, answer.body)
			}
			if !a.endedOrNot(t, answer, pair) {
				t.Error("a logout that failed has ended the session")
			}
		})
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
