package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// derive returns a key of up to 32 bytes for a purpose: HKDF with SHA-256 and without a salt (RFC 5869). It is crypto/hkdf but for
// what that leaves in memory: the secret itself, in the buffer of a hash, and the key that all the others are derived from.
func derive(secret []byte, purpose string, n int) []byte {
	key := make([]byte, n)
	Do(func() {
		var extracted, expanded [sha256.Size]byte
		defer func() { clear(extracted[:]); clear(expanded[:]) }()
		mac(extracted[:0], make([]byte, sha256.Size), secret)
		mac(expanded[:0], extracted[:], []byte(purpose), []byte{1})
		copy(key, expanded[:n])
	})
	return key
}

// mac appends the HMAC with SHA-256 of a message to what has room for it, and wipes what it took.
func mac(to, key []byte, message ...[]byte) {
	var used []any
	defer func() { wipe(used...) }()
	h := hmac.New(func() hash.Hash {
		inner := sha256.New()
		used = append(used, inner)
		return inner
	}, key)
	used = append(used, h)
	for _, part := range message {
		h.Write(part)
	}
	h.Sum(to)
}
