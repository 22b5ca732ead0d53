package secret_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/secret"
)

func newValues(t *testing.T, masterKey string) *secret.Values {
	t.Helper()
	v, err := secret.NewValues([]byte(masterKey))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestValues(t *testing.T) {
	v, other := newValues(t, masterKey), newValues(t, anotherKey)
	for _, value := range []string{"x", "postgres://u:p@h/d", strings.Repeat("long ", 10_000), "two\nlines", "\x00\xff"} {
		sealed := v.Seal([]byte(value), "")
		if !strings.HasPrefix(sealed, "sealed:v1:") || !secret.IsSealedValue(sealed) || len(value) > 1 && strings.Contains(sealed, value) {
			t.Errorf("sealed as %q", sealed)
		}
		if again := v.Seal([]byte(value), ""); again == sealed {
			t.Error("the same value is sealed to the same")
		}
		for _, path := range []string{"", "tokens.secret_key", "clients[0].secret_hash"} {
			if got, err := newValues(t, masterKey).Open(sealed, path); err != nil || string(got) != value {
				t.Errorf("at %q: %q, %v", path, got, err)
			}
		}
		if got, err := v.Open(" "+sealed+"\n", ""); err != nil || string(got) != value {
			t.Errorf("with space around it: %q, %v", got, err)
		}
		if got, err := other.Open(sealed, ""); !errors.Is(err, secret.ErrValueKey) || got != nil {
			t.Errorf("with another master key: %q, %v", got, err)
		}
	}
}

// While the master key is replaced, what the one of before has sealed is opened, and nothing more is sealed with it.
func TestValuesAcrossMasterKeys(t *testing.T) {
	both, err := secret.NewValues([]byte(masterKey), []byte(anotherKey))
	if err != nil {
		t.Fatal(err)
	}
	old, sealed := newValues(t, anotherKey).Seal([]byte(material), ""), both.Seal([]byte(material), "")
	for _, text := range []string{old, sealed} {
		if got, err := both.Open(text, ""); err != nil || string(got) != material {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := newValues(t, masterKey).Open(sealed, ""); err != nil || string(got) != material {
		t.Errorf("after that: %q, %v", got, err)
	}
	if _, err := newValues(t, anotherKey).Open(sealed, ""); !errors.Is(err, secret.ErrValueKey) {
		t.Errorf("with the one of before: %v", err)
	}
}

func TestValuesOfOneKey(t *testing.T) {
	v := newValues(t, masterKey)
	sealed := v.Seal([]byte(material), "tokens.secret_key")
	if got, err := v.Open(sealed, "tokens.secret_key"); err != nil || string(got) != material {
		t.Errorf("where it belongs: %q, %v", got, err)
	}
	for _, path := range []string{"", "tokens.refresh_secret_key", "tokens.secret_key_previous", "tokens.secret_ke"} {
		if got, err := v.Open(sealed, path); !errors.Is(err, secret.ErrValuePlace) || got != nil {
			t.Errorf("at %q: %q, %v", path, got, err)
		}
	}
}

// Whatever is changed in a sealed value, wherever it is cut: it is not opened, and nothing of it is told.
func TestValuesThatWereChanged(t *testing.T) {
	v := newValues(t, masterKey)
	for _, path := range []string{"", "tokens.secret_key"} {
		sealed := v.Seal([]byte(material), path)
		refused := func(what, text string) {
			t.Helper()
			got, err := v.Open(text, path)
			if err == nil || got != nil {
				t.Errorf("%s: opened as %q", what, got)
			} else {
				complains(t, err, "is sealed")
			}
		}
		for i := range sealed {
			refused("cut", sealed[:i])
			changed := []byte(sealed)
			changed[i] = 'A' + (changed[i]+1)%26
			if string(changed) != sealed {
				refused("changed", string(changed))
			}
		}
		refused("longer", sealed+"AAAA")
		refused("padded", sealed+"=")
		refused("broken into lines", sealed[:40]+"\n"+sealed[40:])
		refused("of another version", strings.Replace(sealed, ":v1:", ":v2:", 1))
		refused("nothing", "sealed:v1:")
	}
	// What is bound to a place is not made one of any place by saying so.
	sealed := v.Seal([]byte(material), "tokens.secret_key")
	for _, first := range []string{"AA", "AQ", "AR", "AW", "Ab"} {
		text := "sealed:v1:" + first + sealed[len("sealed:v1:")+2:]
		if _, err := v.Open(text, "mail.url"); err == nil {
			t.Errorf("%s: opened elsewhere", first)
		}
	}
	for _, text := range []string{"", "seal", "sealed", "Sealed:v1:x", "x sealed:v1:"} {
		if secret.IsSealedValue(text) {
			t.Errorf("%q is taken for sealed", text)
		}
	}
}
