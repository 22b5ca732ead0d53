package authn_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/descoped/authly/authn"
)

// errWiped is what kept material says once it was.
var errWiped = errors.New("wiped")

// keptMaterial is material that a test can wipe.
type keptMaterial struct {
	bytes []byte
	gone  bool
}

func (m *keptMaterial) Use(do func(material []byte) error) error {
	if m.gone {
		return errWiped
	}
	return do(m.bytes)
}

// The secrets of the store lie where they are kept while they are in use, and what they were opened to is cleared. Once they are wiped
// nothing is signed and nothing verifies.
func TestKeptSecrets(t *testing.T) {
	o := options{unverified: true, encrypted: authn.EncryptableClaims()}
	m := newMind(t, o) // which seals nothing
	m.user(t, "alice")
	var kept []*keptMaterial
	var opened [][]byte
	cfg := keysOf(m.store, m.clock, o)
	cfg.Sealer = testSealer("one")
	m.withKeys(t, cfg)
	if err := m.keys.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Keep = func(material []byte) authn.Material {
		kept, opened = append(kept, &keptMaterial{bytes: bytes.Clone(material)}), append(opened, material)
		return kept[len(kept)-1]
	}
	m.withKeys(t, cfg)
	pair := m.login(t, "alice")
	if len(kept) != 2 { // of refresh tokens and of encrypted claims
		t.Fatalf("%d secrets were kept", len(kept))
	}
	for i, material := range opened {
		if len(kept[i].bytes) < 32 || !bytes.Equal(material, make([]byte, len(material))) {
			t.Errorf("secret %d of %d bytes is where it was opened", i, len(kept[i].bytes))
		}
	}
	if err := m.logins.Verify(authn.RefreshToken, pair.Refresh); err != nil {
		t.Errorf("a refresh token: %v", err)
	}
	if err := m.logins.Verify(authn.AccessToken, pair.Access); err != nil {
		t.Errorf("an access token with encrypted claims: %v", err)
	}
	for _, material := range kept {
		material.gone = true
	}
	for kind, token := range map[authn.TokenKind]string{authn.RefreshToken: pair.Refresh, authn.AccessToken: pair.Access} {
		if err := m.logins.Verify(kind, token); err == nil {
			t.Errorf("%s: verified with a secret that was wiped", kind)
		}
	}
	if _, err := m.logins.Login(t.Context(), "alice", password, from); err == nil {
		t.Error("signed with a secret that was wiped")
	}
}
