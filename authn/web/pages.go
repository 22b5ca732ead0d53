package web

import (
	"context"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// A page asks for what is needed beside the token, and does what the mail was about.
type page struct {
	title, text, button string
	fields              []field
	done                outcome
	act                 func(ctx context.Context, a *authn.Accounts, f form, from authn.Client) error
}

// outcome is what is said when it is done.
type outcome struct{ title, text string }

// field is an input of a form. Its name is that of the member in the JSON endpoint that does the same.
type field struct {
	name, label, hint  string
	kind, autocomplete string
	optional, echoed   bool
}

// form holds what was sent, by the names of the fields.
type form map[string]string

func token() field {
	return field{name: "token", label: "Code", hint: "It stands in the mail, below the link.", kind: "text", autocomplete: "off", echoed: true}
}

// passwordTwice are the fields for a new password, which nobody sees while typing it.
func passwordTwice() []field {
	return []field{
		{name: "password", label: "New password", kind: "password", autocomplete: "new-password"},
		{name: "again", label: "The same again", kind: "password", autocomplete: "new-password"},
	}
}

// table lists every page.
func table() map[authn.MailKind]page {
	return map[authn.MailKind]page{
		authn.MailVerification: {
			title: "Confirm your email address", text: "Press the button to confirm that the address is yours.",
			button: "Confirm the address", fields: []field{token()},
			done: outcome{"Your email address is confirmed", "You can sign in now."},
			act: func(ctx context.Context, a *authn.Accounts, f form, from authn.Client) error {
				_, err := a.VerifyByToken(ctx, uuid.Nil, f["token"], from)
				return err
			},
		},
		authn.MailEmailChange: {
			title: "Confirm your new email address", text: "Press the button to make this address that of your account.",
			button: "Confirm the address", fields: []field{token()},
			done: outcome{"Your email address is changed", "From now on mail goes to the new address."},
			act: func(ctx context.Context, a *authn.Accounts, f form, from authn.Client) error {
				_, err := a.ConfirmEmail(ctx, f["token"], from)
				return err
			},
		},
		authn.MailPasswordReset: {
			title: "Choose a new password", text: "Wherever you are signed in, you will have to sign in again.",
			button: "Set the password", fields: append([]field{token()}, passwordTwice()...),
			done: outcome{"Your password is changed", "You can sign in with it now."},
			act: func(ctx context.Context, a *authn.Accounts, f form, from authn.Client) error {
				if err := f.checkPasswords(); err != nil {
					return err
				}
				return a.ResetPassword(ctx, f["token"], f["password"], from)
			},
		},
		authn.MailInvitation: {
			title: "Make your account", text: "Choose how you want to sign in.", button: "Make the account",
			fields: append([]field{token(), {
				name: "username", label: "Username", hint: "May be left empty if the mail names one.",
				kind: "text", autocomplete: "username", optional: true, echoed: true,
			}}, passwordTwice()...),
			done: outcome{"Your account is made", "You can sign in now."},
			act: func(ctx context.Context, a *authn.Accounts, f form, from authn.Client) error {
				if err := f.checkPasswords(); err != nil {
					return err
				}
				_, err := a.AcceptInvitation(ctx, f["token"], f["username"], f["password"], from)
				return err
			},
		},
	}
}

// checkPasswords refuses a password that was not typed twice the same.
func (f form) checkPasswords() error {
	if f["password"] != f["again"] {
		return authn.RefuseField("again", "The two passwords are not the same")
	}
	return nil
}
