package authn

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
)

// PersonalStore reads what is kept of a user, for the user: what no other method tells. None of it is a secret, a hash, or of use to
// whoever would like to be the user.
type PersonalStore interface {
	// PersonalSessions returns the user's sessions, those that have ended among them, and PersonalTokens their tokens. Both are in the
	// order of their beginning (then id), from behind a place, at most limit; the place of a row that is gone is one too.
	PersonalSessions(ctx context.Context, userID uuid.UUID, after PersonalPlace, limit int) ([]PersonalSession, error)
	PersonalTokens(ctx context.Context, userID uuid.UUID, after PersonalPlace, limit int) ([]PersonalToken, error)

	// PersonalMails returns mails that wait to be sent to the user, or were given up, and PersonalLinks what was mailed to them and
	// can still be used; the newest first, at most limit. A decoy is neither.
	PersonalMails(ctx context.Context, user User, limit int) ([]PersonalMail, error)
	PersonalLinks(ctx context.Context, userID uuid.UUID, limit int) ([]PersonalLink, error)

	// PersonalClients returns from where the user has signed in of late, the latest first.
	PersonalClients(ctx context.Context, userID uuid.UUID) ([]PersonalClient, error)
}

// PersonalPlace is a place in a list of what is kept of a user. The zero value is in front of the first.
type PersonalPlace struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// PersonalSession is a session, and the cookie by which a browser holds it.
type PersonalSession struct {
	Session
	CookieCreatedAt, CookieExpiresAt time.Time // zero: it has none, or none any more
}

// PersonalToken is what is kept of a token beside what makes it one.
type PersonalToken struct {
	ID            uuid.UUID // of the row alone
	Kind          TokenKind
	SessionID     uuid.UUID
	CreatedAt     time.Time
	ExpiresAt     time.Time
	InvalidatedAt time.Time // zero: it was not
	ClientAddress string    // of whom it was given to, empty if unknown
	UserAgent     string    // the same
	UsedBy        string    // of a refresh token that was used: the user agent
}

// PersonalMail is a mail without what it says.
type PersonalMail struct {
	Kind      MailKind
	To        string
	CreatedAt time.Time
	ExpiresAt time.Time
	DueAt     time.Time
	Attempts  int
	GivenUpAt time.Time // zero: it waits
}

// PersonalLink is a token that was mailed, without what makes it one.
type PersonalLink struct {
	Kind      MailKind
	Email     string // where it was mailed
	CreatedAt time.Time
	ExpiresAt time.Time
}

// PersonalClient is a client network from which the user has signed in.
type PersonalClient struct {
	Network  string
	LastUsed time.Time
}

// PersonalData is everything that Authly keeps about a user, as the user may see it. What can be long is read page by page while it
// is gone through; an error is the last that comes.
type PersonalData struct {
	At       time.Time
	User     User
	Standing Standing // wrong passwords
	SignIns  []Arrival
	Clients  []PersonalClient
	Mails    []PersonalMail
	Links    []PersonalLink

	Sessions iter.Seq2[PersonalSession, error]
	Tokens   iter.Seq2[PersonalToken, error]
	Events   iter.Seq2[Event, error] // as Trail.ListOwn shows them
}

// personalPage is how much is read at a time, and the most there is of what is read at once.
const personalPage = 1000

// PersonalData returns what is kept of the caller. CodeNotFound if they are nobody.
func (a *Accounts) PersonalData(ctx context.Context, caller *Identity) (PersonalData, error) {
	d, err := a.personalData(ctx, caller)
	if err != nil {
		return PersonalData{}, accountRefusal(err)
	}
	id, store := d.User.ID, a.cfg.Store
	d.Sessions = paged(func(after PersonalPlace) ([]PersonalSession, error) {
		return store.PersonalSessions(ctx, id, after, personalPage)
	}, func(s PersonalSession) PersonalPlace { return PersonalPlace{s.CreatedAt, s.ID} })
	d.Tokens = paged(func(after PersonalPlace) ([]PersonalToken, error) {
		return store.PersonalTokens(ctx, id, after, personalPage)
	}, func(t PersonalToken) PersonalPlace { return PersonalPlace{t.CreatedAt, t.ID} })
	d.Events = a.cfg.Logins.cfg.Trail.AllOwn(ctx, caller, EventQuery{})
	return d, nil
}

// WaitingEmail returns new addresses of the caller's that wait for their confirmation, the last first.
func (a *Accounts) WaitingEmail(ctx context.Context, caller *Identity) ([]PersonalLink, error) {
	links, err := a.cfg.Store.PersonalLinks(ctx, caller.UserID, personalPage)
	if err != nil {
		return nil, Fault(err)
	}
	return slices.DeleteFunc(links, func(l PersonalLink) bool {
		return l.Kind != MailEmailChange || !l.ExpiresAt.After(a.cfg.Now())
	}), nil
}

// personalData reads what is bounded.
func (a *Accounts) personalData(ctx context.Context, caller *Identity) (d PersonalData, err error) {
	store := a.cfg.Store
	d.At = a.cfg.Now()
	if d.User, err = store.UserByID(ctx, caller.UserID); err != nil {
		return d, err
	}
	if d.Standing, err = a.cfg.Logins.guard.Standing(ctx, d.User.ID); err != nil {
		return d, err
	}
	if d.SignIns, err = store.Arrivals(ctx, d.User.ID, Vector{}); err != nil {
		return d, err
	}
	if d.Clients, err = store.PersonalClients(ctx, d.User.ID); err != nil {
		return d, err
	}
	receiver := d.User
	if !receiver.Verified {
		receiver.Email = "" // which may be somebody else's, and what they are mailed theirs alone
	}
	if d.Mails, err = store.PersonalMails(ctx, receiver, personalPage); err != nil {
		return d, err
	}
	d.Links, err = store.PersonalLinks(ctx, d.User.ID, personalPage)
	return d, err
}

// paged goes through a list whose next page is read when the one before is used up.
func paged[T any](read func(after PersonalPlace) ([]T, error), placeOf func(T) PersonalPlace) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var after PersonalPlace
		for {
			page, err := read(after)
			if err != nil {
				var none T
				yield(none, Fault(err))
				return
			}
			for _, one := range page {
				if !yield(one, nil) {
					return
				}
				after = placeOf(one)
			}
			if len(page) < personalPage {
				return
			}
		}
	}
}
