package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// QueuedMail is a mail as it waits in the store. Its body is erased as soon as it is sent or given up.
type QueuedMail struct {
	ID        uuid.UUID
	Kind      MailKind
	To        string
	Body      []byte // sealed as Sealing says
	Sealing   string // as the Sealer calls it; empty: it is not sealed
	CreatedAt time.Time
	ExpiresAt time.Time // it is not sent after that
	DueAt     time.Time // it is not sent before that
	Attempts  int       // the one that it is claimed for among them
}

// Posting is a mail that an act causes, with the token in it: both are kept in the transaction of the act, or neither is.
type Posting struct {
	Mail  QueuedMail
	Token *MailToken // nil: the mail has none

	// Decoy makes the store write and keep everything like any other, and send nothing: a request about an address that has no
	// account then does the work, and takes the time, of one about an address that has.
	Decoy bool
}

// MailQueue says how the mails that wait are doing.
type MailQueue struct {
	Waiting int
	Dead    int       // given up, and not purged yet
	Oldest  time.Time // of those that wait: when it was kept; zero: none waits
}

// MailStore keeps mails until they are sent, and tokens that were mailed until they are spent. Every method is atomic, and safe
// against the same call on another replica. A token that dies takes the mail with it that carries it and was not sent.
//
// Tokens die by themselves: those of a user when the address changes or the user is deleted; those for a new password when the
// password changes. UpdateUser and DeleteUser see to it, whoever calls them.
type MailStore interface {
	// RegisterUser is CreateUser with mails.
	RegisterUser(ctx context.Context, u User, act Act, posts []Posting) error

	// Post keeps mails and tokens of an act that changes nothing else, and its events. Tokens of one user, and if there is one that user is
	// locked first: ErrStale if the address of the user is not any more that of the token, ErrUserNotFound if there is no such
	// user. Of MailEmailChange and MailInvitation the last token alone is good: earlier ones of the user, and to the address
	// with an invitation, die.
	Post(ctx context.Context, posts []Posting, events ...Event) error

	// MailToken returns a token that lives at now. ErrTokenNotFound.
	MailToken(ctx context.Context, kind MailKind, hash []byte, now time.Time) (MailToken, error)

	// UpdateUserByToken spends the token, and every other one of its kind and user, and applies c to the user, as UpdateUser
	// does; of fifty simultaneous calls one succeeds. A token of MailEmailChange makes its address the user's. ErrTokenNotFound
	// if the token does not live at c.Act.At or its user is disabled, ErrEmailTaken, and what UpdateUser returns.
	UpdateUserByToken(ctx context.Context, kind MailKind, hash []byte, c UserChange) (User, error)

	// CreateUserByToken spends an invitation and adds u, as CreateUser does. ErrTokenNotFound if it does not live at act.At.
	CreateUserByToken(ctx context.Context, hash []byte, u User, act Act) error

	// ListInvitations returns invitations that live at now, the newest first (by CreatedAt, then hash), skipping the first skip,
	// at most limit.
	ListInvitations(ctx context.Context, now time.Time, skip, limit int) ([]MailToken, error)

	// WithdrawInvitation removes the invitation with this MailToken.ID. ErrTokenNotFound if none lives at act.At.
	WithdrawInvitation(ctx context.Context, id uuid.UUID, act Act) error

	// ClaimMail returns the mail that is due for longest and does not expire before now, for the caller alone until the lease
	// is over; nil if none is due. Whoever does not finish it in that time leaves it to the next.
	ClaimMail(ctx context.Context, now time.Time, lease time.Duration) (*QueuedMail, error)

	// FinishMail removes a mail that was sent. RetryMail has it sent again at due. BuryMail keeps that it was given up, without
	// its body. A mail that is gone already is no error.
	FinishMail(ctx context.Context, id uuid.UUID) error
	RetryMail(ctx context.Context, id uuid.UUID, due time.Time) error
	BuryMail(ctx context.Context, id uuid.UUID, now time.Time) error

	// WaitingMails returns mails that wait, at most so many, with ids after the given one (uuid.Nil: from the first) in their order.
	// SealMail replaces the body of one that is still sealed with before; no error if it is not, or gone.
	WaitingMails(ctx context.Context, after uuid.UUID, limit int) ([]QueuedMail, error)
	SealMail(ctx context.Context, mail QueuedMail, before string) error

	// MailQueue says how the mails that wait are doing.
	MailQueue(ctx context.Context) (MailQueue, error)

	// PurgeMail removes decoys, tokens that have expired, and mails given up before the given time; it gives up those that have
	// expired. It reports how many were given up.
	PurgeMail(ctx context.Context, now, buried time.Time) (expired int, err error)
}
