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
}

// TokenStore keeps tokens. Every method is atomic, and safe against the same call on another replica.
type TokenStore interface {
	// IssueTokens keeps the tokens of a new login and sets the user's last login to at. ErrUserNotFound or ErrUserInactive
	// if the user was deleted or disabled meanwhile; ErrStale if the password is no longer passwordHash: a login that races
	// a password change does not survive it. Nothing is kept then.
	IssueTokens(ctx context.Context, access, refresh Token, passwordHash string, at time.Time) error

	// RotateRefresh spends the refresh token that has the given jti and hash and keeps its successors, as one compare and
	// swap: of any number of simultaneous calls one succeeds. ErrTokenNotFound if there is no such refresh token or the hash
	// differs; ErrTokenSpent if it is invalidated or not after now expired; ErrUserNotFound and ErrUserInactive of its user.
	// On an error nothing has changed. UserID and SessionID of the successors must be those of the spent token, else
	// ErrTokenNotFound.
	RotateRefresh(ctx context.Context, jti string, hash []byte, access, refresh Token, now time.Time) error

	// TokenOwner returns the user of a live token: known under this jti, kind and hash, not invalidated, not expired at now,
	// its user active. ErrTokenNotFound, ErrTokenSpent, ErrUserInactive.
	TokenOwner(ctx context.Context, kind TokenKind, jti string, hash []byte, now time.Time) (User, Token, error)

	// InvalidateTokens ends every living token of the user and reports how many this call made invalid. A refresh that runs
	// at the same time leaves no living token behind: either it came first and its successors are counted, or it fails.
	InvalidateTokens(ctx context.Context, userID uuid.UUID, now time.Time) (int, error)

	// PurgeTokens removes tokens that expired before the given time and reports how many.
	PurgeTokens(ctx context.Context, before time.Time) (int, error)
}

// KeyPurpose says what a key signs.
type KeyPurpose string

// The purposes of keys. A token signed by a key of one purpose is never accepted for the other.
const (
	SignAccess  KeyPurpose = "access"
	SignRefresh KeyPurpose = "refresh"
)

// Key is a managed signing key as the store keeps it.
type Key struct {
	ID        string // the kid: 16 lower-case hex digits, unique
	Purpose   KeyPurpose
	Algorithm string // a JWS algorithm name, such as EdDSA (RFC 7518 section 3.1, RFC 8037)
	Material  []byte // PKCS #8 DER for asymmetric algorithms, the raw secret for HMAC
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
