package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// SignInPath is where people sign in, and signOutPath where they sign out, below the prefix.
const (
	SignInPath  = "/auth/login"
	signOutPath = "/auth/signout"
)

// SignIn is what the pages to sign in and out need; every field but the last is required.
type SignIn struct {
	Logins   *authn.Logins
	Sessions *authn.Sessions
	Cookie   headers.SessionCookie
	Domains  headers.CookieDomains // that browsers are handed over to; there may be none

	// Accept returns an address to go back to, as it may be put into a Location, and its origin; false: nobody is sent there.
	Accept func(address string) (location, origin string, ok bool)

	Now         func() time.Time
	MayRemember bool // people are offered to be remembered
}

// signInView is what the template shows.
type signInView struct {
	Title, Text, Folder string
	Wrong               string

	SignIn                bool // there is the form
	Username              string
	MayRemember, Remember bool
	Posted                bool   // a form was being sent when the session had ended
	Back                  string // where it goes on, or back to; empty: nowhere

	SignOut     string // where the button is sent; empty: there is none
	SignInAgain string // where the link leads; empty: there is none

	origin string // of Back, if it is another one
}

// notOurs is for whom signing in may lead here again and again: a cookie that another host of the site has set stands beside the right one.
const notOurs = "Your browser sends a session cookie that is not from here. If you are asked to sign in again and again, delete the cookies of this site."

// signInForm are the fields of the form, for readForm.
func signInForm() page {
	return page{fields: []field{{name: "username"}, {name: "password"}, {name: "remember", optional: true}}}
}

// serveSignIn answers at the sign-in page. Where it goes on afterwards is in its own address, so that it outlasts a wrong password; a
// fragment stays in the browser's, and comes along when the form has no address of its own.
func (p *Pages) serveSignIn(w http.ResponseWriter, r *http.Request) {
	v := p.signInView(r)
	switch {
	case isRead(r):
		who, err := p.caller(r)
		switch {
		case err == nil:
			p.goOn(w, r, v, who)
		case authn.Fault(err).Code == authn.CodeUnavailable || authn.Fault(err).Code == authn.CodeInternal:
			p.failSignIn(w, r, v, authn.Fault(err))
		default:
			if p.cfg.SignIn.Cookie.Read(r.Header).Kind == authn.MalformedCredential {
				v.Text = notOurs
			}
			p.showSignIn(w, r, http.StatusOK, v)
		}
	case r.Method == http.MethodPost:
		p.submitSignIn(w, r, v)
	default:
		p.methodNotAllowed(w, r, "GET, HEAD, POST")
	}
}

// signInView is the page as it is opened.
func (p *Pages) signInView(r *http.Request) signInView {
	v := signInView{
		Title: "Sign in", Folder: p.cfg.Prefix + folder, SignIn: true, MayRemember: p.cfg.SignIn.MayRemember,
	}
	query := r.URL.Query()
	if given := query["return"]; len(given) == 1 {
		v.Back, v.origin, _ = p.cfg.SignIn.Accept(given[0])
	}
	v.Posted = query.Get("posted") == "1"
	return v
}

// signedIn is the page for somebody who is. It leads on by a link and not by itself: if the cookie does not reach where it leads,
// that would send them here again, and so on.
func (p *Pages) signedIn(v signInView, who *authn.Identity) signInView {
	v.SignIn, v.Posted = false, false
	v.Title, v.Text = "You are signed in", "As "+who.Username+"."
	v.SignOut = p.cfg.Prefix + signOutPath
	return v
}

// goOn answers somebody who is signed in. Who is on the way to another domain goes on at once, by a hand-over.
func (p *Pages) goOn(w http.ResponseWriter, r *http.Request, v signInView, who *authn.Identity) {
	if headers.IsNavigation(r.Method, r.Header) {
		to, err := p.handover(r, p.cfg.SignIn.Cookie.Read(r.Header).Token, v)
		switch {
		case err != nil:
			p.failSignIn(w, r, v, authn.Fault(err))
			return
		case to != "":
			leadOn(w, to, http.StatusSeeOther)
			return
		}
	}
	p.showSignIn(w, r, http.StatusOK, p.signedIn(v, who))
}

// caller is who the request's cookie says it is. An error may also be that it could not be found out.
func (p *Pages) caller(r *http.Request) (*authn.Identity, error) {
	who, err := p.cfg.SignIn.Logins.Authenticate(r.Context(), p.cfg.SignIn.Cookie.Read(r.Header))
	if err == nil {
		who.From = clientOf(r)
		headers.ExchangeOf(r.Context()).User = who.Username
	}
	return who, err
}

// submitSignIn signs somebody in. No page of another origin can, so that nobody is signed in as somebody else without noticing.
func (p *Pages) submitSignIn(w http.ResponseWriter, r *http.Request, v signInView) {
	if err := p.ownOrigin.Check(r); err != nil {
		p.failSignIn(w, r, v, authn.Refuse(authn.CodeOriginRefused, "This form was sent from another page. Sign in here."))
		return
	}
	f, err := readForm(w, r, signInForm())
	if err != nil {
		p.failSignIn(w, r, v, authn.Fault(err))
		return
	}
	v.Username, v.Remember = f["username"], f["remember"] != ""
	held := p.cfg.SignIn.Cookie.Read(r.Header)
	given, err := p.logIn(r.Context(), f, held.Token, clientOf(r))
	if err != nil {
		p.failSignIn(w, r, v, authn.Fault(err))
		return
	}
	w.Header().Set("Set-Cookie", p.cfg.SignIn.Cookie.Set(given, p.cfg.SignIn.Now()))
	to, err := p.handover(r, given.Value, v)
	switch {
	case err == nil && to != "":
	case v.Back != "": // after an error, too: from there it is led back here, and told
		to = v.Back
	default:
		to = p.cfg.PublicURL + p.cfg.Prefix + SignInPath
	}
	leadOn(w, to, http.StatusSeeOther)
}

func (p *Pages) logIn(ctx context.Context, f form, held string, from authn.Client) (authn.BrowserCookie, error) {
	name := strings.TrimSpace(f["username"])
	switch {
	case name == "":
		return authn.BrowserCookie{}, authn.RefuseField("username", "Type your username or email address")
	case f["password"] == "":
		return authn.BrowserCookie{}, authn.RefuseField("password", "Type your password")
	}
	return p.cfg.SignIn.Logins.LoginBrowser(ctx, name, f["password"], f["remember"] != "", held, from)
}

// failSignIn shows the form again, and what was wrong.
func (p *Pages) failSignIn(w http.ResponseWriter, r *http.Request, v signInView, e *authn.Error) {
	v.Wrong = reasonOf(e)
	p.showSignIn(w, r, p.note(w, r, e), v)
}

// showSignIn writes the page. Browsers hold a form's policy against where its answer sends them, too.
func (p *Pages) showSignIn(w http.ResponseWriter, r *http.Request, status int, v signInView) {
	allowed := policy
	if v.SignIn && v.origin != "" {
		allowed = strings.Replace(policy, "form-action 'self'", "form-action 'self' "+v.origin, 1)
	}
	p.draw(w, r, status, p.signIn, allowed, v)
}
