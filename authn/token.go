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
	// the key that signed it not revoked, its user active. ErrTokenNotFound, ErrTokenSpent, ErrUserInactive.
	TokenOwner(ctx context.Context, kind TokenKind, jti string, hash []byte, now time.Time) (User, Token, error)

	// PurgeTokens removes tokens that expired before the given time and reports how many.
	PurgeTokens(ctx context.Context, before time.Time) (int, error)
}

// Pinger tells whether the store answers.
type Pinger interface {
	// Ping makes one round trip to the database; nil means that it answered and has the schema that this program needs.
	Ping(ctx context.Context) error
}
