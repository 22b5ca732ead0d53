package authn

import (
	"context"
	"errors"
)

// mailRegistration keeps somebody who has registered, with the mail by which they verify their address where that is needed.
func (a *Accounts) mailRegistration(ctx context.Context, user User, act Act) error {
	if a.cfg.Mails == nil || user.Verified || !a.cfg.Logins.cfg.RequireVerification {
		return a.cfg.Store.CreateUser(ctx, user, act)
	}
	p, err := a.cfg.Mails.toUser(ctx, MailVerification, user)
	if err != nil {
		return err
	}
	posts := []Posting{p}
	if err := a.cfg.Mails.cfg.Store.RegisterUser(ctx, user, act, posts); err != nil {
		return err
	}
	a.wakeOutbox(posts)
	return nil
}

// wakeOutbox has what was posted sent soon, now that it is committed.
func (a *Accounts) wakeOutbox(posts []Posting) {
	if len(posts) > 0 {
		a.cfg.Mails.wake()
	}
}

// ConfirmsEmail reports whether a new address of the caller's counts only when it is confirmed. An administrator's does at once.
func (a *Accounts) ConfirmsEmail(caller *Identity) bool {
	return a.cfg.Mails != nil && a.cfg.Mails.cfg.ConfirmEmail && !caller.Admin
}

// mailUpdate adds to a change what people are mailed about it, and takes an address that is to be confirmed first out of it.
func (a *Accounts) mailUpdate(ctx context.Context, change *UserChange, caller *Identity, user User, from Client) error {
	m := a.cfg.Mails
	if m == nil {
		return nil
	}
	var letters letters
	moves := change.EmailKey != nil && *change.EmailKey != user.EmailKey
	switch {
	case moves && a.ConfirmsEmail(caller):
		if err := a.mailConfirmation(ctx, change, user, from, &letters); err != nil {
			return err
		}
	case moves:
		letters.add(m.notice(ctx, Mail{Kind: MailEmailChanged, To: user.Email, Username: user.Username, NewEmail: *change.Email}))
		if a.cfg.Logins.cfg.RequireVerification && (change.Verified == nil || !*change.Verified) {
			moved := user
			moved.Email, moved.EmailKey = *change.Email, *change.EmailKey
			letters.add(m.toUser(ctx, MailVerification, moved))
		}
	}
	if change.PasswordHash != nil {
		letters.add(m.notice(ctx, Mail{Kind: MailPasswordChanged, To: user.Email, Username: user.Username}))
	}
	change.Posts = letters.posts
	return letters.err
}

// mailConfirmation mails the new address a token and tells the old one, instead of the change.
func (a *Accounts) mailConfirmation(ctx context.Context, change *UserChange, user User, from Client, l *letters) error {
	m, email, key := a.cfg.Mails, *change.Email, *change.EmailKey
	change.Email, change.EmailKey, change.Verified = nil, nil, nil
	if err := m.spend(ctx, from, MailEmailChange, key); err != nil { // anybody's address can be given here
		return err
	}
	if _, err := a.cfg.Store.UserByEmailKey(ctx, key); !errors.Is(err, ErrUserNotFound) {
		return taken(err, RefuseField("email", "Email already registered"))
	}
	l.add(m.withToken(ctx, MailToken{Kind: MailEmailChange, UserID: user.ID, Email: email, EmailKey: key}, user.Username))
	change.Events = append(change.Events, change.Act.Event(EventEmailChangeRequested, user.ID))
	l.add(m.notice(ctx, Mail{Kind: MailEmailChanging, To: user.Email, Username: user.Username, NewEmail: email}))
	return nil
}

// letters collects what one act mails, and the first error.
type letters struct {
	posts []Posting
	err   error
}

func (l *letters) add(p Posting, err error) {
	l.posts = append(l.posts, p)
	l.err = errors.Join(l.err, err)
}
