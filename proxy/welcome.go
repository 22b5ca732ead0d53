package proxy

import (
	"net/http"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// isWelcome reports whether a refused request is that of a person who is helped by signing in: they open a page, nobody is
// known, and a cookie would be taken.
func (d *Door) isWelcome(decision authn.Decision, asked headers.Asked) bool {
	return d.helpsToSignIn(decision) && headers.IsNavigation(asked.Method, asked.Header) && !d.isAstray(asked)
}

// isAstray reports whether a front proxy asks about the path of the hand-over, which it should have sent here: it would be led to
// itself, again and again.
func (d *Door) isAstray(asked headers.Asked) bool {
	if d.cfg.Handover == "" || asked.Scheme != "https" {
		return false
	}
	path, _, _, err := headers.SplitTarget(asked.Target)
	if err != nil || path != d.cfg.Handover {
		return false
	}
	host, err := headers.NormalizeHost(asked.Authority)
	if err != nil {
		return false
	}
	_, domain, ok := d.cfg.Domains.Cookie(host)
	if ok {
		d.cfg.Log.Warn("nobody can sign in on a host, whose front proxy must send this path to Authly", "path", path, "domain", domain)
	}
	return ok
}

// cookieOf is the session cookie that browsers send to a host.
func (d *Door) cookieOf(host string) headers.SessionCookie {
	if cookie, _, ok := d.cfg.Domains.Cookie(host); ok {
		return cookie
	}
	return d.cfg.Cookie
}

func (d *Door) helpsToSignIn(decision authn.Decision) bool {
	return d.cfg.LoginPage != "" && decision.Verdict == authn.Challenge && decision.Route.Cookies != authn.IgnoreCookies
}

// pointed is the refusal of a decision, which tells a program where a person can sign in if that would help.
func (d *Door) pointed(decision authn.Decision) *authn.Error {
	if !d.helpsToSignIn(decision) {
		return decision.Refusal
	}
	refusal := *decision.Refusal // it may be everybody's
	refusal.LoginURL = string(d.cfg.LoginPage)
	return &refusal
}

// refuseOrWelcome answers a request that may not pass.
func (d *Door) refuseOrWelcome(w http.ResponseWriter, r *http.Request, decision authn.Decision, asked headers.Asked) {
	if !d.isWelcome(decision, asked) {
		d.refuse(w, r, d.pointed(decision))
		return
	}
	abandonBody(w, r)
	h := w.Header()
	h.Set(requestIDHeader, exchangeOf(r).ID)
	d.own(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		d.leadToLogin(w, asked, headers.RedirectStatus(asked.Method))
	})).ServeHTTP(w, r)
}

// welcomeAuthz is the same for a front proxy, in the status that it turns into a redirect. What would be told of a refusal beside
// it is in the exchange already.
func (d *Door) welcomeAuthz(w http.ResponseWriter, r *http.Request, x *headers.Exchange, redirected func(int) int, asked headers.Asked) {
	h := w.Header()
	d.cfg.Security.PutOwn(h, x.Origin.Scheme == "https")
	h[requestIDHeader], h[reasonHeader] = []string{x.ID}, []string{x.Reason}
	d.leadToLogin(w, asked, redirected(headers.RedirectStatus(asked.Method)))
}

// leadToLogin writes the answer that leads to the login page, or first to where a hand-over begins. Nobody keeps it: the next
// answer may be the page itself.
func (d *Door) leadToLogin(w http.ResponseWriter, asked headers.Asked, status int) {
	h := w.Header()
	to, ok := d.cfg.Domains.Begin(asked, d.cfg.Handover)
	if !ok {
		to = d.cfg.LoginPage.For(asked)
	}
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="authly"`)
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(status)
}
