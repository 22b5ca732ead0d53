// Package store is the disk: it keeps what authn needs kept, on SQLite or on PostgreSQL.
//
// The interfaces are authn's (UserStore, SessionStore, TokenStore, LockoutStore, AuditStore, KeyStore, DataKeyStore, MailStore, Feed,
// Pinger), and every method is one act of the
// domain in one transaction. Three rules make the acts safe against each other, on one replica and on many:
//
//   - An act that concerns a user locks the user's row before it looks at anything else of theirs. Whatever ends sessions
//     and whatever begins or continues one therefore take turns.
//   - An act that needs more than one row to stay true, such as "one administrator stays", then locks a named row of the
//     table guards. The order is always user, guard, sessions, tokens, and several rows of one table in the order of their
//     ids, so that no two acts wait for each other. Mailed tokens and mails come last.
//   - Nothing is decided on what was read before a lock was held.
//
// What other replicas must hear of is written to the table changes in the transaction that makes it so; see feed.go.
//
// On SQLite every writing transaction holds the one write lock from its beginning (BEGIN IMMEDIATE), and so the rules hold by
// themselves. The SQL is the same for both databases where it can be: $1, RETURNING, ON CONFLICT, and times as integers,
// microseconds since 1970 in UTC. What differs is in the type engine.
//
// Store promises that an act that returned nil is on disk, and that an error is either one of authn's, or wraps
// authn.ErrUnavailable if the database did not answer, or is a fault.
package store

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/descoped/authly/authn"
)

// Options says how to use a database. The zero value is good.
type Options struct {
	MaxConnections int           // to the database, at least 2; 0: 16
	Timeout        time.Duration // of one act; after it the error is authn.ErrUnavailable. 0: 10 seconds
	Log            *slog.Logger  // nil: nothing is logged

	Now func() time.Time // for acts that are told no time: the removal of old sessions. nil: time.Now

	Audited func(context.Context, authn.Event) // is told of each event that was kept, such as the log; nil: nobody is

	Geography authn.Geography // tells where the clients of events are; nil: nobody knows

	// KeepSchema leaves the schema to Migrate: Open refuses one that is older or newer than SchemaVersion. The role of a PostgreSQL
	// database then needs to read and write rows and no more.
	KeepSchema bool

	lookup func(ctx context.Context, host string) ([]string, error) // finds the addresses of a PostgreSQL server; nil: as everybody does
}

func (o Options) withDefaults() Options {
	if o.MaxConnections == 0 {
		o.MaxConnections = 16
	}
	o.MaxConnections = max(o.MaxConnections, 2)
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Store keeps users, sessions, tokens, failed attempts, keys and mails. It is safe for concurrent use.
type Store struct {
	engine  engine
	timeout time.Duration
	now     func() time.Time
	audited func(context.Context, authn.Event) // or nil
	geo     authn.Geography                    // or nil
	file    string
	bell    bell
	heed    func(context.Context) // or nil
}

var (
	_ authn.LoginStore   = (*Store)(nil)
	_ authn.KeyStore     = (*Store)(nil)
	_ authn.DataKeyStore = (*Store)(nil)
	_ authn.MailStore    = (*Store)(nil)
	_ authn.Feed         = (*Store)(nil)
	_ authn.Pinger       = (*Store)(nil)
)

// engine is what differs between the databases.
type engine struct {
	reads, writes *sql.DB // one and the same on PostgreSQL
	close         func() error
	found         int64        // the version of the schema before the database was opened
	present       func() error // nil, or tells that the database is not the one that was opened

	begin      *sql.TxOptions
	forUpdate  string                         // locks the rows that a SELECT returns until the transaction ends
	skipLocked string                         // the same, leaving out rows that another transaction has locked
	members    func(param string) string      // a table of the key and value of each member of a JSON object
	holds      func(text, part string) string // whether a text has a part: as it stands, no character stands for others
	feed       feedQuery
	notify     string                                                // tells who listens, on commit; "" if there is no such statement
	listen     func(ctx context.Context, b *bell, wake func()) error // until ctx ends or nothing can be heard any more
	scrub      func(whole bool) []string                             // statements that make unreadable what was removed

	nearest        string           // orders the sign-ins of user $1 by their distance from the vector $2; "" if the database cannot
	withoutVectors func(error) bool // it could when it was opened, and cannot any more

	violated    func(error) string // names the constraint that err says is violated; "" for any other error
	unavailable func(error) bool   // the database does not answer, or cannot write
	again       func(error) bool   // the transaction lost against another one and may be tried again
}

// Open opens the database that the URL names, brings its schema up to date and returns a Store on it.
//
// SQLite: sqlite://authly.db (relative to the working directory) or sqlite:///var/lib/authly/authly.db. The file is made with
// mode 0600 if there is none; its folder must exist. PostgreSQL: postgres://user:password@host/database (version 13 or newer) with the parameters
// of libpq and pgx, such as sslmode and default_query_exec_mode; the role must own the schema or be allowed to create in it,
// and needs no other right; see also KeepSchema. To another machine, and without an sslmode, that is verify-full; see Risks. A
// standby is not used. The driver names that other programs put into their URLs,
// as in postgresql+asyncpg://, are accepted and ignored.
//
// Any number of replicas may call Open at once. A database with a newer schema than this program knows is refused. No error
// repeats a password.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	location, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	open := openPostgres
	if location.sqlite {
		open = openSQLite
	}
	e, err := open(ctx, location, opts)
	if err != nil {
		return nil, location.redact(err)
	}
	return &Store{engine: e, timeout: opts.Timeout, now: opts.Now, audited: opts.Audited, geo: opts.Geography, file: location.path}, nil
}

