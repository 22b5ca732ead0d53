package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/descoped/authly/authn"
)

// Master is a master key that this process knows: of the configuration, or of a file. One text is one master key, wherever it
// comes from.
//
// It wraps with AES-256-GCM under random nonces, which are good for 2³² data keys; there is a new one every few months.
type Master struct {
	mark   string      // the fingerprint: 16 hex digits
	wraps  cipher.AEAD // data keys
	sealed cipher.AEAD // opens what versions before there were data keys have sealed with it
}

var _ Wrapper = (*Master)(nil)

// masterPrefix begins the names of master keys that are known here.
const masterPrefix = "master:"

// NewMaster derives what wraps, and the fingerprint, from a master key by HKDF (RFC 5869) with different words. That the key is
// long and random enough is for the caller to see to.
func NewMaster(key []byte) (*Master, error) {
	mark, err := hkdf.Key(sha256.New, key, nil, "authly: name of what seals", 8)
	if err != nil {
		return nil, err
	}
	wraps, wrapsErr := aeadOf(key, "authly: wrap data keys")
	sealed, sealedErr := aeadOf(key, "authly: seal signing keys")
	return &Master{mark: hex.EncodeToString(mark), wraps: wraps, sealed: sealed}, errors.Join(wrapsErr, sealedErr)
}

// aeadOf is AES-256-GCM with a random nonce before each result, under a key that is derived for the purpose.
func aeadOf(master []byte, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, master, nil, purpose, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Name is "master:" and the fingerprint.
func (m *Master) Name() string { return masterPrefix + m.mark }

// Wrap encrypts a data key.
func (m *Master) Wrap(_ context.Context, key []byte, bound string) ([]byte, error) {
	return m.wraps.Seal(nil, nil, key, []byte(bound)), nil // #nosec G407 -- the nonce is random, and made by the AEAD
}

// Unwrap decrypts a data key.
func (m *Master) Unwrap(_ context.Context, wrapped []byte, bound string) ([]byte, error) {
	key, err := m.wraps.Open(nil, nil, wrapped, []byte(bound))
	if err != nil {
		return nil, fmt.Errorf("it does not open with the master key %s, or was damaged: %w", m.Name(), authn.ErrNoMasterKey)
	}
	return key, nil
}
