package web

import (
	"strings"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// Where administrators look after people, below the prefix.
const (
	usersPath       = "/auth/admin/users"
	newUserPath     = "/auth/admin/users/new"
	userPath        = "/auth/admin/users/{id}"
	invitationsPath = "/auth/admin/invitations"
	allSessionsPath = "/auth/admin/sessions"
)

// perPage is how many users, invitations or sessions a page has.
const perPage = 50

// peoplePages are those on which administrators look after users, invitations and sessions.
func (p *Pages) peoplePages() []page {
	pages := []page{
		{path: usersPath, name: "users", menu: adminMenu, fields: userFilterFields(), show: (*visit).showUsers},
		{path: newUserPath, name: "user_new", menu: adminMenu, under: usersPath, fields: newUserFields(), show: (*visit).showNewUser, act: (*visit).createUser},
		{path: userPath, name: "user", menu: adminMenu, under: usersPath, fields: userFields(), show: (*visit).showUser, act: (*visit).changeUser},
		{path: userPath + "/password", name: "user_password", menu: adminMenu, under: usersPath, fields: passwordTwice(), show: (*visit).showUserAlone, act: (*visit).setUserPassword},
		{path: userPath + "/disable", name: "user_disable", menu: adminMenu, under: usersPath, show: (*visit).showUserAlone, act: (*visit).disableUser},
		{path: userPath + "/delete", name: "user_delete", menu: adminMenu, under: usersPath, show: (*visit).showUserAlone, act: (*visit).deleteUser},

		{path: invitationsPath, name: "invitations", menu: adminMenu, fields: invitationFields(), show: (*visit).showInvitations, act: (*visit).invite},
		{path: invitationsPath + "/{id}/withdraw", act: (*visit).withdrawInvitation},

		{path: allSessionsPath, name: "sessions", menu: adminMenu, fields: sessionFilterFields(), show: (*visit).showAllSessions},
		{path: allSessionsPath + "/end", fields: endSessionFields(), act: (*visit).endSomeSession},
	}
	for name, act := range userActs() { // none of which is a part of another one's path
		pages = append(pages, page{path: userPath + "/" + name, act: act})
	}
	return pages
}

// userOf is the path of a user's page, or of what is below it.
func userOf(id uuid.UUID, below ...string) string {
	return strings.Join(append([]string{usersPath, id.String()}, below...), "/")
}

// user is the user whom the path names, as they are now.
func (v *visit) user() (authn.User, error) {
	id, ok := canonical(v.vars["id"])
	if !ok {
		return authn.User{}, authn.Refuse(authn.CodeNotFound, "User not found")
	}
	return v.cfg.Accounts.Get(v.r.Context(), v.caller, id)
}

// canonical reads an id. uuid.Parse knows other spellings too; what has an id has one address.
func canonical(text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	return id, err == nil && len(text) == len(uuid.Nil.String())
}

// isSelf reports whether the caller looks after their own account.
func (v *visit) isSelf(u authn.User) bool { return u.ID == v.caller.UserID }

// signedOut is where who has ended their own session is sent.
func (v *visit) signedOut() {
	v.takeCookie()
	v.goTo(SignInPath, "")
}

// roles are what was typed with commas between.
func roles(typed string) []string {
	all := []string{}
	for one := range strings.SplitSeq(typed, ",") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}

// isGone reports whether what was to be ended was not there any more.
func isGone(err error) bool {
	return err != nil && authn.Fault(err).Code == authn.CodeNotFound
}
