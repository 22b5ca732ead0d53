package store

import (
	"context"
	"errors"
	"time"

	"github.com/descoped/authly/authn"
)

// RememberClient notes that a user signed in, and forgets those of their clients that have not been used for the longest.
func (s *Store) RememberClient(ctx context.Context, a authn.Attempt, most int, at time.Time) error {
	if err := checkAttempt(a); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if _, err := s.lockUser(ctx, q, a.User); errors.Is(err, authn.ErrUserNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		_, err := q.ExecContext(ctx, `INSERT INTO known_clients (user_id, network, agent, last_success) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id, network, agent) DO UPDATE SET last_success = excluded.last_success
			WHERE known_clients.last_success < excluded.last_success`, a.User.String(), a.Network, a.Agent, micros(at))
		if err != nil {
			return err
		}
		_, err = q.ExecContext(ctx, `DELETE FROM known_clients WHERE user_id = $1 AND (network, agent) NOT IN (
			SELECT network, agent FROM known_clients WHERE user_id = $1
			ORDER BY last_success DESC, network, agent LIMIT $2)`, a.User.String(), max(most, 1))
		return err
	})
}

// PurgeAttempts removes what Rule would forget, and clients that were not seen for long. The table lockouts is that of replicas
// of the version before.
func (s *Store) PurgeAttempts(ctx context.Context, p authn.LockoutPolicy, clientsSince, now time.Time) (total int, err error) {
	failures, quiet := micros(now.Add(-max(p.Duration, p.MaxDelay))), micros(now.Add(-max(p.Duration, p.MaxDuration)))
	for _, one := range []struct {
		table, key, condition string // never from outside
		times                 []any
	}{
		{"guesses", "(account, place)", `last_failure <= $1 AND (locked_until IS NULL OR locked_until <= $2 AND last_failure <= $2)`,
			[]any{failures, quiet}},
		{"known_clients", "(user_id, network, agent)", `last_success <= $1`, []any{micros(clientsSince)}},
		{"lockouts", "(account)", `last_failure <= $1 AND (locked_until IS NULL OR locked_until <= $1)`, []any{failures}},
	} {
		limit := map[int]string{1: "$2", 2: "$3"}[len(one.times)]
		n, err := s.purge(ctx, `DELETE FROM `+one.table+` WHERE `+one.key+` IN (SELECT `+one.key[1:len(one.key)-1]+` FROM `+one.table+`
			WHERE `+one.condition+` LIMIT `+limit+s.engine.skipLocked+`)`, one.times...)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}
