package authn_test

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

func TestLoginByEverySpelling(t *testing.T) {
	m := newMind(t, options{})
	user := m.user(t, "alice")
	for _, name := range []string{"alice", "Alice", "ALICE", "ａｌｉｃｅ", "alice@example.com", "Alice@EXAMPLE.com"} {
		tokens, err := m.logins.Login(t.Context(), name, password, from)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		identity, err := m.logins.Authenticate(t.Context(), bearer(tokens.Access))
		if err != nil || identity.UserID != user.ID {
			t.Errorf("%s: identity %+v, %v", name, identity, err)
		}
	}
}

// Whatever is wrong, the answer is the same; only the right password is told more.
func TestLoginRefusals(t *testing.T) {
	m := newMind(t, options{failures: 100})
	m.user(t, "alice")
	disabled, unverified := m.user(t, "disabled"), m.user(t, "unverified")
	no := false
	if _, err := m.accounts.Update(t.Context(), authn.Operator(), disabled.ID, authn.AccountUpdate{Active: &no}, from); err != nil {
		t.Fatal(err)
	}
	if _, err := m.accounts.Update(t.Context(), authn.Operator(), unverified.ID, authn.AccountUpdate{Verified: &no}, from); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, password, want string }{
		{"alice", "wrong password", "invalid_grant: Incorrect username or password"},
		{"alice", "", "invalid_grant: Incorrect username or password"},
		{"alice", "\x00", "invalid_grant: Incorrect username or password"},
		{"alice", strings.Repeat("a", 1<<16), "invalid_grant: Incorrect username or password"},
		{"nobody", password, "invalid_grant: Incorrect username or password"},
		{"", password, "invalid_grant: Incorrect username or password"},
		{"\xff\x00", password, "invalid_grant: Incorrect username or password"},
		{"' OR 1=1 --", password, "invalid_grant: Incorrect username or password"},
		{"nobody@example.com", password, "invalid_grant: Incorrect username or password"},
		{"disabled", "wrong password", "invalid_grant: Incorrect username or password"},
		{"disabled", password, "account_inactive: Account is deactivated"},
		{"unverified", "wrong password", "invalid_grant: Incorrect username or password"},
		{"unverified", password, "account_unverified: Account not verified"},
	} {
		tokens, err := m.logins.Login(t.Context(), tt.name, tt.password, from)
		if err == nil || err.Error() != tt.want || tokens != (authn.Tokens{}) {
			t.Errorf("%.20q with %.20q: %v, want %s", tt.name, tt.password, err, tt.want)
		}
	}
	m.login(t, "alice")
}

func TestWrongPasswordsLockWhateverIsTyped(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	for _, names := range [][]string{
		{"alice", "ALICE", "alice@example.com", "ａlice", "Alice@Example.com"},
		{"nobody", "NOBODY", "Nobody", "ｎobody", "nobody"},
	} {
		for _, name := range names {
			if _, err := m.logins.Login(t.Context(), name, "wrong password", from); code(t, err) != authn.CodeInvalidGrant {
				t.Fatalf("%s: %v", name, err)
			}
		}
		_, err := m.logins.Login(t.Context(), names[0], password, from)
		if code(t, err) != authn.CodeLocked || err.(*authn.Error).RetryAfter != 5*time.Minute {
			t.Errorf("%s, locked, right password: %v", names[0], err)
		}
	}
	again := newMindOn(t, m.store, options{})
	if _, err := again.logins.Login(t.Context(), "alice", password, from); code(t, err) != authn.CodeLocked {
		t.Errorf("a restart unlocks: %v", err)
	}
	m.clock.advance(5*time.Minute + time.Second)
	m.login(t, "alice")
}

func TestRightPasswordAndUnlockForgetFailures(t *testing.T) {
	m := newMind(t, options{})
	user := m.user(t, "alice")
	fail := func(n int) {
		for range n {
			if _, err := m.logins.Login(t.Context(), "alice", "wrong password", from); code(t, err) != authn.CodeInvalidGrant {
				t.Fatal(err)
			}
		}
	}
	fail(4)
	m.login(t, "alice")
	fail(4)
	m.login(t, "alice")
	fail(5)
	if _, err := m.accounts.Unlock(t.Context(), authn.Operator(), user.ID); err != nil {
		t.Fatal(err)
	}
	m.login(t, "alice")
}

// Guesses that are sent side by side are counted before they are looked at.
func TestParallelGuessesAreCounted(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	var evaluated, locked atomic.Int32
	var work sync.WaitGroup
	for range 50 {
		work.Go(func() {
			switch _, err := m.logins.Login(t.Context(), "alice", "wrong password", from); code(t, err) {
			case authn.CodeInvalidGrant:
				evaluated.Add(1)
			case authn.CodeLocked:
				locked.Add(1)
			}
		})
	}
	work.Wait()
	if evaluated.Load() != 5 || locked.Load() != 45 {
		t.Errorf("%d evaluated, %d locked, want 5 and 45", evaluated.Load(), locked.Load())
	}
}

