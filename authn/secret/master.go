package secret

import (
	"context"
	"crypto/cipher"
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

// NewMaster returns a master key that lies on the heap; see Memory.Master.
func NewMaster(key []byte) (*Master, error) { return (*Memory)(nil).Master(key) }

// Master derives what wraps, and the fingerprint, from a master key by HKDF (RFC 5869) with different words, and keeps what wraps
// in this memory. The key itself is not needed any more, and is for the caller to clear. That it is long and random enough is for the
// caller to see to.
func (m *Memory) Master(key []byte) (*Master, error) {
	wraps, wrapsErr := m.aead(derive(key, "authly: wrap data keys", 32), aesGCM)
	sealed, sealedErr := m.aead(derive(key, "authly: seal signing keys", 32), aesGCM)
	mark := hex.EncodeToString(derive(key, "authly: name of what seals", 8))
	return &Master{mark: mark, wraps: wraps, sealed: sealed}, errors.Join(wrapsErr, sealedErr)
}

// Name is "master:" and the fingerprint.
func (m *Master) Name() string { return masterPrefix + m.mark }

// Wrap encrypts a data key.
func (m *Master) Wrap(_ context.Context, key []byte, bound string) ([]byte, error) {
	wrapped := m.wraps.Seal(nil, nil, key, []byte(bound)) // #nosec G407 -- the nonce is random, and made by the AEAD
	if wrapped == nil {
		return nil, ErrReleased
	}
	return wrapped, nil
}

// Unwrap decrypts a data key.
func (m *Master) Unwrap(_ context.Context, wrapped []byte, bound string) ([]byte, error) {
	key, err := m.wraps.Open(nil, nil, wrapped, []byte(bound))
	switch {
	case errors.Is(err, ErrReleased):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("it does not open with the master key %s, or was damaged: %w", m.Name(), authn.ErrNoMasterKey)
	}
	return key, nil
}
