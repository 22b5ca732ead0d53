package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// userFields are what administrators change of a user. The field seen is when they were last changed, as far as the form knows.
func userFields() []field {
	return []field{
		{name: "seen", kind: "hidden"},
		{name: "username"},
		{name: "email", kind: "email"},
		{name: "roles", hint: "hint.roles", optional: true},
		{name: "is_admin", kind: "checkbox", hint: "hint.is_admin", optional: true},
	}
}

// oneUserView is what the templates show of one user.
type oneUserView struct {
	userView
	Sessions int  // that live
	CanMail  bool // a link for a new password can be mailed

	EventsHref, SessionsHref string // where one sees what has happened, and where they are signed in
}

// showUser shows a user, and fills the form with them.
func (v *visit) showUser() (any, error) {
	u, err := v.user()
	if err != nil {
		return nil, err
	}
	standing, err := v.cfg.Logins.Guard().Standing(v.r.Context(), u.ID)
	if err != nil {
		return nil, err
	}
	sessions, err := v.cfg.Sessions.List(v.r.Context(), v.caller, u.ID)
	if err != nil {
		return nil, err
	}
	v.title = u.Username
	v.fillUser(u)
	return oneUserView{
		userView: v.userView(u, standing), Sessions: len(sessions), CanMail: v.cfg.Accounts.CanMail(),
		EventsHref: v.path(auditPath) + "?user=" + u.ID.String(), SessionsHref: v.path(allSessionsPath) + "?user=" + u.ID.String(),
	}, nil
}

func (v *visit) fillUser(u authn.User) {
	v.filled["seen"] = strconv.FormatInt(u.UpdatedAt.UnixMicro(), 10)
	v.filled["username"], v.filled["email"], v.filled["roles"] = u.Username, u.Email, strings.Join(u.Roles, ", ")
	if u.Admin {
		v.filled["is_admin"] = "yes"
	}
}

// showUserAlone shows whom a page is about that asks for one thing.
func (v *visit) showUserAlone() (any, error) {
	u, err := v.user()
	if err != nil {
		return nil, err
	}
	return v.userView(u, authn.Standing{}), nil
}

// changeUser changes what differs from what the user is, unless somebody else has changed them since the form was filled.
func (v *visit) changeUser() error {
	u, err := v.user()
	if err != nil {
		return err
	}
	update, err := v.userUpdate(u)
	if err != nil {
		return err
	}
	if update == (authn.AccountUpdate{IfUpdatedAt: update.IfUpdatedAt}) { // or others would be told of a change that is none
		v.goTo(userOf(u.ID), "")
		return nil
	}
	changed, err := v.cfg.Accounts.Update(v.r.Context(), v.caller, u.ID, update, v.client())
	if err != nil {
		if authn.Fault(err).Code == authn.CodeChanged {
			v.sent = nil // the form shows what the user is now
		}
		return err
	}
	if v.isSelf(u) && v.endsOwn(u, changed) {
		v.signedOut()
		return nil
	}
	v.goTo(userOf(u.ID), "user_changed")
	return nil
}

// userUpdate is what the form asks to change.
func (v *visit) userUpdate(u authn.User) (update authn.AccountUpdate, err error) {
	seen, err := strconv.ParseInt(v.sent["seen"], 10, 64)
	if err != nil {
		return update, authn.RefuseField("seen", "Invalid field: seen is malformed")
	}
	update.IfUpdatedAt = time.UnixMicro(seen)
	username, email := strings.TrimSpace(v.sent["username"]), strings.TrimSpace(v.sent["email"])
	if username != u.Username {
		update.Username = &username
	}
	if email != u.Email {
		if v.isSelf(u) {
			return update, authn.RefuseField("email", "Change the address of your own account on the page of your account")
		}
		update.Email = &email
	}
	typed, err := authn.ParseRoles(roles(v.sent["roles"]))
	if err != nil {
		return update, err
	}
	if !slices.Equal(typed, u.Roles) {
		update.Roles = &typed
	}
	if admin := v.sent["is_admin"] != ""; admin != u.Admin {
		update.Admin = &admin
	}
	return update, nil
}

// endsOwn reports whether a change of the caller's own account has ended the session of their cookie, or their rights.
func (v *visit) endsOwn(before, after authn.User) bool {
	return before.Admin != after.Admin || !slices.Equal(before.Roles, after.Roles) || !after.Active
}
