//go:build pkcs11

package hsm_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret/hsm/hsmtest"
)

func TestHSMSigns(t *testing.T) {
	token, soft := openGood(t)
	digest := sha256.Sum256([]byte("text"))
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	before := soft.Objects(t)
	signs(t, made(t, token, anID, "ES256"))
	for i, algorithm := range []string{"RS256", "PS256"} {
		signer := made(t, token, anID[:15]+string(rune('0'+i)), algorithm)
		public := signer.Public().(*rsa.PublicKey)
		var options crypto.SignerOpts = crypto.SHA256
		if algorithm == "PS256" {
			options = pss
		}
		signature, err := signer.Sign(nil, digest[:], options)
		if err == nil && algorithm == "PS256" {
			err = rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, pss)
		} else if err == nil {
			err = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)
		}
		if err != nil || public.N.BitLen() != 2048 {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	for _, algorithm := range []string{"EdDSA", "HS256", "A256GCM", ""} {
		if token.Makes(algorithm) {
			t.Errorf("it would make keys for %s", algorithm)
		}
	}
	if got := soft.Objects(t) - before; got != 6 {
		t.Errorf("%d objects for three key pairs", got)
	}
}

// What is in the token stays there: no attribute of a key shows the private half, and the key does nothing but sign.
func TestHSMKeysDoNotLeave(t *testing.T) {
	token, soft := openGood(t)
	made(t, token, anID, "ES256")
	made(t, token, anID[:15]+"b", "RS256")
	if _, err := token.Wrap(t.Context(), make([]byte, 32), "x"); err != nil {
		t.Fatal(err)
	}
	beside := newBeside(t, soft)
	for class, secret := range map[uint]uint{pkcs11.CKO_PRIVATE_KEY: pkcs11.CKA_VALUE, pkcs11.CKO_SECRET_KEY: pkcs11.CKA_VALUE} {
		found := beside.find(t, class)
		if len(found) == 0 {
			t.Fatalf("no objects of class %d", class)
		}
		for _, object := range found {
			for _, attribute := range []uint{secret, pkcs11.CKA_PRIVATE_EXPONENT, pkcs11.CKA_PRIME_1} {
				if value, err := beside.module.GetAttributeValue(beside.session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)}); err == nil && len(value[0].Value) > 0 {
					t.Errorf("attribute %#x of class %d can be read", attribute, class)
				}
			}
			for attribute, want := range map[uint]byte{pkcs11.CKA_EXTRACTABLE: 0, pkcs11.CKA_SENSITIVE: 1, pkcs11.CKA_PRIVATE: 1, pkcs11.CKA_TOKEN: 1} {
				value, err := beside.module.GetAttributeValue(beside.session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
				if err != nil || !bytes.Equal(value[0].Value, []byte{want}) {
					t.Errorf("attribute %#x of class %d: %v, %v", attribute, class, value, err)
				}
			}
		}
	}
}

// beside is another user of the module in this process.
type beside struct {
	module  *pkcs11.Ctx
	slot    uint
	session pkcs11.SessionHandle
}

// newBeside joins the module that is loaded already.
func newBeside(t testing.TB, soft *hsmtest.Token) *beside {
	t.Helper()
	b := &beside{module: pkcs11.New(soft.Module)}
	slots, err := b.module.GetSlotList(true)
	for _, slot := range slots {
		if info, err := b.module.GetTokenInfo(slot); err == nil && info.Label == soft.Label {
			b.slot = slot
		}
	}
	if err == nil {
		b.session, err = b.module.OpenSession(b.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.module.Destroy)
	return b
}

func (b *beside) find(t testing.TB, class uint) []pkcs11.ObjectHandle {
	t.Helper()
	err := b.module.FindObjectsInit(b.session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)})
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := b.module.FindObjects(b.session, 100)
	if err := errors.Join(err, b.module.FindObjectsFinal(b.session)); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestHSMRemovesKeys(t *testing.T) {
	token, soft := openGood(t)
	before := soft.Objects(t)
	signer, other := made(t, token, anID, "ES256"), made(t, token, anID[:15]+"b", "ES256")
	signs(t, signer)
	for range 2 { // the second time there is none
		if err := token.RemoveKey(t.Context(), anID); err != nil {
			t.Fatal(err)
		}
	}
	if err := sign(signer); !errors.Is(err, authn.ErrKeyRevoked) || !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("signing with a key that is gone: %v", err)
	}
	if token.Away() != nil {
		t.Errorf("the token counts as away: %v", token.Away())
	}
	signs(t, other)
	if got := soft.Objects(t) - before; got != 2 {
		t.Errorf("%d objects are left, want those of one pair", got)
	}
	if err := sign(token.Signer(anID[:15]+"b", signer.Public())); !errors.Is(err, authn.ErrKeyRevoked) {
		t.Errorf("a key with another public half: %v", err)
	}
	if err := token.RemoveKey(t.Context(), "no id"); err == nil {
		t.Error("what is no id is removed")
	}
}
