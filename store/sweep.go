package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// EndExpiredSessions ends the sessions whose time by the policy is over. On an error it reports what was ended before.
func (s *Store) EndExpiredSessions(ctx context.Context, p authn.SessionPolicy, now time.Time) (total int, err error) {
	for _, bound := range []struct {
		overdue string // never from outside
		length  time.Duration
	}{{"created_at <= $2", p.MaxLifetime}, {"last_seen_at <= $2 AND NOT remembered", p.IdleTimeout}} {
		if bound.length <= 0 {
			continue
		}
		n, err := s.endOverdue(ctx, bound.overdue, micros(now.Add(-bound.length)), now)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// endOverdue ends sessions in batches until none is left that the condition on $2 names. Each batch locks the users first;
// a session that was seen meanwhile lives on.
func (s *Store) endOverdue(ctx context.Context, condition string, limit int64, now time.Time) (total int, err error) {
	for {
		found, ended := 0, 0
		err := s.write(ctx, func(ctx context.Context, q querier) error {
			ended = 0
			overdue, users, err := overdueSessions(ctx, q, condition, limit)
			if found = len(overdue); err != nil || found == 0 {
				return err
			}
			if _, err := texts(ctx, q, `SELECT id FROM users WHERE id IN (SELECT key FROM `+s.engine.members("$1")+`)
				ORDER BY id`+s.engine.forUpdate, jsonSet(users)); err != nil {
				return err
			}
			overdue, err = texts(ctx, q, `SELECT id FROM sessions WHERE id IN (SELECT key FROM `+s.engine.members("$1")+`)
				AND ended_at IS NULL AND `+condition+` ORDER BY id`+s.engine.forUpdate, jsonSet(overdue), limit)
			if err != nil {
				return err
			}
			ended = len(overdue)
			_, err = s.end(ctx, q, overdue, now)
			return err
		})
		if err != nil {
			return total, err
		}
		if total += ended; found < purgeBatch {
			return total, nil
		}
	}
}

// overdueSessions returns a batch of sessions and their users.
func overdueSessions(ctx context.Context, q querier, condition string, limit int64) (sessions, users []string, err error) {
	rows, err := q.QueryContext(ctx, `SELECT id, user_id FROM sessions WHERE ended_at IS NULL AND `+condition+` LIMIT $1`,
		purgeBatch, limit)
	if err != nil {
		return nil, nil, err
	}
	_, err = collect(rows, func(rows *sql.Rows) (struct{}, error) {
		var session, user string
		err := rows.Scan(&session, &user)
		sessions, users = append(sessions, session), append(users, user)
		return struct{}{}, err
	})
	return sessions, users, err
}

// texts returns the one column of a query.
func texts(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(rows *sql.Rows) (text string, err error) {
		err = rows.Scan(&text)
		return text, err
	})
}

// SeeSessions moves the time at which sessions were last seen forward, by one statement for each batch. It locks them in the
// order of their ids: two replicas that have seen the same sessions do not wait for each other.
func (s *Store) SeeSessions(ctx context.Context, seen map[uuid.UUID]time.Time, p authn.SessionPolicy) error {
	statement := `WITH locked AS MATERIALIZED (
			SELECT id FROM sessions WHERE id IN (SELECT key FROM ` + s.engine.members("$1") + `) ORDER BY id` + s.engine.forUpdate + `
		)
		UPDATE sessions SET last_seen_at = CAST(m.value AS BIGINT) FROM ` + s.engine.members("$1") + ` AS m, locked
		WHERE locked.id = m.key AND sessions.id = m.key AND sessions.last_seen_at < CAST(m.value AS BIGINT)
			AND (CAST($2 AS BIGINT) = 0 OR sessions.remembered OR sessions.last_seen_at > CAST(m.value AS BIGINT) - CAST($2 AS BIGINT))
			AND (CAST($3 AS BIGINT) = 0 OR sessions.created_at > CAST(m.value AS BIGINT) - CAST($3 AS BIGINT))`
	for ids := range slices.Chunk(slices.Collect(maps.Keys(seen)), purgeBatch) {
		times := make(map[string]int64, len(ids))
		for _, id := range ids {
			times[id.String()] = micros(seen[id])
		}
		encoded, err := json.Marshal(times)
		if err != nil {
			return err
		}
		err = s.write(ctx, func(ctx context.Context, q querier) error {
			_, err := q.ExecContext(ctx, statement, string(encoded), p.IdleTimeout.Microseconds(), p.MaxLifetime.Microseconds())
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// PurgeSessions removes sessions whose last token has died before the given time. Rows of tokens stay until they expire. That
// a session has run out by its tokens, and not by the policy, nobody has told yet: streams may still be tied to it.
func (s *Store) PurgeSessions(ctx context.Context, before time.Time) (total int, err error) {
	for {
		removed := 0
		err := s.write(ctx, func(ctx context.Context, q querier) error {
			removed = 0
			ids, err := texts(ctx, q, `SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2`+s.engine.skipLocked,
				micros(before), purgeBatch)
			if err != nil || len(ids) == 0 {
				return err
			}
			these := ` FROM sessions WHERE id IN (SELECT key FROM ` + s.engine.members("$1") + `)`
			unended, err := texts(ctx, q, `SELECT id`+these+` AND ended_at IS NULL`, jsonSet(ids))
			if err != nil {
				return err
			}
			if len(unended) > 0 {
				if err := s.announceEnded(ctx, q, unended, s.now()); err != nil {
					return err
				}
			}
			removed, err = affected(q.ExecContext(ctx, `DELETE`+these, jsonSet(ids)))
			return err
		})
		if err != nil {
			return total, err
		}
		if total += removed; removed < purgeBatch {
			return total, nil
		}
	}
}
