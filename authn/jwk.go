package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
)

// JWK is a public key in a JWK set (RFC 7517 section 4): kty, use, alg, kid and the parameters of its type.
type JWK map[string]string

// PublicKeys returns the public keys by which assertions can be verified, and access tokens unless these are signed with a
// shared secret; those that will sign soon too.
func (k *KeyRing) PublicKeys() []JWK {
	set := []JWK{}
	for _, purpose := range []KeyPurpose{SignAccess, SignAssertion} {
		for _, key := range k.held.Load().byPurpose[purpose].verifying {
			if jwk, ok := key.jwk(); ok && !k.isEnded(key.id) {
				set = append(set, jwk)
			}
		}
	}
	slices.SortFunc(set, func(a, b JWK) int { return strings.Compare(a["kid"], b["kid"]) })
	return set
}

// jwk is the public half of the key; not ok if there is none.
func (key *signingKey) jwk() (jwk JWK, ok bool) {
	jwk = JWK{"use": "sig", "alg": key.algorithm, "kid": key.id}
	encode := base64.RawURLEncoding.EncodeToString
	switch public := key.public.(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 0x04, then both coordinates
		if err != nil {
			return nil, false
		}
		half := len(point) / 2
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", encode(point[1:1+half]), encode(point[1+half:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", encode(public)
	default:
		return nil, false
	}
	return jwk, true
}
