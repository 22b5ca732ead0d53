package authn_test

import (
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// A replica that cannot open a key says that it cannot tell, and not that what the key has signed is bad: elsewhere it is good, and
// who gets a 401 throws it away. What nobody has signed stays bad.
func TestKeyThatCannotBeOpened(t *testing.T) {
	without := newMind(t, options{algorithm: "EdDSA"})
	before := without.user(t, "alice")
	old := without.login(t, before.Username)
	sealed := options{algorithm: "EdDSA", sealer: testSealer("two")}
	with := newMindAt(t, without.store, without.clock, sealed)
	managed, err := authn.NewManagedKeys(keysOf(without.store, without.clock, sealed))
	if err != nil {
		t.Fatal(err)
	}
	without.clock.advance(time.Second) // of keys of the same moment either could sign
	added, err := managed.Rotate(t.Context(), authn.Operator(), authn.SignAccess, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := with.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := with.login(t, before.Username)
	if kid := kidOf(t, fresh.Access); kid != added.ID {
		t.Fatalf("signed by %s, want %s", kid, added.ID)
	}
	for name, m := range map[string]*mind{"who can open it": with, "who cannot": without} {
		_, err := m.logins.Authenticate(t.Context(), bearer(fresh.Access))
		if m == with && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if m == without && code(t, err) != authn.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := m.logins.Authenticate(t.Context(), bearer(old.Access)); err != nil {
			t.Errorf("%s, a token of before: %v", name, err)
		}
		forged := fresh.Access[:len(fresh.Access)-8] + "AAAAAAAA"
		if _, err := with.logins.Authenticate(t.Context(), bearer(forged)); code(t, err) != authn.CodeInvalidCredentials {
			t.Errorf("%s, a forged one: %v", name, err)
		}
	}
	if _, _, err := managed.Revoke(t.Context(), authn.Operator(), added.ID); err != nil {
		t.Fatal(err)
	}
	if err := without.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := without.logins.Authenticate(t.Context(), bearer(fresh.Access)); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("when it was revoked: %v", err)
	}
}
