//go:build pkcs11

package hsm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

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
