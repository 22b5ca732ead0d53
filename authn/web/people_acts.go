package web

import (
	"slices"

	"github.com/descoped/authly/authn"
)

// userActs are what a button on the page of a user does at once, by the end of the path that it is sent to.
func userActs() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"verify": userAct("user_verified", func(v *visit, u authn.User) error {
			_, err := v.cfg.Accounts.Verify(v.r.Context(), v.caller, u.ID)
			return err
		}),
		"enable": userAct("user_enabled", func(v *visit, u authn.User) error {
			active := true
			return v.updateUser(u, authn.AccountUpdate{Active: &active})
		}),
		"unlock": userAct("user_unlocked", func(v *visit, u authn.User) error {
			_, err := v.cfg.Accounts.Unlock(v.r.Context(), v.caller, u.ID)
			return err
		}),
		"reset": userAct("reset_mailed", func(v *visit, u authn.User) error {
			_, err := v.cfg.Accounts.MailReset(v.r.Context(), v.caller, u.ID)
			return err
		}),
		"end": userAct("user_sessions_ended", func(v *visit, u authn.User) error {
			_, err := v.cfg.Sessions.EndAll(v.r.Context(), v.caller, u.ID)
			return err
		}),
	}
}

// userAct makes an act on the user whom the path names, who is shown afterwards, with what was done or what was wrong.
func userAct(said string, do func(*visit, authn.User) error) func(*visit) error {
	return func(v *visit) error {
		u, err := v.user()
		if err != nil {
			return err
		}
		if err := do(v, u); err != nil {
			i := slices.IndexFunc(v.pages, func(pg page) bool { return pg.path == userPath })
			v.page, v.sent = &v.pages[i], nil
			return err
		}
		v.goTo(userOf(u.ID), said)
		return nil
	}
}

func (v *visit) updateUser(u authn.User, update authn.AccountUpdate) error {
	_, err := v.cfg.Accounts.Update(v.r.Context(), v.caller, u.ID, update, v.client())
	return err
}

// disableUser keeps a user out, and ends their sessions.
func (v *visit) disableUser() error {
	u, err := v.user()
	if err != nil {
		return err
	}
	active := false
	if err := v.updateUser(u, authn.AccountUpdate{Active: &active}); err != nil {
		return err
	}
	if v.isSelf(u) {
		v.signedOut()
		return nil
	}
	v.goTo(userOf(u.ID), "user_disabled")
	return nil
}

func (v *visit) deleteUser() error {
	u, err := v.user()
	if err != nil {
		return err
	}
	if err := v.cfg.Accounts.Delete(v.r.Context(), v.caller, u.ID); err != nil {
		return err
	}
	v.goTo(usersPath, "user_deleted")
	return nil
}

// setUserPassword sets a password for somebody else. For their own, people are asked for the current one, on the page of their
// account.
func (v *visit) setUserPassword() error {
	u, err := v.user()
	if err != nil {
		return err
	}
	if v.isSelf(u) {
		return authn.Refuse(authn.CodeForbidden, "Change the password of your own account on the page of your account")
	}
	if err := v.sent.checkPasswords(); err != nil {
		return err
	}
	password := v.sent["password"]
	if err := v.updateUser(u, authn.AccountUpdate{Password: &password}); err != nil {
		return err
	}
	v.goTo(userOf(u.ID), "password_set")
	return nil
}
