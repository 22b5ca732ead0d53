package store

import (
	"context"
	"errors"

	"github.com/descoped/authly/authn"
)

// RotateRefresh spends a refresh token. That the user is disabled is said before that the token is spent: disabling a user
// usually spends the tokens too, and the former is the reason.
//
// What was rotated is known by its successor and not by times: three rotations within one microsecond keep their order.
func (s *Store) RotateRefresh(ctx context.Context, r authn.Rotation) (access, refresh authn.Token, err error) {
	if err := errors.Join(checkPair(r.Access, r.Refresh), checkTexts(text{"user agent", r.UserAgent, longLimit}), checkAct(r.Act)); err != nil {
		return authn.Token{}, authn.Token{}, err
	}
	if !storable(r.JTI) {
		return authn.Token{}, authn.Token{}, authn.ErrTokenNotFound
	}
	reused := false
	err = s.write(ctx, func(ctx context.Context, q querier) (err error) {
		reused = false
		used, session, err := s.lockRotated(ctx, q, r)
		if err != nil {
			return err
		}
		if used.successor.Valid {
			if access, refresh, err = successors(ctx, q, r, used); !errors.Is(err, authn.ErrTokenReused) {
				return err
			}
			reused = true // told when the end of the session is on disk
			tokens, err := s.end(ctx, q, []string{session.session.ID.String()}, r.Act.At)
			if err != nil {
				return err
			}
			e := r.Act.Failed(authn.EventRefreshReused, r.Refresh.UserID, string(authn.CodeInvalidGrant))
			return s.record(ctx, q, e.OfSession(session.session.ID).Ended(0, tokens))
		}
		if used.invalidated.Valid {
			return authn.ErrTokenSpent
		}
		access, refresh, err = rotate(ctx, q, r, used, session)
		return err
	})
	if err == nil && reused {
		err = authn.ErrTokenReused
	}
	if err != nil {
		return authn.Token{}, authn.Token{}, err
	}
	return access, refresh, nil
}

// lockRotated locks the user and the session of the token that is to be rotated. It returns the token unless it does not
// exist, is expired, or its session or user do not live.
func (s *Store) lockRotated(ctx context.Context, q querier, r authn.Rotation) (used tokenRow, session sessionRow, err error) {
	u, userErr := s.lockUser(ctx, q, r.Refresh.UserID)
	if userErr != nil && !errors.Is(userErr, authn.ErrUserNotFound) {
		return used, session, userErr
	}
	used, err = selectToken(ctx, q, r.JTI)
	switch {
	case errors.Is(err, authn.ErrTokenNotFound) && userErr != nil:
		return used, session, userErr // the token went with its user
	case err != nil:
		return used, session, err
	case !used.is(authn.RefreshToken, r.Hash) || used.token.UserID != r.Refresh.UserID ||
		used.token.SessionID != r.Refresh.SessionID:
		return used, session, authn.ErrTokenNotFound
	case !u.Active:
		return used, session, authn.ErrUserInactive
	case used.expired(r.Act.At):
		return used, session, authn.ErrTokenSpent
	}
	switch dead, err := anyKeyDead(ctx, q, used.token, used.token); {
	case err != nil:
		return used, session, err
	case dead:
		return used, session, authn.ErrTokenSpent
	}
	session, err = selectSession(ctx, q, u.ID, used.token.SessionID, s.engine.forUpdate)
	if errors.Is(err, authn.ErrSessionNotFound) || err == nil && !r.Policy.Lives(session.value(), r.Act.At) {
		err = authn.ErrTokenSpent
	}
	return used, session, err
}

// successors returns the pair that followed a token, if the token is used again in grace; else authn.ErrTokenReused. The clock
// of who rotated it may be ahead.
func successors(ctx context.Context, q querier, r authn.Rotation, used tokenRow) (access, refresh authn.Token, err error) {
	if since := r.Act.At.Sub(fromNullMicros(used.invalidated)); since.Abs() >= r.Grace || r.UserAgent != used.rotatedBy.String {
		return access, refresh, authn.ErrTokenReused
	}
	next, err := selectToken(ctx, q, used.successor.String)
	switch {
	case errors.Is(err, authn.ErrTokenNotFound), err == nil && next.invalidated.Valid:
		return access, refresh, authn.ErrTokenReused
	case err != nil:
		return access, refresh, err
	}
	companion, err := selectToken(ctx, q, next.companion.String)
	if errors.Is(err, authn.ErrTokenNotFound) {
		return access, refresh, authn.ErrTokenSpent // it has expired long ago: there is no pair to return, and no theft either
	} else if err != nil {
		return access, refresh, err
	}
	return companion.value(), next.value(), nil
}

// rotate keeps the successors of a token. The user's lock makes this the only rotation; the condition holds even if somebody
// else writes to the table.
func rotate(
	ctx context.Context, q querier, r authn.Rotation, used tokenRow, session sessionRow,
) (access, refresh authn.Token, err error) {
	n, err := affected(q.ExecContext(ctx, `UPDATE tokens SET invalidated_at = $2, successor = $3, rotated_by = $4
		WHERE id = $1 AND invalidated_at IS NULL`, used.token.ID.String(), micros(r.Act.At), r.Refresh.JTI, r.UserAgent))
	switch {
	case err != nil:
		return access, refresh, err
	case n != 1:
		return access, refresh, authn.ErrTokenSpent
	}
	_, err = q.ExecContext(ctx, `UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE id = $1`,
		session.session.ID.String(), max(session.seen, micros(r.Act.At)),
		max(session.expires, micros(r.Access.ExpiresAt), micros(r.Refresh.ExpiresAt)))
	if err != nil {
		return access, refresh, err
	}
	return insertPair(ctx, q, r.Access, r.Refresh)
}
