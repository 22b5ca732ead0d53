package api

import (
	"net/http"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// know finds out who is calling an endpoint, where that matters.
func (a *API) know(c *call, who audience) error {
	sent := len(c.r.Header["Authorization"]) > 0 || a.cfg.Cookie.Read(c.r.Header).Kind == authn.CookieCredential
	if who != signedIn && !(who == either && sent) {
		return nil
	}
	caller, err := a.authenticate(c.r)
	switch {
	case err != nil && who == either && len(c.r.Header["Authorization"]) == 0 && authn.Fault(err).Code == authn.CodeInvalidCredentials:
		return nil // a cookie that is over: browsers send it along
	case err != nil:
		return err
	}
	caller.From = c.client()
	c.caller = caller
	headers.ExchangeOf(c.r.Context()).User = caller.Username
	return nil
}

// authenticate takes a bearer token, which must be good if there is one, or a session cookie. A browser adds the cookie to
// whatever any page has it send: by it, only pages of Authly's own and allowed origins change anything.
func (a *API) authenticate(r *http.Request) (*authn.Identity, error) {
	credentials, cookie := headers.Credentials(r.Header), a.cfg.Cookie.Read(r.Header)
	if cookie.Kind == authn.NoCredential || credentials.Kind == authn.BearerCredential || credentials.Kind == authn.MalformedCredential {
		return a.cfg.Logins.Authenticate(r.Context(), credentials)
	}
	caller, err := a.cfg.Logins.Authenticate(r.Context(), cookie)
	if err == nil && a.cfg.SameOrigin.FromAnotherOrigin(cookie, r.Method, r.Host, r.Header) {
		return nil, authn.Refuse(authn.CodeOriginRefused, "A page of another site may not do this with your session")
	}
	return caller, err
}
