// Package hsmtest makes tokens for tests: in SoftHSM, which does in software what an HSM does, and behind a module that fails as it
// is told.
package hsmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What every token is called, and the PIN of its user.
const (
	Label = "authly test"
	PIN   = "pin-of-the-token"
)

// Token is a token of SoftHSM in a folder of its own, and how to reach it.
type Token struct {
	Module string // the library
	Label  string
	PIN    string

	conf   string // of SoftHSM
	tokens string // the folder with the token
}

// New makes a token, which goes with the test. Without SoftHSM the test fails.
func New(t testing.TB) *Token {
	t.Helper()
	folder := t.TempDir()
	token := &Token{
		Module: softHSM(t), Label: Label, PIN: PIN,
		conf: filepath.Join(folder, "softhsm2.conf"), tokens: filepath.Join(folder, "tokens"),
	}
	conf := "directories.tokendir = " + token.tokens + "\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
	if err := os.WriteFile(token.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	token.InitAgain(t)
	return token
}

// InitAgain makes a new token where there is none, with the same label and PIN.
func (k *Token) InitAgain(t testing.TB) {
	t.Helper()
	if err := os.Mkdir(k.tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	k.util(t, "--init-token", "--free", "--label", k.Label, "--so-pin", "so-pin-of-the-token", "--pin", k.PIN)
}

// softHSM finds the library, whose place differs among distributions.
func softHSM(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
	} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("there is no libsofthsm2.so: install softhsm2, as .ci/setup softhsm2 does")
	return ""
}

// util runs softhsm2-util.
func (k *Token) util(t testing.TB, args ...string) {
	t.Helper()
	command := exec.Command("softhsm2-util", args...)
	command.Env = append(os.Environ(), k.Environ()...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util: %v: %s", err, out)
	}
}

// Environ is what the environment of a process must have that uses the token.
func (k *Token) Environ() []string { return []string{"SOFTHSM2_CONF=" + k.conf} }

// Remove takes the token away, as if it were pulled out.
func (k *Token) Remove(t testing.TB) { k.move(t, k.tokens, k.tokens+".removed") }

// PutBack puts it back.
func (k *Token) PutBack(t testing.TB) { k.move(t, k.tokens+".removed", k.tokens) }

func (k *Token) move(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// Objects counts the files of the token, one for each object.
func (k *Token) Objects(t testing.TB) int {
	t.Helper()
	objects, err := filepath.Glob(filepath.Join(k.tokens, "*", "*.object"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range objects {
		if !strings.HasSuffix(name, "token.object") {
			count++
		}
	}
	return count
}
