package authn

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
)

// VerifyByToken marks an email address as verified for who has the token that was mailed there. id is whose token it must be,
// uuid.Nil: anybody's. Errors: CodeInvalidRequest for a token that does not live, whatever is wrong with it.
func (a *Accounts) VerifyByToken(ctx context.Context, id uuid.UUID, token string, from Client) (User, error) {
	t, err := a.mailToken(ctx, MailVerification, token, from)
	if err != nil {
		return User{}, err
	}
	if id != uuid.Nil && t.UserID != id {
		return User{}, a.noteToken(errMailToken, MailVerification, from)
	}
	verified := true
	return a.changeByToken(ctx, t, UserChange{Verified: &verified, Act: a.mailedAct(t, from)})
}

// ConfirmEmail makes the address to which the token was mailed that of the user, and tells the address of before. Errors:
// CodeInvalidRequest for a token that does not live, and for an address that somebody else has meanwhile.
func (a *Accounts) ConfirmEmail(ctx context.Context, token string, from Client) (User, error) {
	t, err := a.mailToken(ctx, MailEmailChange, token, from)
	if err != nil {
		return User{}, err
	}
	user, err := a.cfg.Store.UserByID(ctx, t.UserID)
	if err != nil {
		return User{}, mailTokenRefusal(err)
	}
	told, err := a.cfg.Mails.notice(ctx, Mail{Kind: MailEmailChanged, To: user.Email, Username: user.Username, NewEmail: t.Email})
	if err != nil {
		return User{}, err
	}
	verified := true
	change := UserChange{Verified: &verified, Act: a.mailedAct(t, from), Posts: []Posting{told}}
	return a.changeByToken(ctx, t, change)
}

// ResetPassword sets a new password for who has the token that was mailed for it, ends all sessions and tells the user. It logs
// nobody in, and forgets no failed logins: an account that is locked stays so.
//
// Errors: CodeInvalidRequest for a token that does not live, and for a password that could not be set.
func (a *Accounts) ResetPassword(ctx context.Context, token, password string, from Client) error {
	t, err := a.mailToken(ctx, MailPasswordReset, token, from) // before anything is hashed for nothing
	if err != nil {
		return err
	}
	user, err := a.cfg.Store.UserByID(ctx, t.UserID)
	if err != nil {
		return mailTokenRefusal(err)
	}
	hash, err := a.setPassword(ctx, NewPassword{
		Field: "password", Typed: password, Username: user.Username, Email: user.Email, From: from,
	})
	if err != nil {
		return err
	}
	told, err := a.cfg.Mails.notice(ctx, Mail{Kind: MailPasswordChanged, To: user.Email, Username: user.Username})
	if err != nil {
		return err
	}
	change := UserChange{PasswordHash: &hash, EndSessions: true, Act: a.mailedAct(t, from), Posts: []Posting{told}}
	_, err = a.changeByToken(ctx, t, change)
	return err
}

// mailedAct is what the user of a token does who has nothing but that.
func (a *Accounts) mailedAct(t MailToken, from Client) Act {
	return Act{By: Actor{Kind: ActorUser, ID: t.UserID.String()}, From: from, Reason: mailedToken, At: a.cfg.Now()}
}

// mailedToken is the reason of what was done by a token that was mailed.
const mailedToken = "mailed_token"

// mailToken looks a mailed token up. Where nobody is mailed there are none.
func (a *Accounts) mailToken(ctx context.Context, kind MailKind, token string, from Client) (t MailToken, err error) {
	err = errMailToken
	if a.cfg.Mails != nil {
		t, err = a.cfg.Mails.token(ctx, kind, token)
	}
	return t, a.noteToken(err, kind, from)
}

// noteToken has the trail say that a token was refused, if that is what the error says, which it returns.
func (a *Accounts) noteToken(err error, kind MailKind, from Client) error {
	if errors.Is(err, errMailToken) {
		refused := anonymousAct(from, a.cfg.Now()).Failed(EventMailTokenRefused, uuid.Nil, string(errMailToken.Code))
		a.cfg.Logins.cfg.Trail.Counted(refused.With(DetailMail, string(kind)))
	}
	return err
}

// changeByToken spends the token for the change.
func (a *Accounts) changeByToken(ctx context.Context, t MailToken, change UserChange) (User, error) {
	user, err := a.cfg.Mails.cfg.Store.UpdateUserByToken(ctx, t.Kind, t.Hash, change)
	if err != nil {
		return User{}, a.noteToken(mailTokenRefusal(err), t.Kind, change.Act.From)
	}
	a.wakeOutbox(change.Posts)
	return user, nil
}

// RequestPasswordReset mails a token for a new password to an address, if it is that of an account that is not disabled.
// Whether it is, nobody can tell by the answer, nor by the time that it takes.
//
// Errors: CodeInvalidRequest for what is no address, CodeRateLimited.
func (a *Accounts) RequestPasswordReset(ctx context.Context, email string, from Client) error {
	return a.request(ctx, MailPasswordReset, EventResetRequested, email, from, whyNotMailed)
}

// ResendVerification mails another token to an address that is not verified, as RequestPasswordReset does.
func (a *Accounts) ResendVerification(ctx context.Context, email string, from Client) error {
	return a.request(ctx, MailVerification, EventVerificationRequested, email, from, func(u User) string {
		if u.Active && u.Verified {
			return "verified"
		}
		return whyNotMailed(u)
	})
}

// whyNotMailed is why a user is mailed no token; empty: they are.
func whyNotMailed(u User) string {
	if !u.Active {
		return string(CodeAccountInactive)
	}
	return ""
}

// request mails a token to an address if its user is one who may have it. For everybody else a decoy does the same work, and
// leaves an event as well.
func (a *Accounts) request(
	ctx context.Context, kind MailKind, event EventKind, email string, from Client, whyNot func(User) string,
) error {
	key, err := ParseEmail(email)
	if err != nil {
		return err
	}
	if a.cfg.Mails == nil {
		return nil
	}
	if err := a.cfg.Mails.spend(ctx, from, kind, key); err != nil {
		return err
	}
	defer a.cfg.Mails.hold(ctx, time.Now()) // by the machine's own clock: it is about nothing but the answer
	user, err := a.cfg.Store.UserByEmailKey(ctx, key)
	requested := anonymousAct(from, a.cfg.Now()).Event(event, user.ID)
	switch {
	case errors.Is(err, ErrUserNotFound):
		username, _, _ := strings.Cut(email, "@")
		user = User{ID: uuid.New(), Username: username, Email: email, EmailKey: key}
		requested.Reason = string(CodeNotFound)
	case err != nil:
		return Fault(err)
	default:
		requested.Reason = whyNot(user)
	}
	p, err := a.cfg.Mails.toUser(ctx, kind, user)
	if err != nil {
		return err
	}
	if p.Decoy = requested.Reason != ""; p.Decoy {
		requested.Outcome = Failure
	}
	// No outbox is woken: that it sends could be noticed by who asks again at once.
	err = a.cfg.Mails.post(ctx, p, requested)
	if errors.Is(err, ErrStale) || errors.Is(err, ErrUserNotFound) { // changed in this very moment
		return nil
	}
	return err
}
