package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// cookiesPerDomain is how many cookies a session has of one domain at most. Several pages that are opened at once are each handed
// over, and what is on its way with the cookie of one must not be refused for that of the next.
const cookiesPerDomain = 8

// KeepHandover keeps a hand-over of a cookie that is there.
func (s *Store) KeepHandover(ctx context.Context, t authn.HandoverTicket) error {
	if err := checkTexts(text{"hand-over", t.Hash, keyLimit}, text{"cookie", t.Cookie, keyLimit}); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		n, err := affected(q.ExecContext(ctx, `INSERT INTO handovers (hash, cookie, expires_at)
			SELECT CAST($1 AS TEXT), c.hash, CAST($3 AS BIGINT) FROM cookies c WHERE c.hash = $2`+s.engine.forUpdate,
			t.Hash, t.Cookie, micros(t.ExpiresAt)))
		if err == nil && n == 0 {
			return authn.ErrTokenNotFound
		}
		return err
	})
}

// TakeHandover spends a hand-over. The user's row is locked first, as by whatever replaces cookies or ends sessions. A hand-over
// that is refused is spent too.
func (s *Store) TakeHandover(
	ctx context.Context, hash string, c authn.Cookie, policy authn.SessionPolicy,
) (session authn.Session, kept authn.Cookie, err error) {
	if !storable(hash) {
		return authn.Session{}, authn.Cookie{}, authn.ErrTokenSpent
	}
	if err := checkTexts(text{"cookie", c.Hash, keyLimit}, text{"domain", c.Domain, keyLimit}); err != nil {
		return authn.Session{}, authn.Cookie{}, err
	}
	var refusal error
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		heeds(q)
		kept, refusal = c, nil
		var active bool
		if session, kept.ExpiresAt, active, err = s.spendHandover(ctx, q, hash, c.CreatedAt); err != nil {
			return err
		}
		switch {
		case !active:
			refusal = authn.ErrUserInactive
		case !policy.Lives(session, c.CreatedAt) || !kept.ExpiresAt.After(c.CreatedAt):
			refusal = authn.ErrTokenSpent
		}
		if refusal != nil {
			return nil
		}
		kept.SessionID = session.ID
		if err := insertCookie(ctx, q, kept); err != nil {
			return err
		}
		return s.dropOldCookies(ctx, q, kept)
	})
	if err = errors.Join(err, refusal); err != nil {
		return authn.Session{}, authn.Cookie{}, err
	}
	return session, kept, nil
}

// spendHandover removes a hand-over that lives, and returns the session and the end of the cookie that it was issued for, and
// whether the user is active.
func (s *Store) spendHandover(
	ctx context.Context, q querier, hash string, now time.Time,
) (session authn.Session, cookieEnds time.Time, active bool, err error) {
	var user uuid.UUID
	err = q.QueryRowContext(ctx, `SELECT s.user_id FROM handovers h JOIN cookies c ON c.hash = h.cookie
		JOIN sessions s ON s.id = c.session_id WHERE h.hash = $1`, hash).Scan(&user)
	if err != nil {
		return session, cookieEnds, false, spent(err)
	}
	owner, err := s.lockUser(ctx, q, user)
	if err != nil {
		return session, cookieEnds, false, spent(err)
	}
	var cookie string
	err = q.QueryRowContext(ctx, `DELETE FROM handovers WHERE hash = $1 AND expires_at > $2 RETURNING cookie`, hash, micros(now)).Scan(&cookie)
	if err != nil {
		return session, cookieEnds, false, spent(err)
	}
	var row sessionRow
	var expires int64
	err = q.QueryRowContext(ctx, `SELECT `+sessionColumns+`, c.expires_at FROM cookies c JOIN sessions s ON s.id = c.session_id
		WHERE c.hash = $1`, cookie).Scan(append(row.targets(), &expires)...)
	if err != nil {
		return session, cookieEnds, false, spent(err)
	}
	return row.value(), fromMicros(expires), owner.Active, nil
}

// spent is the error for a hand-over that is not there, or no longer has anybody whom it was issued for.
func spent(err error) error {
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, authn.ErrUserNotFound) {
		return authn.ErrTokenSpent
	}
	return err
}

// dropOldCookies removes the cookies of a session and a domain but for the last ones.
func (s *Store) dropOldCookies(ctx context.Context, q querier, c authn.Cookie) error {
	old, err := texts(ctx, q, `DELETE FROM cookies WHERE session_id = $1 AND domain = $2 AND hash NOT IN (
			SELECT hash FROM cookies WHERE session_id = $1 AND domain = $2 ORDER BY created_at DESC, hash LIMIT $3
		) RETURNING hash`, c.SessionID.String(), c.Domain, cookiesPerDomain)
	if err != nil {
		return err
	}
	for _, gone := range old {
		if err := s.announce(ctx, q, authn.Change{Kind: authn.TokenEnded, JTI: gone, At: c.CreatedAt}); err != nil {
			return err
		}
	}
	return nil
}

// DropHandover removes a hand-over.
func (s *Store) DropHandover(ctx context.Context, hash string) error {
	if !storable(hash) {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, `DELETE FROM handovers WHERE hash = $1`, hash)
		return err
	})
}

// PurgeHandovers removes what nobody has taken in time.
func (s *Store) PurgeHandovers(ctx context.Context, before time.Time) (int, error) {
	return s.purge(ctx, `DELETE FROM handovers WHERE hash IN (
		SELECT hash FROM handovers WHERE expires_at < $1 ORDER BY expires_at LIMIT $2`+s.engine.skipLocked+`)`, micros(before))
}
