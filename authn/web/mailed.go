package web

import (
	"strings"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// mailPages are those that the links in mails open. Each asks for what is needed beside the token.
func (p *Pages) mailPages() []page {
	token := field{name: "token", hint: "hint.token"}
	username := field{name: "username", hint: "hint.invited_username", autocomplete: "username", optional: true}
	withPassword := func(first ...field) []field { return append(first, passwordTwice()...) }
	return []page{
		{path: authn.MailVerification.Page(), who: anyone, name: "verify", fields: []field{token}, act: (*visit).verify, renew: renewal{resendPath, "code.renew"}},
		{path: authn.MailEmailChange.Page(), who: anyone, name: "confirm_email", fields: []field{token}, act: (*visit).confirmEmail, renew: renewal{accountPath, "code.renew_email"}},
		{path: authn.MailPasswordReset.Page(), who: anyone, name: "reset", fields: withPassword(token), act: (*visit).resetPassword, renew: renewal{forgotPath, "code.renew"}},
		{path: authn.MailInvitation.Page(), who: anyone, name: "invitation", fields: withPassword(token, username), act: (*visit).acceptInvitation, renew: renewal{word: "code.renew_invitation"}},
	}
}

// needsCode reports whether the page takes the token of a mail.
func (pg *page) needsCode() bool { return len(pg.fields) > 0 && pg.fields[0].name == "token" }

func (v *visit) verify() error {
	if _, err := v.cfg.Accounts.VerifyByToken(v.r.Context(), uuid.Nil, pasted(v.sent), v.client()); err != nil {
		return err
	}
	v.tell("verified", v.toSignIn())
	return nil
}

func (v *visit) confirmEmail() error {
	if _, err := v.cfg.Accounts.ConfirmEmail(v.r.Context(), pasted(v.sent), v.client()); err != nil {
		return err
	}
	v.tell("email_confirmed")
	return nil
}

func (v *visit) resetPassword() error {
	if err := v.sent.checkPasswords(); err != nil {
		return err
	}
	if err := v.cfg.Accounts.ResetPassword(v.r.Context(), pasted(v.sent), v.sent["password"], v.client()); err != nil {
		return err
	}
	v.tell("password_reset", v.toSignIn())
	return nil
}

func (v *visit) acceptInvitation() error {
	if err := v.sent.checkPasswords(); err != nil {
		return err
	}
	if _, err := v.cfg.Accounts.AcceptInvitation(v.r.Context(), pasted(v.sent), v.sent["username"], v.sent["password"], v.client()); err != nil {
		return err
	}
	v.tell("invited", v.toSignIn())
	return nil
}

// pasted is the token that was sent, which somebody may have pasted: with space around it, or with the whole link.
func pasted(f form) string {
	text := strings.TrimSpace(f["token"])
	f["token"] = text[strings.LastIndexByte(text, '#')+1:] // as it comes back
	return f["token"]
}
