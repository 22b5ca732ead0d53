package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/descoped/authly/authn"
)

// #nosec G101 -- names of columns
const tokenColumns = `t.id, t.jti, t.kind, t.user_id, t.session_id, t.hash, t.created_at, t.expires_at, t.invalidated_at,
	t.client_address, t.user_agent, t.companion, t.successor, t.rotated_by, t.key_id, t.claims`

// tokenRow is where a row of tokenColumns is scanned to.
type tokenRow struct {
	token            authn.Token
	kind             string
	created, expires int64
	invalidated      sql.NullInt64

	companion, successor, rotatedBy sql.NullString
}

func (r *tokenRow) targets() []any {
	t := &r.token
	return []any{&t.ID, &t.JTI, &r.kind, &t.UserID, &t.SessionID, &t.Hash, &r.created, &r.expires, &r.invalidated,
		&t.ClientAddress, &t.UserAgent, &r.companion, &r.successor, &r.rotatedBy, &t.KeyID, &t.Claims}
}

func (r *tokenRow) value() authn.Token {
	t := r.token
	t.Kind = authn.TokenKind(r.kind)
	t.CreatedAt, t.ExpiresAt = fromMicros(r.created), fromMicros(r.expires)
	t.InvalidatedAt = fromNullMicros(r.invalidated)
	t.Successor = r.successor.String
	return t
}

func (r *tokenRow) expired(now time.Time) bool { return r.expires <= micros(now) }

// spent reports whether the token is invalidated or expired at now.
func (r *tokenRow) spent(now time.Time) bool { return r.invalidated.Valid || r.expired(now) }

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
			text{"user agent", t.UserAgent, longLimit}, text{"key id", t.KeyID, keyLimit}); err != nil {
			return err
		}
	}
	return nil
}

// insertPair keeps an access and a refresh token that were issued together, and returns them as they are kept.
// authn.ErrKeyRevoked if one of them would be dead at once.
func insertPair(ctx context.Context, q querier, access, refresh authn.Token) (keptAccess, keptRefresh authn.Token, err error) {
	switch dead, err := anyKeyDead(ctx, q, access, refresh); {
	case err != nil:
		return access, refresh, err
	case dead:
		return access, refresh, authn.ErrKeyRevoked
	}
	if err := insertToken(ctx, q, access, ""); err != nil {
		return authn.Token{}, authn.Token{}, err
	}
	return keptToken(access), keptToken(refresh), insertToken(ctx, q, refresh, access.JTI)
}

func insertToken(ctx context.Context, q querier, t authn.Token, companion string) error {
	_, err := q.ExecContext(ctx, `INSERT INTO tokens (id, jti, kind, user_id, session_id, hash, created_at, expires_at,
			invalidated_at, client_address, user_agent, companion, key_id, claims)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		t.ID.String(), t.JTI, string(t.Kind), t.UserID.String(), t.SessionID.String(), t.Hash, micros(t.CreatedAt),
		micros(t.ExpiresAt), nullMicros(t.InvalidatedAt), t.ClientAddress, t.UserAgent, nullText(companion), t.KeyID,
		nullBytes(t.Claims))
	if err != nil {
		return fmt.Errorf("keeping a token: %w", err)
	}
	return nil
}

// keptToken returns a new token as it will be read back.
func keptToken(t authn.Token) authn.Token {
	t.CreatedAt, t.ExpiresAt = fromMicros(micros(t.CreatedAt)), fromMicros(micros(t.ExpiresAt))
	if !t.InvalidatedAt.IsZero() {
		t.InvalidatedAt = fromMicros(micros(t.InvalidatedAt))
	}
	t.Successor, t.KeyKept = "", false
	return t
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
		var revoked bool
		err := q.QueryRowContext(ctx, `SELECT `+userColumns+`, `+tokenColumns+`,
				EXISTS (SELECT 1 FROM keys k WHERE k.id = t.key_id AND k.revoked_at IS NOT NULL)
			FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.jti = $1`, jti).
			Scan(append(append(user.targets(), token.targets()...), &revoked)...)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && !token.is(kind, hash):
			return authn.ErrTokenNotFound
		case err != nil:
			return err
		case !user.user.Active:
			return authn.ErrUserInactive
		case token.spent(now) || revoked:
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

// EndToken invalidates one access token.
func (s *Store) EndToken(ctx context.Context, jti string, act authn.Act) error {
	if !storable(jti) {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		heeds(q)
		row, err := selectToken(ctx, q, jti)
		if errors.Is(err, authn.ErrTokenNotFound) || err == nil && row.kind != string(authn.AccessToken) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := s.lockUser(ctx, q, row.token.UserID); errors.Is(err, authn.ErrUserNotFound) {
			return nil // and the token went with the user
		} else if err != nil {
			return err
		}
		n, err := affected(q.ExecContext(ctx,
			`UPDATE tokens SET invalidated_at = $2 WHERE id = $1 AND invalidated_at IS NULL`, row.token.ID.String(), micros(act.At)))
		if err != nil || n == 0 {
			return err
		}
		if err := s.record(ctx, q, act.Event(authn.EventTokenRevoked, row.token.UserID).OfSession(row.token.SessionID)); err != nil {
			return err
		}
		return s.announce(ctx, q, authn.Change{Kind: authn.TokenEnded, JTI: jti, At: act.At})
	})
}

// invalidate ends the valid tokens that the condition names, whose parameters begin with $2, and reports how many of them
// were living. The user's row is locked. Tokens that look expired are invalidated too and not counted: on a replica whose
// clock is behind they may still live.
func invalidate(ctx context.Context, q querier, now time.Time, condition string, args ...any) (int, error) {
	rows, err := q.QueryContext(ctx, `UPDATE tokens SET invalidated_at = $1
		WHERE invalidated_at IS NULL AND `+condition+` RETURNING expires_at`, append([]any{micros(now)}, args...)...)
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
