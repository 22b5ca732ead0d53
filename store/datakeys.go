package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/descoped/authly/authn"
)

// Whatever adds, rewraps or removes data keys holds the guard "keys", as who adds signing keys does.

// Installation returns what names the database.
func (s *Store) Installation(ctx context.Context) (id string, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, `SELECT id FROM installation`).Scan(&id)
	})
	return id, err
}

// ListDataKeys returns all data keys.
func (s *Store) ListDataKeys(ctx context.Context) (keys []authn.DataKey, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		keys, err = queryDataKeys(ctx, q)
		return err
	})
	return keys, err
}

// AddDataKey keeps candidate if the last data key is the one that the caller knows.
func (s *Store) AddDataKey(ctx context.Context, candidate authn.DataKey, after string, act authn.Act) (last authn.DataKey, err error) {
	if err := checkDataKey(candidate); err != nil {
		return authn.DataKey{}, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		present, err := s.lockDataKeys(ctx, q)
		if err != nil {
			return err
		}
		last = authn.DataKey{Master: candidate.Master}
		if len(present) > 0 {
			last = present[len(present)-1]
		}
		if last.ID != after || last.Master != candidate.Master {
			return nil
		}
		last = keptDataKey(candidate)
		return s.insertDataKey(ctx, q, candidate, act)
	})
	if err != nil {
		return authn.DataKey{}, err
	}
	return last, nil
}

// ReplaceMaster keeps data keys as another master key has wrapped them, all of them or none.
func (s *Store) ReplaceMaster(ctx context.Context, rewrapped []authn.DataKey, next authn.DataKey, before string, act authn.Act) error {
	if err := checkDataKey(next); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		present, err := s.lockDataKeys(ctx, q)
		if err != nil {
			return err
		}
		sameID := func(a, b authn.DataKey) bool { return a.ID == b.ID && a.Master == before && b.Master == next.Master }
		if !slices.EqualFunc(present, rewrapped, sameID) {
			return authn.ErrStale
		}
		for _, key := range rewrapped {
			_, err := q.ExecContext(ctx, `UPDATE data_keys SET wrapped = $2, master = $3 WHERE id = $1`, key.ID, key.Wrapped, key.Master)
			if err != nil {
				return err
			}
		}
		if err := s.record(ctx, q, act.DataKeyEvent(authn.EventMasterKeyReplaced, next)); err != nil {
			return err
		}
		return s.insertDataKey(ctx, q, next, act)
	})
}

// AbandonDataKeys removes data keys that nobody can unwrap any more, with the mails that nobody can open any more.
func (s *Store) AbandonDataKeys(ctx context.Context, master string, keep []string, next authn.DataKey, act authn.Act) error {
	if err := checkDataKey(next); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		if _, err := s.lockDataKeys(ctx, q); err != nil {
			return err
		}
		lost := `sealing <> '' AND (data_key IS NOT NULL OR sealing NOT IN (SELECT key FROM ` + s.engine.members("$1") + `))`
		any := false
		err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM keys WHERE revoked_at IS NULL AND `+lost+`)`, jsonSet(keep)).Scan(&any)
		if err != nil {
			return err
		}
		if any {
			return authn.ErrKeySealed
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM mails WHERE `+lost, jsonSet(keep)); err != nil {
			return err
		}
		// A replica of the version before revokes a key without forgetting what it was sealed with.
		if _, err := q.ExecContext(ctx, `UPDATE keys SET data_key = NULL WHERE revoked_at IS NOT NULL`); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM data_keys WHERE master = $1`, master); err != nil {
			return err
		}
		if err := s.record(ctx, q, act.DataKeyEvent(authn.EventMasterKeyReplaced, next)); err != nil {
			return err
		}
		return s.insertDataKey(ctx, q, next, act)
	})
}

// PurgeDataKeys removes data keys that were replaced some time ago and are used no more. Who seals with one of them at this
// moment either keeps it from being removed or is refused, by the reference to it.
func (s *Store) PurgeDataKeys(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		if err := s.lockGuard(ctx, q, keysGuard); err != nil {
			return err
		}
		removed, err = affected(q.ExecContext(ctx, `DELETE FROM data_keys
			WHERE EXISTS (SELECT 1 FROM data_keys AS next WHERE next.position > data_keys.position AND next.created_at <= $1)
			AND NOT EXISTS (SELECT 1 FROM keys WHERE keys.data_key = data_keys.id)
			AND NOT EXISTS (SELECT 1 FROM mails WHERE mails.data_key = data_keys.id)`, micros(before)))
		return err
	})
	return removed, err
}

// Sealings returns what keys and mails are sealed with.
func (s *Store) Sealings(ctx context.Context) (names []string, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT sealing FROM keys WHERE revoked_at IS NULL
			UNION SELECT sealing FROM mails WHERE `+waits+` ORDER BY sealing`)
		if err != nil {
			return err
		}
		names, err = collect(rows, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) })
		return err
	})
	return names, err
}

// lockDataKeys holds the guard and returns all data keys.
func (s *Store) lockDataKeys(ctx context.Context, q querier) ([]authn.DataKey, error) {
	if err := s.lockGuard(ctx, q, keysGuard); err != nil {
		return nil, err
	}
	return queryDataKeys(ctx, q)
}

func (s *Store) insertDataKey(ctx context.Context, q querier, key authn.DataKey, act authn.Act) error {
	_, err := q.ExecContext(ctx, `INSERT INTO data_keys (id, wrapped, master, created_at) VALUES ($1, $2, $3, $4)`,
		key.ID, key.Wrapped, key.Master, micros(key.CreatedAt))
	if err != nil {
		return err
	}
	return s.record(ctx, q, act.DataKeyEvent(authn.EventDataKeyAdded, key))
}

// keptDataKey returns a new data key as it will be read back.
func keptDataKey(key authn.DataKey) authn.DataKey {
	key.CreatedAt = fromMicros(micros(key.CreatedAt))
	return key
}

func checkDataKey(key authn.DataKey) error {
	return checkTexts(text{"data key id", key.ID, keyLimit}, text{"master key", key.Master, keyLimit})
}

func queryDataKeys(ctx context.Context, q querier) ([]authn.DataKey, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, wrapped, master, created_at FROM data_keys ORDER BY position`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(rows *sql.Rows) (key authn.DataKey, err error) {
		var created int64
		err = rows.Scan(&key.ID, &key.Wrapped, &key.Master, &created)
		key.CreatedAt = fromMicros(created)
		return key, err
	})
}

// dataKeyOf is what the column data_key holds beside a sealing.
func dataKeyOf(sealing string) any {
	id, _ := authn.DataKeyOf(sealing)
	return nullText(id)
}

// Scrub has the database write anew what it keeps, without what was there before. On PostgreSQL that is the tables with secrets in
// them, if the role owns them; its log of changes is its own. Others who write wait meanwhile.
func (s *Store) Scrub(ctx context.Context, whole bool) error {
	for _, statement := range s.engine.scrub(whole) {
		if _, err := s.engine.writes.ExecContext(ctx, statement); err != nil {
			return s.fault(ctx, err)
		}
	}
	return nil
}