func TestLoginLimitIsPerNameAndPerNetwork(t *testing.T) {
	m := newMind(t, options{limit: authn.Limit{Requests: 3, Per: time.Minute}, failures: 100})
	m.user(t, "alice")
	m.user(t, "bob")
	elsewhere := func(address string) authn.Client { return authn.Client{Address: netip.MustParseAddr(address)} }
	for i := range 3 {
		if _, err := m.logins.Login(t.Context(), "alice", password, from); err != nil {
			t.Fatalf("login %d: %v", i+1, err)
		}
	}
	for name, client := range map[string]authn.Client{"alice": elsewhere("198.51.100.1"), "bob": from} {
		_, err := m.logins.Login(t.Context(), name, password, client)
		if code(t, err) != authn.CodeRateLimited || err.(*authn.Error).RetryAfter <= 0 {
			t.Errorf("%s from %v: %v, want a rate limit", name, client.Address, err)
		}
	}
	if _, err := m.logins.Login(t.Context(), "bob", password, elsewhere("198.51.100.2")); err != nil {
		t.Errorf("another name from another address: %v", err)
	}
	m.clock.advance(time.Minute)
	m.login(t, "alice")
}

func TestRefreshSpendsTheToken(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	first := m.login(t, "alice")
	second, err := m.logins.Refresh(t.Context(), first.Refresh, from)
	if err != nil {
		t.Fatal(err)
	}
	for name, access := range map[string]string{"old": first.Access, "new": second.Access} {
		if _, err := m.logins.Authenticate(t.Context(), bearer(access)); err != nil {
			t.Errorf("the %s access token: %v", name, err)
		}
	}
	if _, err := m.logins.Refresh(t.Context(), second.Refresh, from); err != nil {
		t.Errorf("the new refresh token: %v", err)
	}
	if _, err := m.logins.Refresh(t.Context(), first.Refresh, from); err == nil || err.Error() != "invalid_grant: Token is invalid or expired" {
		t.Errorf("the spent token: %v", err)
	}
}

func TestRefreshRefusals(t *testing.T) {
	m := newMind(t, options{})
	alice, bob := m.user(t, "alice"), m.user(t, "bob")
	access := m.login(t, "alice").Access
	ofDisabled, ofDeleted, expired := m.login(t, "alice").Refresh, m.login(t, "bob").Refresh, m.login(t, "alice").Refresh
	want := func(token, refusal string) {
		t.Helper()
		if _, err := m.logins.Refresh(t.Context(), token, from); err == nil || err.Error() != refusal {
			t.Errorf("%v, want %s", err, refusal)
		}
	}
	want("", "invalid_grant: Invalid refresh token")
	want("x.y.z", "invalid_grant: Invalid refresh token")
	want(ofDisabled[:len(ofDisabled)-4], "invalid_grant: Invalid refresh token")
	want(access, "invalid_request: Invalid token type")
	if err := m.accounts.Delete(t.Context(), authn.Operator(), bob.ID); err != nil {
		t.Fatal(err)
	}
	want(ofDeleted, "invalid_grant: User not found")
	m.clock.advance(8 * 24 * time.Hour)
	want(expired, "invalid_grant: Token is invalid or expired")
	fresh := m.login(t, "alice").Refresh
	no := false
	if _, err := m.store.UpdateUser(t.Context(), alice.ID, authn.UserChange{Active: &no, Act: storetest.By(m.clock.Now())}); err != nil {
		t.Fatal(err)
	}
	want(fresh, "invalid_grant: User is inactive")
}

func TestLogoutEndsEveryTokenOfTheUser(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	m.user(t, "bob")
	one, two, other := m.login(t, "alice"), m.login(t, "alice"), m.login(t, "bob")
	caller, err := m.logins.Authenticate(t.Context(), bearer(one.Access))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := m.logins.Logout(t.Context(), caller); err != nil || n != 4 {
		t.Errorf("logout: %d, %v, want 4 tokens", n, err)
	}
	if n, err := m.logins.Logout(t.Context(), caller); err != nil || n != 0 {
		t.Errorf("logout again: %d, %v, want none left", n, err)
	}
	for _, tokens := range []authn.Tokens{one, two} {
		if _, err := m.logins.Authenticate(t.Context(), bearer(tokens.Access)); code(t, err) != authn.CodeInvalidCredentials {
			t.Errorf("access after logout: %v", err)
		}
		if _, err := m.logins.Refresh(t.Context(), tokens.Refresh, from); code(t, err) != authn.CodeInvalidGrant {
			t.Errorf("refresh after logout: %v", err)
		}
	}
	if _, err := m.logins.Authenticate(t.Context(), bearer(other.Access)); err != nil {
		t.Errorf("somebody else's token: %v", err)
	}
}

func TestLoginUpgradesOlderHashes(t *testing.T) {
	m := newMind(t, options{})
	user := m.user(t, "alice")
	stronger := cheapBcrypt
	stronger.BcryptCost = 5
	for _, cfg := range []authn.PasswordsConfig{stronger, cheapArgon} {
		upgraded := newMindOn(t, m.store, options{passwords: cfg})
		access := upgraded.login(t, "alice").Access
		stored, err := m.store.UserByID(t.Context(), user.ID)
		if err != nil {
			t.Fatal(err)
		}
		if upgraded.passwords.Outdated(stored.PasswordHash) {
			t.Errorf("%s: the hash is still %s", cfg.Algorithm, authn.PasswordScheme(stored.PasswordHash))
		}
		if _, err := upgraded.logins.Authenticate(t.Context(), bearer(access)); err != nil {
			t.Errorf("%s: the token of the login that upgraded: %v", cfg.Algorithm, err)
		}
		upgraded.login(t, "alice")
	}
}
