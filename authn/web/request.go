package web

import (
	"context"
	"strings"

	"github.com/descoped/authly/authn"
)

// Where people ask for what they cannot have at once, below the prefix.
const (
	forgotPath   = "/auth/forgot"
	resendPath   = "/auth/resend"
	registerPath = "/auth/register"
	sentPath     = "/auth/sent/"
)

// What was mailed, as the page that says so is called.
const (
	sentReset        = "reset"
	sentVerification = "verification"
	sentRegistration = "registration"
)

// requestPages are those to ask for an account, and for mails.
func (p *Pages) requestPages() []page {
	email := []field{{name: "email", kind: "email", autocomplete: "email"}}
	account := append([]field{
		{name: "username", hint: "hint.username", autocomplete: "username"}, {name: "email", kind: "email", autocomplete: "email"},
	}, passwordTwice()...)
	account[2].label = "field.password"
	return []page{
		{path: forgotPath, who: anyone, name: "forgot", fields: email, act: (*visit).forgot},
		{path: resendPath, who: anyone, name: "resend", fields: email, act: (*visit).resend},
		{path: registerPath, who: anyone, name: "register", fields: account, show: (*visit).showRegister, act: (*visit).register},
		{path: sentPath + "{what}", who: anyone, name: "sent", show: (*visit).showSent},
	}
}

func (v *visit) forgot() error { return v.ask(v.cfg.Accounts.RequestPasswordReset, sentReset) }

func (v *visit) resend() error { return v.ask(v.cfg.Accounts.ResendVerification, sentVerification) }

// ask has something mailed to an address. Whether it was, neither the answer tells nor its time.
func (v *visit) ask(act func(context.Context, string, authn.Client) error, sent string) error {
	v.sent["email"] = strings.TrimSpace(v.sent["email"])
	if err := act(v.r.Context(), v.sent["email"], v.client()); err != nil {
		return err
	}
	v.goOnward(sentPath+sent, "")
	return nil
}

// showRegister shows whether anybody may register.
func (v *visit) showRegister() (any, error) {
	open := v.cfg.Accounts.Terms().Registration
	if !open && v.wrong == nil {
		v.title = v.t("register_closed.title")
	}
	return open, nil
}

// register makes an account. That a name or an address is taken is told, as whoever registers has to know: see "Signing in from a
// browser" in README.md.
func (v *visit) register() error {
	for _, name := range [...]string{"username", "email"} {
		v.sent[name] = strings.TrimSpace(v.sent[name])
	}
	if err := v.sent.checkPasswords(); err != nil {
		return err
	}
	wanted := authn.Registration{Username: v.sent["username"], Email: v.sent["email"], Password: v.sent["password"]}
	user, err := v.cfg.Accounts.Register(v.r.Context(), wanted, v.client())
	switch {
	case err != nil:
		return err
	case !user.Verified && v.cfg.Accounts.Terms().Verification:
		v.goOnward(sentPath+sentRegistration, "")
	default:
		v.goOnward(SignInPath, "registered")
	}
	return nil
}

// sentView says what was mailed, and what to do if it does not arrive.
type sentView struct {
	Text  string
	Again link
}

// showSent shows what was mailed. It knows neither to whom nor whether anything was.
func (v *visit) showSent() (any, error) {
	var shown sentView
	switch v.vars["what"] {
	case sentReset:
		shown.Text, shown.Again = v.t("sent_reset.text"), link{Text: v.t("sent.again"), Href: v.onward(forgotPath, "")}
	case sentVerification:
		shown.Text, shown.Again = v.t("sent_verification.text"), link{Text: v.t("sent.again"), Href: v.onward(resendPath, "")}
	case sentRegistration:
		shown.Text, shown.Again = v.t("sent_registration.text"), link{Text: v.t("sent.again"), Href: v.onward(resendPath, "")}
	default:
		return nil, authn.Refuse(authn.CodeNotFound, "There is no such page")
	}
	if v.cfg.MailsAreLogged {
		v.title, shown.Text = v.t("sent_log.title"), v.t("sent_log.text")
	}
	return shown, nil
}
