package api

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
)

// ownClient is the client that every token was issued to: Authly itself, for people log in here and nowhere else.
const ownClient = "authly"

// inactiveAnswer and introspectionAnswer are RFC 7662 section 2.2. Of a token that does not live nothing more is said.
type inactiveAnswer struct {
	Active bool `json:"active"`
}

type introspectionAnswer struct {
	Active    bool     `json:"active"`
	TokenType string   `json:"token_type,omitzero"` // of an access token alone: no other may be taken for one
	ClientID  string   `json:"client_id"`
	Username  string   `json:"username"`
	Sub       string   `json:"sub"`
	Aud       string   `json:"aud"`
	Iss       string   `json:"iss"`
	Exp       int64    `json:"exp"` // seconds since 1970
	Iat       int64    `json:"iat"`
	JTI       string   `json:"jti"`
	SID       string   `json:"sid"`
	Email     string   `json:"email"`
	Roles     []string `json:"roles"`
}

// revoke ends a token (RFC 7009). Whether there was anything to end is not told.
func (a *API) revoke(c *call) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	if err := a.cfg.Logins.Revoke(c.r.Context(), c.program, token, c.client()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// introspect says whether a token lives and whose it is (RFC 7662).
func (a *API) introspect(c *call) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	found, err := a.cfg.Logins.Introspect(c.r.Context(), token)
	if err != nil {
		return err
	}
	if !found.Active {
		return c.answer(http.StatusOK, inactiveAnswer{})
	}
	answer := introspectionAnswer{
		Active: true, ClientID: ownClient,
		Username: found.Username, Sub: found.Subject, Email: found.Email, Roles: found.Roles,
		Aud: found.Audience, Iss: found.Issuer, JTI: found.JTI, SID: found.Session,
		Exp: found.Expires.Unix(), Iat: found.IssuedAt.Unix(),
	}
	if found.Kind == authn.AccessToken {
		answer.TokenType = "Bearer"
	}
	return c.answer(http.StatusOK, answer)
}

// token reads the token that the client asks about. Which kind it is, the token itself says best: the hint is not needed,
// and a wrong one must do no harm (RFC 7009 section 2.1).
func (c *call) token() (string, error) {
	var token, hint *string
	if err := c.fill(field{"token", &token}, field{"token_type_hint", &hint}); err != nil {
		return "", err
	}
	return need("token", token)
}

// knowClient checks the id and the secret of the client that is calling (RFC 6749 section 2.3.1).
func (a *API) knowClient(c *call) error {
	id, secret, err := c.clientCredentials()
	if err != nil {
		return err
	}
	c.program = id
	return a.cfg.Clients.Authenticate(c.r.Context(), id, secret, c.client())
}

// clientCredentials finds the client's id and secret where they may be: in the header (client_secret_basic) or in the body
// (client_secret_post), and never in both. What else Authorization may hold, such as somebody's token, is no client's.
func (c *call) clientCredentials() (id, secret string, err error) {
	var postID, postSecret *string
	if err := c.fill(field{"client_id", &postID}, field{"client_secret", &postSecret}); err != nil {
		return "", "", err
	}
	id, secret, sent, ok := basicCredentials(c.r.Header)
	switch {
	case sent && postSecret != nil:
		return "", "", authn.RefuseField("client_secret", "The client's secret was sent in two ways")
	case sent && ok && postID != nil && *postID != id:
		return "", "", authn.RefuseField("client_id", "Invalid field: client_id is not that of the Authorization header")
	case sent && ok:
		return id, secret, nil
	case sent || postID == nil || postSecret == nil:
		return "", "", authn.Refuse(authn.CodeInvalidClient, "Client authentication failed")
	}
	return *postID, *postSecret, nil
}

// basicCredentials reads Authorization: Basic (RFC 7617), whose two parts are form-encoded for an OAuth client. It was sent
// if any of the headers has that scheme, and is ok if it is the only one and well made.
func basicCredentials(h http.Header) (id, secret string, sent, ok bool) {
	values := h.Values("Authorization")
	encoded := ""
	for _, value := range values {
		if scheme, rest, _ := strings.Cut(value, " "); strings.EqualFold(scheme, "Basic") {
			sent, encoded = true, strings.TrimLeft(rest, " ")
		}
	}
	if !sent || len(values) != 1 {
		return "", "", sent, false
	}
	text, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", "", sent, false
	}
	first, second, found := strings.Cut(string(text), ":")
	id, idErr := url.QueryUnescape(first)
	secret, secretErr := url.QueryUnescape(second)
	ok = found && idErr == nil && secretErr == nil &&
		checkText("client_id", id) == nil && checkText("client_secret", secret) == nil
	return id, secret, sent, ok
}
