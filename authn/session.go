package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Session is one login: what a person sees in the list of their devices, and what ends when they say so. Its refresh tokens
// are one family: each is the successor of the one before.
type Session struct {
	ID            uuid.UUID
	UserID        uuid.UUID
	CreatedAt     time.Time
	LastSeenAt    time.Time // written in batches, at most once a minute: never later than the truth
	EndedAt       time.Time // zero: it lives, unless the policy says otherwise
	ClientAddress string    // of the login, empty if unknown
	UserAgent     string    // of the login, whole
	Country, City string    // of the login, as in Place; empty if unknown
	Remembered    bool      // somebody asked for it at the login: it does not end by not being seen

	// Arrival is kept in the user's history when the session begins; nil: nothing is. It is not read again with the session.
	Arrival *Arrival
}

// SessionPolicy bounds sessions. A bound that is shortened applies to sessions that exist; zero is no bound.
type SessionPolicy struct {
	IdleTimeout time.Duration // a session not seen for so long ends, unless it is remembered
	MaxLifetime time.Duration // a session ends so long after its login
	MaxPerUser  int           // living sessions of one user
	EvictOldest bool          // at MaxPerUser a login ends the oldest session; else the login is refused
}

// Expires returns when the session ends by itself if it is not seen again; the zero time if never.
func (p SessionPolicy) Expires(s Session) time.Time {
	var end time.Time
	if p.IdleTimeout > 0 && !s.Remembered {
		end = s.LastSeenAt.Add(p.IdleTimeout)
	}
	if byAge := s.CreatedAt.Add(p.MaxLifetime); p.MaxLifetime > 0 && (end.IsZero() || byAge.Before(end)) {
		end = byAge
	}
	return end
}

// Lives reports whether the session is neither ended nor expired at now.
func (p SessionPolicy) Lives(s Session, now time.Time) bool {
	end := p.Expires(s)
	return s.EndedAt.IsZero() && (end.IsZero() || now.Before(end))
}

// Rotation is the use of a refresh token.
type Rotation struct {
	JTI       string // of the token that is used
	Hash      []byte // of its claims
	UserAgent string // of who uses it

	// Access and Refresh are the successors; UserID and SessionID must be those of the token that is used.
	Access, Refresh Token

	Grace  time.Duration // for so long after it was spent, the token may be used again: see RotateRefresh
	Policy SessionPolicy // the session must live by it
	Act    Act           // of the event, if there is one
}

