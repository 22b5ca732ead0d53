package authn

import (
	"context"
	"errors"
	"time"
)

// MailKind says what a mail is about. Each has its own words, and those with a token their own page and their own lifetime.
type MailKind string

// The kinds of mails. The first four carry a token; the others tell of something that has happened.
const (
	MailVerification  MailKind = "verification"   // of the address that somebody has registered with
	MailEmailChange   MailKind = "email_change"   // to the new address: confirm it
	MailPasswordReset MailKind = "password_reset" // to whoever has forgotten their password
	MailInvitation    MailKind = "invitation"     // to whom an administrator wants to have an account

	MailEmailChanging   MailKind = "email_changing"   // to the old address: somebody wants to change it
	MailEmailChanged    MailKind = "email_changed"    // to the old address: it was changed
	MailPasswordChanged MailKind = "password_changed" // the password was changed or reset
	MailNewSignIn       MailKind = "new_sign_in"      // a sign-in from a place that the account was not seen at before
)

// MailKinds lists every kind.
func MailKinds() []MailKind {
	return []MailKind{
		MailVerification, MailEmailChange, MailPasswordReset, MailInvitation,
		MailEmailChanging, MailEmailChanged, MailPasswordChanged, MailNewSignIn,
	}
}

// HasToken reports whether mails of the kind carry a token.
func (k MailKind) HasToken() bool {
	switch k {
	case MailVerification, MailEmailChange, MailPasswordReset, MailInvitation:
		return true
	}
	return false
}

// Mail is what one person is told: values, not words. Those are found by whoever sends it, in the templates that this replica
// has, when it is sent.
type Mail struct {
	ID        string    `json:"-"` // the same however often it is sent
	Kind      MailKind  `json:"-"`
	To        string    `json:"-"`
	CreatedAt time.Time `json:"-"`
	ExpiresAt time.Time `json:"-"` // of the token; of a mail without one: when it is of no interest any more

	Username string       `json:"username,omitempty"`  // whose account it is about; of an invitation: what is proposed, or empty
	Token    string       `json:"token,omitempty"`     // a secret: it is in nothing but the mail
	NewEmail string       `json:"new_email,omitempty"` // the address that is to be, or now is, the account's
	SignIn   SignInNotice `json:"sign_in,omitzero"`    // of MailNewSignIn
}

// MailSender gives a mail to a mail server, or to whatever stands in for one.
type MailSender interface {
	// Send returns when the mail server has taken the mail, or has not. ErrMailRefused if it would not take it the next time
	// either; any other error is worth another try. The error holds neither the mail's words nor its token.
	Send(ctx context.Context, m Mail) error
}

// ErrMailRefused is the answer of a mail server that will not take a mail: the address does not exist, or it does not like
// the contents.
var ErrMailRefused = errors.New("the mail server refuses the mail")

// Page is where the token of a mail of the kind is shown to, below the start of Authly's own endpoints; empty for kinds without
// one. The token stands behind it in the link's fragment, which no browser sends to anybody: no server and no proxy can log it,
// and opening the link changes nothing.
func (k MailKind) Page() string {
	switch k {
	case MailVerification:
		return "/auth/mail/verify"
	case MailEmailChange:
		return "/auth/mail/email"
	case MailPasswordReset:
		return "/auth/mail/reset"
	case MailInvitation:
		return "/auth/mail/invitation"
	}
	return ""
}
