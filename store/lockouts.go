package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// countAttempt counts a failure unless the account is locked, in which case it returns no row. Failures of before a lock, or
// whose last one is as old as the policy's duration, start anew at one. The row is locked either way.
//
// $1 account, $2 now, $3 failures that lock, $4 end of a lock that begins now, $5 up to when failures are forgotten.
const countAttempt = `INSERT INTO lockouts (account, failures, last_failure, locked_until)
	VALUES ($1, 1, $2, CASE WHEN CAST($3 AS BIGINT) <= 1 THEN CAST($4 AS BIGINT) END)
	ON CONFLICT (account) DO UPDATE SET
		failures = CASE WHEN ` + startsAnew + ` THEN 1 ELSE lockouts.failures + 1 END,
		last_failure = $2,
		locked_until = CASE
			WHEN CASE WHEN ` + startsAnew + ` THEN 1 ELSE lockouts.failures + 1 END >= CAST($3 AS BIGINT)
			THEN CAST($4 AS BIGINT) END
	WHERE lockouts.locked_until IS NULL OR lockouts.locked_until <= $2
	RETURNING locked_until`

const startsAnew = `lockouts.locked_until IS NOT NULL OR lockouts.last_failure <= CAST($5 AS BIGINT)`

// CountAttempt counts an attempt as a failure, or says when the account's lock ends.
func (s *Store) CountAttempt(
	ctx context.Context, account string, p authn.LockoutPolicy, now time.Time,
) (attempt authn.Attempt, err error) {
	if err := checkTexts(text{"account", account, keyLimit}); err != nil {
		return authn.Attempt{}, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		var locks, until sql.NullInt64
		err := q.QueryRowContext(ctx, countAttempt, account, micros(now), max(p.Failures, 1),
			micros(now.Add(p.Duration)), micros(now.Add(-p.Duration))).Scan(&locks)
		attempt = authn.Attempt{Locks: fromNullMicros(locks)}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = q.QueryRowContext(ctx, `SELECT locked_until FROM lockouts WHERE account = $1`, account).Scan(&until)
		attempt.LockedUntil = fromNullMicros(until)
		return err
	})
	if err != nil {
		return authn.Attempt{}, err
	}
	return attempt, nil
}

// ClearFailures forgets the account's failures and lock.
func (s *Store) ClearFailures(ctx context.Context, account string) error {
	if err := checkTexts(text{"account", account, keyLimit}); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, `DELETE FROM lockouts WHERE account = $1`, account)
		return err
	})
}

// Unlock does the same for an administrator.
func (s *Store) Unlock(ctx context.Context, account string, user uuid.UUID, act authn.Act) error {
	if err := checkTexts(text{"account", account, keyLimit}); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		n, err := affected(q.ExecContext(ctx, `DELETE FROM lockouts WHERE account = $1`, account))
		if err != nil || n == 0 {
			return err
		}
		return s.record(ctx, q, act.Event(authn.EventUnlocked, user))
	})
}

// PurgeLockouts removes rows that CountAttempt would start anew.
func (s *Store) PurgeLockouts(ctx context.Context, p authn.LockoutPolicy, now time.Time) (int, error) {
	return s.purge(ctx, `DELETE FROM lockouts WHERE account IN (
		SELECT account FROM lockouts
		WHERE (last_failure <= $2 OR locked_until IS NOT NULL) AND (locked_until IS NULL OR locked_until <= $1)
		ORDER BY last_failure LIMIT $3`+s.engine.skipLocked+`)`, micros(now), micros(now.Add(-p.Duration)))
}
