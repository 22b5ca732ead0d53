package proxy

import (
	"net/http"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// isWelcome reports whether a refused request is that of a person who is helped by signing in: they open a page, nobody is
// known, and a cookie would be taken.
func (d *Door) isWelcome(decision authn.Decision, asked headers.Asked) bool {
	return d.helpsToSignIn(decision) && headers.IsNavigation(asked.Method, asked.Header)
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

// leadToLogin writes the answer that leads to the login page. Nobody keeps it: the next answer may be the page itself.
func (d *Door) leadToLogin(w http.ResponseWriter, asked headers.Asked, status int) {
	h := w.Header()
	h.Set("Location", d.cfg.LoginPage.For(asked))
	h.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="authly"`)
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(status)
}
