package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
)

// SearchUsers returns users in the order of their creation or of their names, both of which have an index: a page costs the same
// wherever it lies. Filters have none. A page of what many have is full soon, and for what nobody has all users are read, which
// takes less than a tenth of a second for a hundred thousand.
func (s *Store) SearchUsers(ctx context.Context, search authn.UserSearch) (users []authn.User, err error) {
	if !storable(search.Text) || !storable(search.Role) {
		return []authn.User{}, nil // what cannot be kept cannot be found
	}
	order := []string{`u.created_at`, `u.id`}
	if search.ByName {
		order = []string{`u.username`}
	}
	if search.From != nil {
		if err := checkTexts(text{"username", search.From.Username, keyLimit}); err != nil {
			return nil, err
		}
	}
	w, err := s.wanted(search)
	if err != nil {
		return nil, err
	}
	statement := `SELECT ` + userColumns + ` FROM users u` + w.clause() + ordered(search.Backward, order...) +
		` LIMIT ` + w.param(max(search.Limit, 0)) + ` OFFSET ` + w.param(max(search.Skip, 0))
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		users, err = queryUsers(ctx, q, statement, w.args...)
		return err
	})
	return users, err
}

// wanted is the condition of a search.
func (s *Store) wanted(search authn.UserSearch) (w where, err error) {
	if t := search.Text; t != "" {
		w.add(`(`+s.engine.holds(`u.username`, `?`)+` OR `+s.engine.holds(`u.email_key`, `?`)+` OR u.id = ?)`, t, t, t)
	}
	for _, one := range []struct {
		column string
		want   *bool
	}{{`u.is_active`, search.Active}, {`u.is_verified`, search.Verified}, {`u.is_admin`, search.Admin}} {
		switch {
		case one.want == nil:
		case *one.want:
			w.add(one.column)
		default:
			w.add(`NOT ` + one.column)
		}
	}
	if search.Role != "" {
		role, err := json.Marshal(search.Role)
		if err != nil {
			return w, err
		}
		// In the text of an array, a quotation mark without a backslash is no part of a string. Behind a bracket or a comma one
		// begins, whatever other roles are called.
		w.add(`(`+s.engine.holds(`u.roles`, `?`)+` OR `+s.engine.holds(`u.roles`, `?`)+`)`, `[`+string(role), `,`+string(role))
	}
	if search.Locked != nil {
		w.locked(*search.Locked, search)
	}
	switch from := search.From; {
	case from == nil:
	case search.ByName:
		w.add(`u.username `+beyond(search.Backward)+` ?`, from.Username)
	default:
		w.add(`(u.created_at, u.id) `+beyond(search.Backward)+` (?, ?)`, micros(from.CreatedAt), from.ID.String())
	}
	return w, nil
}

// locked adds whether a lock holds. Locks are looked for among the accounts of users, which are few: an account has a counter
// while somebody fails to sign in to it.
func (w *where) locked(locked bool, search authn.UserSearch) {
	in := `u.id IN`
	if !locked {
		in = `u.id NOT IN`
	}
	w.add(in+` (SELECT substr(g.account, `+strconv.Itoa(len(authn.UserAccounts)+1)+`) FROM guesses g
		WHERE g.account BETWEEN ? AND ? AND g.place = '' AND g.locked_until > ? AND g.locked_until <= ?)`,
		authn.UserAccounts, authn.UserAccounts+"~", micros(search.LocksAfter), micros(search.LocksUntil))
}

// ordered is the order of a list by columns, which are never from outside.
func ordered(backward bool, columns ...string) string {
	direction := ``
	if backward {
		direction = ` DESC`
	}
	return ` ORDER BY ` + strings.Join(columns, direction+`, `) + direction
}

// beyond compares with a place on the way that a list goes.
func beyond(backward bool) string {
	if backward {
		return `<`
	}
	return `>`
}

// AccountCounters returns the counters of accounts as a whole.
func (s *Store) AccountCounters(ctx context.Context, accounts []string) (counters map[string]authn.Counter, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT account, failures, last_failure, locked_until, locks FROM guesses
			WHERE place = $2 AND account IN (SELECT key FROM `+s.engine.members("$1")+`)`, jsonSet(accounts), everywhere)
		if err != nil {
			return err
		}
		counters = map[string]authn.Counter{}
		_, err = collect(rows, func(rows *sql.Rows) (struct{}, error) {
			var account string
			c, err := scanCounter(rows, &account)
			counters[account] = c
			return struct{}{}, err
		})
		return err
	})
	return counters, err
}
