package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
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

// signingKey is a key that is ready for use.
type signingKey struct {
	id         string
	algorithm  string
	method     jwt.SigningMethod // nil: it seals and does not sign
	private    any               // what method signs with, Material or a crypto.Signer; or what seals, Material
	inHSM      bool              // private is no more than the way to the key
	public     any               // what method verifies with; nil: the same
	activeFrom time.Time         // of a managed key
}

// isManaged reports whether the key is one of the store's, and not a secret of the configuration.
func (key *signingKey) isManaged() bool { return !key.activeFrom.IsZero() }

// newKeyID makes the kid of a managed key.
func newKeyID() string { return hex.EncodeToString(randomBytes(8)) }

// isKeyID reports whether a text could be the kid of a managed key.
func isKeyID(text string) bool {
	return len(text) == 16 && strings.Trim(text, "0123456789abcdef") == ""
}

// secretKey is the key that a configured secret makes; nil if there is no secret.
func secretKey(purpose KeyPurpose, algorithm string, secret []byte) *signingKey {
	if len(secret) == 0 {
		return nil
	}
	return &signingKey{
		id: secretKeyID(purpose, secret), algorithm: algorithm, method: algorithms[algorithm], private: plainMaterial(secret),
	}
}

// secretKeyID derives the kid of a configured secret, so that a changed secret has another one. The purpose is part of it:
// one secret for both purposes still makes two keys.
func secretKeyID(purpose KeyPurpose, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("authly kid " + string(purpose)))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

func isHMAC(algorithm string) bool { return strings.HasPrefix(algorithm, "HS") }

// generateMaterial makes a key: PKCS #8 for asymmetric algorithms, 64 random bytes for HMAC, 32 for A256GCM.
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
	case sealAlgorithm:
		return randomBytes(sealKeyBytes), nil
	default:
		return randomBytes(64), nil
	}
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(private)
}

// parseKey reads a stored key, whose material is not sealed, and checks that it is one for its algorithm. What it needs of the
// material it copies: secrets with keep, other keys to where their libraries have them. One that is in an HSM
// signs there; without hsm it verifies.
func parseKey(s Key, keep func(material []byte) Material, hsm HSM) (*signingKey, error) {
	key := &signingKey{id: s.ID, algorithm: s.Algorithm, method: algorithms[s.Algorithm], activeFrom: s.ActiveFrom}
	if isHMAC(s.Algorithm) {
		if len(s.Material) < 32 {
			return nil, errors.New("the secret is too short")
		}
		key.private = keep(s.Material)
		return key, nil
	}
	if s.Algorithm == sealAlgorithm {
		if len(s.Material) != sealKeyBytes {
			return nil, errors.New("the secret is of another length")
		}
		key.private = keep(s.Material)
		return key, nil
	}
	if public, err := x509.ParsePKIXPublicKey(s.Material); err == nil {
		return key, key.useHSM(public, hsm)
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
