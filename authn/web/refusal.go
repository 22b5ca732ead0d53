package web

import (
	"net/http"

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
	e, exchange := authn.Fault(err), headers.ExchangeOf(r.Context())
	v := &visit{Pages: p, w: w, r: r, page: &page{name: "refusal", who: anyone}, tongue: p.languages.of(r.Header)}
	shown := refusalView{Status: status, Code: e.Code, ID: exchange.ID, SignIn: p.cfg.PublicURL + v.path(SignInPath)}
	v.title, shown.Text = v.refusalWords(e, exchange.User)
	if address, _, ok := p.cfg.Accept(exchange.Origin.Scheme + "://" + r.Host + r.RequestURI); ok && isRead(r) {
		shown.SignIn = p.cfg.PublicURL + v.path(SignInPath) + "?" + returning(address).Encode()
		if status >= http.StatusInternalServerError {
			shown.Again = address
		}
	}
	if exchange.User != "" {
		shown.Home = p.cfg.PublicURL + v.path(accountPath)
	}
	v.draw(status, "refusal", shown)
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
