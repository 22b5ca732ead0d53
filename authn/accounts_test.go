package authn_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func ptr[T any](v T) *T { return &v }

// caller is the identity of a user who has just logged in.
func (m *mind) caller(t *testing.T, name string) *authn.Identity {
	t.Helper()
	identity, err := m.logins.Authenticate(t.Context(), bearer(m.login(t, name).Access))
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func (m *mind) admin(t *testing.T, name string) *authn.Identity {
	t.Helper()
	u := m.user(t, name)
	if _, err := m.accounts.Update(t.Context(), authn.Operator(), u.ID, authn.AccountUpdate{Admin: ptr(true)}, from); err != nil {
		t.Fatal(err)
	}
	return m.caller(t, name)
}

func TestRegister(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	good := authn.Registration{Username: "Bob", Email: "Bob@example.com", Password: password}
	for name, tt := range map[string]struct {
		change func(*authn.Registration)
		want   string
	}{
		"name taken in another case":    {func(r *authn.Registration) { r.Username = "ALICE" }, "invalid_request: Username already registered"},
		"address taken in another case": {func(r *authn.Registration) { r.Email = "ALICE@example.com" }, "invalid_request: Email already registered"},
		"short password":                {func(r *authn.Registration) { r.Password = "short" }, "invalid_request: Invalid field: password must have at least 8 characters"},
		"name that is an address":       {func(r *authn.Registration) { r.Username = "alice@example.com" }, "invalid_request: Invalid field: username cannot contain @"},
		"no address":                    {func(r *authn.Registration) { r.Email = "bob" }, "invalid_request: Invalid field: email must be an address such as name@example.com"},
	} {
		r := good
		tt.change(&r)
		if _, err := m.accounts.Register(t.Context(), r, from); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	user, err := m.accounts.Register(t.Context(), good, from)
	if err != nil {
		t.Fatal(err)
	}
	if user.Username != "bob" || user.Email != "Bob@example.com" || user.Verified || user.Admin || !user.Active || len(user.Roles) != 0 {
		t.Errorf("registered %+v", user)
	}
	closed := authn.NewAccounts(authn.AccountsConfig{Store: m.store, Logins: m.logins, Passwords: m.passwords, Now: m.clock.Now})
	good.Username, good.Email = "carol", "carol@example.com"
	if _, err := closed.Register(t.Context(), good, from); code(t, err) != authn.CodeForbidden {
		t.Errorf("closed registration: %v", err)
	}
}

func TestHundredRegistrationsOfOneName(t *testing.T) {
	m := newMind(t, options{})
	var created, refused atomic.Int32
	var work sync.WaitGroup
	for range 100 {
		work.Go(func() {
			_, err := m.accounts.Register(t.Context(), authn.Registration{Username: "bob", Email: uuid.NewString() + "@example.com", Password: password}, from)
			switch {
			case err == nil:
				created.Add(1)
			case err.Error() == "invalid_request: Username already registered":
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	work.Wait()
	if created.Load() != 1 || refused.Load() != 99 {
		t.Errorf("%d created, %d refused", created.Load(), refused.Load())
	}
}

func TestUpdateRights(t *testing.T) {
	m := newMind(t, options{})
	root := m.admin(t, "root")
	alice, bob := m.user(t, "alice"), m.user(t, "bob")
	asAlice := m.caller(t, "alice")
	for _, tt := range []struct {
		name   string
		caller *authn.Identity
		id     uuid.UUID
		update authn.AccountUpdate
		want   authn.Code
	}{
		{"own email", asAlice, alice.ID, authn.AccountUpdate{Email: ptr("new@example.com")}, ""},
		{"own flags as they are", asAlice, alice.ID, authn.AccountUpdate{Active: ptr(true), Admin: ptr(false), Roles: &[]string{}}, ""},
		{"own right to administer", asAlice, alice.ID, authn.AccountUpdate{Admin: ptr(true)}, authn.CodeForbidden},
		{"own roles", asAlice, alice.ID, authn.AccountUpdate{Roles: &[]string{"staff"}}, authn.CodeForbidden},
		{"own verification", asAlice, alice.ID, authn.AccountUpdate{Verified: ptr(true)}, authn.CodeForbidden},
		{"somebody else", asAlice, bob.ID, authn.AccountUpdate{Email: ptr("x@example.com")}, authn.CodeForbidden},
		{"nobody", asAlice, uuid.New(), authn.AccountUpdate{}, authn.CodeForbidden},
		{"nobody, by an administrator", root, uuid.New(), authn.AccountUpdate{}, authn.CodeNotFound},
		{"roles, by an administrator", root, bob.ID, authn.AccountUpdate{Roles: &[]string{"staff"}}, ""},
		{"taken name", root, bob.ID, authn.AccountUpdate{Username: ptr("Alice")}, authn.CodeInvalidRequest},
		{"the last administrator demoted", root, root.UserID, authn.AccountUpdate{Admin: ptr(false)}, authn.CodeConflict},
		{"the last administrator disabled", root, root.UserID, authn.AccountUpdate{Active: ptr(false)}, authn.CodeConflict},
	} {
		if _, err := m.accounts.Update(t.Context(), tt.caller, tt.id, tt.update, from); code(t, err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := m.accounts.Delete(t.Context(), root, root.UserID); code(t, err) != authn.CodeConflict {
		t.Errorf("the last administrator deleted: %v", err)
	}
	if err := m.accounts.Delete(t.Context(), asAlice, bob.ID); code(t, err) != authn.CodeForbidden {
		t.Errorf("somebody else deleted: %v", err)
	}
	if err := m.accounts.Delete(t.Context(), asAlice, alice.ID); err != nil {
		t.Errorf("oneself deleted: %v", err)
	}
	stored, err := m.store.UserByID(t.Context(), bob.ID)
	if diff := cmp.Diff([]string{"staff"}, stored.Roles); err != nil || diff != "" || stored.Email != "bob@example.com" {
		t.Errorf("bob is %+v, %v", stored, err)
	}
}

func TestChangedEmailIsUnverified(t *testing.T) {
	m := newMind(t, options{})
	alice := m.user(t, "alice")
	asAlice := m.caller(t, "alice")
	for _, tt := range []struct {
		caller *authn.Identity
		update authn.AccountUpdate
		want   bool
	}{
		{asAlice, authn.AccountUpdate{Email: ptr("Alice@example.com")}, true}, // the same address
		{asAlice, authn.AccountUpdate{Email: ptr("other@example.com")}, false},
		{authn.Operator(), authn.AccountUpdate{Email: ptr("third@example.com"), Verified: ptr(true)}, true},
		{authn.Operator(), authn.AccountUpdate{Email: ptr("fourth@example.com")}, false},
	} {
		got, err := m.accounts.Update(t.Context(), tt.caller, alice.ID, tt.update, from)
		if err != nil || got.Verified != tt.want || got.Email != *tt.update.Email {
			t.Errorf("%s: verified %v, %v, want %v", *tt.update.Email, got.Verified, err, tt.want)
		}
	}
	if _, err := m.accounts.Update(t.Context(), asAlice, alice.ID,
		authn.AccountUpdate{Email: ptr("fifth@example.com"), Verified: ptr(true)}, from); code(t, err) != authn.CodeForbidden {
		t.Errorf("an owner verifies a new address: %v", err)
	}
}

func TestPasswordChange(t *testing.T) {
	m := newMind(t, options{failures: 3})
	alice := m.user(t, "alice")
	others := m.login(t, "alice")
	caller := m.caller(t, "alice")
	changed := "another password"
	change := func(current *string) error {
		_, err := m.accounts.Update(t.Context(), caller, alice.ID, authn.AccountUpdate{Password: &changed, CurrentPassword: current}, from)
		return err
	}
	if err := change(nil); code(t, err) != authn.CodeInvalidRequest || err.(*authn.Error).Field != "current_password" {
		t.Errorf("without the current password: %v", err)
	}
	if err := change(ptr("wrong")); err == nil || err.Error() != "forbidden: Current password is incorrect" {
		t.Errorf("with a wrong one: %v", err)
	}
	if err := change(ptr(password)); err != nil {
		t.Fatalf("with the right one: %v", err)
	}
	if _, err := m.logins.Authenticate(t.Context(), bearer(others.Access)); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("another session after the change: %v", err)
	}
	if _, err := m.logins.Refresh(t.Context(), others.Refresh, from); code(t, err) != authn.CodeInvalidGrant {
		t.Errorf("another session's refresh after the change: %v", err)
	}
	if _, err := m.logins.Login(t.Context(), "alice", changed, from); err != nil {
		t.Errorf("login with the new password: %v", err)
	}
	for range 3 {
		_ = change(ptr("wrong"))
	}
	if _, err := m.logins.Login(t.Context(), "alice", changed, from); code(t, err) != authn.CodeLocked {
		t.Errorf("wrong current passwords count like failed logins: %v", err)
	}
}

func TestAdministratorResetsAPassword(t *testing.T) {
	m := newMind(t, options{})
	alice := m.user(t, "alice")
	tokens := m.login(t, "alice")
	root := m.admin(t, "root")
	if _, err := m.accounts.Update(t.Context(), root, alice.ID, authn.AccountUpdate{Password: ptr("another password")}, from); err != nil {
		t.Fatal(err)
	}
	if _, err := m.logins.Authenticate(t.Context(), bearer(tokens.Access)); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("the user's session after the reset: %v", err)
	}
	if _, err := m.accounts.Update(t.Context(), root, root.UserID, authn.AccountUpdate{Password: ptr("another password")}, from); code(t, err) != authn.CodeInvalidRequest {
		t.Errorf("an administrator's own password without the current one: %v", err)
	}
}

func TestDisabledUserIsOutAtOnceAndForGood(t *testing.T) {
	m := newMind(t, options{})
	alice := m.user(t, "alice")
	tokens := m.login(t, "alice")
	for _, active := range []bool{false, true} {
		if _, err := m.accounts.Update(t.Context(), authn.Operator(), alice.ID, authn.AccountUpdate{Active: &active}, from); err != nil {
			t.Fatal(err)
		}
		if _, err := m.logins.Authenticate(t.Context(), bearer(tokens.Access)); code(t, err) != authn.CodeInvalidCredentials {
			t.Errorf("active %v: the old token: %v", active, err)
		}
	}
	m.login(t, "alice")
}

func TestBootstrapHappensOnce(t *testing.T) {
	m := newMind(t, options{})
	created, generated, err := m.accounts.Bootstrap(t.Context(), "")
	if err != nil || !created || len(generated) < 20 {
		t.Fatalf("first start: %v, %q, %v", created, generated, err)
	}
	if _, err := m.logins.Login(t.Context(), "admin", generated, from); err != nil {
		t.Errorf("login with the generated password: %v", err)
	}
	if created, generated, err := m.accounts.Bootstrap(t.Context(), "whatever it is"); err != nil || created || generated != "" {
		t.Errorf("second start: %v, %q, %v", created, generated, err)
	}
	if _, err := m.logins.Login(t.Context(), "admin", "whatever it is", from); code(t, err) != authn.CodeInvalidGrant {
		t.Errorf("the second start's password: %v", err)
	}
}

// A database that has users already gets no administrator, now or when they are gone.
func TestBootstrapLeavesOldUsersAlone(t *testing.T) {
	m := newMind(t, options{})
	alice := m.user(t, "alice")
	if created, _, err := m.accounts.Bootstrap(t.Context(), ""); err != nil || created {
		t.Fatalf("with a user: %v, %v", created, err)
	}
	if err := m.accounts.Delete(t.Context(), authn.Operator(), alice.ID); err != nil {
		t.Fatal(err)
	}
	if created, _, err := m.accounts.Bootstrap(t.Context(), ""); err != nil || created {
		t.Errorf("after the last user is gone: %v, %v", created, err)
	}
}
