package web

import (
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
)

// signOutPath is where people sign out, and accountPath where they are when they have signed in and came from nowhere.
const (
	signOutPath = "/auth/signout"
	accountPath = "/auth/account"
)

// signInPages are those to sign in and out.
func (p *Pages) signInPages() []page {
	fields := []field{{name: "username", label: "signin.name", autocomplete: "username"}, {name: "password", kind: "password", autocomplete: "current-password"}}
	if p.cfg.MayRemember {
		fields = append(fields, field{name: "remember", kind: "checkbox", optional: true})
	}
	return []page{ // opening the one to sign out does nothing: any other page could have a browser do that
		{path: SignInPath, who: anyone, name: "signin", fields: fields, lead: (*visit).leadOn, show: (*visit).showSignIn, act: (*visit).signIn},
		{path: signOutPath, who: anyone, name: "signout", act: (*visit).signOut},
	}
}

// signInView is what the template shows.
type signInView struct {
	Text   string
	Form   bool   // nobody is signed in yet
	Posted bool   // a form was being sent when the session had ended
	Back   string // where it goes on, or back to; empty: nowhere

	Register bool // people may make themselves an account
}

// showSignIn shows the form. Where it goes on afterwards is in the page's own address, so that it outlasts a wrong password; a fragment
// stays in the browser's, and comes along when the form has no address of its own.
//
// Who is signed in already is led on by a link, unless it is by a hand-over (see leadOn): if the cookie does not reach where that leads, going there by itself would send them here
// again, and so on.
func (v *visit) showSignIn() (any, error) {
	shown := signInView{Form: v.caller == nil || v.sent != nil, Register: v.cfg.Accounts.Terms().Registration}
	var origin string
	shown.Back, origin = v.back()
	switch {
	case !shown.Form:
		v.title, shown.Text = v.t("signedin.title"), v.t("signedin.text", "Name", v.caller.Username)
		return shown, nil
	case v.wrong == nil && v.unknown() != nil:
		return nil, v.unknown()
	case v.wrong == nil && v.cfg.Cookie.Read(v.r.Header).Kind == authn.MalformedCredential:
		shown.Text = v.t("signin.not_ours")
	}
	v.origin, shown.Posted = origin, v.r.URL.Query().Get("posted") == "1"
	return shown, nil
}

// unknown is why nobody is known, if that could not be found out.
func (v *visit) unknown() error {
	if v.nobody == nil || isNobody(authn.Fault(v.nobody)) {
		return nil
	}
	return v.nobody
}

// back is where to go on, and its origin; empty if nobody is sent there.
func (v *visit) back() (location, origin string) {
	given := v.r.URL.Query()["return"]
	if len(given) != 1 {
		return "", ""
	}
	location, origin, ok := v.cfg.Accept(given[0])
	if !ok {
		return "", ""
	}
	return v.silent(location), origin
}

// silent is an address without what a page of Authly's would say there: nobody has just done that. An application's is left as it is.
func (v *visit) silent(location string) string {
	u, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, v.cfg.PublicURL+"/") || !v.Shows(u.Path) {
		return location
	}
	query := u.Query()
	if !query.Has("said") {
		return location
	}
	query.Del("said")
	u.RawQuery = query.Encode()
	return u.String()
}

// signIn signs somebody in. No page of another origin can, so that nobody is signed in as somebody else without noticing.
func (v *visit) signIn() error {
	name := strings.TrimSpace(v.sent["username"])
	switch {
	case name == "":
		return authn.RefuseField("username", "Type your username or email address")
	case v.sent["password"] == "":
		return authn.RefuseField("password", "Type your password")
	}
	held := v.cfg.Cookie.Read(v.r.Header)
	given, err := v.cfg.Logins.LoginBrowser(v.r.Context(), name, v.sent["password"], v.sent["remember"] != "", held.Token, v.client())
	if err != nil {
		return err
	}
	v.giveCookie(given)
	to, err := v.handover(given.Value)
	if back, _ := v.back(); err != nil || to == "" { // from there it is led back here, and told if it still cannot be
		to = back
	}
	if to != "" {
		v.sendOn(to)
	} else {
		v.goTo(accountPath, "")
	}
	return nil
}

// giveCookie gives the browser the cookie of its session.
func (v *visit) giveCookie(given authn.BrowserCookie) {
	v.w.Header().Set("Set-Cookie", v.cfg.Cookie.Set(given, v.cfg.Now()))
}

// takeCookie takes it away, and has the browser forget what it has kept of this site: some keep whole pages to go back to, whatever
// Cache-Control says. That they heed over https alone.
func (v *visit) takeCookie() {
	h := v.w.Header()
	h.Set("Set-Cookie", v.cfg.Cookie.Clear())
	if v.isHTTPS() {
		h.Set("Clear-Site-Data", `"cache"`)
	}
}

// signOut ends the session of the cookie, and takes the cookie away. Who has no session is signed out already; but when it cannot be
// found out or be ended, nobody is told that they are.
func (v *visit) signOut() error {
	err := v.unknown()
	if v.caller != nil {
		_, err = v.cfg.Sessions.EndOwn(v.r.Context(), v.caller)
	}
	if err != nil && !isNobody(authn.Fault(err)) {
		return err
	}
	v.caller = nil
	v.takeCookie()
	v.tell("signedout", v.toSignIn())
	return nil
}
