package secret

import "context"

// Wrapper wraps data keys under a master key that it holds: one of the configuration, of a file, or of an HSM. It is safe for
// concurrent use.
type Wrapper interface {
	// Name names the master key by a fingerprint that does not help to guess it: "master:" and 16 hex digits, or "hsm:" and what
	// names a key in a token. It is kept with what was wrapped, at most 255 bytes, and so must not change while the key does not.
	Name() string

	// Wrap encrypts a data key of 32 bytes, so that it can be unwrapped only with the same bound.
	Wrap(ctx context.Context, key []byte, bound string) ([]byte, error)

	// Unwrap decrypts what Wrap has made. The error says what to do about it and holds no secret; authn.ErrNoMasterKey: it was not
	// wrapped with this master key and this bound, or it was damaged. Any other is worth trying again, such as of an HSM that is away.
	Unwrap(ctx context.Context, wrapped []byte, bound string) ([]byte, error)
}
