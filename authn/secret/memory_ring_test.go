package secret_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
)

// A key that was revoked is wiped once nobody signs with it any more, and the others stay.
func TestRevokedKeyIsWiped(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), store.Options{MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m := secret.NewMemory(nil)
	defer m.Close()
	cfg := authn.KeyRingConfig{
		Store: db, EncryptedClaims: true, AccessLife: time.Hour, RefreshLife: time.Hour, Now: time.Now,
	}
	if _, err := authn.NewKeyRing(t.Context(), cfg); err != nil { // which makes the keys
		t.Fatal(err)
	}
	managed, err := authn.NewManagedKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var kept [][]byte
	cfg.Keep = func(material []byte) authn.Material {
		b := m.Copy(material)
		_ = b.Use(func(there []byte) error { kept = append(kept, there); return nil })
		return b
	}
	ring, err := authn.NewKeyRing(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != 2 || wipedOf(kept) != 0 { // of refresh tokens and of encrypted claims
		t.Fatalf("%d secrets are kept, %d of them wiped", len(kept), wipedOf(kept))
	}
	views, err := managed.List(t.Context(), authn.Operator())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(views, func(v authn.KeyView) bool { return v.Purpose == authn.SignRefresh })
	if _, _, err := managed.Revoke(t.Context(), authn.Operator(), views[i].ID); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(kept)
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); wipedOf(before) == 0 && time.Now().Before(deadline); runtime.Gosched() {
		runtime.GC()
	}
	if n := wipedOf(before); n != 1 {
		t.Errorf("%d of the secrets of before are wiped, want the revoked one", n)
	}
	runtime.KeepAlive(ring)
}

// wipedOf counts the places that hold nothing but zeros.
func wipedOf(places [][]byte) (n int) {
	for _, place := range places {
		if !slices.ContainsFunc(place, func(b byte) bool { return b != 0 }) {
			n++
		}
	}
	return n
}
