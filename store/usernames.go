package store

import (
	"context"
	"database/sql"

	"github.com/google/uuid"
)

// Usernames returns the names of those of the users who are there.
func (s *Store) Usernames(ctx context.Context, ids []uuid.UUID) (names map[uuid.UUID]string, err error) {
	names = map[uuid.UUID]string{}
	if len(ids) == 0 {
		return names, nil
	}
	var w where
	in(&w, `id`, idTexts(ids))
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT id, username FROM users`+w.clause(), w.args...)
		if err != nil {
			return err
		}
		_, err = collect(rows, func(rows *sql.Rows) (id uuid.UUID, err error) {
			var name string
			err = rows.Scan(&id, &name)
			names[id] = name
			return id, err
		})
		return err
	})
	return names, err
}

func idTexts(ids []uuid.UUID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}
