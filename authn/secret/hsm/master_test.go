//go:build pkcs11

package hsm_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/authn/secret/hsm"
	"github.com/descoped/authly/authn/secret/hsm/hsmtest"
)

var _ secret.Wrapper = (*hsm.Token)(nil)

func TestHSMWraps(t *testing.T) {
	token, soft := openGood(t)
	if token.Name() != "hsm:authly test" {
		t.Errorf("it is called %s", token.Name())
	}
	key := []byte("a data key of thirty-two bytes..")
	wrapped, err := token.Wrap(t.Context(), key, "row 1")
	if err != nil || bytes.Contains(wrapped, key) {
		t.Fatalf("wrapped as %q, %v", wrapped, err)
	}
	if other, err := token.Wrap(t.Context(), key, "row 1"); err != nil || bytes.Equal(other, wrapped) {
		t.Errorf("the same key is wrapped to the same, %v", err)
	}
	again := open(t, soft, nil, nil) // another process, or a restart
	for _, by := range []*hsm.Token{token, again} {
		if got, err := by.Unwrap(t.Context(), wrapped, "row 1"); err != nil || !bytes.Equal(got, key) {
			t.Errorf("unwrapped as %q, %v", got, err)
		}
	}
	refuses := func(what string, wrapped []byte, bound string) {
		t.Helper()
		if got, err := token.Unwrap(t.Context(), wrapped, bound); !errors.Is(err, authn.ErrNoMasterKey) || got != nil || errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	refuses("another place", wrapped, "row 2")
	refuses("no place", wrapped, "")
	for _, i := range []int{0, 7, 8, 19, 20, len(wrapped) - 1} {
		damaged := bytes.Clone(wrapped)
		damaged[i] ^= 1
		refuses("damaged", damaged, "row 1")
	}
	for _, length := range []int{0, 8, 19, 20, 35, len(wrapped) - 1} {
		refuses("cut", wrapped[:length], "row 1")
	}
	if got, err := token.Unwrap(t.Context(), wrapped, "row 1"); err != nil || !bytes.Equal(got, key) || token.Away() != nil {
		t.Errorf("after all of that: %q, %v, %v", got, err, token.Away())
	}
}

// What another token has wrapped is told from what is damaged by which token to bring back.
func TestHSMAnotherToken(t *testing.T) {
	token, _ := openGood(t)
	wrapped, err := token.Wrap(t.Context(), make([]byte, 32), "x")
	if err != nil {
		t.Fatal(err)
	}
	token.Close()
	other, _ := openGood(t)
	if _, err := other.Unwrap(t.Context(), wrapped, "x"); !errors.Is(err, authn.ErrNoMasterKey) || !strings.Contains(err.Error(), "bring back") {
		t.Errorf("unwrapped with another token: %v", err)
	}
}

// Replicas that meet an empty token at once can all read what any of them has wrapped.
func TestHSMMasterIsMadeTogether(t *testing.T) {
	soft := hsmtest.New(t)
	inEnvironment(t, soft.Environ())
	var wrapped [4]bytes.Buffer
	var all sync.WaitGroup
	for i := range wrapped {
		replica := exec.Command(os.Args[0], "-test.run=^TestHSMReplica$")
		replica.Env = append(os.Environ(), "HSM_TEST_MODULE="+soft.Module)
		replica.Stdout = &wrapped[i]
		all.Go(func() {
			if err := replica.Run(); err != nil {
				t.Errorf("a replica: %v: %s", err, &wrapped[i])
			}
		})
	}
	all.Wait()
	token := open(t, soft, nil, nil)
	for i := range wrapped {
		line, _, _ := strings.Cut(wrapped[i].String(), "\n")
		text, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		if key, err := token.Unwrap(t.Context(), text, "x"); err != nil || string(key) != "key" {
			t.Errorf("unwrapped as %q, %v", key, err)
		}
	}
}

// TestHSMReplica is a process of the test above.
func TestHSMReplica(t *testing.T) {
	module := os.Getenv("HSM_TEST_MODULE")
	if module == "" {
		return
	}
	token := hsm.New(hsm.Config{Module: module, Label: hsmtest.Label, PIN: pin(hsmtest.PIN), Patience: time.Minute})
	defer token.Close()
	if err := token.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	wrapped, err := token.Wrap(t.Context(), []byte("key"), "x")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(hex.EncodeToString(wrapped))
}

// A token that is put in the place of another, of the same label, is told from it and given nothing.
func TestHSMExchanged(t *testing.T) {
	token, faulty := openFaulty(t)
	signer := made(t, token, anID, "ES256")
	faulty.Remove(t)
	faulty.InitAgain(t)
	faulty.FailOnce(t, "C_SignInit", 0x32) // CKR_DEVICE_REMOVED
	if err := sign(signer); !errors.Is(err, authn.ErrUnavailable) || !strings.Contains(err.Error(), "another token") {
		t.Errorf("signing: %v", err)
	}
	if objects := faulty.Objects(t); objects != 0 {
		t.Errorf("there are %d objects in the other token", objects)
	}
}
