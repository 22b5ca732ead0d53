package web

import (
	"slices"
	"time"

	"github.com/descoped/authly/authn"
)

// userFilterFields are what users are searched by. Their names are those of the JSON endpoint.
func userFilterFields() []field {
	yesOrNo := func(yes, no string) []option {
		return []option{{"", "users.all"}, {"true", yes}, {"false", no}}
	}
	return []field{
		{name: "search", kind: "search", optional: true},
		{name: "role", optional: true},
		{name: "active", kind: "select", options: yesOrNo("users.active", "users.disabled"), optional: true},
		{name: "verified", kind: "select", options: yesOrNo("users.verified", "users.unverified"), optional: true},
		{name: "admin", kind: "select", options: yesOrNo("users.administrators", "users.others"), optional: true},
		{name: "locked", kind: "select", options: yesOrNo("users.locked", "users.unlocked"), optional: true},
		{name: "order", kind: "select", optional: true, options: []option{
			{string(authn.NewestFirst), "users.newest"}, {string(authn.OldestFirst), "users.oldest"},
			{string(authn.ByName), "users.by_name"}, {string(authn.ByNameReverse), "users.by_name_reverse"},
		}},
	}
}

// usersView is what the template shows.
type usersView struct {
	Users []userView
	Pager pager
}

// showUsers finds users.
func (v *visit) showUsers() (any, error) {
	q := authn.UserQuery{Order: authn.NewestFirst, Limit: perPage}
	f, err := v.filter()
	if err != nil {
		return nil, err
	}
	q.Text, q.Role = f["search"], f["role"]
	if f["order"] != "" {
		q.Order = authn.UserOrder(f["order"])
	}
	for _, one := range []struct {
		name string
		into **bool
	}{{"active", &q.Active}, {"verified", &q.Verified}, {"admin", &q.Admin}, {"locked", &q.Locked}} {
		if *one.into, err = choice(one.name, f[one.name]); err != nil {
			return nil, err
		}
	}
	if q.Cursor, err = v.cursor(); err != nil {
		return nil, err
	}
	found, err := v.cfg.Accounts.Search(v.r.Context(), v.caller, q)
	if err != nil {
		return nil, err
	}
	shown := usersView{Pager: v.pager(usersPath, q.Cursor, found.Previous, found.Next)}
	for _, u := range found.Users {
		shown.Users = append(shown.Users, v.userView(u.User, authn.Standing{LockedUntil: u.LockedUntil}))
	}
	return shown, nil
}

// choice reads what was chosen of two things, or neither.
func choice(name, chosen string) (*bool, error) {
	is := chosen == "true"
	switch {
	case chosen == "":
		return nil, nil
	case !slices.Contains([]string{"true", "false"}, chosen):
		return nil, authn.RefuseField(name, "Invalid field: "+name+" is malformed")
	}
	return &is, nil
}

// userView is a user as the templates show one. It is written out, so that what authn.User holds beside, the password's hash above
// all, is nothing that a template could show, one in the operator's folder neither.
type userView struct {
	ID, Username, Email     string
	Active, Verified, Admin bool
	Self                    bool // it is the caller
	Roles                   []string
	CreatedAt, UpdatedAt    time.Time
	LastLogin               time.Time // zero: never
	Failures                int       // wrong passwords in a row
	LockedUntil             time.Time // zero: they are not
	Href                    string    // of their page
}

func (v *visit) userView(u authn.User, s authn.Standing) userView {
	return userView{
		ID: u.ID.String(), Username: u.Username, Email: u.Email, Active: u.Active, Verified: u.Verified, Admin: u.Admin,
		Self: v.isSelf(u), Roles: u.Roles, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, LastLogin: u.LastLogin,
		Failures: s.Failures, LockedUntil: s.LockedUntil, Href: v.path(userOf(u.ID)),
	}
}
