package authn

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
)

// HSM makes private keys that never leave it, and signs with them: a hardware security module. Of such a key the store keeps the
// public half, so that whoever checks a signature does not need the HSM, and the id by which it is found there.
//
// Every method may take long, and fails with an *HSMAway while the HSM does not do what it is asked. It is safe for concurrent use,
// by several replicas too.
type HSM interface {
	// Makes reports whether keys of the algorithm can be made. It asks nobody.
	Makes(algorithm string) bool

	// MakeKey makes a key that has the id, and returns its public half: an *ecdsa.PublicKey or *rsa.PublicKey.
	MakeKey(ctx context.Context, id, algorithm string) (crypto.PublicKey, error)

	// Signer signs with the key that has the id and this public half. It is looked for when something has to be signed.
	Signer(id string, public crypto.PublicKey) crypto.Signer

	// RemoveKey destroys the key that has the id. No error if there is none.
	RemoveKey(ctx context.Context, id string) error
}

// HSMAway is why an HSM does not do what it is asked: an ErrUnavailable.
type HSMAway struct {
	Why     string // never with a PIN
	Missing bool   // it answers, and does not have the key: also an ErrKeyRevoked
}

// Error says why.
func (e *HSMAway) Error() string { return "the HSM is not at hand: " + e.Why }

// Is tells errors.Is what the error is.
func (e *HSMAway) Is(target error) bool {
	return target == ErrUnavailable || e.Missing && target == ErrKeyRevoked
}

// makesInHSM reports whether new keys of the algorithm are made in the HSM.
func (m *ManagedKeys) makesInHSM(algorithm string) bool {
	return m.cfg.HSM != nil && m.cfg.HSM.Makes(algorithm)
}

// material makes a key, in the HSM if there is one that can, and returns what the store keeps of it.
func (m *ManagedKeys) material(ctx context.Context, id, algorithm string) ([]byte, error) {
	if !m.makesInHSM(algorithm) {
		return generateMaterial(algorithm)
	}
	public, err := m.cfg.HSM.MakeKey(ctx, id, algorithm)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(public)
}

// discard destroys a key that was made and is certainly not kept. That it stays in the HSM does no harm but take room.
func (m *ManagedKeys) discard(ctx context.Context, key Key) {
	if !m.makesInHSM(key.Algorithm) {
		return
	}
	if err := m.cfg.HSM.RemoveKey(context.WithoutCancel(ctx), key.ID); err != nil {
		m.cfg.Log.WarnContext(ctx, "a key that is of no use stays in the HSM", "key_id", key.ID, "error", err)
	}
}

// removeFromHSM destroys those of the keys that are in the HSM. It returns the keys that can be forgotten: while the HSM is away
// the others are kept on record, or nobody would know of them when it is back.
func (m *ManagedKeys) removeFromHSM(ctx context.Context, keys []Key) (gone []string, err error) {
	for _, k := range keys {
		var failed error
		if m.makesInHSM(k.Algorithm) {
			failed = m.cfg.HSM.RemoveKey(ctx, k.ID)
		}
		if err = errors.Join(err, failed); failed == nil {
			gone = append(gone, k.ID)
		}
	}
	return gone, err
}

// useHSM makes a key ready of which the store has the public half alone.
func (key *signingKey) useHSM(public any, hsm HSM) error {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if key.algorithm != "RS256" && key.algorithm != "PS256" {
			return fmt.Errorf("it is no key for %s", key.algorithm)
		}
	case *ecdsa.PublicKey:
		if key.algorithm != "ES256" || p.Curve != elliptic.P256() {
			return fmt.Errorf("it is no key for %s", key.algorithm)
		}
	default:
		return fmt.Errorf("it is no key for %s", key.algorithm)
	}
	key.inHSM, key.public, key.method = true, public, signerMethod{key.method}
	if key.private = noSigner(public.(crypto.PublicKey)); hsm != nil {
		key.private = hsm.Signer(key.id, public)
	}
	return nil
}

// canSign reports whether this replica can sign with the key.
func (key *signingKey) canSign() bool {
	_, absent := key.private.(absentSigner)
	return !absent
}

// Settle makes the next key where the one that signs is not where keys are made now: in the HSM, when one was configured; or out of
// it, when it no longer is, and then at once, since nothing else can sign. What was signed lives on. It is for who serves, and has
// all of the configuration, not for every command that looks at the database.
func (k *KeyRing) Settle(ctx context.Context) error {
	moved := false
	for _, used := range k.held.Load().byPurpose {
		last := used.last()
		if used.secret != nil || used.use.idle || last == nil || last.inHSM == k.managed.makesInHSM(used.use.algorithm) {
			continue
		}
		now := k.now()
		activeFrom := now
		if used.signer(now).canSign() {
			activeFrom = now.Add(PublishAhead)
		}
		key, _, err := k.managed.add(ctx, used.use, activeFrom, last.id, systemAct(Client{}, now))
		if err != nil {
			return fmt.Errorf("the next signing key for %s tokens: %w", used.use.purpose, err)
		}
		k.managed.logAdded(ctx, key)
		moved = true
	}
	if !moved {
		return nil
	}
	return k.Load(ctx)
}

// noSigner stands for a key in an HSM that this replica knows nothing of: it verifies.
func noSigner(public crypto.PublicKey) crypto.Signer { return absentSigner{public} }

type absentSigner struct{ public crypto.PublicKey }

func (s absentSigner) Public() crypto.PublicKey { return s.public }

func (absentSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, &HSMAway{Why: "the key that signs is in one, and none is configured"}
}
