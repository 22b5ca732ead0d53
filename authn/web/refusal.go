package web

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// refusalView is what people see in place of an application's page.
type refusalView struct {
	Text   string
	Status int
	Code   authn.Code
	ID     string // of the request
	Again  string // the address that was asked for; empty: it is not known, or not to be asked for again by a link
	SignIn string // where they sign in as somebody else, and come back
	Home   string // their account
}

// Refusal writes a page for a person who opened one of an application and got an error instead. The status is that of the answer; its
// headers are there, and stay. Links lead to where the pages are, which may be another host than the one that was asked.
func (p *Pages) Refusal(w http.ResponseWriter, r *http.Request, status int, err error) {
	v := p.newVisit(w, r, &page{who: anyone}, nil)
	v.drawRefusal(status, authn.Fault(err), headers.ExchangeOf(r.Context()).User)
}

// keepOut shows a refusal in place of one of Authly's own pages: without its menu, whose other pages are not for who is kept out either.
func (v *visit) keepOut(e *authn.Error) {
	user := ""
	if v.caller != nil {
		user = v.caller.Username
	}
	v.page = &page{who: anyone}
	v.drawRefusal(v.note(e), e, user)
}

// drawRefusal shows a refusal to a user; to nobody in particular, if that is empty.
func (v *visit) drawRefusal(status int, e *authn.Error, user string) {
	exchange := headers.ExchangeOf(v.r.Context())
	shown := refusalView{Status: status, Code: e.Code, ID: exchange.ID, SignIn: v.cfg.PublicURL + v.path(SignInPath)}
	v.title, shown.Text = v.refusalWords(e, user)
	if address, _, ok := v.cfg.Accept(exchange.Origin.Scheme + "://" + v.r.Host + v.r.RequestURI); ok && isRead(v.r) {
		shown.SignIn = v.cfg.PublicURL + v.path(SignInPath) + "?" + returning(address).Encode()
		if status >= http.StatusInternalServerError {
			shown.Again = address
		}
	}
	if user != "" {
		shown.Home = v.cfg.PublicURL + v.path(accountPath)
	}
	v.draw(status, "refusal", shown)
}

// isLost reports whether a person opens a path at which Authly has nothing: no page, and nothing for programs either.
func (p *Pages) isLost(r *http.Request, path string) bool {
	return p.cfg.Answers != nil && p.cfg.Owns(path) && !p.cfg.Answers(path) && headers.IsNavigation(r.Method, r.Header)
}

// findNothing shows that there is nothing, and to who is signed in the way home. Who has typed a page's address with a slash behind it, or
// the beginning that all have, is led there.
func (p *Pages) findNothing(w http.ResponseWriter, r *http.Request, path string) {
	v := p.newVisit(w, r, &page{who: anyone}, nil)
	meant := strings.TrimRight(path, "/")
	if meant == v.path("/auth") {
		v.goTo(accountPath, "")
		return
	}
	if page, vars := p.find(meant); page != nil && !page.blind() && vars == nil {
		v.goTo(page.path, "")
		return
	}
	_ = v.know() // whoever it is: there is nothing for anybody
	v.keepOut(authn.Refuse(authn.CodeNotFound, "There is no such page"))
}

// refusalWords are the title and the text of a refusal. No detail is shown, as those are for programs.
func (v *visit) refusalWords(e *authn.Error, user string) (title, text string) {
	name := "refusal_other"
	switch e.Code {
	case authn.CodeForbidden:
		name = "refusal_forbidden"
		if user != "" {
			name = "refusal_not_yours"
		}
	case authn.CodeNoCredentials, authn.CodeInvalidCredentials:
		name = "refusal_forbidden"
	case authn.CodeNoRoute, authn.CodeNotFound:
		name = "refusal_nothing"
	case authn.CodeUpstreamDown, authn.CodeUpstreamSlow:
		name = "refusal_upstream"
	case authn.CodeOriginRefused:
		name = "refusal_origin"
	case authn.CodeRateLimited, authn.CodeUnavailable, authn.CodeOverloaded, authn.CodeInternal:
		return v.t("error.title"), v.reason(e)
	}
	return v.t(name + ".title"), v.t(name+".text", "Name", user)
}
