package authn_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// Administrators look after keys as the operator does, and the trail says who it was; nobody else sees or changes any.
func TestKeysAreForAdministrators(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	root, alice := m.admin(t, "root"), m.caller(t, "alice")
	root.From = from
	managed := m.keys.Managed()
	before, err := managed.List(t.Context(), root)
	if err != nil || len(before) == 0 {
		t.Fatalf("%v, %v", before, err)
	}
	signs := before[0]
	for what, act := range map[string]func() error{
		"list":           func() error { _, err := managed.List(t.Context(), alice); return err },
		"plans":          func() error { _, err := managed.Plans(alice); return err },
		"rotate":         func() error { _, err := managed.Rotate(t.Context(), alice, authn.SignAccess, false); return err },
		"rotate nothing": func() error { _, err := managed.Rotate(t.Context(), alice, "nothing", true); return err },
		"revoke":         func() error { _, _, err := managed.Revoke(t.Context(), alice, signs.ID); return err },
		"revoke nothing": func() error { _, _, err := managed.Revoke(t.Context(), alice, "nothing"); return err },
	} {
		if got := code(t, act()); got != authn.CodeForbidden {
			t.Errorf("%s by alice: %q", what, got)
		}
	}
	if after, err := managed.List(t.Context(), root); err != nil || len(after) != len(before) || after[0].State != authn.KeyActive {
		t.Fatalf("alice has changed the keys to %v, %v", after, err)
	}
	if _, err := managed.Rotate(t.Context(), root, authn.SignAccess, false); err != nil {
		t.Fatal(err)
	}
	if _, successor, err := managed.Revoke(t.Context(), root, signs.ID); err != nil || successor == nil {
		t.Fatalf("successor %v, %v", successor, err)
	}
	events := m.events(t, authn.EventKeyAdded, authn.EventKeyRevoked)[:3]
	for _, e := range events {
		by := authn.Actor{Kind: authn.ActorUser, ID: root.UserID.String()}
		if e.Actor != by || e.Session != root.SessionID || e.From.Address != from.Address || e.Subject != uuid.Nil {
			t.Errorf("the trail has %+v", e)
		}
	}
}

// What looks after the keys of a ring knows the secrets that are in use now.
func TestManagedKnowsReplacedSecrets(t *testing.T) {
	m := newMind(t, options{secret: goodSecret})
	list := func() (ids []string) {
		t.Helper()
		views, err := m.keys.Managed().List(t.Context(), authn.Operator())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range views {
			if v.Configured {
				ids = append(ids, v.ID)
			}
		}
		return ids
	}
	before := list()
	m.replace(t, secretsOf(thirdSecret, "", goodSecret, ""))
	after := list()
	if len(before) != 1 || len(after) != 2 || after[0] == before[0] {
		t.Errorf("the secrets are %v, and were %v", after, before)
	}
	plans, err := m.keys.Managed().Plans(authn.Operator())
	if err != nil || len(plans) != 4 {
		t.Fatalf("%v, %v", plans, err)
	}
	for _, p := range plans {
		if p.Managed == (p.Purpose == authn.SignAccess) || p.Idle != (p.Purpose == authn.SignAssertion || p.Purpose == authn.SealClaims) || p.Life <= 0 {
			t.Errorf("%+v", p)
		}
	}
}
