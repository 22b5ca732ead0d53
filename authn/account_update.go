package authn

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
)

// AccountUpdate is what a caller asks to change of a user; nil leaves a field as it is.
type AccountUpdate struct {
	Username        *string
	Email           *string
	Password        *string
	CurrentPassword *string
	Active          *bool
	Verified        *bool
	Admin           *bool
	Roles           *[]string

	// IfUpdatedAt refuses the update with CodeChanged if somebody has changed the user since; zero: nobody asks. Who fills a form
	// with what a user is sends along when that was true.
	IfUpdatedAt time.Time

	// NextCookie is the value of the cookie that the caller's session gets if this changes their own password; see Accounts.RenewCookie.
	NextCookie string
}

// RenewCookie prepares the change of a password: who changes their own, and has come with a cookie, gets another, since what a browser
// held before holds no more than it was given for. It returns what the browser is to be given when the change is made; nil: nothing.
func (a *Accounts) RenewCookie(caller *Identity, id uuid.UUID, u *AccountUpdate) *BrowserCookie {
	held := caller.Cookie
	if held == nil || u.Password == nil || caller.UserID != id {
		return nil
	}
	u.NextCookie = a.cfg.Logins.NewCookieValue()
	return &BrowserCookie{Value: u.NextCookie, ExpiresAt: held.ExpiresAt, Keep: held.Keep}
}

// Update changes a user. Users change themselves, administrators everybody. Only administrators change flags and roles;
// the owner may repeat the present value. A changed password ends the user's sessions, but for the one that changes it; a
// disabled user's sessions end all; a changed email address is unverified again unless the administrator says otherwise.
//
// Where addresses are confirmed by mail (MailsConfig.ConfirmEmail), an owner's new address is mailed a token, and the user
// returned still has the old one; administrators change it at once. The old address is told in either case.
//
// Errors: CodeForbidden, CodeNotFound, CodeInvalidRequest, CodeConflict for the last administrator; CodeChanged; CodeLocked,
// CodeDelayed and CodeRateLimited where the current password is checked.
func (a *Accounts) Update(ctx context.Context, caller *Identity, id uuid.UUID, u AccountUpdate, from Client) (User, error) {
	if !mayTouch(caller, id) {
		return User{}, Refuse(CodeForbidden, "Not authorized to update this user")
	}
	user, err := a.cfg.Store.UserByID(ctx, id)
	if err != nil {
		return User{}, accountRefusal(err)
	}
	act := caller.act(a.cfg.Now())
	act.From = from
	change := UserChange{Act: act, IfUpdatedAt: u.IfUpdatedAt}
	if err := u.changeNames(&change, user); err != nil {
		return User{}, err
	}
	if !caller.Admin && change.Username != nil && *change.Username != user.Username &&
		slices.Contains(a.cfg.ReservedNames, *change.Username) {
		return User{}, accountRefusal(ErrUsernameTaken)
	}
	if err := u.changeRights(&change, caller, user); err != nil {
		return User{}, err
	}
	if err := a.changePassword(ctx, &change, caller, user, u, from); err != nil {
		return User{}, err
	}
	if err := a.checkMove(ctx, &change, caller, user, u, from); err != nil {
		return User{}, err
	}
	if err := a.mailUpdate(ctx, &change, caller, user, from); err != nil {
		return User{}, err
	}
	changed, err := a.cfg.Store.UpdateUser(ctx, id, change)
	switch {
	case errors.Is(err, ErrStale):
		return User{}, errCurrentPassword // it was changed meanwhile
	case err != nil:
		return User{}, accountRefusal(err)
	}
	a.wakeOutbox(change.Posts)
	return changed, nil
}

