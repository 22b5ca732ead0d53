package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// userAnswer is a user as clients see one. It is written out member by member, so that what authn.User holds beside these,
// the password's hash above all, cannot slip into an answer.
type userAnswer struct {
	ID         uuid.UUID  `json:"id"`
	Username   string     `json:"username"`
	Email      string     `json:"email"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	LastLogin  *time.Time `json:"last_login"` // null: never
	IsActive   bool       `json:"is_active"`
	IsVerified bool       `json:"is_verified"`
	IsAdmin    bool       `json:"is_admin"`
	Roles      []string   `json:"roles"`
}

func show(u authn.User) userAnswer {
	answer := userAnswer{
		ID:         u.ID,
		Username:   u.Username,
		Email:      u.Email,
		CreatedAt:  u.CreatedAt.UTC(),
		UpdatedAt:  u.UpdatedAt.UTC(),
		IsActive:   u.Active,
		IsVerified: u.Verified,
		IsAdmin:    u.Admin,
		Roles:      u.Roles,
	}
	if !u.LastLogin.IsZero() {
		at := u.LastLogin.UTC()
		answer.LastLogin = &at
	}
	return answer
}

// register adds the user who asks to be one.
func (a *API) register(c *call) error {
	var username, email, password *string
	err := c.fill(field{"username", &username}, field{"email", &email}, field{"password", &password})
	if err != nil {
		return err
	}
	var reg authn.Registration
	if reg.Username, err = need("username", username); err != nil {
		return err
	}
	if reg.Email, err = need("email", email); err != nil {
		return err
	}
	if reg.Password, err = need("password", password); err != nil {
		return err
	}
	u, err := a.cfg.Accounts.Register(c.r.Context(), reg, c.client())
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", a.base+"/users/"+u.ID.String())
	return c.answer(http.StatusCreated, show(u))
}

func (a *API) me(c *call) error {
	u, err := a.cfg.Accounts.Get(c.r.Context(), c.caller, c.caller.UserID)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, show(u))
}

func (a *API) getUser(c *call) error {
	id, err := c.userID()
	if err != nil {
		return err
	}
	u, err := a.cfg.Accounts.Get(c.r.Context(), c.caller, id)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, show(u))
}

// updateUser changes what the body names; an empty object changes nothing and is answered like any change.
func (a *API) updateUser(c *call) error {
	id, err := c.userID()
	if err != nil {
		return err
	}
	var u authn.AccountUpdate
	err = c.fill(
		field{"username", &u.Username},
		field{"email", &u.Email},
		field{"password", &u.Password},
		field{"current_password", &u.CurrentPassword},
		field{"is_active", &u.Active},
		field{"is_verified", &u.Verified},
		field{"is_admin", &u.Admin},
		field{"roles", &u.Roles},
	)
	if err != nil {
		return err
	}
	next := a.cfg.Accounts.RenewCookie(c.caller, id, &u)
	changed, err := a.cfg.Accounts.Update(c.r.Context(), c.caller, id, u, c.client())
	if err != nil {
		return err
	}
	if next != nil {
		c.w.Header().Set("Set-Cookie", a.cfg.Cookie.Set(*next, a.cfg.Now()))
	}
	status := http.StatusOK
	if u.Email != nil && !authn.SameEmail(*u.Email, changed.Email) {
		status = http.StatusAccepted // the new address was mailed, and counts when it is confirmed
	}
	return c.answer(status, show(changed))
}

func (a *API) deleteUser(c *call) error {
	id, err := c.userID()
	if err != nil {
		return err
	}
	if err := a.cfg.Accounts.Delete(c.r.Context(), c.caller, id); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// verifyUser is for administrators, and for whoever has the token that was mailed.
func (a *API) verifyUser(c *call) error {
	var token *string
	if err := c.fill(field{"token", &token}); err != nil {
		return err
	}
	if token == nil && c.caller == nil {
		return authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	}
	id, err := c.userID()
	if err != nil {
		return err
	}
	var u authn.User
	if token != nil {
		u, err = a.cfg.Accounts.VerifyByToken(c.r.Context(), id, *token, c.client())
	} else {
		u, err = a.cfg.Accounts.Verify(c.r.Context(), c.caller, id)
	}
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, show(u))
}

func (a *API) unlockUser(c *call) error {
	if err := c.fill(); err != nil {
		return err
	}
	id, err := c.userID()
	if err != nil {
		return err
	}
	u, err := a.cfg.Accounts.Unlock(c.r.Context(), c.caller, id)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, show(u))
}
