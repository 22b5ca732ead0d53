package web

import (
	"strings"

	"github.com/descoped/authly/authn"
)

// emailView is what the template shows.
type emailView struct {
	Email    string // of the account
	Verified bool
	Waiting  []authn.PersonalLink // new addresses that wait for their confirmation
	AtOnce   bool                 // a new one waits for none
}

func (v *visit) showEmail() (any, error) {
	user, err := v.cfg.Accounts.Get(v.r.Context(), v.caller, v.caller.UserID)
	if err != nil {
		return nil, err
	}
	waiting, err := v.cfg.Accounts.WaitingEmail(v.r.Context(), v.caller)
	return emailView{user.Email, user.Verified, waiting, !v.cfg.Accounts.ConfirmsEmail(v.caller)}, err
}

// changeEmail asks for another address. Where addresses are confirmed, it counts when that has happened.
func (v *visit) changeEmail() error {
	email := strings.TrimSpace(v.sent["email"])
	user, err := v.cfg.Accounts.Get(v.r.Context(), v.caller, v.caller.UserID)
	switch {
	case err != nil:
		return err
	case email == user.Email:
		return authn.RefuseField("email", "This is your address already")
	}
	current, err := v.currentPassword()
	if err != nil {
		return err
	}
	update := authn.AccountUpdate{Email: &email, CurrentPassword: current}
	changed, err := v.cfg.Accounts.Update(v.r.Context(), v.caller, v.caller.UserID, update, v.client())
	switch {
	case err != nil:
		return err
	case authn.SameEmail(email, changed.Email):
		v.goTo(emailPath, "email_changed")
	default:
		v.goTo(emailPath, "email_mailed")
	}
	return nil
}

// mailVerification mails another link to confirm the address by.
func (v *visit) mailVerification() error {
	user, err := v.cfg.Accounts.Get(v.r.Context(), v.caller, v.caller.UserID)
	if err == nil {
		err = v.cfg.Accounts.ResendVerification(v.r.Context(), user.Email, v.client())
	}
	if err == nil {
		v.goTo(emailPath, "verification_mailed")
	}
	return err
}
