package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// keptAEAD is an AEAD whose key lies in a Memory and nowhere else: what the algorithm makes of it is made anew each time, and wiped,
// which takes half a microsecond.
type keptAEAD struct {
	key             Bytes
	of              algorithm
	nonce, overhead int
}

var _ cipher.AEAD = (*keptAEAD)(nil)

// algorithm makes an AEAD of a key, and names everything else that holds the key then.
type algorithm func(key []byte) (aead cipher.AEAD, beside any, err error)

// aesGCM is AES-GCM with a random nonce before each result, which is good for 2³² results.
func aesGCM(key []byte) (cipher.AEAD, any, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return aead, block, err
}

// xChaCha20Poly1305 takes nonces of 24 bytes, which may be drawn at random.
func xChaCha20Poly1305(key []byte) (cipher.AEAD, any, error) {
	aead, err := chacha20poly1305.NewX(key)
	return aead, nil, err
}

// aead returns an AEAD under a key, which it takes: that is zeros afterwards.
func (m *Memory) aead(key []byte, of algorithm) (*keptAEAD, error) {
	k := &keptAEAD{key: m.Take(key), of: of}
	err := k.with(func(aead cipher.AEAD) { k.nonce, k.overhead = aead.NonceSize(), aead.Overhead() })
	if err != nil {
		k.key.Release()
		return nil, err
	}
	return k, nil
}

func (k *keptAEAD) with(do func(aead cipher.AEAD)) error {
	return k.key.Use(func(key []byte) (err error) {
		Do(func() {
			aead, beside, failed := k.of(key)
			defer wipe(aead, beside)
			if err = failed; err == nil {
				do(aead)
			}
		})
		return err
	})
}

// NonceSize is that of the algorithm, in bytes.
func (k *keptAEAD) NonceSize() int { return k.nonce }

// Overhead is how much longer what is sealed is, in bytes.
func (k *keptAEAD) Overhead() int { return k.overhead }

// Seal is that of cipher.AEAD, and returns nil if the key was released, which is never the result otherwise.
func (k *keptAEAD) Seal(dst, nonce, text, bound []byte) (sealed []byte) {
	dst = slices.Grow(dst, len(text)+k.overhead)
	_ = k.with(func(aead cipher.AEAD) { sealed = aead.Seal(dst, nonce, text, bound) })
	return sealed
}

// Open is that of cipher.AEAD. ErrReleased if the key was.
func (k *keptAEAD) Open(dst, nonce, sealed, bound []byte) (text []byte, err error) {
	dst = slices.Grow(dst, len(sealed))
	if released := k.with(func(aead cipher.AEAD) { text, err = aead.Open(dst, nonce, sealed, bound) }); released != nil {
		return nil, released
	}
	return text, err
}
