package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// postgresFeed reads entries whose transaction the cursor's snapshot did not see. The second half of each condition finds
// what a server that has lost its newest transactions gives the same numbers to. The epoch includes the number of the
// database: a copy has another. The statement, and so all that it reads, has one snapshot.
var postgresFeed = feedQuery{snapshots: true, statement: `SELECT
		f.epoch || '.' || (SELECT CAST(oid AS TEXT) FROM pg_database WHERE datname = current_database()),
		CAST(pg_current_snapshot() AS TEXT),
		(SELECT last_value FROM changes_position_seq),
		(SELECT CAST(p.xid AS TEXT) || '.' || CAST(p.made_at AS TEXT) FROM changes p WHERE p.position = $1),
		c.position, CAST(c.xid AS TEXT) || '.' || CAST(c.made_at AS TEXT),
		c.kind, c.user_id, c.session_id, c.jti, c.key_id, c.made_at
	FROM feed f LEFT JOIN changes c
		ON (c.xid >= pg_snapshot_xmin(` + cursorSnapshot + `) OR c.position > $1)
		AND (NOT pg_visible_in_snapshot(c.xid, ` + cursorSnapshot + `) OR c.position > $1)
	ORDER BY c.position`}

const cursorSnapshot = `CAST(CAST($2 AS TEXT) AS PG_SNAPSHOT)`

// validSnapshot reports whether a text is xmin:xmax:xip,xip… as PostgreSQL writes it.
func validSnapshot(snapshot string) bool {
	first, rest, _ := strings.Cut(snapshot, ":")
	_, err := strconv.ParseUint(first, 10, 64)
	return err == nil && len(rest) > 0 && strings.Trim(rest, "0123456789:,") == "" && strings.Count(rest, ":") == 1
}

// snapshotBegin returns the number before which a snapshot has seen every transaction.
func snapshotBegin(snapshot string) uint64 {
	first, _, _ := strings.Cut(snapshot, ":")
	n, _ := strconv.ParseUint(first, 10, 64)
	return n
}

// changesChannel is where commits that write to the feed are notified.
const changesChannel = "authly_changes"

// listenCheck is how often at least a connection that hears nothing is asked whether it still would.
const listenCheck = 10 * time.Second

var errNotListening = errors.New("store: the connection does not keep LISTEN: a pooler is between that does not support it")

// listener hears of commits on a connection of its own, outside of the pool.
type listener struct {
	config  *pgx.ConnConfig
	timeout time.Duration
}

func (l listener) listen(ctx context.Context, _ *bell, wake func()) (err error) {
	config := l.config.Copy()
	// To stop waiting is no reason to trouble the server, and must leave the connection whole.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	heard := make(chan struct{}, 1)
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {
		select {
		case heard <- struct{}{}:
		default:
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // there is nothing to lose
	}()
	if err := l.exec(ctx, conn, `LISTEN `+changesChannel); err != nil {
		return err
	}
	if err := l.check(ctx, conn); err != nil {
		return err
	}
	wake() // what came before
	for {
		if err := l.wait(ctx, conn); err != nil {
			return err
		}
		select {
		case <-heard:
			wake()
		default:
		}
	}
}

// wait returns when there was a notification, or when the connection was found to be good.
func (l listener) wait(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, min(listenCheck, l.timeout)) // not more patient than with an act
	defer cancel()
	err := conn.PgConn().WaitForNotification(waiting)
	if err == nil || ctx.Err() != nil || waiting.Err() == nil {
		return errors.Join(err, ctx.Err())
	}
	return l.check(ctx, conn)
}

// check fails if the connection is dead or is no longer the one that listens.
func (l listener) check(ctx context.Context, conn *pgx.Conn) error {
	return l.exec(ctx, conn, `SELECT 1 FROM pg_listening_channels() AS c WHERE c = '`+changesChannel+`'`)
}

func (l listener) exec(ctx context.Context, conn *pgx.Conn, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
	if err == nil && results[0].CommandTag.Select() && len(results[0].Rows) == 0 {
		err = errNotListening
	}
	return err
}
