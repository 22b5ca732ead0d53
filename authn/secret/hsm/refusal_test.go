//go:build pkcs11

package hsm_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret/hsm"
	"github.com/descoped/authly/authn/secret/hsm/hsmtest"
)

// What is wrong with a token is said in words that help, without the PIN; and when it is put right the same Token connects.
func TestHSMWhatIsWrong(t *testing.T) {
	faulty := hsmtest.NewFaulty(t)
	inEnvironment(t, faulty.Environ())
	good := hsm.Config{Module: faulty.Module, Label: faulty.Label, PIN: pin(faulty.PIN), Algorithm: "ES256"}
	initWithoutPIN(t, faulty.Token, "without PIN")
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(cfg *hsm.Config)
		why    string
	}{
		"no module":     {func(cfg *hsm.Config) { cfg.Module = "/nowhere/lib.so" }, "there is no file /nowhere/lib.so"},
		"a folder":      {func(cfg *hsm.Config) { cfg.Module = t.TempDir() }, "keys.pkcs11.module: there is no file"},
		"no library":    {func(cfg *hsm.Config) { cfg.Module = text }, "is no library that can be loaded here"},
		"another label": {func(cfg *hsm.Config) { cfg.Label = "other" }, `keys.pkcs11.token_label: there is no token "other", but "`},
		"does not begin": {func(*hsm.Config) { faulty.FailOnce(t, "C_Initialize", pkcs11.CKR_GENERAL_ERROR) },
			"does not begin: pkcs11: 0x5: CKR_GENERAL_ERROR"},
		"does not log in": {func(*hsm.Config) { faulty.FailOnce(t, "C_Login", pkcs11.CKR_DEVICE_ERROR) }, "CKR_DEVICE_ERROR"},
		"no sessions":     {func(*hsm.Config) { faulty.FailOnce(t, "C_OpenSession", pkcs11.CKR_SESSION_COUNT) }, "CKR_SESSION_COUNT"},
		"no user PIN":     {func(cfg *hsm.Config) { cfg.Label = "without PIN" }, "has no user PIN yet"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			token := hsm.New(cfg)
			defer token.Close()
			_, err := token.Wrap(t.Context(), nil, "")
			if !errors.Is(err, authn.ErrUnavailable) || !strings.Contains(err.Error(), c.why) || strings.Contains(err.Error(), faulty.PIN) {
				t.Errorf("connecting: %v; want %q", err, c.why)
			}
			if cfg.Module == good.Module && cfg.Label == good.Label {
				if err := token.Connect(t.Context()); err != nil { // on the second try
					t.Error(err)
				}
			}
		})
	}
	if err := hsm.Check(good); err != nil {
		t.Errorf("checking what is good: %v", err)
	}
}

// initWithoutPIN makes a token of which nobody but the security officer has a PIN.
func initWithoutPIN(t *testing.T, soft *hsmtest.Token, label string) {
	t.Helper()
	module := pkcs11.New(soft.Module)
	defer module.Destroy()
	if err := module.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = module.Finalize() }()
	slots, err := module.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		if info, err := module.GetTokenInfo(slot); err == nil && info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			if err := module.InitToken(slot, "so-pin", label); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("there is no slot for one more token")
}

// A PIN that was refused is not given again, however often the token is asked for something, and however it is asked.
func TestHSMWrongPIN(t *testing.T) {
	faulty := hsmtest.NewFaulty(t)
	inEnvironment(t, faulty.Environ())
	const wrong = "a-pin-of-nobody"
	cfg := hsm.Config{Module: faulty.Module, Label: faulty.Label, PIN: pin(wrong)}
	token := hsm.New(cfg)
	defer token.Close()
	for range 5 {
		err := token.Connect(t.Context())
		if !errors.Is(err, authn.ErrUnavailable) || !strings.Contains(err.Error(), "refuses keys.pkcs11.pin") || strings.Contains(err.Error(), wrong) {
			t.Errorf("connecting: %v", err)
		}
		if _, err := token.MakeKey(t.Context(), anID, "ES256"); !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("making a key: %v", err)
		}
	}
	if err := hsm.Check(cfg); err != nil {
		t.Errorf("checking tries no PIN, and says: %v", err)
	}
	if tries := faulty.Calls(t, "C_Login"); tries != 1 {
		t.Errorf("the PIN was tried %d times", tries)
	}
	open(t, faulty.Token, nil, nil) // with the right one
}

// The PIN is correct no longer when the token comes back: it is tried once.
func TestHSMPINChanged(t *testing.T) {
	token, faulty := openFaulty(t)
	signer := made(t, token, anID, "ES256")
	faulty.Fail(t, "C_Login", pkcs11.CKR_PIN_INCORRECT)
	faulty.FailOnce(t, "C_SignInit", pkcs11.CKR_USER_NOT_LOGGED_IN)
	before := faulty.Calls(t, "C_Login")
	for range 20 {
		if err := sign(signer); !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("signing: %v", err)
		}
	}
	if tries := faulty.Calls(t, "C_Login") - before; tries != 1 {
		t.Errorf("the PIN was tried %d times", tries)
	}
}

// Where one more wrong PIN would lock the token none is given, not even the right one: nobody knows that it is.
func TestHSMFinalTry(t *testing.T) {
	faulty := hsmtest.NewFaulty(t)
	inEnvironment(t, faulty.Environ())
	for flag, why := range map[uint]string{
		pkcs11.CKF_USER_PIN_FINAL_TRY: "locks itself at one more wrong PIN",
		pkcs11.CKF_USER_PIN_LOCKED:    "is locked",
		pkcs11.CKF_WRITE_PROTECTED:    "write-protected",
	} {
		faulty.Flags(t, flag)
		token := hsm.New(hsm.Config{Module: faulty.Module, Label: faulty.Label, PIN: pin(faulty.PIN)})
		if _, err := token.Wrap(t.Context(), nil, ""); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("connecting: %v, want %q", err, why)
		}
		token.Close()
	}
	if tries := faulty.Calls(t, "C_Login"); tries != 0 {
		t.Errorf("the PIN was tried %d times", tries)
	}
	faulty.Flags(t, pkcs11.CKF_USER_PIN_COUNT_LOW) // one was wrong, which is no reason yet
	open(t, faulty.Token, nil, nil)
}