// changeNames checks and adds the username and the email address.
func (u *AccountUpdate) changeNames(change *UserChange, user User) error {
	if u.Username != nil {
		username, err := ParseUsername(*u.Username)
		if err != nil {
			return err
		}
		change.Username = &username
	}
	if u.Email != nil {
		key, err := ParseEmail(*u.Email)
		if err != nil {
			return err
		}
		change.Email, change.EmailKey = u.Email, &key
		if key != user.EmailKey {
			unverified := false
			change.Verified = &unverified
		}
	}
	return nil
}

// changeRights adds what only administrators may change. What an owner repeats is not written: it could undo what an
// administrator changes at the same moment.
func (u *AccountUpdate) changeRights(change *UserChange, caller *Identity, user User) error {
	var roles []string
	if u.Roles != nil {
		parsed, err := ParseRoles(*u.Roles)
		if err != nil {
			return err
		}
		roles = parsed
	}
	differs := u.Active != nil && *u.Active != user.Active || u.Verified != nil && *u.Verified != user.Verified ||
		u.Admin != nil && *u.Admin != user.Admin || u.Roles != nil && !slices.Equal(roles, user.Roles)
	if !caller.Admin {
		if differs {
			return Refuse(CodeForbidden, "Not authorized to update this user")
		}
		return nil
	}
	change.Active, change.Admin = u.Active, u.Admin
	if u.Verified != nil {
		change.Verified = u.Verified
	}
	if u.Roles != nil {
		change.Roles = &roles
	}
	if u.Active != nil && !*u.Active {
		change.EndSessions = true
	}
	return nil
}

// changePassword checks the current password where it is needed, and adds the new one.
func (a *Accounts) changePassword(
	ctx context.Context, change *UserChange, caller *Identity, user User, u AccountUpdate, from Client,
) error {
	if u.Password == nil {
		return nil
	}
	chosen := NewPassword{Field: "password", Typed: *u.Password, Username: user.Username, Email: user.Email, From: from}
	if change.Username != nil {
		chosen.Username = *change.Username
	}
	if change.Email != nil {
		chosen.Email = *change.Email
	}
	if _, err := a.cfg.Passwords.check(chosen); err != nil {
		return err // before it costs an attempt
	}
	own := caller.UserID == user.ID
	if own && a.cfg.RequireCurrentPassword {
		if err := a.checkCurrent(ctx, user, u.CurrentPassword, checkForChange, from); err != nil {
			return err
		}
		change.IfPasswordHash = &user.PasswordHash
	}
	hash, err := a.setPassword(ctx, chosen)
	if err != nil {
		return err
	}
	if own && !change.EndSessions {
		change.KeepSession = caller.SessionID
		if caller.Cookie != nil && a.cfg.Logins.madeCookie(u.NextCookie) {
			change.KeepCookie = hashCookie(u.NextCookie)
		}
	}
	change.PasswordHash, change.EndSessions = &hash, true
	return nil
}

// checkMove checks the current password where it is needed for another email address and was not looked at for another password.
func (a *Accounts) checkMove(
	ctx context.Context, change *UserChange, caller *Identity, user User, u AccountUpdate, from Client,
) error {
	moves := change.EmailKey != nil && *change.EmailKey != user.EmailKey
	if !moves || !a.cfg.CurrentPasswordToMove || caller.UserID != user.ID || change.IfPasswordHash != nil {
		return nil
	}
	change.IfPasswordHash = &user.PasswordHash
	return a.checkCurrent(ctx, user, u.CurrentPassword, checkForMove, from)
}

// checkCurrent checks a user's current password by the same path as a login.
func (a *Accounts) checkCurrent(ctx context.Context, user User, current *string, what check, from Client) error {
	if current == nil {
		return RefuseField("current_password", "Missing field: current_password")
	}
	_, err := a.cfg.Logins.guard.check(ctx, userAccount(user.ID), &user, *current, from, what, nil)
	if errors.Is(err, errWrongPassword) {
		return errCurrentPassword
	}
	return err
}

var errCurrentPassword = &Error{Code: CodeForbidden, Detail: "Current password is incorrect", Field: "current_password"}
