package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// The feed is the table changes. An entry is written in the transaction that makes the change, so that there is never one
// without the other.
//
// To read on where one has stopped is easy on SQLite, where positions are in the order of commits. On PostgreSQL a
// transaction takes its position when it writes and may commit long after others with higher ones. There every entry knows
// its transaction, and a cursor the snapshot of its read: what that snapshot did not see is new, whatever its position.
//
// A cursor also knows the name of the feed, which is made with the database, and the newest entry that it has seen. If the
// database does not know that entry, then it is a copy of an earlier time, and the cursor means nothing to it. (An entry that
// was purged is not known either; therefore the count of positions that were given out must have reached it.)

// feedQuery is how the feed is read. Its rows are: epoch, snapshot, the highest position ever given out, the mark of the entry
// at $1, and, all NULL if nothing is new, position, mark, kind, user_id, session_id, jti, key_id and made_at.
type feedQuery struct {
	statement string
	snapshots bool // $2 is the snapshot of the cursor
}

// noSnapshot has seen nothing. The first transaction of a PostgreSQL database has number 3.
const noSnapshot = "3:3:"

// announce adds entries to the feed. q is the transaction that makes the changes.
func (s *Store) announce(ctx context.Context, q querier, changes ...authn.Change) error {
	for _, c := range changes {
		_, err := q.ExecContext(ctx, `INSERT INTO changes (kind, user_id, session_id, jti, key_id, made_at)
			VALUES ($1, $2, $3, $4, $5, $6)`, string(c.Kind), nullID(c.UserID), nullID(c.SessionID), nullText(c.JTI),
			nullText(c.KeyID), micros(c.At))
		if err != nil {
			return err
		}
	}
	q.(*work).announced = true // else the change would not be in the transaction that makes it: a mistake in this package
	return nil
}

// announceEnded adds the end of sessions, which still are in their table.
func (s *Store) announceEnded(ctx context.Context, q querier, ids []string, at time.Time) error {
	_, err := q.ExecContext(ctx, `INSERT INTO changes (kind, user_id, session_id, made_at)
		SELECT '`+string(authn.SessionEnded)+`', user_id, id, CAST($2 AS BIGINT) FROM sessions
		WHERE id IN (SELECT key FROM `+s.engine.members("$1")+`) ORDER BY id`, jsonSet(ids), micros(at))
	q.(*work).announced = true
	return err
}

func nullID(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id.String()
}

// Changes returns what was committed after the cursor.
func (s *Store) Changes(ctx context.Context, after authn.Cursor) (changes []authn.Change, next authn.Cursor, err error) {
	mark, snapshot, _ := strings.Cut(after.Seen, " ")
	if after == (authn.Cursor{}) || !s.engine.feed.snapshots {
		snapshot = noSnapshot
	}
	if !validSnapshot(snapshot) {
		return nil, authn.Cursor{}, authn.ErrFeedReset
	}
	if s.engine.present != nil {
		if err := s.engine.present(); err != nil {
			return nil, authn.Cursor{}, unavailable(err) // to a file that was removed nobody will add anything
		}
	}
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		args := []any{after.Position}
		if s.engine.feed.snapshots {
			args = append(args, snapshot)
		}
		rows, err := q.QueryContext(ctx, s.engine.feed.statement, args...)
		if err != nil {
			return err
		}
		entries, err := collect(rows, scanEntry)
		if err != nil {
			return err
		}
		changes, next, err = s.engine.feed.follow(entries, after, mark, snapshot)
		return err
	})
	if err != nil {
		return nil, authn.Cursor{}, err
	}
	return changes, next, nil
}

// entry is a row of a feedQuery.
type entry struct {
	epoch, snapshot string
	last            int64
	known           sql.NullString

	position, at                              sql.NullInt64
	mark, kind, userID, sessionID, jti, keyID sql.NullString
}

