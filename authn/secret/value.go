package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// What is wrong with a sealed value that cannot be opened, in words that follow the name of the key that it is of.
var (
	ErrValueVersion = errors.New("is sealed in a way that this version does not know, expected sealed:v1:… as authly secret seal prints it")
	ErrValueDamaged = errors.New("is sealed and was cut or changed since, expected all of what authly secret seal printed")
	ErrValueKey     = errors.New("is sealed with another master key, expected it to be sealed with the one that is configured")
	ErrValuePlace   = errors.New("is sealed for another key, or was cut or changed since, expected it whole and where authly secret seal --for said")
)

const (
	valuePrefix  = "sealed:"
	valueVersion = valuePrefix + "v1:"

	valueMark = 8 // bytes of the master key's fingerprint
	anyPlace  = 0
	onePlace  = 1
)

// IsSealedValue reports whether a text of the configuration is sealed.
func IsSealedValue(text string) bool { return strings.HasPrefix(text, valuePrefix) }

// Values seals values of the configuration under the master key, for those who keep their configuration where others can read it.
// A sealed value is
//
//	sealed:v1:BASE64URL(place | fingerprint of the master key | nonce | AES-256-GCM of the value)
//
// The key is derived from the master key for this purpose alone (HKDF, RFC 5869): nothing else that the master key seals can be put
// here, nor this there. A place of 1 says that the value is bound to the path of one key of the configuration, and cannot be opened
// as the value of another.
type Values struct {
	mark   string                 // of the master key that seals
	opened map[string]cipher.AEAD // by the mark of the master key
}

// NewValues returns what seals under a master key, and opens what it or one of before has sealed.
func NewValues(masterKey []byte, before ...[]byte) (*Values, error) {
	v := &Values{opened: map[string]cipher.AEAD{}}
	for _, key := range append(before, masterKey) {
		mark, aead, err := valueKey(key)
		if err != nil {
			return nil, err
		}
		v.mark, v.opened[mark] = mark, aead
	}
	return v, nil
}

// valueKey derives what seals values, and its fingerprint, which does not help to guess it.
func valueKey(masterKey []byte) (mark string, aead cipher.AEAD, err error) {
	key, keyErr := hkdf.Key(sha256.New, masterKey, nil, "authly: seal configuration values", 32)
	name, nameErr := hkdf.Key(sha256.New, masterKey, nil, "authly: name of what seals configuration values", valueMark)
	if err := errors.Join(keyErr, nameErr); err != nil {
		return "", nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", nil, err
	}
	aead, err = cipher.NewGCMWithRandomNonce(block)
	return string(name), aead, err
}

// Seal seals a value for the key of the configuration at a path, such as tokens.secret_key; an empty path is any.
func (v *Values) Seal(value []byte, path string) string {
	head := append([]byte{anyPlace}, v.mark...)
	if path != "" {
		head[0] = onePlace
	}
	sealed := v.opened[v.mark].Seal(head, nil, value, bound(head, path)) // #nosec G407 -- the nonce is random, made by Seal itself
	return valueVersion + base64.RawURLEncoding.EncodeToString(sealed)
}

// Open opens a sealed value that stands at a path. The error is one of those above.
func (v *Values) Open(text, path string) ([]byte, error) {
	encoded, known := strings.CutPrefix(strings.TrimSpace(text), valueVersion)
	if !known {
		return nil, ErrValueVersion
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(sealed) < 1+valueMark || strings.ContainsAny(encoded, "\r\n") || sealed[0] > onePlace {
		return nil, ErrValueDamaged
	}
	head, sealed := sealed[:1+valueMark], sealed[1+valueMark:]
	aead := v.opened[string(head[1:])]
	if aead == nil {
		return nil, ErrValueKey
	}
	if head[0] == anyPlace {
		path = ""
	}
	value, err := aead.Open(nil, nil, sealed, bound(head, path))
	switch {
	case err != nil && head[0] == onePlace:
		return nil, ErrValuePlace
	case err != nil:
		return nil, ErrValueDamaged
	}
	return value, nil
}

// bound is what a sealed value belongs to.
func bound(head []byte, path string) []byte {
	return []byte("authly configuration value\x00" + string(head) + path)
}
