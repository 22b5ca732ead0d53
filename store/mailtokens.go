package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// #nosec G101 -- names of columns
const mailTokenColumns = `hash, kind, user_id, email, email_key, username, roles, created_at, expires_at`

// scanMailToken returns authn.ErrTokenNotFound if there is no row.
func scanMailToken(row interface{ Scan(...any) error }) (t authn.MailToken, err error) {
	var user uuid.NullUUID
	var roles string
	var created, expires int64
	err = row.Scan(&t.Hash, &t.Kind, &user, &t.Email, &t.EmailKey, &t.Username, &roles, &created, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return authn.MailToken{}, authn.ErrTokenNotFound
	} else if err != nil {
		return authn.MailToken{}, err
	}
	t.UserID, t.CreatedAt, t.ExpiresAt = user.UUID, fromMicros(created), fromMicros(expires)
	t.Roles, err = decodeRoles(roles)
	return t, err
}

// living is the condition of a token that can be spent.
const living = `hash = $1 AND kind = $2 AND expires_at > $3`

// MailToken returns a token that lives.
func (s *Store) MailToken(ctx context.Context, kind authn.MailKind, hash []byte, now time.Time) (t authn.MailToken, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		t, err = scanMailToken(q.QueryRowContext(ctx, `SELECT `+mailTokenColumns+` FROM mail_tokens WHERE `+living,
			hash, string(kind), micros(now)))
		return err
	})
	return t, err
}

// spendMailToken removes a token that lives and returns it. Whoever comes second finds none.
func spendMailToken(ctx context.Context, q querier, kind authn.MailKind, hash []byte, now time.Time) (authn.MailToken, error) {
	return scanMailToken(q.QueryRowContext(ctx, `DELETE FROM mail_tokens WHERE `+living+` RETURNING `+mailTokenColumns,
		hash, string(kind), micros(now)))
}

// insertMailToken keeps a token, in place of those that it makes useless.
func insertMailToken(ctx context.Context, q querier, t authn.MailToken, isDecoy bool) error {
	roles, err := encodeRoles(t.Roles)
	if err != nil {
		return err
	}
	kind, user := string(t.Kind), any(t.UserID.String())
	switch {
	case isDecoy:
		kind, user = decoy, nil
	case t.UserID == uuid.Nil:
		user = nil
		if err := killMailTokens(ctx, q, `kind = $1 AND email_key = $2`, kind, t.EmailKey); err != nil {
			return err
		}
	case t.Kind == authn.MailEmailChange: // who mistyped an address and tries again must not be surprised by the first one
		if err := killMailTokens(ctx, q, `kind = $1 AND user_id = $2`, kind, user); err != nil {
			return err
		}
	}
	_, err = q.ExecContext(ctx, `INSERT INTO mail_tokens (`+mailTokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		t.Hash, kind, user, t.Email, t.EmailKey, t.Username, roles, micros(t.CreatedAt), micros(t.ExpiresAt))
	return err
}

// killMailTokens removes tokens, with the mails that carry them and wait.
func killMailTokens(ctx context.Context, q querier, condition string, args ...any) error {
	_, err := q.ExecContext(ctx, `DELETE FROM mail_tokens WHERE `+condition, args...)
	return err
}

// outdateMail kills the tokens of a user that a change makes dangerous, before the mails of the change are kept. That a hash is
// renewed at a login changes no password: it ends no session.
func outdateMail(ctx context.Context, q querier, old authn.User, c authn.UserChange) error {
	switch {
	case c.EmailKey != nil && *c.EmailKey != old.EmailKey:
		return killMailTokens(ctx, q, `user_id = $1`, old.ID.String())
	case c.PasswordHash != nil && c.EndSessions:
		return killMailTokens(ctx, q, `user_id = $1 AND kind IN ('password_reset', 'email_change')`, old.ID.String())
	}
	return nil
}

// RegisterUser adds u as it stands, with mails.
func (s *Store) RegisterUser(ctx context.Context, u authn.User, act authn.Act, posts []authn.Posting) error {
	if err := errors.Join(checkUser(u), checkPosts(posts)); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.insertUser(ctx, q, u, act); err != nil {
			return err
		}
		return post(ctx, q, posts)
	})
}

// UpdateUserByToken spends a token of a user and applies c to that user, whose row is locked first.
func (s *Store) UpdateUserByToken(
	ctx context.Context, kind authn.MailKind, hash []byte, c authn.UserChange,
) (u authn.User, err error) {
	if err := checkChange(c); err != nil {
		return authn.User{}, err
	}
	found, err := s.MailToken(ctx, kind, hash, c.Act.At)
	if err != nil {
		return authn.User{}, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		heeds(q)
		old, err := s.lockUser(ctx, q, found.UserID)
		if err != nil {
			return err
		}
		if !old.Active {
			return authn.ErrTokenNotFound
		}
		token, err := spendMailToken(ctx, q, kind, hash, c.Act.At)
		if err != nil {
			return err
		}
		if kind != authn.MailEmailChange && token.EmailKey != old.EmailKey { // a replica of the version before kills no tokens
			return authn.ErrTokenNotFound
		}
		if err := killMailTokens(ctx, q, `user_id = $1 AND kind = $2`, old.ID.String(), string(kind)); err != nil {
			return err
		}
		change := c
		if kind == authn.MailEmailChange {
			change.Email, change.EmailKey = &token.Email, &token.EmailKey
		}
		u, err = s.changeLocked(ctx, q, old, change)
		return err
	})
	if err != nil {
		return authn.User{}, err
	}
	return u, nil
}

// CreateUserByToken spends an invitation and adds u. A user who cannot be added leaves the invitation as it was.
func (s *Store) CreateUserByToken(ctx context.Context, hash []byte, u authn.User, act authn.Act) error {
	if err := checkUser(u); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if _, err := spendMailToken(ctx, q, authn.MailInvitation, hash, act.At); err != nil {
			return err
		}
		return s.insertUser(ctx, q, u, act)
	})
}
