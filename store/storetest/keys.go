package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func keyCases() []promise {
	return []promise{
		{"key/one for each purpose and algorithm", "the key that tokens were signed with must be found again", keyKept},
		{"key/many replicas", "replicas that start at once must sign with one key, or half of all tokens are refused", keyRace},
		{"key/order", "the oldest key signs; a newer one only verifies", keyOrder},
	}
}

func newKey(i int, purpose authn.KeyPurpose, algorithm string) authn.Key {
	return authn.Key{
		ID: fmt.Sprintf("%016x", i), Purpose: purpose, Algorithm: algorithm,
		Material: []byte{0, 1, 2, 0xff, '\'', '\\', byte(i)}, CreatedAt: now.Add(time.Duration(i) * time.Second),
	}
}

func keyKept(t *testing.T, db Database) {
	s := db.open(t)
	none, err := s.ListKeys(t.Context(), authn.SignAccess)
	must(t, err)
	equal(t, "the number of keys to begin with", len(none), 0)
	keys := []authn.Key{
		newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignAccess, "ES256"), newKey(3, authn.SignRefresh, "EdDSA"),
	}
	for _, key := range keys {
		got, err := s.EnsureKey(t.Context(), key)
		must(t, err)
		equal(t, "the first key of its kind", got, key)
	}
	for i, key := range keys {
		got, err := s.EnsureKey(t.Context(), newKey(10+i, key.Purpose, key.Algorithm))
		must(t, err)
		equal(t, "the key that was there", got, key)
	}
	access, err := s.ListKeys(t.Context(), authn.SignAccess)
	must(t, err)
	equal(t, "the access keys", access, keys[:2])
	refresh, err := s.ListKeys(t.Context(), authn.SignRefresh)
	must(t, err)
	equal(t, "the refresh keys", refresh, keys[2:])
	sameID := newKey(1, authn.SignRefresh, "ES256")
	if _, err := s.EnsureKey(t.Context(), sameID); err == nil {
		t.Error("two keys got one id")
	}
}

func keyRace(t *testing.T, db Database) {
	stores := append(db.replicas(t), db.open(t))
	got := make([]authn.Key, 30)
	errs := atOnce(len(got), func(i int) (err error) {
		got[i], err = stores[i%3].EnsureKey(t.Context(), newKey(i, authn.SignAccess, "EdDSA"))
		return err
	})
	equal(t, "the number of calls without error", tally(t, errs), len(errs))
	for _, key := range got {
		equal(t, "the key of a replica", key, got[0])
	}
	all, err := stores[0].ListKeys(t.Context(), authn.SignAccess)
	must(t, err)
	equal(t, "the stored keys", all, got[:1])
}

func keyOrder(t *testing.T, db Database) {
	s := db.open(t)
	later, earlier := newKey(9, authn.SignAccess, "EdDSA"), newKey(1, authn.SignAccess, "ES256")
	for _, key := range []authn.Key{later, earlier} {
		_, err := s.EnsureKey(t.Context(), key)
		must(t, err)
	}
	all, err := s.ListKeys(t.Context(), authn.SignAccess)
	must(t, err)
	equal(t, "the keys, oldest first", all, []authn.Key{earlier, later})
}
