package authn_test

import (
	"crypto"
	"encoding/asn1"
	"io"
	"math/big"
	"testing"

	"github.com/descoped/authly/authn"
)

// oddSigner signs what a test tells it to.
type oddSigner struct{ signature []byte }

func (oddSigner) Public() crypto.PublicKey { return nil }

func (s oddSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return s.signature, nil
}

// Both numbers have their full length, whatever they are; what is no signature of the curve is none.
func TestJointSignature(t *testing.T) {
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	signature := func(r, s *big.Int) []byte {
		text, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, good := range [][2]*big.Int{{big.NewInt(1), most}, {most, big.NewInt(255)}} {
		joint, err := authn.SignWith(oddSigner{signature(good[0], good[1])}, "ES256")
		if err != nil || len(joint) != 64 {
			t.Fatalf("%x, %v", joint, err)
		}
		r, s := new(big.Int).SetBytes(joint[:32]), new(big.Int).SetBytes(joint[32:])
		if r.Cmp(good[0]) != 0 || s.Cmp(good[1]) != 0 {
			t.Errorf("%v became %v, %v", good, r, s)
		}
	}
	whole := signature(big.NewInt(1), big.NewInt(2))
	for what, bad := range map[string][]byte{
		"nothing": nil, "no ASN.1": []byte("text"), "cut": whole[:len(whole)-1], "too much": append(whole, 0),
		"zero": signature(big.NewInt(0), most), "negative": signature(big.NewInt(-1), most),
		"of a larger curve": signature(big.NewInt(1), new(big.Int).Add(most, big.NewInt(1))),
	} {
		if joint, err := authn.SignWith(oddSigner{bad}, "ES256"); err == nil || joint != nil {
			t.Errorf("%s: %x, %v", what, joint, err)
		}
	}
	if _, err := authn.SignWith("no signer", "ES256"); err == nil {
		t.Error("what cannot sign has signed")
	}
}
