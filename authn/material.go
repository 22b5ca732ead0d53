package authn

// Material is key material that somebody keeps apart from everything else and can wipe. It is safe for concurrent use.
type Material interface {
	// Use calls do with the material, which is there until do returns; do must not keep it. The error is that of do, or says that
	// the material was wiped, and do was not called.
	Use(do func(material []byte) error) error
}

// plainMaterial is material that nobody keeps apart, such as a secret of the configuration, which lies there as well.
type plainMaterial []byte

func (m plainMaterial) Use(do func(material []byte) error) error { return do(m) }

// keepPlain copies material to the heap.
func keepPlain(material []byte) Material { return plainMaterial(append([]byte{}, material...)) }

// withPrivate calls do with what the key signs with: a crypto.Signer, or bytes that are wiped some time after do has returned.
func (key *signingKey) withPrivate(do func(private any) error) error {
	if kept, ok := key.private.(Material); ok {
		return kept.Use(func(material []byte) error { return do(material) })
	}
	return do(key.private)
}

// signature signs a text.
func (key *signingKey) signature(text string) (signature []byte, err error) {
	err = key.withPrivate(func(private any) (err error) {
		signature, err = key.method.Sign(text, private)
		return err
	})
	return signature, err
}

// verify is nil if the signature is that of the text.
func (key *signingKey) verify(text string, signature []byte) error {
	if key.public != nil {
		return key.method.Verify(text, signature, key.public)
	}
	return key.withPrivate(func(secret any) error { return key.method.Verify(text, signature, secret) })
}
