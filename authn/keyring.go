package authn

import (
	"context"

	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// algorithms are the JWS algorithms that tokens can be signed with (RFC 7518 section 3.1, RFC 8037 section 3.1).
var algorithms = map[string]jwt.SigningMethod{
	"HS256": jwt.SigningMethodHS256, "HS384": jwt.SigningMethodHS384, "HS512": jwt.SigningMethodHS512,
	"RS256": jwt.SigningMethodRS256, "PS256": jwt.SigningMethodPS256,
	"ES256": jwt.SigningMethodES256, "EdDSA": jwt.SigningMethodEdDSA,
}

// KeyRingConfig is what a KeyRing needs.
type KeyRingConfig struct {
	Store         KeyStore // required: managed keys are made and kept here
	Algorithm     string   // of access tokens; empty: HS256 if there is a Secret, else EdDSA
	Secret        []byte   // signs access tokens of HMAC algorithms; empty: a managed key does
	RefreshSecret []byte   // signs refresh tokens; empty: a managed key does
	Now           func() time.Time
}

// KeyRing holds the keys that tokens are signed and verified with: for each purpose one that signs, and all that verify.
// A key verifies tokens of its own purpose and algorithm only.
type KeyRing struct {
	signing   map[KeyPurpose]*signingKey
	verifying map[KeyPurpose]map[string]*signingKey
}

type signingKey struct {
	id      string
	method  jwt.SigningMethod
	private any // what method signs with: []byte or a crypto.Signer
	public  any // what method verifies with
}

// NewKeyRing loads the keys, making those that are missing.
func NewKeyRing(ctx context.Context, cfg KeyRingConfig) (*KeyRing, error) {
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
	ring := &KeyRing{signing: map[KeyPurpose]*signingKey{}, verifying: map[KeyPurpose]map[string]*signingKey{}}
	if err := ring.load(ctx, cfg, SignAccess, algorithm, cfg.Secret); err != nil {
		return nil, err
	}
	return ring, ring.load(ctx, cfg, SignRefresh, refreshAlgorithm, cfg.RefreshSecret)
}

// load fills the ring for one purpose, from the configured secret or else from the store.
func (k *KeyRing) load(ctx context.Context, cfg KeyRingConfig, purpose KeyPurpose, algorithm string, secret []byte) error {
	if len(secret) > 0 {
		key := &signingKey{id: secretKeyID(purpose, secret), method: algorithms[algorithm], private: secret, public: secret}
		k.signing[purpose] = key
		k.verifying[purpose] = map[string]*signingKey{key.id: key}
		return nil
	}
	current, err := ensureManagedKey(ctx, cfg, purpose, algorithm)
	if err != nil {
		return fmt.Errorf("signing key for %s tokens: %w", purpose, err)
	}
	stored, err := cfg.Store.ListKeys(ctx, purpose)
	if err != nil {
		return fmt.Errorf("signing keys for %s tokens: %w", purpose, err)
	}
	k.verifying[purpose] = map[string]*signingKey{}
	for _, s := range stored {
		if s.Algorithm != algorithm {
			continue
		}
		key, err := parseKey(s)
		if err != nil {
			return fmt.Errorf("signing key %s: %w", s.ID, err)
		}
		k.verifying[purpose][key.id] = key
	}
	k.signing[purpose] = k.verifying[purpose][current.ID]
	if k.signing[purpose] == nil {
		return fmt.Errorf("signing key %s for %s tokens is not in the store", current.ID, purpose)
	}
	return nil
}

// ensureManagedKey returns the store's key, offering a new one only if there is none yet.
func ensureManagedKey(ctx context.Context, cfg KeyRingConfig, purpose KeyPurpose, algorithm string) (Key, error) {
	stored, err := cfg.Store.ListKeys(ctx, purpose)
	if err != nil {
		return Key{}, err
	}
	for _, s := range stored {
		if s.Algorithm == algorithm {
			return s, nil
		}
	}
	material, err := generateMaterial(algorithm)
	if err != nil {
		return Key{}, err
	}
	return cfg.Store.EnsureKey(ctx, Key{
		ID: hex.EncodeToString(randomBytes(8)), Purpose: purpose, Algorithm: algorithm, Material: material, CreatedAt: cfg.Now(),
	})
}

// generateMaterial makes a key: PKCS #8 for asymmetric algorithms, 64 random bytes for HMAC.
func generateMaterial(algorithm string) ([]byte, error) {
	var private any
	var err error
	switch algorithm {
	case "RS256", "PS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return randomBytes(64), nil
	}
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(private)
}

// parseKey reads a stored key and checks that it is one for its algorithm.
func parseKey(s Key) (*signingKey, error) {
	key := &signingKey{id: s.ID, method: algorithms[s.Algorithm]}
	if isHMAC(s.Algorithm) {
		if len(s.Material) < 32 {
			return nil, errors.New("the secret is too short")
		}
		key.private, key.public = s.Material, s.Material
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(s.Material)
	if err != nil {
		return nil, errors.New("it is not PKCS #8")
	}
	fits := false
	switch p := parsed.(type) {
	case *rsa.PrivateKey:
		fits = s.Algorithm == "RS256" || s.Algorithm == "PS256"
		key.private, key.public = p, p.Public()
	case *ecdsa.PrivateKey:
		fits = s.Algorithm == "ES256" && p.Curve == elliptic.P256()
		key.private, key.public = p, p.Public()
	case ed25519.PrivateKey:
		fits = s.Algorithm == "EdDSA"
		key.private, key.public = p, p.Public()
	}
	if !fits {
		return nil, fmt.Errorf("it is no key for %s", s.Algorithm)
	}
	return key, nil
}

func isHMAC(algorithm string) bool { return strings.HasPrefix(algorithm, "HS") }

// secretKeyID derives the kid of a configured secret, so that a changed secret has another one. The purpose is part of it:
// one secret for both purposes still makes two keys.
func secretKeyID(purpose KeyPurpose, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("authly kid " + string(purpose)))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Algorithm returns the algorithm that access tokens are signed with.
func (k *KeyRing) Algorithm() string { return k.signer(SignAccess).method.Alg() }

// signer returns the key that signs for the purpose.
func (k *KeyRing) signer(purpose KeyPurpose) *signingKey { return k.signing[purpose] }

// verifier returns the key of the purpose that has the id; nil if there is none that verifies.
func (k *KeyRing) verifier(purpose KeyPurpose, id string) *signingKey {
	return k.verifying[purpose][id]
}

// JWK is a public key in a JWK set (RFC 7517 section 4): kty, use, alg, kid and the parameters of its type.
type JWK map[string]string

// PublicKeys returns the public access-token keys; empty when tokens are signed with a shared secret.
func (k *KeyRing) PublicKeys() []JWK {
	set := []JWK{}
	for _, key := range k.verifying[SignAccess] {
		jwk := JWK{"use": "sig", "alg": key.method.Alg(), "kid": key.id}
		encode := base64.RawURLEncoding.EncodeToString
		switch public := key.public.(type) {
		case *rsa.PublicKey:
			jwk["kty"], jwk["n"], jwk["e"] = "RSA", encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
		case *ecdsa.PublicKey:
			point, err := public.Bytes() // 0x04, then both coordinates
			if err != nil {
				continue
			}
			half := len(point) / 2
			jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", encode(point[1:1+half]), encode(point[1+half:])
		case ed25519.PublicKey:
			jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", encode(public)
		default:
			continue
		}
		set = append(set, jwk)
	}
	slices.SortFunc(set, func(a, b JWK) int { return strings.Compare(a["kid"], b["kid"]) })
	return set
}
