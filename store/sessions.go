package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

const sessionColumns = `s.id, s.user_id, s.created_at, s.last_seen_at, s.expires_at, s.ended_at, s.client_address, s.user_agent,
	s.country, s.city, s.remembered`

// sessionRow is where a row of sessionColumns is scanned to.
type sessionRow struct {
	session                authn.Session
	created, seen, expires int64
	ended                  sql.NullInt64
}

func (r *sessionRow) targets() []any {
	s := &r.session
	return []any{&s.ID, &s.UserID, &r.created, &r.seen, &r.expires, &r.ended, &s.ClientAddress, &s.UserAgent,
		&s.Country, &s.City, &s.Remembered}
}

func (r *sessionRow) value() authn.Session {
	s := r.session
	s.CreatedAt, s.LastSeenAt, s.EndedAt = fromMicros(r.created), fromMicros(r.seen), fromNullMicros(r.ended)
	return s
}

// BeginSession keeps a new login.
func (s *Store) BeginSession(
	ctx context.Context, session authn.Session, access, refresh authn.Token, passwordHash string, policy authn.SessionPolicy,
	act authn.Act,
) error {
	if session.ID != access.SessionID || session.UserID != access.UserID {
		return errors.New("store: a session begins with tokens of its own")
	}
	if err := errors.Join(checkSession(session), checkPair(access, refresh)); err != nil {
		return err
	}
	expires := max(micros(access.ExpiresAt), micros(refresh.ExpiresAt))
	return s.begin(ctx, session, expires, passwordHash, policy, act, func(ctx context.Context, q querier) error {
		_, _, err := insertPair(ctx, q, access, refresh)
		return err
	})
}

// begin keeps a new login, and with insert what it is proved by, until it expires.
func (s *Store) begin(
	ctx context.Context, session authn.Session, expires int64, passwordHash string, policy authn.SessionPolicy, act authn.Act,
	insert func(context.Context, querier) error,
) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		u, err := s.lockUser(ctx, q, session.UserID)
		switch {
		case err != nil:
			return err
		case !u.Active:
			return authn.ErrUserInactive
		case u.PasswordHash != passwordHash:
			return authn.ErrStale
		}
		if err := s.makeRoom(ctx, q, u.ID, policy, session.CreatedAt, act); err != nil {
			return err
		}
		if err := insertSession(ctx, q, session, expires); err != nil {
			return err
		}
		if err := insert(ctx, q); err != nil {
			return err
		}
		if session.Arrival != nil {
			if err := insertArrival(ctx, q, *session.Arrival); err != nil {
				return err
			}
		}
		if _, err = q.ExecContext(ctx, `UPDATE users SET last_login = $2 WHERE id = $1`, u.ID.String(), micros(session.CreatedAt)); err != nil {
			return err
		}
		return s.record(ctx, q, act.Event(authn.EventLogin, u.ID).OfSession(session.ID))
	})
}

func checkSession(session authn.Session) error {
	if err := checkTexts(text{"client address", session.ClientAddress, keyLimit},
		text{"user agent", session.UserAgent, longLimit}, text{"country", session.Country, keyLimit},
		text{"city", session.City, keyLimit}); err != nil {
		return err
	}
	return checkArrival(session)
}

