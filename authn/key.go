package authn

import (
	"context"
	"time"
)

// KeyPurpose says what a key is for.
type KeyPurpose string

// The purposes of keys. What was made with a key of one purpose is never accepted for another.
const (
	SignAccess    KeyPurpose = "access"
	SignRefresh   KeyPurpose = "refresh"
	SignAssertion KeyPurpose = "assertion" // what applications are told of the caller
	SealClaims    KeyPurpose = "claims"    // encrypts claims within access tokens
	SignHandover  KeyPurpose = "handover"  // what takes a browser's session to another domain
)

// Key is a managed signing key as the store keeps it. What it may be used for follows from its times alone, so that no
// replica has to tell another one to begin: it signs from ActiveFrom until the next key of its purpose does, verifies from
// CreatedAt until what it has signed has expired, and does neither once it is revoked.
type Key struct {
	ID        string // the kid: 16 lower-case hex digits, unique
	Purpose   KeyPurpose
	Algorithm string // such as EdDSA (RFC 7518 section 3.1, RFC 8037); of SealClaims A256GCM (RFC 7518 section 5.1)
	Material  []byte // PKCS #8 DER for asymmetric algorithms, else the raw secret, sealed as Sealing says; none once revoked.
	// Of a key in an HSM the public half in DER (RFC 5280 section 4.1.2.7), which is sealed like the others, or who can write to
	// the database could put a key of his own in its place
	Sealing    string // what Material is sealed with, as the Sealer calls it; empty: it is not sealed
	CreatedAt  time.Time
	ActiveFrom time.Time
	RevokedAt  time.Time // zero: not revoked
}

// cell is where the sealed material is: it cannot be opened as another key's, nor for another purpose.
func (k Key) cell() Cell {
	return Cell{Table: "keys", Column: "material", Row: k.ID, Of: string(k.Purpose) + " " + k.Algorithm + " " + k.ID}
}

// KeyStore keeps managed signing keys. Every method is atomic, and safe against the same call on another replica. Those that
// take an Act write their event in the same transaction: EventKeyAdded, EventKeyRevoked (and EventKeyAdded for a successor),
// EventKeySealed.
type KeyStore interface {
	// ListKeys returns all keys, revoked ones too, in the order of ActiveFrom and then of ID.
	ListKeys(ctx context.Context) ([]Key, error)

	// AddKey keeps candidate, with a KeyAdded change, if the last key (by ActiveFrom, then ID) of its purpose and algorithm
	// that is not revoked is the one with the id after, or if after is empty and there is none. It returns candidate; or else
	// the key that is the last: of replicas that add a key at once, one succeeds and all get the same answer.
	AddKey(ctx context.Context, candidate Key, after string, act Act) (Key, error)

	// RevokeKey revokes a key and erases its material, with a KeyEnded change. If of the keys like successor it is the one
	// that signs at the time of the act, it keeps successor too, with a KeyAdded change, and reports that it did; nil is no
	// successor. ErrKeyNotFound if there is no such key, ErrStale if it is revoked already.
	RevokeKey(ctx context.Context, id string, successor *Key, act Act) (replaced bool, err error)

	// SealKey replaces the material of a key that is still sealed with before. No error if it is not.
	SealKey(ctx context.Context, key Key, before string, act Act) error

	// PurgeKeys removes those of the keys that signed no token which expires after the given time, and reports how many.
	PurgeKeys(ctx context.Context, ids []string, after time.Time) (int, error)
}

// Sealer makes what is secret unreadable for who has the database alone: keys, mails with tokens in them, and whatever else must
// be read back as it is.
type Sealer interface {
	// Seal returns the material as it is to be kept, and the name of what it was sealed with: empty if it was not. It can be
	// opened at the same place only.
	Seal(ctx context.Context, material []byte, at Cell) (sealed []byte, sealing string, err error)

	// Open returns what was sealed. The error says what to do about it and holds no secret. ErrNoMasterKey if others may be
	// able to open it.
	Open(ctx context.Context, sealed []byte, sealing string, at Cell) (material []byte, err error)

	// Current reports whether sealing is what Seal would use now.
	Current(sealing string) bool
}
