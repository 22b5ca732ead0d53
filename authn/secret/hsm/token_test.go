//go:build pkcs11

package hsm_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/authn/secret/hsm"
	"github.com/descoped/authly/authn/secret/hsm/hsmtest"
)

const anID = "00112233445566aa"

// inEnvironment puts a token into the environment of this process, which the module reads when it is loaded.
func inEnvironment(t testing.TB, environ []string) {
	t.Helper()
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// pin is a PIN as a Token takes it.
func pin(text string) secret.Bytes { return (*secret.Memory)(nil).Copy([]byte(text)) }

// open gets hold of a token.
func open(t testing.TB, token *hsmtest.Token, environ []string, log *slog.Logger) *hsm.Token {
	t.Helper()
	inEnvironment(t, environ)
	opened := hsm.New(hsm.Config{Module: token.Module, Label: token.Label, PIN: pin(token.PIN), Patience: 20 * time.Second, Log: log})
	t.Cleanup(opened.Close)
	if err := opened.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return opened
}

func openGood(t testing.TB) (*hsm.Token, *hsmtest.Token) {
	t.Helper()
	token := hsmtest.New(t)
	return open(t, token, token.Environ(), nil), token
}

func openFaulty(t testing.TB) (*hsm.Token, *hsmtest.Faulty) {
	t.Helper()
	faulty := hsmtest.NewFaulty(t)
	return open(t, faulty.Token, faulty.Environ(), nil), faulty
}

func made(t testing.TB, token *hsm.Token, id, algorithm string) crypto.Signer {
	t.Helper()
	public, err := token.MakeKey(t.Context(), id, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return token.Signer(id, public)
}

// signs fails unless the signer signs, and reports the error otherwise.
func signs(t testing.TB, signer crypto.Signer) {
	t.Helper()
	if err := sign(signer); err != nil {
		t.Errorf("signing: %v", err)
	}
}

// sign signs with an ECDSA key and checks the signature.
func sign(signer crypto.Signer) error {
	digest := sha256.Sum256([]byte("text"))
	signature, err := signer.Sign(nil, digest[:], crypto.SHA256)
	if err == nil && !ecdsa.VerifyASN1(signer.Public().(*ecdsa.PublicKey), digest[:], signature) {
		err = errors.New("the signature is not good")
	}
	return err
}

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

// A session that was dropped, a login that was lost: it is done on a new connection, and nobody notices.
func TestHSMSessionsDropped(t *testing.T) {
	token, soft := openGood(t)
	signer := made(t, token, anID, "ES256")
	wrapped, err := token.Wrap(t.Context(), []byte("a data key of thirty-two bytes..."), "place")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b := newBeside(t, soft)
		if err := b.module.CloseAllSessions(b.slot); err != nil {
			t.Fatal(err)
		}
		signs(t, signer)
		b = newBeside(t, soft)
		if err := b.module.CloseAllSessions(b.slot); err != nil {
			t.Fatal(err)
		}
		if key, err := token.Unwrap(t.Context(), wrapped, "place"); err != nil || string(key) != "a data key of thirty-two bytes..." {
			t.Errorf("unwrapped as %q, %v", key, err)
		}
	}
	if token.Away() != nil {
		t.Errorf("it counts as away: %v", token.Away())
	}
}

func TestHSMFaults(t *testing.T) {
	token, faulty := openFaulty(t)
	signer := made(t, token, anID, "ES256")
	for function, codes := range map[string][]uint{
		"C_SignInit": {
			pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_KEY_HANDLE_INVALID,
			pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_SESSION_CLOSED,
		},
		"C_Sign":        {pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_DEVICE_REMOVED},
		"C_EncryptInit": {pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_DEVICE_REMOVED},
	} {
		for _, code := range codes {
			faulty.FailOnce(t, function, code)
			signs(t, signer)
			if _, err := token.Wrap(t.Context(), make([]byte, 32), "x"); err != nil {
				t.Errorf("%s, %#x: wrapping: %v", function, code, err)
			}
			if !faulty.Failed(function) {
				t.Errorf("%s did not fail", function)
			}
		}
	}
	if token.Away() != nil {
		t.Errorf("it counts as away: %v", token.Away())
	}
}

// While the token is away everything fails at once, and is done again when it is back, without anybody's doing.
func TestHSMAwayAndBack(t *testing.T) {
	var log syncBuffer
	faulty := hsmtest.NewFaulty(t)
	token := open(t, faulty.Token, faulty.Environ(), slog.New(slog.NewTextHandler(&log, nil)))
	signer := made(t, token, anID, "ES256")
	faulty.Fail(t, "C_GetTokenInfo", pkcs11.CKR_TOKEN_NOT_PRESENT)
	faulty.Fail(t, "C_SignInit", pkcs11.CKR_DEVICE_REMOVED)
	for range 3 {
		if err := sign(signer); !errors.Is(err, authn.ErrUnavailable) || errors.Is(err, authn.ErrKeyRevoked) {
			t.Errorf("signing: %v", err)
		}
	}
	logins := faulty.Calls(t, "C_Login")
	for range 100 { // those who come while it is away do not make it worse
		if sign(signer) == nil {
			t.Fatal("it signs")
		}
	}
	if token.Away() == nil || strings.Count(log.String(), "is away") != 1 {
		t.Errorf("it does not count as away: %s", &log)
	}
	if more := faulty.Calls(t, "C_Login") - logins; more > 1 {
		t.Errorf("%d logins in the meantime", more)
	}
	faulty.Fail(t, "C_GetTokenInfo", 0)
	faulty.Fail(t, "C_SignInit", 0)
	eventually(t, "it signs again", func() bool { return sign(signer) == nil })
	if token.Away() != nil || !strings.Contains(log.String(), "is back") {
		t.Errorf("away: %v; log: %s", token.Away(), &log)
	}
	if strings.Contains(log.String(), faulty.PIN) {
		t.Error("the PIN is in the log")
	}
}

// The files of a real token are moved away and back.
func TestHSMPulledOut(t *testing.T) {
	token, soft := openGood(t)
	signer := made(t, token, anID, "ES256")
	wrapped, err := token.Wrap(t.Context(), make([]byte, 32), "x")
	if err != nil {
		t.Fatal(err)
	}
	soft.Remove(t)
	eventually(t, "it does not sign", func() bool { return errors.Is(sign(signer), authn.ErrUnavailable) })
	if _, err := token.Unwrap(t.Context(), wrapped, "x"); !errors.Is(err, authn.ErrUnavailable) || errors.Is(err, authn.ErrNoMasterKey) {
		t.Errorf("unwrapping: %v", err)
	}
	soft.PutBack(t)
	eventually(t, "it signs again", func() bool { return sign(signer) == nil })
	if _, err := token.Unwrap(t.Context(), wrapped, "x"); err != nil {
		t.Errorf("unwrapping: %v", err)
	}
}

// Who asks an HSM that does not answer waits for a while and is told; when it answers again it works again, and no more than the
// bound of sessions were ever in use.
func TestHSMSilent(t *testing.T) {
	faulty := hsmtest.NewFaulty(t)
	inEnvironment(t, faulty.Environ())
	token := hsm.New(hsm.Config{Module: faulty.Module, Label: faulty.Label, PIN: pin(faulty.PIN), Patience: time.Second})
	t.Cleanup(token.Close)
	eventually(t, "it is connected", func() bool { return token.Connect(t.Context()) == nil })
	signer := made(t, token, anID, "ES256")
	signs(t, signer)
	before := faulty.Calls(t, "C_Sign")
	faulty.Block(t, "C_Sign")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := sign(signer); !errors.Is(err, authn.ErrUnavailable) {
				t.Errorf("signing: %v", err)
			}
		})
	}
	all.Wait()
	if inside := faulty.Calls(t, "C_Sign") - before; inside != 8 {
		t.Errorf("%d are in the module, want the bound of 8", inside)
	}
	if token.Away() == nil {
		t.Error("it does not count as away")
	}
	faulty.Unblock(t, "C_Sign")
	eventually(t, "it signs again", func() bool { return sign(signer) == nil })
}

