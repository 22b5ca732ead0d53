package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// The places of an attempt's counters: the account as a whole, the network, and the client that the account knows.
const everywhere = ""

func networkPlace(a authn.Attempt) string { return "net " + a.Network }

func clientPlace(a authn.Attempt) string { return "own " + a.Network + " " + a.Agent }

func checkAttempt(a authn.Attempt) error {
	return checkTexts(text{"account", a.Account, keyLimit}, text{"network", a.Network, placeLimit}, text{"agent", a.Agent, placeLimit})
}

// AttemptsOf reads the counters that an attempt would touch, and when its client last signed in.
func (s *Store) AttemptsOf(ctx context.Context, a authn.Attempt) (c authn.Counters, byUser, byAnybody time.Time, err error) {
	if err := checkAttempt(a); err != nil {
		return c, byUser, byAnybody, err
	}
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		var user, anybody sql.NullInt64
		err := q.QueryRowContext(ctx, `SELECT
			(SELECT last_success FROM known_clients WHERE user_id = $1 AND network = $2 AND agent = $3),
			(SELECT max(last_success) FROM known_clients WHERE network = $2 AND agent = $3)`,
			a.User.String(), a.Network, a.Agent).Scan(&user, &anybody)
		if err != nil {
			return err
		}
		byUser, byAnybody = fromNullMicros(user), fromNullMicros(anybody)
		c, err = readCounters(ctx, q, a)
		return err
	})
	return c, byUser, byAnybody, err
}

func readCounters(ctx context.Context, q querier, a authn.Attempt) (c authn.Counters, err error) {
	rows, err := q.QueryContext(ctx, `SELECT place, failures, last_failure, locked_until, locks FROM guesses
		WHERE account = $1 AND place IN ($2, $3, $4)`, a.Account, everywhere, networkPlace(a), clientPlace(a))
	if err != nil {
		return c, err
	}
	_, err = collect(rows, func(rows *sql.Rows) (struct{}, error) {
		var place string
		one, err := scanCounter(rows, &place)
		switch place {
		case everywhere:
			c.Account = one
		case networkPlace(a):
			c.Network = one
		default:
			c.Client = one
		}
		return struct{}{}, err
	})
	return c, err
}

// scanCounter reads a counter, and what it is a counter of, which comes first in the row.
func scanCounter(rows *sql.Rows, of *string) (c authn.Counter, err error) {
	var last int64
	var locked sql.NullInt64
	err = rows.Scan(of, &c.Failures, &last, &locked, &c.Locks)
	if last != 0 {
		c.LastFailure = fromMicros(last)
	}
	c.LockedUntil = fromNullMicros(locked)
	return c, err
}

// onCounters changes the counters of an attempt. Whoever does so holds the row of the account as a whole from the beginning,
// and so attempts at one account take turns, whatever other rows they touch.
func (s *Store) onCounters(ctx context.Context, a authn.Attempt, change func(*authn.Counters)) error {
	if err := checkAttempt(a); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, `INSERT INTO guesses (account, place, failures, last_failure, locks) VALUES ($1, $2, 0, 0, 0)
			ON CONFLICT (account, place) DO UPDATE SET locks = guesses.locks`, a.Account, everywhere)
		if err != nil {
			return err
		}
		before, err := readCounters(ctx, q, a)
		if err != nil {
			return err
		}
		after := before
		change(&after)
		for _, one := range []struct {
			place         string
			before, after authn.Counter
		}{
			{everywhere, before.Account, after.Account},
			{networkPlace(a), before.Network, after.Network},
			{clientPlace(a), before.Client, after.Client},
		} {
			if one.before == one.after {
				continue
			}
			if err := keepCounter(ctx, q, a.Account, one.place, one.after); err != nil {
				return err
			}
		}
		return nil
	})
}

func keepCounter(ctx context.Context, q querier, account, place string, c authn.Counter) error {
	last := int64(0)
	if !c.LastFailure.IsZero() {
		last = micros(c.LastFailure)
	}
	_, err := q.ExecContext(ctx, `INSERT INTO guesses (account, place, failures, last_failure, locked_until, locks)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (account, place) DO UPDATE SET failures = excluded.failures, last_failure = excluded.last_failure,
			locked_until = excluded.locked_until, locks = excluded.locks`,
		account, place, c.Failures, last, nullMicros(c.LockedUntil), c.Locks)
	return err
}

// CountAttempt rules on an attempt and keeps what that counts.
func (s *Store) CountAttempt(ctx context.Context, a authn.Attempt, p authn.LockoutPolicy, now time.Time) (r authn.Ruling, err error) {
	err = s.onCounters(ctx, a, func(c *authn.Counters) { r = p.Rule(c, a, now) })
	return r, err
}

// TakeBackAttempt undoes what CountAttempt has counted.
func (s *Store) TakeBackAttempt(ctx context.Context, a authn.Attempt, p authn.LockoutPolicy, r authn.Ruling) error {
	return s.onCounters(ctx, a, func(c *authn.Counters) { p.TakeBack(c, r) })
}

// ForgetAttempts removes the counters of an attempt, or the client's own alone.
func (s *Store) ForgetAttempts(ctx context.Context, a authn.Attempt, spared bool) error {
	if err := checkAttempt(a); err != nil {
		return err
	}
	places := []string{everywhere, networkPlace(a), clientPlace(a)} // in the order in which others lock them
	if spared {
		places = places[2:]
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		for _, place := range places {
			if _, err := q.ExecContext(ctx, `DELETE FROM guesses WHERE account = $1 AND place = $2`, a.Account, place); err != nil {
				return err
			}
		}
		return nil
	})
}

// Unlock removes every counter of an account, and those that replicas of the version before keep.
func (s *Store) Unlock(ctx context.Context, account string, user uuid.UUID, act authn.Act) error {
	if err := checkTexts(text{"account", account, keyLimit}); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		total := 0
		for _, statement := range []string{
			`DELETE FROM lockouts WHERE account = $1`,
			`DELETE FROM guesses WHERE account = $1 AND place = ''`, // the row that others lock first
			`DELETE FROM guesses WHERE account = $1`,
		} {
			n, err := affected(q.ExecContext(ctx, statement, account))
			if total += n; err != nil {
				return err
			}
		}
		if total == 0 {
			return nil
		}
		return s.record(ctx, q, act.Event(authn.EventUnlocked, user))
	})
}
