package authn

// KeyRing holds the keys that tokens are signed and verified with.
type KeyRing struct{}

// JWK is a public key in a JWK set (RFC 7517 section 4): kty, use, alg, kid and the parameters of its type.
type JWK map[string]string

// PublicKeys returns the public access-token keys; empty when tokens are signed with a shared secret.
func (k *KeyRing) PublicKeys() []JWK { return nil }
