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
	if err == nil && headers.ExchangeOf(r.Context()).Origin.Host != a.host {
		return a.awayFromHome(caller, r)
	}
	return caller, err
}

// awayFromHome is whom a cookie stands for on another host than that of the public URL. The application there has pages of the same
// origin as these endpoints, and a script that gets into one of them could do whatever its visitors can: so nobody is an administrator
// there, and sees what is theirs and signs out, and no more.
func (a *API) awayFromHome(caller *authn.Identity, r *http.Request) (*authn.Identity, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.URL.Path != a.cfg.Prefix+"/auth/logout" {
		return nil, authn.Refuse(authn.CodeOriginRefused, "By the session cookie this is done at "+a.cfg.PublicURL+" alone")
	}
	caller.Admin = false
	return caller, nil
}
