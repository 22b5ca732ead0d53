package authn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// How claims are encrypted (RFC 7516): by one key that Authly alone has, without a key of their own for each token.
const (
	sealAlgorithm = string(jose.A256GCM)
	sealKeyBytes  = 32

	// A header that Authly writes is these two texts with a kid in between. Any other is refused before it is parsed: it could
	// ask for decompression or for two billion rounds of a key derivation (CVE-2024-28180).
	sealHeader    = `{"alg":"dir","enc":"A256GCM","kid":"`
	sealHeaderEnd = `"}`

	longestSealHeader = 128 // bytes, encoded

	// mostSealed is more bytes than a name, an address and 1024 bytes of roles can take, however JSON writes them.
	mostSealed = 16 << 10
)

// EncryptableClaims are the claims of access tokens that are about the person, and so may be hidden from who holds the token.
func EncryptableClaims() []string { return []string{"username", "email", "roles"} }

// sealedClaims is what is encrypted. What is nil stands in the token itself.
type sealedClaims struct {
	Username *string   `json:"username,omitempty"`
	Email    *string   `json:"email,omitempty"` // also when there is none: that is nobody's business either
	Roles    *[]string `json:"roles,omitempty"`
}

// seal moves the claims that are named into one JWE, which Authly alone can read.
func (k *KeyRing) seal(c *claims, names []string) error {
	var hidden sealedClaims
	for _, name := range names {
		switch name {
		case "username":
			hidden.Username, c.Username = new(c.Username), ""
		case "email":
			hidden.Email, c.Email = new(c.Email), ""
		case "roles":
			hidden.Roles, c.Roles = new(c.Roles), nil
		default:
			return fmt.Errorf("the claim %q cannot be encrypted", name)
		}
	}
	if hidden == (sealedClaims{}) {
		return nil
	}
	text, err := json.Marshal(hidden)
	if err != nil {
		return err
	}
	key := k.signer(SealClaims)
	if key == nil {
		return errors.New("there is no key to encrypt claims with")
	}
	return key.withPrivate(func(private any) error {
		encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: private, KeyID: key.id}, nil)
		if err != nil {
			return err
		}
		sealed, err := encrypter.Encrypt(text)
		if err != nil {
			return err
		}
		c.Sealed, err = sealed.CompactSerialize()
		return err
	})
}

var errNotSealed = errors.New("the encrypted claims are none of Authly's")

// open puts the claims that were sealed back where they were, and returns the id of the key; empty if none were. It must not be
// called before the token's signature is known to be good. Tokens open whatever is configured: those that were issued before a
// change of the configuration live on.
func (k *KeyRing) open(c *claims) (keyID string, err error) {
	if c.Sealed == "" {
		return "", nil
	}
	text, keyID, err := k.unseal(c.Sealed)
	if err != nil {
		return "", err
	}
	var hidden sealedClaims
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&hidden) != nil || decoder.More() {
		return "", errNotSealed
	}
	if hidden.Username != nil {
		c.Username = *hidden.Username
	}
	if hidden.Email != nil {
		c.Email = *hidden.Email
	}
	if hidden.Roles != nil {
		c.Roles = *hidden.Roles
	}
	return keyID, nil
}

// unseal decrypts a JWE that Authly has made and refuses any other for the price of comparing its header.
func (k *KeyRing) unseal(text string) (opened []byte, keyID string, err error) {
	keyID, ours := sealedBy(text)
	if !ours {
		return nil, "", errNotSealed
	}
	key := k.verifier(SealClaims, keyID)
	if key == nil {
		return nil, "", errNotSealed
	}
	sealed, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, "", errNotSealed
	}
	err = key.withPrivate(func(private any) (err error) { opened, err = sealed.Decrypt(private); return err })
	if err != nil {
		return nil, "", errNotSealed
	}
	return opened, keyID, nil
}

// sealedBy returns the kid in a JWE whose header is, to the letter, one that Authly writes, and whose second part, an encrypted
// key, is empty.
func sealedBy(text string) (keyID string, ours bool) {
	encoded, rest, _ := strings.Cut(text, ".")
	if len(text) > mostSealed || len(encoded) > longestSealHeader || !strings.HasPrefix(rest, ".") {
		return "", false
	}
	header, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", false
	}
	keyID, begins := strings.CutPrefix(string(header), sealHeader)
	keyID, ends := strings.CutSuffix(keyID, sealHeaderEnd)
	return keyID, begins && ends && isKeyID(keyID)
}
