package store

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// SearchSessions returns sessions in the order of their logins.
func (s *Store) SearchSessions(ctx context.Context, search authn.SessionSearch) (sessions []authn.UserSession, err error) {
	var w where
	w.add(`s.ended_at IS NULL`)
	w.add(`s.expires_at > ?`, micros(search.Now))
	if p := search.Policy; p.MaxLifetime > 0 {
		w.add(`s.created_at > ?`, micros(search.Now.Add(-p.MaxLifetime)))
	}
	if p := search.Policy; p.IdleTimeout > 0 {
		w.add(`(s.remembered OR s.last_seen_at > ?)`, micros(search.Now.Add(-p.IdleTimeout)))
	}
	if search.UserID != uuid.Nil {
		w.add(`s.user_id = ?`, search.UserID.String())
	}
	if from := search.From; from != nil {
		w.add(`(s.created_at, s.id) `+beyond(search.Backward)+` (?, ?)`, micros(from.CreatedAt), from.ID.String())
	}
	statement := `SELECT ` + sessionColumns + `, u.username FROM sessions s JOIN users u ON u.id = s.user_id` + w.clause() +
		ordered(search.Backward, `s.created_at`, `s.id`) + ` LIMIT ` + w.param(max(search.Limit, 0))
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, statement, w.args...)
		if err != nil {
			return err
		}
		sessions, err = collect(rows, func(rows *sql.Rows) (one authn.UserSession, err error) {
			var r sessionRow
			err = rows.Scan(append(r.targets(), &one.Username)...)
			one.Session = r.value()
			return one, err
		})
		return err
	})
	return sessions, err
}
