package authn

import (
	"context"

	"github.com/google/uuid"
)

// DeleteOwn removes the caller's own account, with every session of theirs, for who knows its password: somebody else may sit at the
// browser. The check counts like a login.
//
// Errors: CodeInvalidRequest without a password; CodeForbidden for a wrong one, CodeLocked, CodeDelayed and CodeRateLimited;
// CodeNotFound if the account is gone; CodeConflict for the last administrator.
func (a *Accounts) DeleteOwn(ctx context.Context, caller *Identity, password string, from Client) error {
	if caller.UserID == uuid.Nil {
		return accountRefusal(ErrUserNotFound)
	}
	user, err := a.cfg.Store.UserByID(ctx, caller.UserID)
	if err != nil {
		return accountRefusal(err)
	}
	if password == "" { // which is no attempt
		return RefuseField("current_password", "Missing field: current_password")
	}
	if err := a.checkCurrent(ctx, user, &password, checkForEnd, from); err != nil {
		return err
	}
	act := caller.act(a.cfg.Now())
	act.From = from
	if err := a.cfg.Store.DeleteUser(ctx, user.ID, act); err != nil {
		return accountRefusal(err)
	}
	return nil
}

// NeedsCurrentPassword tells what of their own account people change with their current password alone.
func (a *Accounts) NeedsCurrentPassword() (forPassword, forEmail bool) {
	return a.cfg.RequireCurrentPassword, a.cfg.CurrentPasswordToMove
}
