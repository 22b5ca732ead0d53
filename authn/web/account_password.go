package web

import (
	"slices"

	"github.com/descoped/authly/authn"
)

// changePassword sets a new password. The browser keeps its session, under another value of its cookie; all others end.
func (v *visit) changePassword() error {
	if err := v.sent.checkPasswords(); err != nil {
		return err
	}
	current, err := v.currentPassword()
	if err != nil {
		return err
	}
	update := authn.AccountUpdate{Password: new(v.sent["password"]), CurrentPassword: current}
	next := v.cfg.Accounts.RenewCookie(v.caller, v.caller.UserID, &update)
	if _, err := v.cfg.Accounts.Update(v.r.Context(), v.caller, v.caller.UserID, update, v.client()); err != nil {
		return err
	}
	if next != nil {
		v.giveCookie(*next)
	}
	v.goTo(passwordPath, "password_changed")
	return nil
}

// currentPassword is what was typed as that; nil where the page does not ask for it.
func (v *visit) currentPassword() (*string, error) {
	typed, ok := v.sent["current_password"]
	switch asked := slices.ContainsFunc(v.page.fields, func(f field) bool { return f.name == "current_password" }); {
	case !asked:
		return nil, nil
	case !ok || typed == "": // which is no attempt
		return nil, authn.RefuseField("current_password", "Type your current password")
	}
	return &typed, nil
}
