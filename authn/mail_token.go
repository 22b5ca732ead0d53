package authn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/google/uuid"
)

// mailTokenBytes is how much chance is in a mailed token: nobody guesses 256 bits, however often they try.
const mailTokenBytes = 32

// MailToken is a token that was mailed, as the store keeps it: the hash alone. It works once, until it expires, for what its
// kind says, and only while the account has the address that it was mailed to or about.
type MailToken struct {
	Hash      []byte // of kind and token: what is mailed for one thing is unknown to every other
	Kind      MailKind
	UserID    uuid.UUID // uuid.Nil: of somebody who has no account yet, an invitation
	Email     string    // where it was mailed, as typed
	EmailKey  string    // Email as compared
	Username  string    // of an invitation: what is proposed; may be empty
	Roles     []string  // of an invitation: of the account to be
	CreatedAt time.Time
	ExpiresAt time.Time
}

// ID names a token to who may know that there is one. Nobody can use it as one: it is a part of the hash.
func (t MailToken) ID() uuid.UUID { return uuid.UUID(t.Hash[:16]) }

// MailLifetimes says how long mailed tokens live.
type MailLifetimes struct {
	Verification, EmailChange, PasswordReset, Invitation time.Duration // 15 minutes to 24 hours
}

func (l MailLifetimes) of(kind MailKind) time.Duration {
	switch kind {
	case MailVerification:
		return l.Verification
	case MailEmailChange:
		return l.EmailChange
	case MailPasswordReset:
		return l.PasswordReset
	case MailInvitation:
		return l.Invitation
	}
	return 0
}

// newMailToken returns a token that was never before.
func newMailToken() string {
	random := make([]byte, mailTokenBytes)
	rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

// hashMailToken is what is kept of a token; ok is false for a text that is no token. A fast hash is enough: there is nothing to
// guess.
func hashMailToken(kind MailKind, token string) (hash []byte, ok bool) {
	random, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(random) != mailTokenBytes {
		return nil, false
	}
	sum := sha256.Sum256(append([]byte("authly mailed token\x00"+string(kind)+"\x00"), random...))
	return sum[:], true
}
