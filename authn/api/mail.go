package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// messageAnswer is the answer to what has no more to show.
type messageAnswer struct {
	Message string `json:"message"`
}

// invitedAnswer is an invitation that was not accepted yet. Its token is in the mail alone.
type invitedAnswer struct {
	ID        uuid.UUID `json:"id"`
	Email     string    `json:"email"`
	Username  *string   `json:"username"` // null: whoever is invited chooses one
	Roles     []string  `json:"roles"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// onItsWay says the same whether there is such an account or not.
const onItsWay = "If that is the address of an account, a mail is on its way"

// fields reads members that are all required, each into its place.
func (c *call) fields(names []string, into ...*string) error {
	values := make([]*string, len(names))
	known := make([]field, len(names))
	for i, name := range names {
		known[i] = field{name, &values[i]}
	}
	if err := c.fill(known...); err != nil {
		return err
	}
	for i, name := range names {
		value, err := need(name, values[i])
		if err != nil {
			return err
		}
		*into[i] = value
	}
	return nil
}

// verifyByToken is verifyUser for who has the token and not the id.
func (a *API) verifyByToken(c *call) error {
	return c.spend(func(ctx context.Context, token string, from authn.Client) (authn.User, error) {
		return a.cfg.Accounts.VerifyByToken(ctx, uuid.Nil, token, from)
	})
}

func (a *API) confirmEmail(c *call) error { return c.spend(a.cfg.Accounts.ConfirmEmail) }

// spend hands a mailed token to who spends it, and answers with the user that it was about.
func (c *call) spend(act func(context.Context, string, authn.Client) (authn.User, error)) error {
	var token string
	if err := c.fields([]string{"token"}, &token); err != nil {
		return err
	}
	u, err := act(c.r.Context(), token, c.client())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, show(u))
}

func (a *API) resendVerification(c *call) error { return c.ask(a.cfg.Accounts.ResendVerification) }

func (a *API) forgotPassword(c *call) error { return c.ask(a.cfg.Accounts.RequestPasswordReset) }

// ask has something mailed to an address, and does not tell whether it was.
func (c *call) ask(act func(context.Context, string, authn.Client) error) error {
	var email string
	if err := c.fields([]string{"email"}, &email); err != nil {
		return err
	}
	if err := act(c.r.Context(), email, c.client()); err != nil {
		return err
	}
	return c.answer(http.StatusAccepted, messageAnswer{onItsWay})
}

func (a *API) resetPassword(c *call) error {
	var token, password string
	if err := c.fields([]string{"token", "password"}, &token, &password); err != nil {
		return err
	}
	if err := a.cfg.Accounts.ResetPassword(c.r.Context(), token, password, c.client()); err != nil {
		return err
	}
	return c.answer(http.StatusOK, messageAnswer{"Password changed. All sessions have ended."})
}

func (a *API) invite(c *call) error {
	var email, username *string
	var roles *[]string
	err := c.fill(field{"email", &email}, field{"username", &username}, field{"roles", &roles})
	if err != nil {
		return err
	}
	var inv authn.Invitation
	if inv.Email, err = need("email", email); err != nil {
		return err
	}
	if username != nil {
		if inv.Username, err = authn.ParseUsername(*username); err != nil {
			return err
		}
	}
	if roles != nil {
		inv.Roles = *roles
	}
	invited, err := a.cfg.Accounts.Invite(c.r.Context(), c.caller, inv)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, showInvited(invited))
}

func showInvited(i authn.Invited) invitedAnswer {
	answer := invitedAnswer{
		ID: i.ID, Email: i.Email, Roles: i.Roles, CreatedAt: i.CreatedAt.UTC(), ExpiresAt: i.ExpiresAt.UTC(),
	}
	if i.Username != "" {
		answer.Username = &i.Username
	}
	return answer
}

func (a *API) listInvitations(c *call) error {
	p, err := paging(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	if p.hasAfter {
		return authn.RefuseField("after", "Unknown query parameter: after")
	}
	invitations, err := a.cfg.Accounts.Invitations(c.r.Context(), c.caller, p.skip, p.limit)
	if err != nil {
		return err
	}
	answer := make([]invitedAnswer, 0, len(invitations))
	for _, i := range invitations {
		answer = append(answer, showInvited(i))
	}
	return c.answer(http.StatusOK, answer)
}

// withdraw is for invitations. What is no id is none's.
func (a *API) withdraw(c *call) error {
	id, _ := canonical(c.vars["id"])
	if err := a.cfg.Accounts.Withdraw(c.r.Context(), c.caller, id); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// acceptInvitation adds the user who was invited.
func (a *API) acceptInvitation(c *call) error {
	var token, username, password *string
	err := c.fill(field{"token", &token}, field{"username", &username}, field{"password", &password})
	if err != nil {
		return err
	}
	var accepted struct{ token, username, password string }
	if accepted.token, err = need("token", token); err != nil {
		return err
	}
	if accepted.password, err = need("password", password); err != nil {
		return err
	}
	if username != nil {
		accepted.username = *username
	}
	u, err := a.cfg.Accounts.AcceptInvitation(c.r.Context(), accepted.token, accepted.username, accepted.password, c.client())
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", a.base+"/users/"+u.ID.String())
	return c.answer(http.StatusCreated, show(u))
}
