package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// The role that the tests of this package use must itself be as small as the promise says.
func TestPostgresNeedsNoPrivilege(t *testing.T) {
	database := storetest.PostgresURL(t)
	openPostgres(t, database, 0)
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var super, createdb, createrole, replication, bypass bool
	var extensions int
	err = db.QueryRowContext(t.Context(), `SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
		(SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql') FROM pg_roles WHERE rolname = current_user`).
		Scan(&super, &createdb, &createrole, &replication, &bypass, &extensions)
	if err != nil {
		t.Fatal(err)
	}
	if super || createrole || replication || bypass || extensions != 0 {
		t.Errorf("the role has more rights than a store needs, or %d extensions are installed", extensions)
	}
}

// A schema of one's own, in a database that is shared with the application, is chosen by search_path.
func TestPostgresInASchema(t *testing.T) {
	database := storetest.PostgresURL(t)
	execute(t, "pgx", database, `CREATE SCHEMA login`)
	execute(t, "pgx", database, `CREATE TABLE public.users (id integer)`) // the application's
	s := openPostgres(t, with(database, "search_path", "login"), 0)
	if err := s.CreateUser(t.Context(), user("alice"), storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	execute(t, "pgx", database, `UPDATE login.users SET username = 'bob'`)
	if _, err := s.UserByUsername(t.Context(), "bob"); err != nil {
		t.Error(err)
	}
}

// The store takes turns by locks and not by snapshots, and must not depend on what isolation the role has by default.
func TestPostgresSerializableRole(t *testing.T) {
	database := with(storetest.PostgresURL(t), "default_transaction_isolation", "serializable")
	s := openPostgres(t, database, 0)
	u := user("alice")
	if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	policy := authn.LockoutPolicy{Failures: 40, Duration: time.Hour}
	var calls sync.WaitGroup
	for range 40 {
		calls.Go(func() {
			if r, err := s.CountAttempt(t.Context(), authn.Attempt{Account: "alice"}, policy, time.Unix(1, 0)); err != nil || r.Locked {
				t.Errorf("an attempt: %+v, error %v", r, err)
			}
		})
		calls.Go(func() {
			if _, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{EndSessions: true, Act: storetest.By(time.Unix(2, 0))}); err != nil {
				t.Errorf("an update: %v", err)
			}
		})
	}
	calls.Wait()
}

// A server that is not there, or takes connections and says nothing, must be reported and not waited for.
func TestPostgresDead(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for name, host := range map[string]string{"silent": silent.Addr().String(), "closed": closedPort(t)} {
		begin := time.Now()
		_, err := store.Open(t.Context(), "postgres://u:p@"+host+"/d?sslmode=disable", store.Options{Timeout: 300 * time.Millisecond})
		if !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", name, err)
		}
		if waited := time.Since(begin); waited > 5*time.Second {
			t.Errorf("%s: it took %v", name, waited)
		}
	}
}

// A standby is another server's copy, and nobody knows how far it is behind. Nothing is asked of it.
func TestPostgresStandby(t *testing.T) {
	database := storetest.PostgresURL(t)
	line := proxyTo(t, database)
	s := openPostgres(t, line.url, 0)
	var cursor authn.Cursor
	read(t, s, &cursor)
	execute(t, "pgx", database, `CREATE SCHEMA standby`)
	execute(t, "pgx", database, `CREATE FUNCTION standby.pg_is_in_recovery() RETURNS boolean LANGUAGE SQL AS 'SELECT true'`)
	execute(t, "pgx", database, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = standby, pg_catalog, public',
		current_database()); END $$`)
	line.cut() // as when another server takes over
	asks := map[string]func() error{
		"the feed": func() error { _, _, err := s.Changes(t.Context(), cursor); return err },
		"a token": func() error {
			_, _, err := s.TokenOwner(t.Context(), authn.AccessToken, "a", nil, time.Now())
			return err
		},
		"ready": func() error { return s.Ping(t.Context()) },
		"the wakeup": func() error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			return s.Wake(ctx, cancel) // which is called if it listens
		},
	}
	for what, ask := range asks {
		for range 3 {
			if err := ask(); !errors.Is(err, authn.ErrUnavailable) {
				t.Errorf("%s: got %v, want ErrUnavailable", what, err)
			}
		}
	}
}

// A restart of the server, or a firewall that forgets connections, costs at most the calls under way.
func TestPostgresLosesConnections(t *testing.T) {
	database := storetest.PostgresURL(t)
	line := proxyTo(t, database)
	s := openPostgres(t, line.url, 500*time.Millisecond)
	u := user("alice")
	if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}

	line.cut() // every connection is gone, new ones are possible: nothing may be noticed but by calls under way
	recovered := false
	for range 20 { // the pool holds at most 16 dead connections
		if _, err := s.UserByID(t.Context(), u.ID); err == nil {
			recovered = true
			break
		} else if !errors.Is(err, authn.ErrUnavailable) {
			t.Fatalf("a call on a lost connection: got %v, want ErrUnavailable", err)
		}
	}
	if !recovered {
		t.Error("the store did not recover from lost connections")
	}

	line.freeze()
	begin := time.Now()
	for name, err := range map[string]error{
		"ping": s.Ping(t.Context()), "delete": s.DeleteUser(t.Context(), u.ID, storetest.By(time.Now())),
	} {
		if !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("%s on a line that is silent: got %v, want ErrUnavailable", name, err)
		}
	}
	if waited := time.Since(begin); waited > 15*time.Second {
		t.Errorf("two calls on a silent line took %v", waited)
	}
	line.thaw()
	line.cut()
	deadline := time.After(10 * time.Second)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for s.Ping(t.Context()) != nil {
		select {
		case <-deadline:
			t.Fatal("the store did not recover from a silent line")
		case <-poll.C:
		}
	}
	if _, err := s.UserByID(t.Context(), u.ID); err != nil {
		t.Errorf("the user whose deletion failed: %v", err)
	}
}

// Who waits for a lock gives up after the timeout, changes nothing, and does not go on waiting on the server.
func TestPostgresLockedRow(t *testing.T) {
	database := storetest.PostgresURL(t)
	s := openPostgres(t, database, 300*time.Millisecond)
	u := user("alice")
	if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT 1 FROM users FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(t.Context(), u.ID, storetest.By(time.Now())); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("an act that waits for a lock: got %v, want ErrUnavailable", err)
	}
	var waiting int
	if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting); err != nil {
		t.Fatal(err)
	}
	if waiting != 0 {
		t.Errorf("%d statements still wait on the server", waiting)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(t.Context(), u.ID, storetest.By(time.Now())); err != nil {
		t.Errorf("the same without the lock: %v", err)
	}
}

// line is a TCP proxy before a server, which can be cut and frozen.
type line struct {
	url    string
	server string

	mu     sync.Mutex
	conns  []net.Conn
	frozen chan struct{} // closed while nothing is held up
}

func proxyTo(t *testing.T, database string) *line {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{server: u.Host, frozen: make(chan struct{})}
	close(l.frozen)
	u.Host = listener.Addr().String()
	l.url = u.String()
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(client)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
		l.cut()
	})
	return l
}

func (l *line) carry(client net.Conn) {
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		_ = client.Close()
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, client, server)
	l.mu.Unlock()
	go l.pass(server, client)
	l.pass(client, server)
}

func (l *line) pass(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		open := l.frozen
		l.mu.Unlock()
		<-open
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// cut closes every connection.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// freeze holds everything up until thaw.
func (l *line) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = make(chan struct{})
}

func (l *line) thaw() { close(l.frozen) }
