package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// sqliteFeed reads entries with a higher position. A position is never given out twice (AUTOINCREMENT).
var sqliteFeed = feedQuery{statement: `SELECT f.epoch, '',
		coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0),
		(SELECT CAST(p.made_at AS TEXT) FROM changes p WHERE p.position = $1),
		c.position, CAST(c.made_at AS TEXT), c.kind, c.user_id, c.session_id, c.jti, c.key_id, c.made_at
	FROM feed f LEFT JOIN changes c ON c.position > $1
	ORDER BY c.position`}

// watchEvery is how often a watcher looks whether another process has written. A look takes about a tenth of a millisecond.
const watchEvery = 50 * time.Millisecond

// watcher hears of commits: of this Store by its bell, of everybody else by asking the file.
type watcher struct{ dsn string }

func (w watcher) listen(ctx context.Context, b *bell, wake func()) (err error) {
	heard, stop := b.hear()
	defer stop()
	db, err := sql.Open("sqlite", w.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx) // the version is that which one connection sees
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	version, err := dataVersion(ctx, conn)
	if err != nil {
		return err
	}
	wake() // what came before
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-heard:
			wake()
		case <-ticker.C:
			now, err := dataVersion(ctx, conn)
			if err != nil {
				return err
			}
			if now != version {
				version = now
				wake()
			}
		}
	}
}

func dataVersion(ctx context.Context, conn *sql.Conn) (version int64, err error) {
	err = conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version)
	return version, err
}