func insertSession(ctx context.Context, q querier, session authn.Session, expires int64) error {
	_, err := q.ExecContext(ctx, `INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at, client_address,
			user_agent, country, city, remembered) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		session.ID.String(), session.UserID.String(), micros(session.CreatedAt), micros(session.LastSeenAt), expires,
		session.ClientAddress, session.UserAgent, session.Country, session.City, session.Remembered)
	if err != nil {
		return fmt.Errorf("keeping a session: %w", err)
	}
	return nil
}

// makeRoom ends as many sessions as are too many for one more, the oldest first, or refuses, as the policy says. The user's
// row is locked. A limit that was shortened makes it more than one.
func (s *Store) makeRoom(
	ctx context.Context, q querier, userID uuid.UUID, p authn.SessionPolicy, now time.Time, act authn.Act,
) error {
	if p.MaxPerUser <= 0 {
		return nil
	}
	living, err := livingSessions(ctx, q, userID, p, now)
	if err != nil || len(living) < p.MaxPerUser {
		return err
	}
	if !p.EvictOldest {
		return authn.ErrTooManySessions
	}
	var oldest []string
	var events []authn.Event
	for _, session := range living[p.MaxPerUser-1:] {
		oldest = append(oldest, session.ID.String())
		e := act.Event(authn.EventSessionRevoked, userID).OfSession(session.ID)
		e.Reason = string(authn.CodeTooManySessions)
		events = append(events, e)
	}
	if _, err = s.end(ctx, q, oldest, now); err != nil {
		return err
	}
	return s.record(ctx, q, events...)
}

// livingSessions returns the user's sessions that live by the policy and have a token that is not expired, the latest login
// first.
func livingSessions(ctx context.Context, q querier, userID uuid.UUID, p authn.SessionPolicy, now time.Time) ([]authn.Session, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+sessionColumns+` FROM sessions s WHERE s.user_id = $1 AND s.ended_at IS NULL
		ORDER BY s.created_at DESC, s.id DESC`, userID.String())
	if err != nil {
		return nil, err
	}
	all, err := collect(rows, func(rows *sql.Rows) (r sessionRow, err error) {
		err = rows.Scan(r.targets()...)
		return r, err
	})
	living := []authn.Session{}
	for _, r := range all {
		if session := r.value(); r.expires > micros(now) && p.Lives(session, now) {
			living = append(living, session)
		}
	}
	return living, err
}

// ListSessions returns the user's living sessions, the latest login first.
func (s *Store) ListSessions(
	ctx context.Context, userID uuid.UUID, p authn.SessionPolicy, now time.Time,
) (sessions []authn.Session, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		sessions, err = livingSessions(ctx, q, userID, p, now)
		return err
	})
	return sessions, err
}

// SessionByID returns a session of the user, ended or not.
func (s *Store) SessionByID(ctx context.Context, userID, id uuid.UUID) (session authn.Session, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		r, err := selectSession(ctx, q, userID, id, "")
		session = r.value()
		return err
	})
	if err != nil {
		return authn.Session{}, err
	}
	return session, nil
}

// selectSession returns authn.ErrSessionNotFound if the user has no such session.
func selectSession(ctx context.Context, q querier, userID, id uuid.UUID, lock string) (r sessionRow, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+sessionColumns+` FROM sessions s WHERE s.id = $1 AND s.user_id = $2`+lock,
		id.String(), userID.String()).Scan(r.targets()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = authn.ErrSessionNotFound
	}
	return r, err
}

// EndSession ends one session of the user.
func (s *Store) EndSession(ctx context.Context, userID, id uuid.UUID, act authn.Act) (tokens int, err error) {
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		heeds(q)
		if _, err := s.lockUser(ctx, q, userID); errors.Is(err, authn.ErrUserNotFound) {
			return authn.ErrSessionNotFound
		} else if err != nil {
			return err
		}
		r, err := selectSession(ctx, q, userID, id, "")
		switch {
		case err != nil:
			return err
		case r.ended.Valid:
			return authn.ErrSessionNotFound
		}
		if tokens, err = s.end(ctx, q, []string{id.String()}, act.At); err != nil {
			return err
		}
		return s.record(ctx, q, act.Event(endingBy(act, []string{id.String()}), userID).OfSession(id).Ended(0, tokens))
	})
	if err != nil {
		return 0, err
	}
	return tokens, nil
}

// EndSessions ends every session of the user but keep.
func (s *Store) EndSessions(ctx context.Context, userID, keep uuid.UUID, act authn.Act) (tokens int, err error) {
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		heeds(q)
		tokens = 0
		if _, err := s.lockUser(ctx, q, userID); errors.Is(err, authn.ErrUserNotFound) {
			return nil // and so there are no sessions
		} else if err != nil {
			return err
		}
		over, err := s.endSessions(ctx, q, userID, keep, act.At)
		if tokens = over.tokens; err != nil || !over.any() {
			return err
		}
		return s.record(ctx, q, act.Event(endingBy(act, over.sessions), userID).Ended(len(over.sessions), tokens))
	})
	if err != nil {
		return 0, err
	}
	return tokens, nil
}

// ended is what has ended.
type ended struct {
	sessions []string // that had not ended before
	tokens   int      // living ones
}

func (e ended) any() bool { return len(e.sessions) > 0 || e.tokens > 0 }

// endingBy returns the kind of event that the end of sessions is: who ends the own one logs out.
func endingBy(act authn.Act, sessions []string) authn.EventKind {
	if act.Session != uuid.Nil && slices.Contains(sessions, act.Session.String()) {
		return authn.EventLogout
	}
	return authn.EventSessionRevoked
}

// endSessions ends the sessions of a user whose row is locked, but for keep (uuid.Nil: all), and returns what ended. It goes by the user and not only by their sessions: no token is forgotten.
func (s *Store) endSessions(ctx context.Context, q querier, userID, keep uuid.UUID, now time.Time) (over ended, err error) {
	ids, err := texts(ctx, q, `SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL`,
		userID.String(), keep.String())
	if err != nil {
		return over, err
	}
	if over.sessions, err = s.markEnded(ctx, q, ids, now); err != nil {
		return over, err
	}
	over.tokens, err = invalidate(ctx, q, now, `user_id = $2 AND session_id <> $3`, userID.String(), keep.String())
	return over, err
}

// end ends the given sessions, whose users' rows are locked, with their tokens, and reports how many living ones those were.
func (s *Store) end(ctx context.Context, q querier, ids []string, now time.Time) (tokens int, err error) {
	ended, err := s.markEnded(ctx, q, ids, now)
	if err != nil || len(ended) == 0 {
		return 0, err
	}
	return invalidate(ctx, q, now, `session_id IN (SELECT key FROM `+s.engine.members("$2")+`)`, jsonSet(ended))
}

// markEnded notes in the given sessions that they have ended, and in the feed, and returns the ids of those that had not
// ended before. The sessions are locked in the order of their ids.
func (s *Store) markEnded(ctx context.Context, q querier, ids []string, now time.Time) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	these := `id IN (SELECT key FROM ` + s.engine.members("$1") + `)`
	ids, err := texts(ctx, q, `SELECT id FROM sessions WHERE `+these+` AND ended_at IS NULL ORDER BY id`+s.engine.forUpdate,
		jsonSet(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	_, err = q.ExecContext(ctx, `UPDATE sessions SET ended_at = $2, expires_at = CASE WHEN expires_at > $2 THEN $2 ELSE expires_at END
		WHERE `+these, jsonSet(ids), micros(now))
	if err != nil {
		return nil, err
	}
	return ids, s.announceEnded(ctx, q, ids, now)
}

// jsonSet returns a JSON object with the given names, which are ids.
func jsonSet(ids []string) string {
	set := make(map[string]int, len(ids))
	for _, id := range ids {
		set[id] = 1
	}
	encoded, _ := json.Marshal(set) // of strings and integers: cannot fail
	return string(encoded)
}
