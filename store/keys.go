package store

import (
	"context"
	"database/sql"

	"github.com/descoped/authly/authn"
)

const selectKeys = `SELECT id, purpose, algorithm, material, created_at FROM keys `

// EnsureKey keeps candidate unless there is a key like it, and returns the oldest such key. The guard lets one replica at a
// time look.
func (s *Store) EnsureKey(ctx context.Context, candidate authn.Key) (key authn.Key, err error) {
	if err := checkTexts(text{"key id", candidate.ID, keyLimit}, text{"purpose", string(candidate.Purpose), keyLimit},
		text{"algorithm", candidate.Algorithm, keyLimit}); err != nil {
		return authn.Key{}, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.lockGuard(ctx, q, "keys"); err != nil {
			return err
		}
		const where = `WHERE purpose = $1 AND algorithm = $2 ORDER BY created_at, id LIMIT 1`
		present, err := queryKeys(ctx, q, where, string(candidate.Purpose), candidate.Algorithm)
		if err != nil {
			return err
		}
		if len(present) > 0 {
			key = present[0]
			return nil
		}
		key = candidate
		key.CreatedAt = fromMicros(micros(candidate.CreatedAt))
		_, err = q.ExecContext(ctx,
			`INSERT INTO keys (id, purpose, algorithm, material, created_at) VALUES ($1, $2, $3, $4, $5)`,
			key.ID, string(key.Purpose), key.Algorithm, key.Material, micros(key.CreatedAt))
		return err
	})
	if err != nil {
		return authn.Key{}, err
	}
	return key, nil
}

// ListKeys returns all keys of the purpose, oldest first.
func (s *Store) ListKeys(ctx context.Context, purpose authn.KeyPurpose) (keys []authn.Key, err error) {
	if !storable(string(purpose)) {
		return []authn.Key{}, nil
	}
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		keys, err = queryKeys(ctx, q, `WHERE purpose = $1 ORDER BY created_at, id`, string(purpose))
		return err
	})
	return keys, err
}

func queryKeys(ctx context.Context, q querier, where string, args ...any) ([]authn.Key, error) {
	rows, err := q.QueryContext(ctx, selectKeys+where, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(rows *sql.Rows) (authn.Key, error) {
		var key authn.Key
		var created int64
		err := rows.Scan(&key.ID, &key.Purpose, &key.Algorithm, &key.Material, &created)
		key.CreatedAt = fromMicros(created)
		return key, err
	})
}
