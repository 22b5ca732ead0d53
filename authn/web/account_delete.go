package web

import (
	"github.com/descoped/authly/authn"
)

// deleteAccount removes the caller's account, whose password and will it takes.
func (v *visit) deleteAccount() error {
	if v.sent["confirm"] == "" {
		return authn.RefuseField("confirm", "Tick the box if you want your account to be deleted")
	}
	current, err := v.currentPassword()
	if err != nil {
		return err
	}
	switch err := v.cfg.Accounts.DeleteOwn(v.r.Context(), v.caller, *current, v.client()); {
	case err != nil && authn.Fault(err).Code == authn.CodeConflict:
		return authn.Refuse(authn.CodeConflict, "You are the only administrator. Make somebody else one first, then you can delete your account")
	case err != nil:
		return err
	}
	v.caller = nil
	v.takeCookie()
	v.tell("account_deleted")
	return nil
}
