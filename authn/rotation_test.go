package authn_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// A refresh token that is used twice was stolen, by the first user or the second: the session ends.
func TestReusedRefreshTokenEndsTheSession(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	stolen, other := m.login(t, "alice"), m.login(t, "alice")
	next, err := m.logins.Refresh(t.Context(), stolen.Refresh, from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.logins.Refresh(t.Context(), stolen.Refresh, from); err == nil || err.Error() != "invalid_grant: Token is invalid or expired" {
		t.Fatalf("the spent token: %v", err)
	}
	for name, access := range map[string]string{"first": stolen.Access, "second": next.Access} {
		if _, err := m.logins.Authenticate(t.Context(), bearer(access)); code(t, err) != authn.CodeInvalidCredentials {
			t.Errorf("the %s access token of the session: %v", name, err)
		}
	}
	if _, err := m.logins.Refresh(t.Context(), next.Refresh, from); code(t, err) != authn.CodeInvalidGrant {
		t.Errorf("the successor: %v", err)
	}
	if _, err := m.logins.Authenticate(t.Context(), bearer(other.Access)); err != nil {
		t.Errorf("another session of the user: %v", err)
	}
}

func TestGraceGivesTheSamePairAgain(t *testing.T) {
	for _, algorithm := range []string{"EdDSA", "HS256", "RS256"} { // whose signatures are the same each time
		t.Run(algorithm, func(t *testing.T) {
			m := newMind(t, options{algorithm: algorithm, grace: 10 * time.Second})
			m.user(t, "alice")
			first := m.login(t, "alice")
			next, err := m.logins.Refresh(t.Context(), first.Refresh, from)
			if err != nil {
				t.Fatal(err)
			}
			m.clock.advance(5 * time.Second)
			again, err := m.logins.Refresh(t.Context(), first.Refresh, from)
			if err != nil || again.Access != next.Access || again.Refresh != next.Refresh {
				t.Fatalf("within the grace: same access %v, same refresh %v, %v", again.Access == next.Access, again.Refresh == next.Refresh, err)
			}
			if _, err := m.logins.Refresh(t.Context(), next.Refresh, from); err != nil {
				t.Fatalf("the successor: %v", err)
			}
			if _, err := m.logins.Refresh(t.Context(), first.Refresh, from); code(t, err) != authn.CodeInvalidGrant {
				t.Errorf("within the grace, but the successor is used: %v", err)
			}
		})
	}
}

func TestGraceIsNoHelpToOthers(t *testing.T) {
	for name, use := range map[string]func(m *mind) authn.Client{
		"too late":           func(m *mind) authn.Client { m.clock.advance(11 * time.Second); return from },
		"another user agent": func(*mind) authn.Client { c := from; c.UserAgent = "other"; return c },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{grace: 10 * time.Second})
			m.user(t, "alice")
			first := m.login(t, "alice")
			next, err := m.logins.Refresh(t.Context(), first.Refresh, from)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.logins.Refresh(t.Context(), first.Refresh, use(m)); code(t, err) != authn.CodeInvalidGrant {
				t.Errorf("the spent token: %v", err)
			}
			if _, err := m.logins.Authenticate(t.Context(), bearer(next.Access)); code(t, err) != authn.CodeInvalidCredentials {
				t.Errorf("the session goes on: %v", err)
			}
		})
	}
}

func TestFiftyRefreshesAtOnce(t *testing.T) {
	for name, grace := range map[string]time.Duration{"no grace": 0, "grace": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{grace: grace})
			m.user(t, "alice")
			refresh := m.login(t, "alice").Refresh
			var mu sync.Mutex
			pairs, refused := map[string]bool{}, atomic.Int32{}
			var work sync.WaitGroup
			for range 50 {
				work.Go(func() {
					tokens, err := m.logins.Refresh(t.Context(), refresh, from)
					if err != nil {
						refused.Add(1)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					pairs[tokens.Access+" "+tokens.Refresh] = true
				})
			}
			work.Wait()
			if len(pairs) != 1 || grace == 0 && refused.Load() != 49 || grace > 0 && refused.Load() != 0 {
				t.Errorf("%d different pairs, %d refused", len(pairs), refused.Load())
			}
		})
	}
}

func TestSessionPolicyHoldsForSessionsThatExist(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	tokens := m.login(t, "alice")
	shorter := newMindOn(t, m.store, options{policy: authn.SessionPolicy{IdleTimeout: time.Hour}})
	shorter.clock.advance(59 * time.Minute)
	next, err := shorter.logins.Refresh(t.Context(), tokens.Refresh, from)
	if err != nil {
		t.Fatalf("within the idle time: %v", err)
	}
	shorter.clock.advance(61 * time.Minute)
	if _, err := shorter.logins.Refresh(t.Context(), next.Refresh, from); code(t, err) != authn.CodeInvalidGrant {
		t.Errorf("idle for too long: %v", err)
	}
}

func TestTokensDoNotOutliveTheirSession(t *testing.T) {
	m := newMind(t, options{policy: authn.SessionPolicy{MaxLifetime: 40 * time.Minute}})
	m.user(t, "alice")
	tokens := m.login(t, "alice")
	if tokens.ExpiresIn != 30*time.Minute {
		t.Errorf("the first access token lives %v", tokens.ExpiresIn)
	}
	m.clock.advance(20 * time.Minute)
	next, err := m.logins.Refresh(t.Context(), tokens.Refresh, from)
	if err != nil || next.ExpiresIn > 20*time.Minute || next.ExpiresIn < 19*time.Minute {
		t.Errorf("the second lives %v (%v), want the session's remaining 20 minutes", next.ExpiresIn, err)
	}
	m.clock.advance(21 * time.Minute)
	if _, err := m.logins.Authenticate(t.Context(), bearer(next.Access)); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("after the session's life: %v", err)
	}
}

func TestMaxPerUser(t *testing.T) {
	for _, evict := range []bool{true, false} {
		m := newMind(t, options{policy: authn.SessionPolicy{MaxPerUser: 2, EvictOldest: evict}})
		m.user(t, "alice")
		oldest := m.login(t, "alice")
		m.clock.advance(time.Second)
		m.login(t, "alice")
		m.clock.advance(time.Second)
		_, err := m.logins.Login(t.Context(), "alice", password, from)
		_, oldestErr := m.logins.Authenticate(t.Context(), bearer(oldest.Access))
		if evict && (err != nil || code(t, oldestErr) != authn.CodeInvalidCredentials) {
			t.Errorf("evicting: third login %v, oldest session %v", err, oldestErr)
		}
		if !evict && (code(t, err) != authn.CodeTooManySessions || oldestErr != nil) {
			t.Errorf("refusing: third login %v, oldest session %v", err, oldestErr)
		}
	}
}
