package authn_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// A day is 24 hours of which the last is not over, and what was counted together counts as often as it was.
func TestActivity(t *testing.T) {
	m := newMind(t, options{failures: 3})
	m.clock.advance(m.clock.Now().Truncate(time.Hour).Add(time.Hour).Sub(m.clock.Now())) // a full hour
	m.config.Trail = m.trailOf()
	logins, root := authn.NewLogins(m.config), m.admin(t, "root") // who signs in, too
	m.user(t, "alice")
	first := m.clock.Now()
	for range 3 {
		_, _ = logins.Login(t.Context(), "alice", "wrong password", from)
	}
	_, _ = logins.Login(t.Context(), "alice", password, from) // refused by the lock
	m.clock.advance(90 * time.Minute)
	m.login(t, "alice")
	repeated := authn.Event{
		At: m.clock.Now(), Kind: authn.EventLoginFailed, Outcome: authn.Failure, Actor: authn.Actor{Kind: authn.ActorAnonymous}, Count: 5,
	}
	m.config.Trail.Record(t.Context(), repeated)
	m.config.Trail.Flush(t.Context(), true)

	look := func() []authn.ActivityHour {
		t.Helper()
		hours, err := m.config.Trail.Activity(t.Context(), root)
		if err != nil || len(hours) != 24 {
			t.Fatalf("%d hours, %v", len(hours), err)
		}
		return hours
	}
	want := []authn.ActivityHour{
		{From: first.UTC(), SignIns: 1, Failures: 4, Locks: 1}, {From: first.UTC().Add(time.Hour), SignIns: 1, Failures: 5},
	}
	if diff := cmp.Diff(want, look()[22:]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.clock.advance(22 * time.Hour)
	if diff := cmp.Diff(want, look()[:2]); diff != "" {
		t.Errorf("most of a day later (-want +got):\n%s", diff)
	}
	m.clock.advance(time.Hour)
	if diff := cmp.Diff(want[1:], look()[:1]); diff != "" {
		t.Errorf("a day later (-want +got):\n%s", diff)
	}
	if _, err := m.config.Trail.Activity(t.Context(), m.caller(t, "alice")); code(t, err) != authn.CodeForbidden {
		t.Errorf("alice is shown how busy it was: %v", err)
	}
}
