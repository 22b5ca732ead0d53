//go:build pkcs11

package hsm

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/ThalesGroup/crypto11"
)

// rsaBits is the size of RSA keys (NIST SP 800-57: 112 bits of security).
const rsaBits = 2048

// Algorithms are those that keys can be made for. crypto11 knows no Ed25519, and HMACs are not for an HSM: who checks one needs the key.
func Algorithms() []string { return []string{"ES256", "RS256", "PS256"} }

// Makes reports whether keys of the algorithm can be made.
func (t *Token) Makes(algorithm string) bool { return slices.Contains(Algorithms(), algorithm) }

// MakeKey makes a key pair that has the id as its CKA_ID, and can be used for nothing but signatures.
func (t *Token) MakeKey(ctx context.Context, id, algorithm string) (crypto.PublicKey, error) {
	return askFor(ctx, t, makingTakes*t.cfg.Patience, func(l *line) (crypto.PublicKey, error) {
		key, err := l.makeKey(id, algorithm)
		if err != nil {
			return nil, fmt.Errorf("making a key for %s: %w", algorithm, err)
		}
		return key.Public(), nil
	})
}

func (l *line) makeKey(id, algorithm string) (crypto11.Signer, error) {
	raw, err := idBytes(id)
	if err != nil {
		return nil, err
	}
	if err := l.remove(id); err != nil { // left by an attempt that broke off: an id is never used twice
		return nil, err
	}
	public, err := crypto11.NewAttributeSetWithIDAndLabel(raw, []byte("authly "+algorithm))
	if err != nil {
		return nil, err
	}
	private := public.Copy()
	for attribute, value := range map[crypto11.AttributeType]bool{
		crypto11.CkaPrivate: true, crypto11.CkaSensitive: true, crypto11.CkaExtractable: false, crypto11.CkaSign: true,
	} {
		if err := private.Set(attribute, value); err != nil {
			return nil, err
		}
	}
	if algorithm == "ES256" {
		return l.context.GenerateECDSAKeyPairWithAttributes(public, private, elliptic.P256())
	}
	if err := private.Set(crypto11.CkaDecrypt, false); err != nil {
		return nil, err
	}
	if err := public.Set(crypto11.CkaEncrypt, false); err != nil {
		return nil, err
	}
	return l.context.GenerateRSAKeyPairWithAttributes(public, private, rsaBits)
}

// RemoveKey destroys the key pairs that have the id.
func (t *Token) RemoveKey(ctx context.Context, id string) error {
	_, err := ask(ctx, t, func(l *line) (struct{}, error) {
		return struct{}{}, l.remove(id)
	})
	return err
}

func (l *line) remove(id string) error {
	l.forget(id)
	found, err := l.find(id)
	for _, key := range found {
		if err == nil {
			err = key.Delete()
		}
	}
	return err
}

// Signer returns what signs with the key that has the id. The token is not asked yet.
func (t *Token) Signer(id string, public crypto.PublicKey) crypto.Signer {
	return &signer{t, id, public}
}

// signer is a key in the token, wherever that is at the time.
type signer struct {
	token  *Token
	id     string
	public crypto.PublicKey
}

func (s *signer) Public() crypto.PublicKey { return s.public }

// Sign signs a digest. The token has random numbers of its own.
func (s *signer) Sign(_ io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	return ask(context.Background(), s.token, func(l *line) ([]byte, error) {
		key, err := l.signer(s.id, s.public)
		if err != nil {
			return nil, err
		}
		signature, err := key.Sign(nil, digest, options)
		if err != nil {
			return nil, fmt.Errorf("signing with the key %s: %w", s.id, err)
		}
		return signature, nil
	})
}

// idBytes is the CKA_ID of a key: tools show it as the kid that authly key list prints.
func idBytes(id string) ([]byte, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) == 0 {
		return nil, errNoID
	}
	return raw, nil
}
