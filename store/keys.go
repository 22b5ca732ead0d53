package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/descoped/authly/authn"
)

// Whatever adds or revokes a key holds the guard "keys": one replica at a time looks and decides.
const keysGuard = "keys"

const selectKeys = `SELECT id, purpose, algorithm, material, sealing, created_at, coalesce(active_from, created_at) AS active,
	revoked_at FROM keys `

// ListKeys returns all keys.
func (s *Store) ListKeys(ctx context.Context) (keys []authn.Key, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		keys, err = queryKeys(ctx, q, `ORDER BY active, id`)
		return err
	})
	return keys, err
}

// AddKey keeps candidate if the last key like it is the one that the caller knows.
func (s *Store) AddKey(ctx context.Context, candidate authn.Key, after string, act authn.Act) (last authn.Key, err error) {
	if err := checkKey(candidate); err != nil {
		return authn.Key{}, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		present, err := s.lockKeysLike(ctx, q, candidate)
		if err != nil {
			return err
		}
		if len(present) > 0 {
			last = present[len(present)-1]
		} else {
			last = authn.Key{}
		}
		if last.ID != after {
			return nil
		}
		last = keptKey(candidate)
		return s.insertKey(ctx, q, candidate, act)
	})
	if err != nil {
		return authn.Key{}, err
	}
	return last, nil
}

// RevokeKey revokes a key, and keeps its successor if it is the one that signs.
func (s *Store) RevokeKey(ctx context.Context, id string, successor *authn.Key, act authn.Act) (replaced bool, err error) {
	if !storable(id) {
		return false, authn.ErrKeyNotFound
	}
	if successor != nil {
		if err := checkKey(*successor); err != nil {
			return false, err
		}
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		replaced = false
		signing, err := s.lockSigning(ctx, q, successor, act.At)
		if err != nil {
			return err
		}
		if err := s.markRevoked(ctx, q, id, act); err != nil || successor == nil || signing != id {
			return err
		}
		replaced = true
		return s.insertKey(ctx, q, *successor, act)
	})
	return replaced && err == nil, err
}

// lockSigning holds the guard and returns the id of the key like successor that signs at the given time.
func (s *Store) lockSigning(ctx context.Context, q querier, successor *authn.Key, at time.Time) (string, error) {
	if successor == nil {
		return "", s.lockGuard(ctx, q, keysGuard)
	}
	living, err := s.lockKeysLike(ctx, q, *successor)
	return signs(living, at), err
}

func (s *Store) markRevoked(ctx context.Context, q querier, id string, act authn.Act) error {
	found, err := queryKeys(ctx, q, `WHERE id = $1`, id)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return authn.ErrKeyNotFound
	case !found[0].RevokedAt.IsZero():
		return authn.ErrStale
	}
	if _, err := q.ExecContext(ctx, `UPDATE keys SET revoked_at = $2, material = $3, sealing = '', data_key = NULL WHERE id = $1`,
		id, micros(act.At), []byte{}); err != nil {
		return err
	}
	if err := s.record(ctx, q, act.KeyEvent(authn.EventKeyRevoked, found[0])); err != nil {
		return err
	}
	return s.announce(ctx, q, authn.Change{Kind: authn.KeyEnded, KeyID: id, At: act.At})
}

// signs returns the id of the last of the keys that is active, else of the first that will be; "" if there is none.
func signs(living []authn.Key, at time.Time) (id string) {
	for _, key := range living {
		if id == "" || !key.ActiveFrom.After(at) {
			id = key.ID
		}
	}
	return id
}

// SealKey replaces the material of a key.
func (s *Store) SealKey(ctx context.Context, key authn.Key, before string, act authn.Act) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		n, err := affected(q.ExecContext(ctx, `UPDATE keys SET material = $2, sealing = $3, data_key = $5
			WHERE id = $1 AND sealing = $4 AND revoked_at IS NULL`, key.ID, key.Material, key.Sealing, before, dataKeyOf(key.Sealing)))
		if err != nil || n == 0 {
			return err
		}
		return s.record(ctx, q, act.KeyEvent(authn.EventKeySealed, key))
	})
}

