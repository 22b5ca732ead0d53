package fill_test

import (
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/fill"
	"github.com/descoped/authly/store/storetest"
)

const hash = "$2a$04$Jlmk4aDSEH/xPnNRuzRqFuTFEnwRJnEcvYgeJLYJRQF1N4MFxX1pG"

// What was filled in must be to a Store as what it has written itself.
func TestFill(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testFill(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db")) })
	t.Run("postgres", func(t *testing.T) { testFill(t, storetest.PostgresURL(t)) })
}

func testFill(t *testing.T, database string) {
	s, err := store.Open(t.Context(), database, store.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	d, err := fill.Open(t.Context(), database)
	must(t, err)
	now := time.Now()
	must(t, d.Users(t.Context(), 10, hash, now.Add(-time.Hour)))
	must(t, d.Sessions(t.Context(), 12, 10, now.Add(-time.Hour), 24*time.Hour))
	must(t, d.Ended(t.Context(), 100, now))
	must(t, d.Events(t.Context(), 30, 10, now.Add(-time.Hour), now))
	must(t, d.Close(t.Context()))

	users, err := s.ListUsers(t.Context(), 0, 100)
	must(t, err)
	if len(users) != 10 {
		t.Fatalf("%d users, want 10", len(users))
	}
	for i, u := range users {
		if u.Username != fill.Username(i) || u.ID.String() != fill.UserID(i) || !u.Active || !u.Verified || u.Admin != (i == 0) ||
			u.PasswordHash != hash || !slices.Equal(u.Roles, []string{"staff", "reports"}) {
			t.Errorf("user %d: %+v", i, u)
		}
	}
	changes, _, err := s.Changes(t.Context(), authn.Cursor{})
	must(t, err)
	ended := map[uuid.UUID]bool{}
	for _, c := range changes {
		ended[c.SessionID] = c.Kind == authn.SessionEnded
	}
	if len(ended) != 100 || ended[uuid.MustParse(fill.SessionID(1))] {
		t.Errorf("%d sessions have ended, want 100, and none of those that live", len(ended))
	}
	testSessions(t, s, users[1], now)
	testEvents(t, s, users[9])
}

// testEvents: of thirty events three are of user 9 of ten, and every tenth is a failure.
func testEvents(t *testing.T, s *store.Store, u authn.User) {
	t.Helper()
	f := authn.EventFilter{
		Subject: u.ID, Outcome: authn.Failure, Network: netip.MustParsePrefix("192.0.2.1/32"), Kinds: []authn.EventKind{authn.EventLoginFailed},
	}
	events, err := s.ListEvents(t.Context(), f, authn.EventPlace{}, 100)
	must(t, err)
	if len(events) != 3 || events[0].Session.String() != fill.SessionID(29) || !events[0].At.After(events[2].At) {
		t.Errorf("%d failures of user 9, want 3: %v", len(events), events)
	}
}

// testSessions: user 1 of ten has the sessions 1 and 11 of twelve, each with two tokens.
func testSessions(t *testing.T, s *store.Store, u authn.User, now time.Time) {
	t.Helper()
	policy := authn.SessionPolicy{IdleTimeout: 2 * time.Hour, MaxLifetime: 48 * time.Hour}
	sessions, err := s.ListSessions(t.Context(), u.ID, policy, now)
	must(t, err)
	var ids []string
	for _, one := range sessions {
		ids = append(ids, one.ID.String())
	}
	slices.Sort(ids)
	if want := []string{fill.SessionID(1), fill.SessionID(11)}; !slices.Equal(ids, slices.Sorted(slices.Values(want))) {
		t.Errorf("sessions %v, want %v", ids, want)
	}
	n, err := s.EndSessions(t.Context(), u.ID, uuid.Nil, storetest.By(now))
	must(t, err)
	if n != 4 {
		t.Errorf("%d tokens were ended, want 4", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
