package web

import (
	"net/url"

	"github.com/descoped/authly/authn"
)

// onward is the address of another page, to which the address to go back to comes along: if it is one that anybody is sent to. said is
// what is to be said there, see visit.goTo.
func (v *visit) onward(path, said string) string {
	query := url.Values{}
	if back, _ := v.back(); back != "" {
		query = returning(back)
	}
	if said != "" {
		query.Set("said", said)
	}
	if len(query) == 0 {
		return v.path(path)
	}
	return v.path(path) + "?" + query.Encode()
}

// returning is the query of a page by which people come back to an address.
func returning(address string) url.Values { return url.Values{"return": {address}} }

// goOnward is goTo that takes along where people wanted to go.
func (v *visit) goOnward(path, said string) { v.redirect(v.cfg.PublicURL + v.onward(path, said)) }

func (v *visit) toSignIn() link {
	return link{Text: v.t("signin.title"), Href: v.onward(SignInPath, "")}
}

// renewal is how people get another code, when that of their mail is no good any more: at a page, whose link has the word for its text, or
// else by what the word says.
type renewal struct{ path, word string }

// help is what who reads an error can do about it; nil: what it says.
func (v *visit) help(e *authn.Error) *link {
	renew := v.page.renew
	switch {
	case e.Code == authn.CodeAccountUnverified:
		renew = renewal{resendPath, "resend.link"}
	case e.Field != "token" || !v.page.needsCode():
		return nil
	}
	help := &link{Text: v.t(renew.word)}
	if renew.path != "" {
		help.Href = v.onward(renew.path, "")
	}
	return help
}
