package web

import (
	"strings"

	"github.com/descoped/authly/authn"
)

func newUserFields() []field {
	return append([]field{
		{name: "username"},
		{name: "email", kind: "email"},
		{name: "is_verified", kind: "checkbox", hint: "hint.is_verified", optional: true},
		{name: "roles", hint: "hint.roles", optional: true},
		{name: "is_admin", kind: "checkbox", hint: "hint.is_admin", optional: true},
	}, passwordTwice()...)
}

// showNewUser fills the form with what is usual: whoever makes an account for somebody knows the address.
func (v *visit) showNewUser() (any, error) {
	v.filled["is_verified"] = "yes"
	return nil, nil
}

func (v *visit) createUser() error {
	if err := v.sent.checkPasswords(); err != nil {
		return err
	}
	u, err := v.cfg.Accounts.Create(v.r.Context(), v.caller, authn.NewAccount{
		Registration: authn.Registration{
			Username: strings.TrimSpace(v.sent["username"]), Email: strings.TrimSpace(v.sent["email"]), Password: v.sent["password"],
		},
		Verified: v.sent["is_verified"] != "", Admin: v.sent["is_admin"] != "", Roles: roles(v.sent["roles"]),
	})
	if err != nil {
		return err
	}
	v.goTo(userOf(u.ID), "user_created")
	return nil
}