// SessionStore keeps sessions and their tokens. Every method is atomic, and safe against the same call on another replica.
// Whatever ends a session writes a SessionEnded change in the same transaction, and its event if somebody did it; that time is
// over is no event, and neither is that a session goes on.
type SessionStore interface {
	// BeginSession keeps a new login: the session, its tokens, the user's last login, and s.Arrival in their history, of which
	// the last HistorySize stay. ErrUserNotFound or ErrUserInactive if the user was deleted or disabled meanwhile; ErrStale if the password is no longer passwordHash. With
	// policy.MaxPerUser living sessions already there, it ends the oldest of them (by CreatedAt) or returns
	// ErrTooManySessions, as the policy says. ErrKeyRevoked if a key that signed one of the tokens is, or is there no more. Nothing is kept on an
	// error. The events are EventLogin, and EventSessionRevoked for each that was ended.
	BeginSession(ctx context.Context, s Session, access, refresh Token, passwordHash string, policy SessionPolicy, act Act) error

	// RotateRefresh spends a refresh token and keeps its successors, as one compare and swap: of any number of simultaneous
	// calls one succeeds. It counts as the session being seen. The successors it returns are those that were kept.
	//
	// The use of a token that was spent by an earlier rotation is a sign of theft: its session ends, with all its tokens, and
	// the error is ErrTokenReused; this is EventRefreshReused. But within r.Grace of its spending, while the refresh token that followed it is itself
	// unused, and if r.UserAgent is the one that spent it, nothing changes, and the successors kept at that time are returned
	// instead of r's; the caller mints them again.
	//
	// ErrTokenNotFound if there is no such refresh token, the hash differs, or the successors are not of its user and
	// session; ErrTokenSpent if it is expired, invalidated otherwise, its key is revoked, or its session does not live;
	// ErrKeyRevoked if a key that signed one of the successors is, or is there no more; ErrUserNotFound and ErrUserInactive of its user. On these
	// nothing has changed.
	RotateRefresh(ctx context.Context, r Rotation) (access, refresh Token, err error)

	// SessionByID returns a session of the user, ErrSessionNotFound if there is none or it is another user's. ListSessions
	// returns the user's sessions that live by the policy at now, the latest login first.
	SessionByID(ctx context.Context, userID, id uuid.UUID) (Session, error)
	ListSessions(ctx context.Context, userID uuid.UUID, p SessionPolicy, now time.Time) ([]Session, error)

	// EndSession ends a session of the user and reports how many living tokens that made invalid. ErrSessionNotFound if there
	// is no such session, it is another user's, or it has ended. The event is EventLogout if it is the actor's own, else
	// EventSessionRevoked.
	EndSession(ctx context.Context, userID, id uuid.UUID, act Act) (int, error)

	// EndSessions ends the user's sessions but for keep (uuid.Nil: all) and reports how many living tokens that made invalid.
	// A refresh that runs at the same time leaves no living token behind. One event for all that ended: EventLogout if the
	// actor's own is among them, else EventSessionRevoked; none if nothing ended.
	EndSessions(ctx context.Context, userID, keep uuid.UUID, act Act) (int, error)

	// EndToken invalidates one access token, with a TokenEnded change and EventTokenRevoked. No error if there is none.
	EndToken(ctx context.Context, jti string, act Act) error

	// EndExpiredSessions ends what the policy says has ended, in batches, and reports how many sessions.
	EndExpiredSessions(ctx context.Context, p SessionPolicy, now time.Time) (int, error)

	// SeeSessions moves LastSeenAt of each session forward to the time given, never back, if the session still lived by the
	// policy at that time: one that was seen too late has ended, though nobody may have noticed yet.
	SeeSessions(ctx context.Context, seen map[uuid.UUID]time.Time, p SessionPolicy) error

	// PurgeSessions removes sessions that ended before the given time or whose last token expired before it, and reports how
	// many. It writes a SessionEnded change for each that had not ended before.
	PurgeSessions(ctx context.Context, before time.Time) (int, error)
}

// ChangeKind says what has changed.
type ChangeKind string

// The kinds of Change.
const (
	SessionEnded ChangeKind = "session_ended" // SessionID, UserID
	TokenEnded   ChangeKind = "token_ended"   // JTI: of one access token
	UserChanged  ChangeKind = "user_changed"  // UserID: name, address, roles or flags are others, or the user is gone
	KeyEnded     ChangeKind = "key_ended"     // KeyID: tokens that it signed are dead
	KeyAdded     ChangeKind = "key_added"     // KeyID: there is a new key
)

// Change is an entry of the feed that replicas follow. It is written in the transaction that makes the change.
type Change struct {
	Kind      ChangeKind
	UserID    uuid.UUID
	SessionID uuid.UUID
	JTI       string
	KeyID     string
	At        time.Time // by the clock of the replica that made it
}

// Cursor is a place in the feed. The zero Cursor is before its beginning. What it holds is the store's business.
type Cursor struct {
	Position int64
	Epoch    string // changes when positions of before mean nothing any more: the reader starts again from the zero Cursor
	Seen     string // what else tells the store which changes it has returned
}

// Feed is the list of changes, in an order in which nothing is missed.
type Feed interface {
	// Changes returns what was committed after the cursor and the cursor behind it. No change is missed, also one that is
	// committed late, after others that were begun later; one may be returned twice. ErrFeedReset if the cursor means
	// nothing to this database, as after a fail-over to a restored copy: start again from the zero Cursor.
	Changes(ctx context.Context, after Cursor) ([]Change, Cursor, error)

	// Wake calls wake whenever there may be something new, until ctx ends or the connection that tells is lost, which is its
	// error. It is a hint and no more: a follower polls too.
	Wake(ctx context.Context, wake func()) error

	// PurgeChanges removes changes made before the given time and reports how many. Those that concern an access token which
	// expires after it stay: tokens may have been given a longer life than they are now.
	PurgeChanges(ctx context.Context, before time.Time) (int, error)
}
