package api

import (
	"net/http"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// browserAnswer is the answer to a login for a cookie. It holds nothing by which anybody could be taken for the user: scripts of the
// page read it.
type browserAnswer struct {
	ExpiresAt  time.Time `json:"expires_at"` // at the latest
	Remembered bool      `json:"remembered"`
}

// loginBrowser is login for a page's script: the session is held by a cookie, which scripts cannot read, and there are no tokens. As at
// the sign-in page, no page of another origin signs somebody's browser in, as whomever it likes, unless it may use cookies here.
func (a *API) loginBrowser(c *call, name, password string, remember bool) error {
	if a.cfg.SameOrigin.Refuses(c.r.Method, c.r.Host, c.r.Header) {
		return authn.Refuse(authn.CodeOriginRefused, "A page of this origin may not sign a browser in")
	}
	if headers.IsCrossSite(c.r.Header) { // an allowed origin: its page would be told of a cookie that the browser drops
		return &authn.Error{Code: authn.CodeOriginRefused, Field: "cookie",
			Detail: "Browsers keep no session cookie for a page of another site: ask for tokens, or serve the page from this site"}
	}
	if _, _, ok := a.cfg.Domains.Cookie(headers.ExchangeOf(c.r.Context()).Origin.Host); ok { // the login page's is not for these
		return &authn.Error{Code: authn.CodeOriginRefused, Field: "cookie",
			Detail: "On this host browsers are signed in by the login page: lead people there, or ask for tokens"}
	}
	held := a.cfg.Cookie.Read(c.r.Header)
	given, err := a.cfg.Logins.LoginBrowser(c.r.Context(), name, password, remember, held.Token, c.client())
	if err != nil {
		return err
	}
	c.w.Header().Set("Set-Cookie", a.cfg.Cookie.Set(given, a.cfg.Now()))
	return c.answer(http.StatusOK, browserAnswer{ExpiresAt: given.ExpiresAt.UTC(), Remembered: given.Keep})
}

// forgetCookie takes the cookie away from a browser whose session was ended by who came with it.
func (a *API) forgetCookie(c *call) {
	if c.caller.Cookie != nil {
		c.w.Header().Set("Set-Cookie", a.cfg.Cookie.Clear())
	}
}
