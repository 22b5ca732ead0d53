package secret

import "errors"

// SealAndOpen uses a key of 32 bytes, which it takes, with each algorithm, and releases it.
func (m *Memory) SealAndOpen(key []byte) error {
	other := append([]byte{}, key...)
	return errors.Join(m.sealAndOpen(key, aesGCM), m.sealAndOpen(other, xChaCha20Poly1305))
}

func (m *Memory) sealAndOpen(key []byte, of algorithm) error {
	kept, err := m.aead(key, of)
	if err != nil {
		return err
	}
	defer kept.key.Release()
	nonce := make([]byte, kept.NonceSize())
	_, err = kept.Open(nil, nonce, kept.Seal(nil, nonce, []byte("text"), nil), nil)
	return err
}
