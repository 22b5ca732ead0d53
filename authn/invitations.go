package authn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Invitation is what an administrator invites somebody with. Username may be empty: whoever is invited chooses one.
type Invitation struct {
	Email    string
	Username string
	Roles    []string
}

// Invited is an invitation that is on its way.
type Invited struct {
	Invitation
	ExpiresAt time.Time
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
	invited := caller.act(a.cfg.Now()).Event(EventUserInvited, uuid.Nil).With(DetailUsername, t.Username).With(DetailRoles, strings.Join(t.Roles, ","))
	if err := a.cfg.Mails.cfg.Store.Post(ctx, []Posting{p}, invited); err != nil {
		return Invited{}, Fault(err)
	}
	a.cfg.Mails.wake()
	return Invited{Invitation{t.Email, t.Username, t.Roles}, p.Token.ExpiresAt}, nil
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
	t, err := a.mailToken(ctx, MailInvitation, token)
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
			return errMailToken
		}
		return err
	})
}
