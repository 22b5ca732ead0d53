package authn

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Invitation is what an administrator invites somebody with. Username may be empty: whoever is invited chooses one.
type Invitation struct {
	Email    string
	Username string
	Roles    []string
}

// Invited is an invitation that is on its way, or has arrived, and was not accepted yet.
type Invited struct {
	Invitation
	ID                   uuid.UUID
	CreatedAt, ExpiresAt time.Time
}

// invited is what may be told of an invitation's token.
func invited(t MailToken) Invited {
	return Invited{Invitation{t.Email, t.Username, t.Roles}, t.ID(), t.CreatedAt, t.ExpiresAt}
}

// Invite mails somebody a token by which they make themselves an account. Of several invitations to one address the last is
// good. Errors: CodeForbidden; CodeInvalidRequest as for Create.
func (a *Accounts) Invite(ctx context.Context, caller *Identity, inv Invitation) (Invited, error) {
	if !caller.Admin {
		return Invited{}, Refuse(CodeForbidden, "Not authorized to invite users")
	}
	if a.cfg.Mails == nil {
		return Invited{}, Refuse(CodeConflict, "Nobody can be invited: there is no mail")
	}
	t, err := a.parseInvitation(ctx, inv)
	if err != nil {
		return Invited{}, err
	}
	p, err := a.cfg.Mails.withToken(ctx, t, t.Username)
	if err != nil {
		return Invited{}, err
	}
	if err := a.cfg.Mails.post(ctx, p, caller.act(a.cfg.Now()).InvitationEvent(EventUserInvited, t)); err != nil {
		return Invited{}, err
	}
	a.cfg.Mails.wake()
	return invited(*p.Token), nil
}

// Invitations returns those that live, the newest first, to an administrator. skip is at least 0, limit 1 to 100. Errors:
// CodeForbidden, CodeInvalidRequest.
func (a *Accounts) Invitations(ctx context.Context, caller *Identity, skip, limit int) ([]Invited, error) {
	if !caller.Admin {
		return nil, Refuse(CodeForbidden, "Not authorized to see invitations")
	}
	if err := checkPaging(skip, limit); err != nil || a.cfg.Mails == nil {
		return nil, err
	}
	tokens, err := a.cfg.Mails.cfg.Store.ListInvitations(ctx, a.cfg.Now(), skip, limit)
	if err != nil {
		return nil, Fault(err)
	}
	all := make([]Invited, 0, len(tokens))
	for _, t := range tokens {
		all = append(all, invited(t))
	}
	return all, nil
}

// Withdraw makes an invitation worthless, whether it was mailed already or not. Errors: CodeForbidden, CodeNotFound.
func (a *Accounts) Withdraw(ctx context.Context, caller *Identity, id uuid.UUID) error {
	if !caller.Admin {
		return Refuse(CodeForbidden, "Not authorized to withdraw invitations")
	}
	err := ErrTokenNotFound
	if a.cfg.Mails != nil {
		err = a.cfg.Mails.cfg.Store.WithdrawInvitation(ctx, id, caller.act(a.cfg.Now()))
	}
	switch {
	case errors.Is(err, ErrTokenNotFound):
		return Refuse(CodeNotFound, "Invitation not found")
	case err != nil:
		return Fault(err)
	}
	return nil
}

// parseInvitation checks an invitation like the account that is to become of it.
func (a *Accounts) parseInvitation(ctx context.Context, inv Invitation) (t MailToken, err error) {
	t = MailToken{Kind: MailInvitation, Email: inv.Email}
	if t.EmailKey, err = ParseEmail(inv.Email); err != nil {
		return t, err
	}
	if t.Roles, err = ParseRoles(inv.Roles); err != nil {
		return t, err
	}
	if inv.Username != "" {
		if t.Username, err = ParseUsername(inv.Username); err != nil {
			return t, err
		}
	}
	return t, a.unused(ctx, t.Username, t.EmailKey)
}

// AcceptInvitation adds the user who was invited. Their address is verified: the token was mailed there. username may be empty if
// the invitation proposes one. It works whether registration is open or not, and logs nobody in.
//
// Errors: CodeInvalidRequest for a token that does not live, and with the field as for Register.
func (a *Accounts) AcceptInvitation(ctx context.Context, token, username, password string, from Client) (User, error) {
	t, err := a.mailToken(ctx, MailInvitation, token, from)
	if err != nil {
		return User{}, err
	}
	if username == "" {
		username = t.Username
	}
	if username == "" {
		return User{}, RefuseField("username", "Missing field: username")
	}
	name, err := ParseUsername(username)
	if err == nil && name != t.Username && slices.Contains(a.cfg.ReservedNames, name) {
		return User{}, RefuseField("username", "Username already registered")
	}
	account := NewAccount{
		Registration: Registration{Username: username, Email: t.Email, Password: password}, Verified: true, Roles: t.Roles,
	}
	act := anonymousAct(from, a.cfg.Now())
	act.Reason = mailedToken
	return a.create(ctx, account, act, func(ctx context.Context, user User, act Act) error {
		err := a.cfg.Mails.cfg.Store.CreateUserByToken(ctx, t.Hash, user, act)
		if errors.Is(err, ErrTokenNotFound) {
			return a.noteToken(errMailToken, MailInvitation, from)
		}
		return err
	})
}
