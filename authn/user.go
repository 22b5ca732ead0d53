package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// User is a person or program that can log in.
type User struct {
	ID       uuid.UUID
	Username string // as mapped by ParseUsername: unique as it stands
	Email    string // as the user typed it
	EmailKey string // Email as compared: unique
	// PasswordHash is a bcrypt modular-crypt or argon2id PHC string. It never leaves authn and store.
	PasswordHash string
	Active       bool
	Verified     bool
	Admin        bool
	Roles        []string // sorted, without duplicates; never nil when read from a store
	CreatedAt    time.Time
	UpdatedAt    time.Time
	LastLogin    time.Time // zero: never
}

// UserPlace is a place in the order of users. The zero value is in front of the first one.
type UserPlace struct {
	CreatedAt time.Time
	ID        uuid.UUID
	Username  string // where the order is that of names; else it does not matter
}

// UserChange is a partial update: nil leaves a field as it is.
type UserChange struct {
	Username     *string
	Email        *string
	EmailKey     *string // set together with Email; if it differs from the stored one and Verified is nil, Verified becomes false
	PasswordHash *string
	Active       *bool
	Verified     *bool
	Admin        *bool
	Roles        *[]string
	LastLogin    *time.Time

	// EndSessions ends the user's sessions in the same transaction, but for KeepSession (uuid.Nil: none is kept).
	EndSessions bool
	KeepSession uuid.UUID

	// KeepCookie, when not empty, is the hash of the cookie that KeepSession has from now on in place of its old one, and for as
	// long. Other roles, or becoming an administrator or none, end all sessions that have a cookie: what a browser held
	// before holds no more than it was given for.
	KeepCookie string

	// IfPasswordHash, when not nil, makes the change fail with ErrStale unless the stored hash still is this one.
	IfPasswordHash *string

	// IfUpdatedAt, when not zero, makes the change fail with ErrChanged unless the user was last changed then.
	IfUpdatedAt time.Time

	Act Act // whose time becomes UpdatedAt, and the time at which sessions end; required

	Posts  []Posting // mails that the change causes, kept in the same transaction
	Events []Event   // beside those of the change, such as that another one was asked for
}

// UserStore keeps users. Every method is atomic, and safe against the same call on another replica. Whatever changes a user
// writes its events in the same transaction.
type UserStore interface {
	// CreateUser adds u as it stands. ErrUsernameTaken and ErrEmailTaken say what is in use; of a hundred simultaneous
	// calls with one name exactly one succeeds.
	CreateUser(ctx context.Context, u User, act Act) error

	// CreateFirstUser adds u if there is no user and there never was a first start on this database, and records that the
	// first start has happened. It reports whether u was added. Of many replicas that start at once one adds its user; a
	// database whose users were all deleted later gets no new one.
	CreateFirstUser(ctx context.Context, u User, act Act) (bool, error)

	// UserByID returns ErrUserNotFound if there is none.
	UserByID(ctx context.Context, id uuid.UUID) (User, error)

	// UserByUsername and UserByEmailKey look up by the mapped name. ErrUserNotFound.
	UserByUsername(ctx context.Context, username string) (User, error)
	UserByEmailKey(ctx context.Context, emailKey string) (User, error)

	// ListUsers returns users in the order of their creation (then id), skipping the first skip, at most limit.
	ListUsers(ctx context.Context, skip, limit int) ([]User, error)

	// ListUsersAfter returns users in the same order from behind a place, which need be nobody's any more, at most limit. It
	// costs the same wherever the place is.
	ListUsersAfter(ctx context.Context, after UserPlace, limit int) ([]User, error)

	// Usernames returns the names of those of the users who are there. Of more than a thousand it need not.
	Usernames(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error)

	// UpdateUser applies c and returns the user as it then is. The events are those of Act.UserEvents; where there is none, and
	// sessions ended all the same, EventSessionRevoked. A change of name, address, roles or flags writes a UserChanged
	// change in the same transaction, sessions that it ends write theirs. ErrUserNotFound, ErrUsernameTaken, ErrEmailTaken, ErrStale, ErrChanged;
	// ErrLastAdministrator if it would leave no active administrator where there was one, and then nothing has changed.
	UpdateUser(ctx context.Context, id uuid.UUID, c UserChange) (User, error)

	// DeleteUser removes the user, their sessions and every token of theirs, with the changes that this is. ErrUserNotFound, ErrLastAdministrator.
	DeleteUser(ctx context.Context, id uuid.UUID, act Act) error

	// PasswordSchemes counts users by PasswordScheme(PasswordHash), so that the check of a name that does not exist can cost
	// what the check of one that does would cost.
	PasswordSchemes(ctx context.Context) (map[string]int, error)
}
