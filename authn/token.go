package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// TokenKind tells an access token from a refresh token.
type TokenKind string

// The kinds of token.
const (
	AccessToken  TokenKind = "access"
	RefreshToken TokenKind = "refresh"
)

// Token is what the store keeps of a token that was issued: everything that is needed to take it back, never the token.
type Token struct {
	ID            uuid.UUID
	JTI           string // 64 lower-case hex digits, unique
	Kind          TokenKind
	UserID        uuid.UUID
	SessionID     uuid.UUID
	Hash          []byte // SHA-256 of the token's claims segment, 32 bytes
	CreatedAt     time.Time
	ExpiresAt     time.Time
	InvalidatedAt time.Time // zero: not invalidated
	ClientAddress string    // the address that asked for it, empty if unknown
	UserAgent     string    // as sent, at most 512 bytes
	Successor     string    // of a refresh token that was rotated: the jti of the refresh token that followed; else empty
	KeyID         string    // that signed it
	Claims        []byte    // the claims as JSON, without any signature; nil unless the token may have to be minted again
}

// TokenStore looks tokens up; SessionStore writes them.
type TokenStore interface {
	// TokenOwner returns the user of a live token: known under this jti, kind and hash, not invalidated, not expired at now,
	// its user active. ErrTokenNotFound, ErrTokenSpent, ErrUserInactive.
	TokenOwner(ctx context.Context, kind TokenKind, jti string, hash []byte, now time.Time) (User, Token, error)

	// PurgeTokens removes tokens that expired before the given time and reports how many.
	PurgeTokens(ctx context.Context, before time.Time) (int, error)
}

// KeyPurpose says what a key is for.
type KeyPurpose string

// The purposes of keys. What was made with a key of one purpose is never accepted for another.
const (
	SignAccess    KeyPurpose = "access"
	SignRefresh   KeyPurpose = "refresh"
	SignAssertion KeyPurpose = "assertion" // what applications are told of the caller
	SealClaims    KeyPurpose = "claims"    // encrypts claims within access tokens
)

// Key is a managed signing key as the store keeps it.
type Key struct {
	ID        string // the kid: 16 lower-case hex digits, unique
	Purpose   KeyPurpose
	Algorithm string // such as EdDSA (RFC 7518 section 3.1, RFC 8037); of SealClaims A256GCM (RFC 7518 section 5.1)
	Material  []byte // PKCS #8 DER for asymmetric algorithms, the raw secret for HMAC and A256GCM
	CreatedAt time.Time
}

// KeyStore keeps managed signing keys.
type KeyStore interface {
	// EnsureKey keeps candidate unless there already is a key of its purpose and algorithm, and returns the oldest such key:
	// replicas that start at once with different candidates all get the same answer.
	EnsureKey(ctx context.Context, candidate Key) (Key, error)

	// ListKeys returns all keys of the purpose, oldest first.
	ListKeys(ctx context.Context, purpose KeyPurpose) ([]Key, error)
}

// Pinger tells whether the store answers.
type Pinger interface {
	// Ping makes one round trip to the database; nil means that it answered and has the schema that this program needs.
	Ping(ctx context.Context) error
}
