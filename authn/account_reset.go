package authn

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// MailReset has a user mailed a link to choose a new password by, for an administrator, who does not get to see it. The old
// password works until then. The event names the administrator. It counts against no limit: who may do it may do more.
//
// Errors: CodeForbidden, CodeNotFound; CodeConflict where nobody is mailed, if the user is disabled, and if their address
// changes in this moment.
func (a *Accounts) MailReset(ctx context.Context, caller *Identity, id uuid.UUID) (User, error) {
	if !caller.Admin {
		return User{}, Refuse(CodeForbidden, "Not authorized to reset this user's password")
	}
	if a.cfg.Mails == nil {
		return User{}, Refuse(CodeConflict, "Nothing can be mailed: there is no mail")
	}
	user, err := a.cfg.Store.UserByID(ctx, id)
	if err != nil {
		return User{}, accountRefusal(err)
	}
	if !user.Active {
		return User{}, Refuse(CodeConflict, "The user is disabled and would not get in with another password either")
	}
	p, err := a.cfg.Mails.toUser(ctx, MailPasswordReset, user)
	if err != nil {
		return User{}, err
	}
	err = a.cfg.Mails.cfg.Store.Post(ctx, []Posting{p}, caller.act(a.cfg.Now()).Event(EventResetRequested, id))
	switch {
	case errors.Is(err, ErrStale):
		return User{}, Refuse(CodeConflict, "The user's email address has just been changed: try again")
	case err != nil:
		return User{}, accountRefusal(err)
	}
	a.cfg.Mails.wake()
	return user, nil
}

// CanMail reports whether anybody is mailed at all.
func (a *Accounts) CanMail() bool { return a.cfg.Mails != nil }
