package authn_test

import (
	"testing"

	"github.com/descoped/authly/authn"
)

// Who removes their own account proves that it is theirs; wrong passwords there count like those at a login.
func TestDeletingOnesOwnAccount(t *testing.T) {
	m := newMind(t, options{failures: 3})
	m.user(t, "bob")
	alice := m.user(t, "alice")
	mine, other := m.browse(t, "alice", false, ""), m.login(t, "alice")
	caller, _ := m.whose(t, mine.Value)
	end := func(who *authn.Identity, password string) error {
		return m.accounts.DeleteOwn(t.Context(), who, password, from)
	}
	for given, want := range map[string]authn.Code{"": authn.CodeInvalidRequest, "wrong": authn.CodeForbidden} {
		err := end(caller, given)
		if code(t, err) != want || err.(*authn.Error).Field != "current_password" {
			t.Errorf("with the password %q: %v", given, err)
		}
	}
	wantCode(t, "whoever runs the commands", end(authn.Operator(), password), authn.CodeNotFound)
	if failed := m.events(t, authn.EventLoginFailed); len(failed) != 1 || failed[0].Details[authn.DetailCheck] != "account_deletion" {
		t.Errorf("the trail tells of %+v", failed)
	}
	wantCode(t, "with the right one", end(caller, password), "")
	if _, refusal := m.whose(t, mine.Value); refusal != authn.CodeInvalidCredentials {
		t.Errorf("the session of before: %s", refusal)
	}
	_, err := m.logins.Authenticate(t.Context(), bearer(other.Access))
	wantCode(t, "another session", err, authn.CodeInvalidCredentials)
	_, err = m.logins.Login(t.Context(), "alice", password, from)
	wantCode(t, "signing in", err, authn.CodeInvalidGrant)
	wantCode(t, "once more", end(caller, password), authn.CodeNotFound)
	m.login(t, "bob")
	deleted := m.events(t, authn.EventUserDeleted)
	if len(deleted) != 1 || deleted[0].Subject != alice.ID || deleted[0].Actor.ID != alice.ID.String() ||
		deleted[0].Session != caller.SessionID || deleted[0].From.Address != from.Address {
		t.Errorf("the trail tells of %+v", deleted)
	}
}

func TestDeletingIsGuarded(t *testing.T) {
	m := newMind(t, options{failures: 3})
	m.user(t, "alice")
	caller := m.caller(t, "alice")
	for range 3 {
		_ = m.accounts.DeleteOwn(t.Context(), caller, "wrong", from)
	}
	wantCode(t, "the right password after too many wrong ones", m.accounts.DeleteOwn(t.Context(), caller, password, from), authn.CodeLocked)
	m.clock.advance(m.config.Lockout.Duration)
	wantCode(t, "when the lock is over", m.accounts.DeleteOwn(t.Context(), caller, password, from), "")
}

// Somebody must be left who looks after the others.
func TestTheLastAdministratorStays(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	for _, name := range []string{"alice", "bob"} {
		if name == "bob" {
			m.user(t, name)
		}
		user, err := m.store.UserByUsername(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.accounts.Update(t.Context(), authn.Operator(), user.ID, authn.AccountUpdate{Admin: ptr(true)}, from); err != nil {
			t.Fatal(err)
		}
		caller := m.caller(t, "alice")
		want := map[string]authn.Code{"alice": authn.CodeConflict, "bob": ""}[name]
		wantCode(t, "with administrators up to "+name, m.accounts.DeleteOwn(t.Context(), caller, password, from), want)
	}
}
