package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// BeginCookieSession keeps a new login of a browser.
func (s *Store) BeginCookieSession(
	ctx context.Context, session authn.Session, cookie authn.Cookie, passwordHash string, policy authn.SessionPolicy, act authn.Act,
) error {
	if cookie.SessionID != session.ID {
		return errors.New("store: a session begins with a cookie of its own")
	}
	if err := errors.Join(checkSession(session), checkTexts(text{"cookie", cookie.Hash, keyLimit}, text{"domain", cookie.Domain, keyLimit})); err != nil {
		return err
	}
	return s.begin(ctx, session, micros(cookie.ExpiresAt), passwordHash, policy, act, func(ctx context.Context, q querier) error {
		return insertCookie(ctx, q, cookie)
	})
}

func insertCookie(ctx context.Context, q querier, c authn.Cookie) error {
	_, err := q.ExecContext(ctx, `INSERT INTO cookies (hash, session_id, domain, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		c.Hash, c.SessionID.String(), c.Domain, micros(c.CreatedAt), micros(c.ExpiresAt))
	if err != nil {
		return fmt.Errorf("keeping a cookie: %w", err)
	}
	return nil
}

// CookieOwner returns whose a cookie is, by one query.
func (s *Store) CookieOwner(
	ctx context.Context, hash string, policy authn.SessionPolicy, now time.Time,
) (u authn.User, session authn.Session, cookie authn.Cookie, err error) {
	if !storable(hash) {
		return authn.User{}, authn.Session{}, authn.Cookie{}, authn.ErrTokenNotFound
	}
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		var user userRow
		var held sessionRow
		var created, expires int64
		var domain string
		err := q.QueryRowContext(ctx, `SELECT `+userColumns+`, `+sessionColumns+`, c.created_at, c.expires_at, c.domain
			FROM cookies c JOIN sessions s ON s.id = c.session_id JOIN users u ON u.id = s.user_id WHERE c.hash = $1`, hash).
			Scan(append(append(user.targets(), held.targets()...), &created, &expires, &domain)...)
		session = held.value()
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return authn.ErrTokenNotFound
		case err != nil:
			return err
		case !user.user.Active:
			return authn.ErrUserInactive
		case expires <= micros(now) || !policy.Lives(session, now):
			return authn.ErrTokenSpent
		}
		cookie = authn.Cookie{
			Hash: hash, SessionID: session.ID, Domain: domain, CreatedAt: fromMicros(created), ExpiresAt: fromMicros(expires),
		}
		u, err = user.value()
		return err
	})
	if err != nil {
		return authn.User{}, authn.Session{}, authn.Cookie{}, err
	}
	return u, session, cookie, nil
}

// renewCookies does to the cookies of a user, whose row is locked, what a change calls for, and returns what ended by it.
func (s *Store) renewCookies(ctx context.Context, q querier, old, u authn.User, c authn.UserChange) (over ended, err error) {
	if old.Admin != u.Admin || !slices.Equal(old.Roles, u.Roles) {
		return s.endCookieSessions(ctx, q, old.ID, c.Act.At)
	}
	if c.KeepCookie == "" {
		return over, nil
	}
	return over, s.replaceCookie(ctx, q, old.ID, c.KeepSession, c.KeepCookie, c.Act.At)
}

// endCookieSessions ends the sessions of a user that browsers hold.
func (s *Store) endCookieSessions(ctx context.Context, q querier, userID uuid.UUID, now time.Time) (over ended, err error) {
	over.sessions, err = texts(ctx, q, `SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL
		AND id IN (SELECT session_id FROM cookies)`, userID.String())
	if err == nil && len(over.sessions) > 0 {
		over.tokens, err = s.end(ctx, q, over.sessions, now)
	}
	return over, err
}

// replaceCookie gives a session a cookie in place of those that it has, and for as long. One that has none gets none. Those of
// other domains are gone as well: the browser is handed over there anew, by the new one.
func (s *Store) replaceCookie(ctx context.Context, q querier, userID, session uuid.UUID, hash string, now time.Time) error {
	rows, err := q.QueryContext(ctx, `DELETE FROM cookies WHERE session_id IN (SELECT id FROM sessions WHERE id = $1 AND user_id = $2)
		RETURNING hash, expires_at`, session.String(), userID.String())
	if err != nil {
		return err
	}
	var expires int64
	before, err := collect(rows, func(rows *sql.Rows) (hash string, err error) {
		err = rows.Scan(&hash, &expires)
		return hash, err
	})
	if err != nil || len(before) == 0 {
		return err
	}
	for _, gone := range before {
		if err := s.announce(ctx, q, authn.Change{Kind: authn.TokenEnded, JTI: gone, At: now}); err != nil {
			return err
		}
	}
	return insertCookie(ctx, q, authn.Cookie{Hash: hash, SessionID: session, CreatedAt: now, ExpiresAt: fromMicros(expires)})
}