// A connection that breaks while many use it is made anew once, and all of them get their signature.
func TestHSMManyAtOnce(t *testing.T) {
	token, faulty := openFaulty(t)
	signer := made(t, token, anID, "ES256")
	logins := faulty.Calls(t, "C_Login")
	for range 3 {
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				if i == 20 {
					faulty.FailOnce(t, "C_SignInit", pkcs11.CKR_SESSION_HANDLE_INVALID)
				}
				signs(t, signer)
			})
		}
		all.Wait()
	}
	if more := faulty.Calls(t, "C_Login") - logins; more > 3 {
		t.Errorf("%d logins for three broken connections", more)
	}
}

// A request that was given up by who asked is nothing that the HSM did.
func TestHSMRequestGivenUp(t *testing.T) {
	token, faulty := openFaulty(t)
	faulty.Block(t, "C_GenerateKeyPair")
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := token.MakeKey(ctx, anID, "ES256"); !errors.Is(err, context.Canceled) {
			t.Errorf("making a key: %v", err)
		}
	})
	eventually(t, "it is in the module", func() bool { return faulty.Calls(t, "C_GenerateKeyPair") > 0 })
	cancel()
	all.Wait()
	if token.Away() != nil {
		t.Errorf("it counts as away: %v", token.Away())
	}
	faulty.Unblock(t, "C_GenerateKeyPair")
}

// eventually polls a condition of the module, which has no other way to tell.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// syncBuffer is a buffer that is written to while it is read.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
