package authn

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// signerMethod signs with any crypto.Signer. The methods of the library take RSA and ECDSA keys only as they are in memory.
// Verifying is left to them.
type signerMethod struct{ jwt.SigningMethod }

// Sign signs a text (RFC 7515 section 5.1). The key is a crypto.Signer.
func (m signerMethod) Sign(text string, key any) ([]byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	hash := crypto.SHA256.New()
	hash.Write([]byte(text))
	var options crypto.SignerOpts = crypto.SHA256
	if m.Alg() == "PS256" { // RFC 7518 section 3.5: the salt is as long as the hash
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	signature, err := signer.Sign(rand.Reader, hash.Sum(nil), options)
	if err != nil || m.Alg() != "ES256" {
		return signature, err
	}
	return jointSignature(signature, 32)
}

// jointSignature turns an ECDSA signature in ASN.1 (RFC 3279 section 2.2.3) into both numbers one after the other, each of so many
// bytes (RFC 7518 section 3.4).
func jointSignature(signature []byte, size int) ([]byte, error) {
	var numbers struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &numbers)
	if err != nil || len(rest) > 0 {
		return nil, errors.New("the signer's signature is none of ECDSA")
	}
	joint := make([]byte, 2*size)
	for i, n := range []*big.Int{numbers.R, numbers.S} {
		if n.Sign() <= 0 || n.BitLen() > 8*size {
			return nil, errors.New("the signer's signature is of another curve")
		}
		n.FillBytes(joint[i*size : (i+1)*size])
	}
	return joint, nil
}
