package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// UserFilter says which users are wanted; what is left at its zero value does not matter.
type UserFilter struct {
	Text                            string // a part of the username or the email address, or the whole id; in a store as they are mapped
	Active, Verified, Admin, Locked *bool
	Role                            string // one that they have
}

// UserSearch asks a store for users in the order of their creation (then id) or of their usernames, byte by byte.
type UserSearch struct {
	UserFilter
	LocksAfter, LocksUntil time.Time // the end of a lock that holds: after the one, at the other at the latest; required with Locked

	ByName   bool
	Backward bool       // the latest, or the last name, first
	From     *UserPlace // from behind here, on the way that is asked for; nil: from the beginning
	Skip     int        // users to pass over, before the first
	Limit    int
}

// SessionPlace is a place in the order of logins.
type SessionPlace struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// SessionSearch asks a store for sessions that live by the policy at Now, in the order of their logins (then id).
type SessionSearch struct {
	UserID   uuid.UUID // whose; uuid.Nil: everybody's
	Policy   SessionPolicy
	Now      time.Time
	Backward bool          // the latest login first
	From     *SessionPlace // from behind here, on the way that is asked for; nil: from the beginning
	Limit    int
}

// UserSession is a session, and whose it is.
type UserSession struct {
	Session
	Username string
}

// DirectoryStore finds users and sessions for administrators.
type DirectoryStore interface {
	// SearchUsers returns the users that are wanted. A text is compared as it stands: no character in it stands for others. Who
	// goes on from the last one of a page gets nobody twice and misses nobody that was there, whoever is added or deleted
	// meanwhile; the place need be nobody's any more.
	SearchUsers(ctx context.Context, s UserSearch) ([]User, error)

	// SearchSessions returns sessions, with the same promise.
	SearchSessions(ctx context.Context, s SessionSearch) ([]UserSession, error)

	// AccountCounters returns the counters of accounts as a whole, as in Counters.Account, of those that have one.
	AccountCounters(ctx context.Context, accounts []string) (map[string]Counter, error)
}
