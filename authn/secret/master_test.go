package secret_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
)

func newMaster(t *testing.T, key string) *secret.Master {
	t.Helper()
	m, err := secret.NewMaster([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMasterWraps(t *testing.T) {
	m, key := newMaster(t, masterKey), bytes.Repeat([]byte{7}, 32)
	wrapped, err := m.Wrap(t.Context(), key, "data key 1")
	if err != nil || bytes.Contains(wrapped, key) {
		t.Fatalf("wrapped as %x, error %v", wrapped, err)
	}
	if again, _ := m.Wrap(t.Context(), key, "data key 1"); bytes.Equal(again, wrapped) {
		t.Error("the same key is wrapped to the same")
	}
	same := newMaster(t, masterKey) // after a restart
	if got, err := same.Unwrap(t.Context(), wrapped, "data key 1"); err != nil || !bytes.Equal(got, key) {
		t.Errorf("unwrapped %x, error %v", got, err)
	}
	if name := m.Name(); name != same.Name() || name == newMaster(t, anotherKey).Name() || strings.Contains(name, masterKey) || len(name) != 23 {
		t.Errorf("named %q", name)
	}
	notUnwrapped := func(what string, m *secret.Master, wrapped []byte, bound string) {
		t.Helper()
		got, err := m.Unwrap(t.Context(), wrapped, bound)
		if len(got) != 0 || !errors.Is(err, authn.ErrNoMasterKey) || strings.Contains(err.Error(), masterKey) {
			t.Errorf("%s: got %x, error %v", what, got, err)
		}
	}
	notUnwrapped("with another master key", newMaster(t, anotherKey), wrapped, "data key 1")
	notUnwrapped("as another data key", m, wrapped, "data key 2")
	notUnwrapped("cut", m, wrapped[:len(wrapped)-1], "data key 1")
	notUnwrapped("nothing", m, nil, "data key 1")
	for i := range wrapped {
		damaged := bytes.Clone(wrapped)
		damaged[i] ^= 1
		notUnwrapped("damaged", m, damaged, "data key 1")
	}
}
