package authn_test

import (
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// Whoever looks into it finds failures while they count, and a lock while it holds.
func TestStanding(t *testing.T) {
	m := newMind(t, options{lockout: authn.LockoutPolicy{Failures: 3, Duration: 5 * time.Minute}})
	alice, bob := m.user(t, "alice"), m.user(t, "bob")
	expect := func(when string, user authn.User, failures int, locked bool) {
		t.Helper()
		s, err := m.logins.Guard().Standing(t.Context(), user.ID)
		if err != nil {
			t.Fatal(err)
		}
		if s.Failures != failures || s.LastFailure.IsZero() != (failures == 0) || s.LockedUntil.After(m.clock.Now()) != locked {
			t.Errorf("%s: %+v, want %d failures, locked: %v", when, s, failures, locked)
		}
	}
	expect("at first", alice, 0, false)
	for i, name := range []string{"alice", "ALICE@example.com", "Alice"} {
		if _, err := m.logins.Login(t.Context(), name, "wrong password", from); code(t, err) != authn.CodeInvalidGrant {
			t.Fatal(err)
		}
		expect("after a failure", alice, i+1, i == 2)
	}
	expect("somebody else", bob, 0, false)
	m.clock.advance(5 * time.Minute)
	expect("when the lock is over", alice, 0, false)
	m.login(t, "alice")
	expect("signed in", alice, 0, false)
}
