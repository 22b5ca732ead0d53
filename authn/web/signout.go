package web

import (
	"net/http"

	"github.com/descoped/authly/authn"
)

// serveSignOut answers where people sign out. Opening the page does not: any other page could have a browser do that.
func (p *Pages) serveSignOut(w http.ResponseWriter, r *http.Request) {
	v := signInView{Title: "Sign out", Folder: p.cfg.Prefix + folder, SignOut: p.cfg.Prefix + signOutPath}
	switch {
	case isRead(r):
		p.showSignIn(w, r, http.StatusOK, v)
	case r.Method != http.MethodPost:
		p.methodNotAllowed(w, r, "GET, HEAD, POST")
	default:
		p.submitSignOut(w, r, v)
	}
}

// submitSignOut ends the session of the cookie, and takes the cookie away. Who has no session is signed out already; but when it
// cannot be found out or be ended, nobody is told that they are.
func (p *Pages) submitSignOut(w http.ResponseWriter, r *http.Request, v signInView) {
	if err := p.ownOrigin.Check(r); err != nil {
		p.failSignIn(w, r, v, authn.Refuse(authn.CodeOriginRefused, "This form was sent from another page. Sign out here."))
		return
	}
	who, err := p.caller(r)
	if err == nil {
		_, err = p.cfg.SignIn.Sessions.EndOwn(r.Context(), who)
	}
	if code := authn.Fault(err).Code; err != nil && code != authn.CodeNoCredentials && code != authn.CodeInvalidCredentials {
		p.failSignIn(w, r, v, authn.Fault(err))
		return
	}
	w.Header().Set("Set-Cookie", p.cfg.SignIn.Cookie.Clear())
	v.Title, v.Text, v.SignOut = "You are signed out", "On this device. Pages that are open may still show what they have shown.", ""
	v.SignInAgain = p.cfg.Prefix + SignInPath
	p.showSignIn(w, r, http.StatusOK, v)
}
