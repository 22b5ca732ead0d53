package authn_test

import (
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// A token may live longer than this replica gives tokens: the configuration was another one when it was issued, or is another
// one elsewhere. What ended it is forgotten while it lives, and so the store is asked.
func TestTokensOfALongerLife(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	m.config.AccessTTL = 24 * time.Hour
	before := authn.NewLogins(m.config)
	login := func() string {
		tokens, err := before.Login(t.Context(), "alice", password, from)
		if err != nil {
			t.Fatal(err)
		}
		return tokens.Access
	}
	dead, living := login(), login()
	caller, err := before.Authenticate(t.Context(), bearer(dead))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.store.EndSession(t.Context(), caller.UserID, caller.SessionID, storetest.By(m.clock.Now())); err != nil {
		t.Fatal(err)
	}
	r := m.replica(t) // with half an hour
	for _, passed := range []time.Duration{0, 46 * time.Minute, 20 * time.Hour} {
		m.clock.advance(passed)
		r.load(t)
		if _, refusal := r.check(t, dead); refusal != authn.CodeInvalidCredentials {
			t.Errorf("%v later, the token of a session that has ended: %q", passed, refusal)
		}
		if _, refusal := r.check(t, living); refusal != "" {
			t.Errorf("%v later, a living token: %s", passed, refusal)
		}
	}
	asked := r.store.tokens.Load()
	if _, refusal := r.check(t, m.login(t, "alice").Access); refusal != "" || r.store.tokens.Load() != asked {
		t.Errorf("a token of an ordinary life: %q, and %d questions", refusal, r.store.tokens.Load()-asked)
	}
}
