package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/descoped/authly/authn"
)

// The grants that are served.
const (
	passwordGrant = "password"      // RFC 6749 section 4.3
	refreshGrant  = "refresh_token" // RFC 6749 section 6
)

// A grant is what the token endpoints take. A client's id and secret, which OAuth libraries send along, are not among it:
// people log in here, whatever program they use, and nothing is decided by what anybody can claim.
type grant struct {
	Type, Username, Password, RefreshToken *string

	Cookie, Remember *bool // of the password grant: a cookie in place of tokens, that outlasts the browser
}

// tokenAnswer is the answer to a grant (RFC 6749 section 5.1).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
}

type logoutAnswer struct {
	Message           string `json:"message"`
	InvalidatedTokens int    `json:"invalidated_tokens"`
}

// token serves every grant there is.
func (a *API) token(c *call) error {
	g, err := c.grant()
	if err != nil {
		return err
	}
	switch *g.Type {
	case passwordGrant:
		return a.login(c, g)
	case refreshGrant:
		return a.rotate(c, g)
	}
	return invalidGrantType()
}

// refresh serves the refresh grant alone.
func (a *API) refresh(c *call) error {
	g, err := c.grant()
	if err != nil {
		return err
	}
	if *g.Type != refreshGrant {
		return invalidGrantType()
	}
	return a.rotate(c, g)
}

func invalidGrantType() error {
	return &authn.Error{Code: authn.CodeUnsupportedGrantType, Detail: "Invalid grant type", Field: "grant_type"}
}

// grant reads the body of a token endpoint; its type is there, the rest is for the type to ask for.
func (c *call) grant() (grant, error) {
	var g grant
	err := c.fill(
		field{"grant_type", &g.Type},
		field{"username", &g.Username},
		field{"password", &g.Password},
		field{"refresh_token", &g.RefreshToken},
		field{"cookie", &g.Cookie},
		field{"remember", &g.Remember},
	)
	if err == nil {
		_, err = need("grant_type", g.Type)
	}
	return g, err
}

func (a *API) login(c *call, g grant) error {
	if err := c.unwanted("refresh_token", g.RefreshToken != nil); err != nil {
		return err
	}
	browser := g.Cookie != nil && *g.Cookie
	if g.Remember != nil && !browser {
		return authn.RefuseField("remember", "Invalid field: remember goes with cookie")
	}
	name, err := need("username", g.Username)
	if err != nil {
		return err
	}
	password, err := need("password", g.Password)
	if err != nil {
		return err
	}
	if browser {
		return a.loginBrowser(c, name, password, g.Remember != nil && *g.Remember)
	}
	tokens, err := a.cfg.Logins.Login(c.r.Context(), name, password, c.client())
	if err != nil {
		return err
	}
	return c.answerTokens(tokens)
}

func (a *API) rotate(c *call, g grant) error {
	err := errors.Join(
		c.unwanted("username", g.Username != nil), c.unwanted("password", g.Password != nil),
		c.unwanted("cookie", g.Cookie != nil), c.unwanted("remember", g.Remember != nil),
	)
	if err != nil {
		return err
	}
	token, err := need("refresh_token", g.RefreshToken)
	if err != nil {
		return err
	}
	tokens, err := a.cfg.Logins.Refresh(c.r.Context(), token, c.client())
	if err != nil {
		return err
	}
	return c.answerTokens(tokens)
}

// unwanted refuses a member that another grant knows and this one does not. In a form it is ignored like any other.
func (c *call) unwanted(name string, sent bool) error {
	if !sent || c.form {
		return nil
	}
	return authn.RefuseField(name, "Unknown field: "+name)
}

func (c *call) answerTokens(t authn.Tokens) error {
	return c.answer(http.StatusOK, tokenAnswer{
		AccessToken:  t.Access,
		RefreshToken: t.Refresh,
		TokenType:    "Bearer",
		ExpiresIn:    int64(t.ExpiresIn / time.Second),
	})
}

// logout ends every session of the caller, or the one that the token is of, as the scope says.
func (a *API) logout(c *call) error {
	var scope *string
	if err := c.fill(field{"scope", &scope}); err != nil {
		return err
	}
	end := a.cfg.Logins.Logout
	switch {
	case scope == nil || *scope == "all":
	case *scope == "session":
		end = a.cfg.Sessions.EndOwn
	default:
		return authn.RefuseField("scope", "Invalid field: scope must be all or session")
	}
	n, err := end(c.r.Context(), c.caller)
	if err != nil {
		return err
	}
	a.forgetCookie(c)
	return c.answer(http.StatusOK, logoutAnswer{"Successfully logged out", n})
}
