//go:build !pkcs11

package main_test

import (
	"strings"
	"testing"
)

const binaryTags = ""

// The static binary says how to get the one that can load the module of an HSM, and does nothing else.
func TestHSMNeedsAnotherBinary(t *testing.T) {
	t.Parallel()
	storeURL := sqliteURL(t)
	a := launch(t, storeURL, protectedEcho, "AUTHLY_KEYS_PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so",
		"AUTHLY_KEYS_PKCS11_TOKEN_LABEL=authly", "AUTHLY_KEYS_PKCS11_PIN=marked-word")
	if status := a.await(t); status != 2 {
		t.Errorf("exit status %d, want 2", status)
	}
	said := []string{a.stderr.String()}
	for _, command := range [][]string{{"check"}, {"key", "list"}, {"key", "rotate-master"}, {"user", "list"}} {
		said = append(said, a.run(t, 2, command...))
	}
	for _, text := range said {
		if !strings.Contains(text, "CGO_ENABLED=1 go build -tags pkcs11 ./cmd/authly") || !strings.Contains(text, "--target pkcs11") ||
			!strings.Contains(text, "keys.pkcs11") || strings.Contains(text, "marked-word") {
			t.Errorf("told: %s", text)
		}
	}
}
