package authn

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// KeyRingConfig is what a KeyRing and ManagedKeys need.
type KeyRingConfig struct {
	Store         KeyStore // required: managed keys are made and kept here
	Sealer        Sealer   // makes them unreadable there; nil: nothing does
	HSM           HSM      // makes the keys of those algorithms that it can; nil: they are made here
	Algorithm     string   // of access tokens; empty: HS256 if there is a Secret, else EdDSA
	Secret        []byte   // signs access tokens of HMAC algorithms; empty: a managed key does
	RefreshSecret []byte   // signs refresh tokens; empty: a managed key does

	// Keep copies the secrets of the store to where they lie while they are in use; nil: the heap.
	Keep func(material []byte) Material

	Assertions      bool // there are assertions to sign
	EncryptedClaims bool // there are claims to encrypt
	Handovers       bool // there are other domains to hand browsers over to

	// Secrets of before, which verify and do not sign; empty: none. They are of HS256 unless the tokens are of another HMAC.
	PreviousSecret, PreviousRefreshSecret []byte

	AccessLife  time.Duration // the longest that an access token can live, leeway included; for how long keys are kept
	RefreshLife time.Duration // the same of a refresh token
	RotateEvery time.Duration // for so long a managed key signs, at least twice PublishAhead; 0: until it is revoked
	Now         func() time.Time
	Log         *slog.Logger // nil: nothing is logged
}

// keyUse is what the configuration says of one purpose.
type keyUse struct {
	purpose   KeyPurpose
	algorithm string        // of what is signed from now on
	life      time.Duration // the longest that something signed, or sealed, is good for
	secret    []byte        // signs; empty: a managed key does
	previous  []byte        // verifies; empty: there is none
	idle      bool          // nothing is signed: no key is made, and those that are there verify
}

func (u keyUse) secretKey() *signingKey { return u.signing(u.secret) }

func (u keyUse) previousKey() *signingKey { return u.verifying(u.previous) }

// signing is the key that a secret makes which signs; nil if it is empty.
func (u keyUse) signing(secret []byte) *signingKey { return secretKey(u.purpose, u.algorithm, secret) }

// verifying is the key that a secret makes which has signed before; nil if it is empty.
func (u keyUse) verifying(secret []byte) *signingKey {
	algorithm := u.algorithm
	if !isHMAC(algorithm) {
		algorithm = "HS256"
	}
	return secretKey(u.purpose, algorithm, secret)
}

// tokenType is the header's typ of the tokens that are signed; empty: none that Authly accepts are.
func (u keyUse) tokenType() string {
	switch u.purpose {
	case SignAccess:
		return accessType
	case SignRefresh:
		return refreshType
	case SignHandover:
		return handoverType
	}
	return ""
}

func (u keyUse) isManaged() bool { return len(u.secret) == 0 }

// uses is the list of all purposes.
func (cfg KeyRingConfig) uses() ([]keyUse, error) {
	algorithm := cfg.Algorithm
	switch {
	case algorithm == "" && len(cfg.Secret) > 0:
		algorithm = "HS256"
	case algorithm == "":
		algorithm = "EdDSA"
	case algorithms[algorithm] == nil:
		return nil, fmt.Errorf("unknown signing algorithm %q", algorithm)
	}
	refreshAlgorithm := "HS256"
	if isHMAC(algorithm) {
		refreshAlgorithm = algorithm
	} else {
		cfg.Secret = nil // a shared secret has no part in an asymmetric algorithm
	}
	return []keyUse{
		{SignAccess, algorithm, cfg.AccessLife, cfg.Secret, cfg.PreviousSecret, false},
		{SignRefresh, refreshAlgorithm, cfg.RefreshLife, cfg.RefreshSecret, cfg.PreviousRefreshSecret, false},
		{SignAssertion, assertionAlgorithm(algorithm), AssertionTTL, nil, nil, !cfg.Assertions},
		{SealClaims, sealAlgorithm, cfg.AccessLife, nil, nil, !cfg.EncryptedClaims},
		{SignHandover, "HS256", HandoverTTL, nil, nil, !cfg.Handovers}, // nobody else verifies it: a MAC does, and is short
	}, nil
}

// unsealed is the Sealer that does nothing.
type unsealed struct{}

func (unsealed) Seal(_ context.Context, material []byte, _ Cell) ([]byte, string, error) {
	return material, "", nil
}

func (unsealed) Open(context.Context, []byte, string, Cell) ([]byte, error) {
	return nil, fmt.Errorf("%w: it is sealed, and there is nothing to open it with", ErrNoMasterKey)
}

func (unsealed) Current(sealing string) bool { return sealing == "" }
