//go:build pkcs11

package hsm

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/ThalesGroup/crypto11"

	"github.com/descoped/authly/authn"
)

const (
	masterLabel = "authly master key"
	masterBits  = 256
	idLength    = 8  // bytes of the CKA_ID of a master key
	nonceBytes  = 12 // of GCM (NIST SP 800-38D section 8.2.2): random, and so good for 2³² data keys
)

// Name names the master key by its token. Which key of the token it is stands in what was wrapped.
func (t *Token) Name() string { return "hsm:" + t.cfg.Label }

// Wrap encrypts a data key in the token, by AES-256-GCM with a key that was made there and never leaves it. The result is the id of
// that key, the nonce, and the ciphertext with its tag.
func (t *Token) Wrap(ctx context.Context, key []byte, bound string) ([]byte, error) {
	return ask(ctx, t, func(l *line) ([]byte, error) { return l.wrap(key, bound) })
}

// Unwrap decrypts what Wrap has made.
func (t *Token) Unwrap(ctx context.Context, wrapped []byte, bound string) ([]byte, error) {
	if len(wrapped) < idLength+nonceBytes {
		return nil, t.damaged()
	}
	return ask(ctx, t, func(l *line) ([]byte, error) {
		id, rest := hex.EncodeToString(wrapped[:idLength]), wrapped[idLength:]
		aead, err := l.masterOf(id)
		switch {
		case err != nil:
			return nil, err
		case aead == nil:
			return nil, fmt.Errorf("it is %w: the token %q has no key %s, bring back the one that has it", authn.ErrNoMasterKey, t.cfg.Label, id)
		}
		key, err := aead.Open(nil, rest[:nonceBytes], rest[nonceBytes:], []byte(bound))
		if err != nil && l.works(id) { // modules say of a bad tag what they say of a broken session
			return nil, t.damaged()
		}
		return key, err
	})
}

func (t *Token) damaged() error {
	return fmt.Errorf("it does not open with the master key in the token %q, or was damaged: %w", t.cfg.Label, authn.ErrNoMasterKey)
}

// wrap encrypts with the master key. It panics if that fails.
func (l *line) wrap(key []byte, bound string) ([]byte, error) {
	aead, err := l.masterOf(l.master)
	if err != nil || aead == nil {
		return nil, errors.Join(err, errLoggedOut)
	}
	id, err := idBytes(l.master)
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce) // never fails
	return slices.Concat(id, nonce, aead.Seal(nil, nonce, key, []byte(bound))), err
}

// works reports whether a master key encrypts and decrypts.
func (l *line) works(id string) bool {
	works, _ := guarded(l, func(l *line) (bool, error) {
		aead, err := l.masterOf(id)
		if err != nil || aead == nil {
			return false, err
		}
		text, nonce := []byte("authly"), make([]byte, nonceBytes)
		rand.Read(nonce)
		opened, err := aead.Open(nil, nonce, aead.Seal(nil, nonce, text, nil), nil)
		return bytes.Equal(opened, text), err
	})
	return works
}

// takeMaster finds the key that wraps, and makes it if there is none and it may.
func (l *line) takeMaster(mayMake bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids, err := l.findMasters()
	if err == nil && len(ids) == 0 && mayMake {
		if err = l.makeMaster(); err == nil {
			ids, err = l.findMasters() // of replicas that make one at once, all are there, and most take the same
		}
	}
	switch {
	case err != nil:
		return err
	case len(ids) == 0:
		return errors.New("there is none any more: it is another token of that label, or was made anew")
	}
	l.master = ids[0]
	return nil
}

// masterOf returns the master key with an id; nil if the token has none.
func (l *line) masterOf(id string) (cipher.AEAD, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.masters[id]; known != nil {
		return known, nil
	}
	ids, err := l.findMasters()
	if err == nil && len(ids) == 0 {
		err = errLoggedOut
	}
	return l.masters[id], err
}

// findMasters takes up the master keys that are in the token, and returns their ids in order. The caller holds mu.
func (l *line) findMasters() (ids []string, err error) {
	found, err := l.context.FindKeys(nil, []byte(masterLabel))
	if err != nil {
		return nil, err
	}
	for _, key := range found {
		attribute, err := l.context.GetAttribute(key, crypto11.CkaId)
		if err != nil {
			return nil, err
		}
		if attribute == nil || len(attribute.Value) != idLength || key.Cipher != crypto11.CipherAES {
			continue // somebody else's
		}
		id := hex.EncodeToString(attribute.Value)
		if l.masters[id], err = key.NewGCM(); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// makeMaster makes a master key that nobody can read.
func (l *line) makeMaster() error {
	id := make([]byte, idLength)
	rand.Read(id)
	attributes, err := crypto11.NewAttributeSetWithIDAndLabel(id, []byte(masterLabel))
	if err != nil {
		return err
	}
	if err := attributes.Set(crypto11.CkaPrivate, true); err != nil {
		return err
	}
	_, err = l.context.GenerateSecretKeyWithAttributes(attributes, masterBits, crypto11.CipherAES)
	return err
}