// File is the path of the SQLite database; empty for PostgreSQL.
func (s *Store) File() string { return s.file }

// Tell has heed called by every act that writes to the feed, or relies on what is there, when it has been committed and before
// it returns. It is called at most once, before anything else uses the Store.
func (s *Store) Tell(heed func(context.Context)) { s.heed = heed }

// Close closes the connections. An act under way is waited for or fails; none begins after. A Wake is ended by its context,
// before.
func (s *Store) Close() error { return s.engine.close() }

// Ping makes one round trip and fails unless the database answers and has the tables and at least the schema version that
// this program needs. A newer version is fine here: while replicas are replaced one by one, the old ones go on serving.
func (s *Store) Ping(ctx context.Context) error {
	if s.engine.present != nil {
		if err := s.engine.present(); err != nil {
			return unavailable(err)
		}
	}
	return s.read(ctx, func(ctx context.Context, q querier) error {
		var version int64
		var empty bool
		err := q.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(version_id), 0) FROM `+versionTable+`),
			NOT EXISTS (SELECT 1 FROM users) AND NOT EXISTS (SELECT 1 FROM tokens) AND
			NOT EXISTS (SELECT 1 FROM lockouts) AND NOT EXISTS (SELECT 1 FROM keys) AND
			NOT EXISTS (SELECT 1 FROM guesses) AND NOT EXISTS (SELECT 1 FROM known_clients) AND NOT EXISTS (SELECT 1 FROM salts) AND
			NOT EXISTS (SELECT 1 FROM mail_tokens) AND NOT EXISTS (SELECT 1 FROM mails) AND
			NOT EXISTS (SELECT 1 FROM sessions) AND NOT EXISTS (SELECT 1 FROM changes) AND NOT EXISTS (SELECT 1 FROM feed) AND
			NOT EXISTS (SELECT 1 FROM audit_events) AND NOT EXISTS (SELECT 1 FROM sign_ins) AND NOT EXISTS (SELECT 1 FROM cookies) AND
			NOT EXISTS (SELECT 1 FROM handovers) AND
			NOT EXISTS (SELECT 1 FROM data_keys) AND NOT EXISTS (SELECT 1 FROM installation)`).Scan(&version, &empty)
		if err != nil {
			return err
		}
		return checkVersion(version)
	})
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// read runs one query outside of a transaction.
func (s *Store) read(ctx context.Context, query func(context.Context, querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := query(ctx, s.engine.reads)
	if err != nil && ctx.Err() == nil && s.engine.unavailable(err) {
		err = query(ctx, s.engine.reads) // a connection that had died in the pool: the next one may be good
	}
	return s.fault(ctx, err)
}

// attempts is how often a transaction is tried that another one made fail.
const attempts = 5

// write runs act in a transaction that is committed if act returns nil, and rolled back else. act may run more than once, so
// it must set its results anew each time.
func (s *Store) write(ctx context.Context, act func(context.Context, querier) error) error {
	if s.engine.present != nil {
		if err := s.engine.present(); err != nil {
			return unavailable(err) // what is written to a file that was removed is lost
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var err error
	for range attempts {
		if err = s.transact(ctx, act); err == nil || ctx.Err() != nil || !s.engine.again(err) {
			break
		}
	}
	return s.fault(ctx, err)
}

func (s *Store) transact(ctx context.Context, act func(context.Context, querier) error) (err error) {
	tx, err := s.engine.writes.BeginTx(ctx, s.engine.begin)
	if err != nil {
		return err
	}
	w := &work{Tx: tx}
	defer func() {
		if s.heed != nil && (w.heeds || w.announced && err == nil) {
			s.heed(ctx)
		}
	}()
	if err = act(ctx, w); err == nil && w.announced && s.engine.notify != "" {
		_, err = tx.ExecContext(ctx, s.engine.notify)
	}
	if err != nil {
		_ = tx.Rollback() // the first error says more
		return err
	}
	if err = tx.Commit(); err != nil {
		return err
	}
	if w.announced {
		s.bell.ring()
	}
	if s.audited != nil {
		for _, e := range w.events {
			s.audited(ctx, e)
		}
	}
	return nil
}

// heeds has what others have written to the feed heeded before an act returns, whatever it returns: what it is about may have
// been ended on another replica, and then this one has to know before it says so.
func heeds(q querier) { q.(*work).heeds = true }

// work is the transaction of an act.
type work struct {
	*sql.Tx
	announced bool // it has written to the feed
	heeds     bool // see there
	events    []authn.Event
}
