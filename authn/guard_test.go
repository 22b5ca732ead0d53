package authn_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// An address that nobody has verified is no identity: applications know people by it.
func TestUnverifiedAddressIsNotPassedOn(t *testing.T) {
	m := newMind(t, options{})
	alice := m.user(t, "alice")
	tokens := m.login(t, "alice")
	asAlice := m.caller(t, "alice")
	emailOf := func(access string) string {
		identity, err := m.logins.Authenticate(t.Context(), bearer(access))
		if err != nil {
			t.Fatal(err)
		}
		return identity.Email
	}
	if got := emailOf(tokens.Access); got != "alice@example.com" {
		t.Fatalf("verified: %q", got)
	}
	if _, err := m.accounts.Update(t.Context(), asAlice, alice.ID, authn.AccountUpdate{Email: ptr("boss@example.com")}, from); err != nil {
		t.Fatal(err)
	}
	next, err := m.logins.Refresh(t.Context(), tokens.Refresh, from)
	if err != nil {
		t.Fatal(err)
	}
	for name, access := range map[string]string{"the token of before": tokens.Access, "a refreshed one": next.Access} {
		if got := emailOf(access); got != "" {
			t.Errorf("%s carries the unverified address %q", name, got)
		}
	}
	if _, err := m.accounts.Verify(t.Context(), authn.Operator(), alice.ID); err != nil {
		t.Fatal(err)
	}
	if got := emailOf(next.Access); got != "boss@example.com" {
		t.Errorf("verified again: %q", got)
	}
	open := newMindOn(t, m.store, options{unverified: true})
	bob := open.user(t, "bob")
	if _, err := open.accounts.Update(t.Context(), open.caller(t, "bob"), bob.ID, authn.AccountUpdate{Email: ptr("b@example.com")}, from); err != nil {
		t.Fatal(err)
	}
	if identity := open.caller(t, "bob"); identity.Email != "b@example.com" {
		t.Errorf("where verification is not required: %q", identity.Email)
	}
}

// Right passwords sent side by side are logins, not a lock's worth of failures.
func TestParallelRightPasswordsDoNotLock(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	var work sync.WaitGroup
	for range 30 {
		work.Go(func() {
			if _, err := m.logins.Login(t.Context(), "alice", password, from); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
}

func TestRegistrationIsLimited(t *testing.T) {
	m := newMind(t, options{})
	accounts := authn.NewAccounts(authn.AccountsConfig{
		Store: m.store, Logins: m.logins, Passwords: m.passwords, OpenRegistration: true,
		Limit: authn.Limit{Requests: 2, Per: time.Minute}, ReservedNames: []string{"zed"}, Now: m.clock.Now, Log: discard(),
	})
	register := func(name string) authn.Code {
		_, err := accounts.Register(t.Context(), authn.Registration{Username: name, Email: uuid.NewString() + "@example.com", Password: password}, from)
		return code(t, err)
	}
	if got := register("one"); got != "" {
		t.Errorf("the first: %s", got)
	}
	if got := register("ZED"); got != authn.CodeInvalidRequest {
		t.Errorf("a name that a rule lets pass: %q", got)
	}
	if got := register("three"); got != authn.CodeRateLimited {
		t.Errorf("the third: %q", got)
	}
	m.clock.advance(time.Minute)
	if got := register("three"); got != "" {
		t.Errorf("a minute later: %s", got)
	}
	one, err := m.store.UserByUsername(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	self := &authn.Identity{UserID: one.ID}
	if _, err := accounts.Update(t.Context(), self, one.ID, authn.AccountUpdate{Username: ptr("zed")}, from); code(t, err) != authn.CodeInvalidRequest {
		t.Errorf("taking the name later: %v", err)
	}
	if _, err := accounts.Update(t.Context(), authn.Operator(), one.ID, authn.AccountUpdate{Username: ptr("zed")}, from); err != nil {
		t.Errorf("given by an administrator: %v", err)
	}
}
