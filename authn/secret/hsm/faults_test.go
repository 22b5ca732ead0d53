//go:build pkcs11

package hsm_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret/hsm"
	"github.com/descoped/authly/authn/secret/hsm/hsmtest"
)

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
