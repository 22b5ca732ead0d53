package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

const tokenColumns = `t.id, t.jti, t.kind, t.user_id, t.session_id, t.hash, t.created_at, t.expires_at, t.invalidated_at,
	t.client_address, t.user_agent`

// tokenRow is where a row of tokenColumns is scanned to.
type tokenRow struct {
	token            authn.Token
	kind             string
	created, expires int64
	invalidated      sql.NullInt64
}

func (r *tokenRow) targets() []any {
	t := &r.token
	return []any{&t.ID, &t.JTI, &r.kind, &t.UserID, &t.SessionID, &t.Hash, &r.created, &r.expires, &r.invalidated,
		&t.ClientAddress, &t.UserAgent}
}

func (r *tokenRow) value() authn.Token {
	t := r.token
	t.Kind = authn.TokenKind(r.kind)
	t.CreatedAt, t.ExpiresAt = fromMicros(r.created), fromMicros(r.expires)
	t.InvalidatedAt = fromNullMicros(r.invalidated)
	return t
}

// spent reports whether the token is invalidated or expired at now.
func (r *tokenRow) spent(now time.Time) bool { return r.invalidated.Valid || r.expires <= micros(now) }

// is reports whether the row is the token of this kind and hash.
func (r *tokenRow) is(kind authn.TokenKind, hash []byte) bool {
	return r.kind == string(kind) && subtle.ConstantTimeCompare(r.token.Hash, hash) == 1
}

// checkPair refuses what cannot be kept, and a pair that is none: a mistake of the caller.
func checkPair(access, refresh authn.Token) error {
	if access.Kind != authn.AccessToken || refresh.Kind != authn.RefreshToken ||
		access.UserID != refresh.UserID || access.SessionID != refresh.SessionID {
		return errors.New("store: an access and a refresh token of one user and one session belong together")
	}
	for _, t := range []authn.Token{access, refresh} {
		if err := checkTexts(text{"jti", t.JTI, keyLimit}, text{"client address", t.ClientAddress, keyLimit},
			text{"user agent", t.UserAgent, longLimit}); err != nil {
			return err
		}
	}
	return nil
}

// IssueTokens keeps the tokens of a new login.
func (s *Store) IssueTokens(ctx context.Context, access, refresh authn.Token, passwordHash string, at time.Time) error {
	if err := checkPair(access, refresh); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		u, err := s.lockUser(ctx, q, access.UserID)
		switch {
		case err != nil:
			return err
		case !u.Active:
			return authn.ErrUserInactive
		case u.PasswordHash != passwordHash:
			return authn.ErrStale
		}
		if err := insertTokens(ctx, q, access, refresh); err != nil {
			return err
		}
		_, err = q.ExecContext(ctx, `UPDATE users SET last_login = $2 WHERE id = $1`, u.ID.String(), micros(at))
		return err
	})
}

