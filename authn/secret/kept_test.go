package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// What is derived is what the library derives.
func TestDerive(t *testing.T) {
	for _, size := range []int{1, 32, 63, 64, 65, 200} {
		secret := make([]byte, size)
		rand.Read(secret)
		for _, n := range []int{8, 32} {
			want, err := hkdf.Key(sha256.New, secret, nil, "a purpose", n)
			if got := derive(secret, "a purpose", n); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes of %d: %x, want %x, error %v", n, size, got, want, err)
			}
			if bytes.Equal(derive(secret, "another", n), want) {
				t.Error("the purpose makes no difference")
			}
		}
	}
}

// algorithms are those of kept keys, with what the library makes of the same key.
func algorithms(t *testing.T, check func(t *testing.T, of algorithm, plain func(key []byte) (cipher.AEAD, error))) {
	t.Helper()
	t.Run("AES-GCM", func(t *testing.T) {
		check(t, aesGCM, func(key []byte) (cipher.AEAD, error) {
			block, err := aes.NewCipher(key)
			if err != nil {
				return nil, err
			}
			return cipher.NewGCMWithRandomNonce(block)
		})
	})
	t.Run("XChaCha20-Poly1305", func(t *testing.T) { check(t, xChaCha20Poly1305, chacha20poly1305.NewX) })
}

// A kept key seals and opens what the library opens and seals.
func TestKeptAEAD(t *testing.T) {
	m := NewMemory(nil)
	t.Cleanup(m.Close)
	algorithms(t, func(t *testing.T, of algorithm, plain func(key []byte) (cipher.AEAD, error)) {
		key := make([]byte, 32)
		rand.Read(key)
		library, err := plain(key)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := m.aead(key, of)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(key, make([]byte, 32)) {
			t.Error("the key that was taken is still there")
		}
		if kept.NonceSize() != library.NonceSize() || kept.Overhead() != library.Overhead() {
			t.Errorf("sizes %d and %d", kept.NonceSize(), kept.Overhead())
		}
		nonce, text, bound := make([]byte, kept.NonceSize()), []byte("text"), []byte("bound")
		for seals, opens := range map[cipher.AEAD]cipher.AEAD{kept: library, library: kept} {
			sealed := seals.Seal([]byte("before "), nonce, text, bound)
			sealed, found := bytes.CutPrefix(sealed, []byte("before "))
			if got, err := opens.Open([]byte("and "), nonce, sealed, bound); !found || err != nil || string(got) != "and text" {
				t.Errorf("%T opens %q of %T, error %v", opens, got, seals, err)
			}
			if got, err := opens.Open(nil, nonce, sealed, []byte("other")); err == nil || len(got) > 0 {
				t.Errorf("%T opens %q of %T that is bound to something else", opens, got, seals)
			}
		}
		sealed := kept.Seal(nil, nonce, text, bound)
		kept.key.Release()
		if got := kept.Seal([]byte("before"), nonce, text, bound); got != nil {
			t.Errorf("a released key seals: %q", got)
		}
		if got, err := kept.Open([]byte("before"), nonce, sealed, bound); !errors.Is(err, ErrReleased) || got != nil {
			t.Errorf("a released key opens: %q, error %v", got, err)
		}
		if _, err := m.aead(make([]byte, 31), of); err == nil {
			t.Error("a key of another length is taken")
		}
	})
}

func TestReleasedMaster(t *testing.T) {
	m := NewMemory(nil)
	master, err := m.Master([]byte("a master key of more than thirty-two bytes"))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := master.Wrap(t.Context(), []byte("data key"), "bound")
	if err != nil {
		t.Fatal(err)
	}
	if key, err := master.Unwrap(t.Context(), wrapped, "bound"); err != nil || string(key) != "data key" {
		t.Errorf("unwrapped: %q, error %v", key, err)
	}
	m.Close()
	if wrapped, err := master.Wrap(t.Context(), []byte("data key"), "bound"); !errors.Is(err, ErrReleased) || wrapped != nil {
		t.Errorf("wrapped after the end: %q, error %v", wrapped, err)
	}
	if key, err := master.Unwrap(t.Context(), wrapped, "bound"); !errors.Is(err, ErrReleased) || key != nil {
		t.Errorf("unwrapped after the end: %q, error %v", key, err)
	}
}

// Nothing of a key is left in the objects of the libraries that are wiped.
func TestWipe(t *testing.T) {
	key := bytes.Repeat([]byte("0123456789abcdef"), 2)
	objects := map[string]any{}
	for name, of := range map[string]func() hash.Hash{"SHA-256": sha256.New, "SHA-512": sha512.New} {
		h := of()
		h.Write(key)
		objects[name] = h
	}
	algorithms(t, func(t *testing.T, of algorithm, _ func([]byte) (cipher.AEAD, error)) {
		aead, beside, err := of(key)
		if err != nil {
			t.Fatal(err)
		}
		objects[t.Name()] = aead
		if beside != nil {
			objects[t.Name()+" beside"] = beside
		}
	})
	for name, object := range objects {
		if !holdsKey(object) {
			t.Errorf("%s: there is nothing to wipe", name)
		}
		wipe(object)
		if holdsKey(object) {
			t.Errorf("%s: it holds the key", name)
		}
	}
	wipe(nil, 7, (*int)(nil))
}

// holdsKey looks for words of the key in what a pointer points to, or the pointer in a struct.
func holdsKey(object any) bool {
	v := reflect.ValueOf(object)
	if v.Kind() == reflect.Struct {
		v = v.Field(0)
	}
	text := fmt.Sprint(v.Elem())
	return slices.ContainsFunc([]string{"48 49 50 51 52", fmt.Sprint(0x33323130), fmt.Sprint(0x30313233)},
		func(word string) bool { return strings.Contains(text, word) })
}