func scanEntry(rows *sql.Rows) (e entry, err error) {
	err = rows.Scan(&e.epoch, &e.snapshot, &e.last, &e.known,
		&e.position, &e.mark, &e.kind, &e.userID, &e.sessionID, &e.jti, &e.keyID, &e.at)
	return e, err
}

// follow turns rows into changes and the cursor behind them.
func (f feedQuery) follow(entries []entry, after authn.Cursor, mark, snapshot string) ([]authn.Change, authn.Cursor, error) {
	if len(entries) == 0 {
		return nil, authn.Cursor{}, authn.ErrFeedReset // the feed has lost its name
	}
	head := entries[0]
	if after != (authn.Cursor{}) &&
		(after.Epoch != head.epoch || head.last < after.Position || head.known.Valid && head.known.String != mark ||
			f.snapshots && snapshotBegin(head.snapshot) < snapshotBegin(snapshot)) {
		return nil, authn.Cursor{}, authn.ErrFeedReset
	}
	next := authn.Cursor{Position: after.Position, Epoch: head.epoch}
	changes := []authn.Change{}
	for _, e := range entries {
		if !e.position.Valid {
			continue
		}
		change, err := e.change()
		if err != nil {
			return nil, authn.Cursor{}, err
		}
		changes = append(changes, change)
		if e.position.Int64 > next.Position {
			next.Position, mark = e.position.Int64, e.mark.String
		}
	}
	next.Seen = mark + " " + head.snapshot
	return changes, next, nil
}

func (e *entry) change() (authn.Change, error) {
	c := authn.Change{Kind: authn.ChangeKind(e.kind.String), JTI: e.jti.String, KeyID: e.keyID.String, At: fromMicros(e.at.Int64)}
	for id, text := range map[*uuid.UUID]sql.NullString{&c.UserID: e.userID, &c.SessionID: e.sessionID} {
		if !text.Valid {
			continue
		}
		var err error
		if *id, err = uuid.Parse(text.String); err != nil {
			return authn.Change{}, err
		}
	}
	return c, nil
}

// PurgeChanges removes changes that are old and concern no token any more. A token that was signed while its user was changed
// may say what was true before.
func (s *Store) PurgeChanges(ctx context.Context, before time.Time) (int, error) {
	return s.purge(ctx, `DELETE FROM changes WHERE position IN (
		SELECT c.position FROM changes c WHERE c.made_at < $1
			AND NOT EXISTS (SELECT 1 FROM tokens t WHERE t.jti = c.jti AND t.expires_at > $1)
			AND NOT EXISTS (SELECT 1 FROM tokens t WHERE t.session_id = c.session_id AND t.kind = 'access' AND t.expires_at > $1)
			AND NOT EXISTS (SELECT 1 FROM tokens t WHERE c.kind = '`+string(authn.UserChanged)+`' AND t.user_id = c.user_id
				AND t.kind = 'access' AND t.expires_at > $1 AND t.created_at < c.made_at + $2)
		ORDER BY c.made_at LIMIT $3`+s.engine.skipLocked+`)`, micros(before), time.Minute.Microseconds())
}

// Wake calls wake once it hears of changes, and then whenever there may be one.
func (s *Store) Wake(ctx context.Context, wake func()) error {
	err := s.engine.listen(ctx, &s.bell, wake)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.fault(ctx, err)
}

// bell wakes who follows the feed on this Store.
type bell struct {
	mu      sync.Mutex
	ringing map[chan struct{}]bool
}

// hear returns a channel that receives after each ring, and a function that ends that.
func (b *bell) hear() (<-chan struct{}, func()) {
	heard := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ringing == nil {
		b.ringing = map[chan struct{}]bool{}
	}
	b.ringing[heard] = true
	return heard, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ringing, heard)
	}
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for heard := range b.ringing {
		select {
		case heard <- struct{}{}:
		default: // it has not yet looked since the last time
		}
	}
}