func insertTokens(ctx context.Context, q querier, tokens ...authn.Token) error {
	for _, t := range tokens {
		_, err := q.ExecContext(ctx, `INSERT INTO tokens (id, jti, kind, user_id, session_id, hash, created_at, expires_at,
				invalidated_at, client_address, user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t.ID.String(), t.JTI, string(t.Kind), t.UserID.String(), t.SessionID.String(), t.Hash, micros(t.CreatedAt),
			micros(t.ExpiresAt), nullMicros(t.InvalidatedAt), t.ClientAddress, t.UserAgent)
		if err != nil {
			return fmt.Errorf("keeping a token: %w", err)
		}
	}
	return nil
}

// RotateRefresh spends a refresh token. That the user is disabled is said before that the token is spent: disabling a user
// usually spends the tokens too, and the former is the reason.
func (s *Store) RotateRefresh(ctx context.Context, jti string, hash []byte, access, refresh authn.Token, now time.Time) error {
	if err := checkPair(access, refresh); err != nil {
		return err
	}
	if !storable(jti) {
		return authn.ErrTokenNotFound
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		u, userErr := s.lockUser(ctx, q, refresh.UserID)
		if userErr != nil && !errors.Is(userErr, authn.ErrUserNotFound) {
			return userErr
		}
		row, err := selectToken(ctx, q, jti)
		switch {
		case errors.Is(err, authn.ErrTokenNotFound) && userErr != nil:
			return userErr // the token went with its user
		case err != nil:
			return err
		case !row.is(authn.RefreshToken, hash) || row.token.UserID != refresh.UserID ||
			row.token.SessionID != refresh.SessionID:
			return authn.ErrTokenNotFound
		case !u.Active:
			return authn.ErrUserInactive
		case row.spent(now):
			return authn.ErrTokenSpent
		}
		// The user's lock makes this the only rotation; the condition holds even if somebody else writes to the table.
		n, err := affected(q.ExecContext(ctx,
			`UPDATE tokens SET invalidated_at = $2 WHERE id = $1 AND invalidated_at IS NULL`, row.token.ID.String(), micros(now)))
		switch {
		case err != nil:
			return err
		case n != 1:
			return authn.ErrTokenSpent
		}
		return insertTokens(ctx, q, access, refresh)
	})
}

func selectToken(ctx context.Context, q querier, jti string) (row tokenRow, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens t WHERE t.jti = $1`, jti).Scan(row.targets()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = authn.ErrTokenNotFound
	}
	return row, err
}

// TokenOwner returns the user of a live token, by one query.
func (s *Store) TokenOwner(
	ctx context.Context, kind authn.TokenKind, jti string, hash []byte, now time.Time,
) (u authn.User, t authn.Token, err error) {
	if !storable(jti) {
		return authn.User{}, authn.Token{}, authn.ErrTokenNotFound
	}
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		var user userRow
		var token tokenRow
		err := q.QueryRowContext(ctx, `SELECT `+userColumns+`, `+tokenColumns+`
			FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.jti = $1`, jti).
			Scan(append(user.targets(), token.targets()...)...)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && !token.is(kind, hash):
			return authn.ErrTokenNotFound
		case err != nil:
			return err
		case !user.user.Active:
			return authn.ErrUserInactive
		case token.spent(now):
			return authn.ErrTokenSpent
		}
		t = token.value()
		u, err = user.value()
		return err
	})
	if err != nil {
		return authn.User{}, authn.Token{}, err
	}
	return u, t, nil
}

// InvalidateTokens ends every living token of the user.
func (s *Store) InvalidateTokens(ctx context.Context, userID uuid.UUID, now time.Time) (ended int, err error) {
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		ended = 0
		if _, err := s.lockUser(ctx, q, userID); errors.Is(err, authn.ErrUserNotFound) {
			return nil // and so there are no tokens
		} else if err != nil {
			return err
		}
		ended, err = endSessions(ctx, q, userID, uuid.Nil, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

// endSessions invalidates the user's tokens but for those of the session keep (uuid.Nil: all) and reports how many of them
// were living. The user's row is locked. Tokens that look expired are invalidated too and not counted: on a replica whose
// clock is behind they may still live.
func endSessions(ctx context.Context, q querier, userID, keep uuid.UUID, now time.Time) (int, error) {
	statement := `UPDATE tokens SET invalidated_at = $2 WHERE user_id = $1 AND invalidated_at IS NULL`
	args := []any{userID.String(), micros(now)}
	if keep != uuid.Nil {
		statement += ` AND session_id <> $3`
		args = append(args, keep.String())
	}
	rows, err := q.QueryContext(ctx, statement+` RETURNING expires_at`, args...)
	if err != nil {
		return 0, err
	}
	living := 0
	_, err = collect(rows, func(rows *sql.Rows) (struct{}, error) {
		var expires int64
		err := rows.Scan(&expires)
		if expires > micros(now) {
			living++
		}
		return struct{}{}, err
	})
	return living, err
}

// PurgeTokens removes expired tokens, in transactions of at most purgeBatch so that nobody waits long for one. On an error
// it reports what was removed before.
func (s *Store) PurgeTokens(ctx context.Context, before time.Time) (int, error) {
	return s.purge(ctx, `DELETE FROM tokens WHERE id IN (
		SELECT id FROM tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2`+s.engine.skipLocked+`)`, micros(before))
}
