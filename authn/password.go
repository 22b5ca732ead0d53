package authn

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/secure/precis"
)

// bcryptMaxBytes is how much of a password bcrypt looks at. x/crypto's comparison ignores the rest without a word, so
// anything longer is refused when it is set and never matches when it is compared.
const bcryptMaxBytes = 72

// maxPasswordBytes bounds the work that a password can cause where the algorithm sets no bound of its own.
const maxPasswordBytes = 1024

// The names of password algorithms.
const (
	Bcrypt   = "bcrypt"
	Argon2id = "argon2id"
)

// PasswordsConfig is what Passwords needs.
type PasswordsConfig struct {
	Algorithm  string       // Bcrypt or Argon2id: of new hashes; both always verify
	BcryptCost int          // 4 to 31
	Argon2id   Argon2Params // of new hashes
	MinLength  int          // in characters
}

// Argon2Params are the parameters of argon2id (RFC 9106 section 3.1).
type Argon2Params struct {
	Memory      uint32 // KiB
	Iterations  uint32
	Parallelism uint8
}

// Passwords prepares, hashes and compares passwords. It is safe for use by many goroutines; no more passwords are compared at
// a time than there are processors, and one new one is hashed, while the others wait: a flood of registrations leaves the
// processors to logins.
type Passwords struct {
	cfg     PasswordsConfig
	compare chan struct{}
	hash    chan struct{}
	schemes atomic.Pointer[schemeShares]
}

// NewPasswords checks the configuration.
func NewPasswords(cfg PasswordsConfig) (*Passwords, error) {
	switch {
	case cfg.Algorithm == Bcrypt && (cfg.BcryptCost < bcrypt.MinCost || cfg.BcryptCost > bcrypt.MaxCost):
		return nil, fmt.Errorf("bcrypt cost %d is not between %d and %d", cfg.BcryptCost, bcrypt.MinCost, bcrypt.MaxCost)
	case cfg.Algorithm == Argon2id && !cfg.Argon2id.sane():
		return nil, errors.New("argon2id parameters are out of range")
	case cfg.Algorithm != Bcrypt && cfg.Algorithm != Argon2id:
		return nil, fmt.Errorf("password algorithm %q is neither %s nor %s", cfg.Algorithm, Bcrypt, Argon2id)
	}
	return &Passwords{
		cfg: cfg, compare: make(chan struct{}, runtime.GOMAXPROCS(0)), hash: make(chan struct{}, 1),
	}, nil
}

// Prepare maps a new password as RFC 8265 section 4.2 says (OpaqueString) and checks its length; field names it in errors.
func (p *Passwords) Prepare(field, typed string) (string, error) {
	prepared, err := precis.OpaqueString.String(typed)
	switch {
	case typed != "" && (err != nil || !utf8.ValidString(typed)):
		return "", RefuseField(field, "Invalid field: "+field+" cannot contain control characters")
	case utf8.RuneCountInString(prepared) < p.cfg.MinLength:
		return "", RefuseField(field, fmt.Sprintf("Invalid field: %s must have at least %d characters", field, p.cfg.MinLength))
	case p.cfg.Algorithm == Bcrypt && len(prepared) > bcryptMaxBytes:
		return "", RefuseField(field, fmt.Sprintf("Invalid field: %s must have at most %d bytes", field, bcryptMaxBytes))
	case len(prepared) > maxPasswordBytes:
		return "", RefuseField(field, fmt.Sprintf("Invalid field: %s must have at most %d bytes", field, maxPasswordBytes))
	}
	return prepared, nil
}

// Hash hashes a prepared password with the configured algorithm.
func (p *Passwords) Hash(ctx context.Context, prepared string) (string, error) {
	if err := acquire(ctx, p.hash); err != nil {
		return "", err
	}
	defer func() { <-p.hash }()
	if p.cfg.Algorithm == Argon2id {
		return p.cfg.Argon2id.hash(prepared), nil
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(prepared), p.cfg.BcryptCost)
	return string(hash), err
}

// Compare reports whether the password, as typed, is the one of the hash. The error is only that of a context that ended
// while waiting for a processor. It takes as long for a password that could never be set as for a wrong one.
func (p *Passwords) Compare(ctx context.Context, hash, typed string) (bool, error) {
	if err := acquire(ctx, p.compare); err != nil {
		return false, err
	}
	defer func() { <-p.compare }()
	prepared, err := precis.OpaqueString.String(typed)
	possible := err == nil && len(prepared) <= maxPasswordBytes
	if !possible {
		prepared = "?"
	}
	if strings.HasPrefix(hash, argon2Prefix) {
		return compareArgon2id(hash, prepared) && possible, nil
	}
	possible = possible && len(prepared) <= bcryptMaxBytes
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(prepared)) == nil && possible, nil
}

// CompareUnknown does the work of comparing a password for an account that does not exist, and never matches. The scheme is
// drawn by the account's name among those that stored hashes have, by their shares, so that names which do not exist cost
// what names which do exist cost, and each of them the same every time.
func (p *Passwords) CompareUnknown(ctx context.Context, account, typed string) error {
	_, err := p.Compare(ctx, dummyHash(p.schemes.Load().pick(account, p.ownScheme())), typed)
	return err
}

// ObserveSchemes tells Passwords how many stored hashes there are of each scheme.
func (p *Passwords) ObserveSchemes(counts map[string]int) {
	p.schemes.Store(newSchemeShares(counts))
}

// Outdated reports whether a stored hash is of another scheme than new ones.
func (p *Passwords) Outdated(hash string) bool { return PasswordScheme(hash) != p.ownScheme() }

func (p *Passwords) ownScheme() string {
	if p.cfg.Algorithm == Argon2id {
		return p.cfg.Argon2id.prefix()
	}
	return bcryptScheme(p.cfg.BcryptCost)
}

// acquire waits for a slot.
func acquire(ctx context.Context, slots chan<- struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: waiting to hash a password: %w", ErrUnavailable, ctx.Err())
	}
}
