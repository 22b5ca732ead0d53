package web

import (
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

func invitationFields() []field {
	return []field{
		{name: "email", kind: "email"},
		{name: "username", hint: "hint.invitation_username", optional: true},
		{name: "roles", hint: "hint.roles", optional: true},
	}
}

// invitationsView is what the template shows.
type invitationsView struct {
	CanMail     bool
	Invitations []invitationView
	Pager       pager
}

type invitationView struct {
	Email, Username, Withdraw string // Withdraw is where its button is sent
	Roles                     []string
	CreatedAt, ExpiresAt      time.Time
}

// showInvitations lists who was invited and has no account yet.
func (v *visit) showInvitations() (any, error) {
	skip := v.skip()
	all, err := v.cfg.Accounts.Invitations(v.r.Context(), v.caller, skip, perPage+1)
	if err != nil {
		return nil, err
	}
	shown := invitationsView{CanMail: v.cfg.Accounts.CanMail(), Pager: v.skipPager(invitationsPath, skip, len(all) > perPage)}
	for _, i := range all[:min(len(all), perPage)] {
		shown.Invitations = append(shown.Invitations, invitationView{
			Email: i.Email, Username: i.Username, Roles: i.Roles, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
			Withdraw: v.path(invitationsPath + "/" + i.ID.String() + "/withdraw"),
		})
	}
	return shown, nil
}

func (v *visit) invite() error {
	_, err := v.cfg.Accounts.Invite(v.r.Context(), v.caller, authn.Invitation{
		Email: strings.TrimSpace(v.sent["email"]), Username: strings.TrimSpace(v.sent["username"]), Roles: roles(v.sent["roles"]),
	})
	if err != nil {
		return err
	}
	v.goTo(invitationsPath, "invited")
	return nil
}

// withdrawInvitation takes an invitation back. One that is gone already is no mistake of who wants it gone.
func (v *visit) withdrawInvitation() error {
	id, _ := canonical(v.vars["id"])
	if err := v.cfg.Accounts.Withdraw(v.r.Context(), v.caller, id); err != nil && !isGone(err) {
		return err
	}
	v.goTo(invitationsPath, "invitation_withdrawn")
	return nil
}