// PurgeKeys removes keys of which no token is left.
func (s *Store) PurgeKeys(ctx context.Context, ids []string, after time.Time) (removed int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(ctx context.Context, q querier) (err error) {
		removed, err = affected(q.ExecContext(ctx, `DELETE FROM keys WHERE id IN (SELECT key FROM `+s.engine.members("$1")+`)
			AND NOT EXISTS (SELECT 1 FROM tokens WHERE tokens.key_id = keys.id AND tokens.expires_at > $2)`, jsonSet(ids), micros(after)))
		return err
	})
	return removed, err
}

// anyKeyDead reports whether a key that signed one of two tokens is revoked, or should be here and is not. Replicas know that by
// themselves as soon as they have heard; here nothing is late.
func anyKeyDead(ctx context.Context, q querier, one, other authn.Token) (dead bool, err error) {
	var kept [2]string // of two purposes, and so two keys
	expected := 0
	for i, t := range []authn.Token{one, other} {
		if t.KeyKept {
			kept[i] = t.KeyID
			expected++
		}
	}
	var revoked, found int
	err = q.QueryRowContext(ctx, `SELECT count(revoked_at), count(CASE WHEN id IN ($3, $4) THEN 1 END) FROM keys
		WHERE id IN ($1, $2)`, one.KeyID, other.KeyID, kept[0], kept[1]).Scan(&revoked, &found)
	return revoked > 0 || found < expected, err
}

// lockKeysLike holds the guard and returns the keys of the same purpose and algorithm that are not revoked, in order.
func (s *Store) lockKeysLike(ctx context.Context, q querier, key authn.Key) ([]authn.Key, error) {
	if err := s.lockGuard(ctx, q, keysGuard); err != nil {
		return nil, err
	}
	return queryKeys(ctx, q, `WHERE purpose = $1 AND algorithm = $2 AND revoked_at IS NULL ORDER BY active, id`,
		string(key.Purpose), key.Algorithm)
}

func (s *Store) insertKey(ctx context.Context, q querier, key authn.Key, act authn.Act) error {
	_, err := q.ExecContext(ctx, `INSERT INTO keys (id, purpose, algorithm, material, sealing, data_key, created_at, active_from)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, key.ID, string(key.Purpose), key.Algorithm, key.Material, key.Sealing,
		dataKeyOf(key.Sealing), micros(key.CreatedAt), micros(key.ActiveFrom))
	if err != nil {
		return err
	}
	if err := s.record(ctx, q, act.KeyEvent(authn.EventKeyAdded, key)); err != nil {
		return err
	}
	return s.announce(ctx, q, authn.Change{Kind: authn.KeyAdded, KeyID: key.ID, At: key.CreatedAt})
}

// keptKey returns a new key as it will be read back.
func keptKey(key authn.Key) authn.Key {
	key.CreatedAt, key.ActiveFrom = fromMicros(micros(key.CreatedAt)), fromMicros(micros(key.ActiveFrom))
	key.RevokedAt = time.Time{}
	return key
}

func checkKey(key authn.Key) error {
	return checkTexts(text{"key id", key.ID, keyLimit}, text{"purpose", string(key.Purpose), keyLimit},
		text{"algorithm", key.Algorithm, keyLimit}, text{"sealing", key.Sealing, keyLimit})
}

func queryKeys(ctx context.Context, q querier, where string, args ...any) ([]authn.Key, error) {
	rows, err := q.QueryContext(ctx, selectKeys+where, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(rows *sql.Rows) (authn.Key, error) {
		var key authn.Key
		var created, active int64
		var revoked sql.NullInt64
		err := rows.Scan(&key.ID, &key.Purpose, &key.Algorithm, &key.Material, &key.Sealing, &created, &active, &revoked)
		if len(key.Material) == 0 {
			key.Material = nil // the drivers differ
		}
		key.CreatedAt, key.ActiveFrom, key.RevokedAt = fromMicros(created), fromMicros(active), fromNullMicros(revoked)
		return key, err
	})
}
