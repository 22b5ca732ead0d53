package main_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/descoped/authly/store/storetest"
)

// Credentials and cookies that cannot be read are never answered with a permission.
func TestSecurityMalformedCredentials(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		for name, lines := range map[string][]string{
			"an empty token":           {"Authorization: Bearer "},
			"a token of signs":         {"Authorization: Bearer !!!"},
			"a token of spaces":        {"Authorization: Bearer a b c"},
			"a token outside ASCII":    {"Authorization: Bearer \xc3\xa4.\xc3\xa4.\xc3\xa4"},
			"a tab in the token":       {"Authorization: Bearer a\tb"},
			"a long token":             {"Authorization: Bearer " + strings.Repeat("a", 17_000)},
			"Basic that is no base64":  {"Authorization: Basic !!!"},
			"Basic without a colon":    {"Authorization: Basic YWxpY2U="},
			"Basic of a real password": {"Authorization: Basic YWxpY2U6YWxpY2UncyBwYXNzd29yZA=="},
			"Digest":                   {`Authorization: Digest username="alice"`},
			"Negotiate":                {"Authorization: Negotiate AAAA"},
			"a cookie of signs":        {"Cookie: =;;;=\x80; a=\"b"},
			"a cookie without a name":  {"Cookie: ="},
			"a cookie of null":         {"Cookie: session=null; authly=undefined"},
			"a long cookie":            {"Cookie: authly_session=" + strings.Repeat("a", 30_000)},
			"a thousand cookies":       {"Cookie: " + strings.Repeat("a=b; ", 1000)},
		} {
			t.Run("CVE-2026-25748 "+name, func(t *testing.T) {
				for _, e := range everywhere() {
					g.refused(t, e, attempt{lines: lines}, http.StatusUnauthorized)
				}
			})
		}
	})
}

// relay stands between the server and PostgreSQL and can cut or stall the line.
type relay struct {
	url string // of the database, through here

	mu      sync.Mutex
	cut     bool
	stalled chan struct{} // closed when the line goes again; nil: it goes
	open    map[net.Conn]bool
}

func newRelay(t *testing.T, storeURL string) *relay {
	t.Helper()
	u, err := url.Parse(storeURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{open: map[net.Conn]bool{}}
	database := u.Host
	u.Host = listener.Addr().String()
	r.url = u.String()
	var lines sync.WaitGroup
	lines.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			lines.Go(func() { r.carry(conn, database) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		r.set(true, false)
		lines.Wait()
	})
	return r
}

// set cuts or mends, stalls or frees the line.
func (r *relay) set(cut, stalled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if r.stalled != nil && !stalled {
		close(r.stalled)
		r.stalled = nil
	}
	if stalled && r.stalled == nil {
		r.stalled = make(chan struct{})
	}
	if cut {
		for conn := range r.open {
			conn.Close()
		}
	}
}

func (r *relay) carry(conn net.Conn, database string) {
	defer conn.Close()
	far, err := net.Dial("tcp", database)
	if err != nil {
		return
	}
	defer far.Close()
	r.mu.Lock()
	if r.cut {
		r.mu.Unlock()
		return
	}
	r.open[conn], r.open[far] = true, true
	r.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(conn, far); conn.Close() })
	_, _ = io.Copy(valve{far, r}, conn)
	far.Close()
	back.Wait()
	r.mu.Lock()
	delete(r.open, conn)
	delete(r.open, far)
	r.mu.Unlock()
}

// valve lets nothing through while the line is stalled.
type valve struct {
	net.Conn
	r *relay
}

func (v valve) Write(p []byte) (int, error) {
	v.r.mu.Lock()
	stalled := v.r.stalled
	v.r.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
	return v.Conn.Write(p)
}

// closedDoors checks that with a database in trouble nobody passes whom the database would have to vouch for, and that
// nothing is answered as done.
func (g *guarded) closedDoors(t *testing.T) {
	t.Helper()
	for _, e := range everywhere() {
		g.refused(t, e, attempt{lines: []string{bearerLine(g.alice.Access)}}, http.StatusServiceUnavailable)
		g.refused(t, e, attempt{lines: []string{bearerLine("x.y.z")}},
			http.StatusUnauthorized) // for this no database is needed
	}
	for _, e := range entrances() {
		g.refused(t, e, attempt{target: "/public/x", lines: []string{bearerLine(g.alice.Access)}},
			http.StatusServiceUnavailable)
		g.passed(t, e, attempt{target: "/public/x"})
	}
	for name, answer := range map[string]reply{
		"login":   g.do(t, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice"))),
		"refresh": g.do(t, "POST", "/auth/refresh", "", refreshBody(t, g.alice.Refresh)),
		"logout":  g.do(t, "POST", "/auth/logout", g.alice.Access, ""),
		"register": g.do(t, "POST", "/users/", "",
			`{"username":"x","email":"x@example.com","password":"a long password"}`),
		"health": g.do(t, "GET", "/health", "", ""),
	} {
		if answer.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
	}
}

// The database is cut off, comes back, and all that was good before is good again.
func TestSecurityDatabaseDown(t *testing.T) {
	t.Parallel()
	r := newRelay(t, storetest.PostgresURL(t))
	g := guardPeople(t, r.url, "", askTheStore)
	t.Run("database down", func(t *testing.T) {
		r.set(true, false)
		g.closedDoors(t)
	})
	t.Run("database up again", func(t *testing.T) {
		r.set(false, false)
		eventually(t, "the database is back",
			func() bool { return g.do(t, "GET", "/health", "", "").status == http.StatusOK })
		g.wantAlive(t, true, map[string]string{"alice": g.alice.Access})
	})
	t.Run("database slow",
		func(t *testing.T) { // a front proxy gives up long before; what it must not get is a permission
			r.set(false, true)
			l := call(t, strangerAddress, g.address["server.address"])
			defer l.Close()
			io.WriteString(l, throughGateway(attempt{lines: []string{bearerLine(g.alice.Access)}}.complete()))
			answer, err := l.listen()
			if err != nil || answer.status != http.StatusServiceUnavailable || len(g.behind.take()) != 0 {
				t.Errorf("%d %s, %v", answer.status, answer.body, err)
			}
			r.set(false, false)
			g.wantAlive(t, true, map[string]string{"alice": g.alice.Access})
		})
}

// sqlOf opens the server's database for statements that nobody should make.
func sqlOf(t *testing.T, storeURL string) (db *sql.DB, postgres bool) {
	t.Helper()
	driver, source := "pgx", storeURL
	if path, ok := strings.CutPrefix(storeURL, "sqlite://"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, driver == "pgx"
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// writesFail lets every change of a table fail, as on a full disk, and returns how to end that.
func writesFail(t *testing.T, db *sql.DB, postgres bool, table string) (mend func()) {
	t.Helper()
	if postgres {
		execute(t, db, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN RAISE EXCEPTION ''no space left'' USING ERRCODE = ''disk_full''; END'`,
			`CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON `+table+` FOR EACH ROW EXECUTE FUNCTION full_disk()`)
		return func() { execute(t, db, `DROP TRIGGER full_disk ON `+table, `DROP FUNCTION full_disk()`) }
	}
	for _, act := range []string{"INSERT", "UPDATE", "DELETE"} {
		execute(t, db, `CREATE TRIGGER full_`+act+` BEFORE `+act+` ON `+table+` BEGIN SELECT RAISE(ABORT, 'no space left'); END`)
	}
	return func() {
		execute(t, db, `DROP TRIGGER full_INSERT`, `DROP TRIGGER full_UPDATE`, `DROP TRIGGER full_DELETE`)
	}
}

// A database that cannot write, or that is another than it was: no 2xx for what was not done, and no permission.
func TestSecurityDatabaseFaults(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "", askTheStore)
		db, postgres := sqlOf(t, storeURL)
		failed := func(t *testing.T, answers map[string]reply) {
			t.Helper()
			for name, answer := range answers {
				if answer.status < 500 {
					t.Errorf("%s: %d %s", name, answer.status, answer.body)
				}
				if strings.Contains(answer.body, "space") || strings.Contains(strings.ToLower(answer.body), "sql") {
					t.Errorf("%s tells about the database: %s", name, answer.body)
				}
			}
		}
		t.Run("CVE-2020-15223 a logout that cannot be written", func(t *testing.T) {
			mend := writesFail(t, db, postgres, "tokens")
			failed(t, map[string]reply{
				"logout":  g.do(t, "POST", "/auth/logout", g.alice.Access, ""),
				"refresh": g.do(t, "POST", "/auth/refresh", "", refreshBody(t, g.alice.Refresh)),
				"login":   g.do(t, "POST", "/auth/token", "", loginBody("bare", passwordOf("bare"))),
				"disable": g.do(t, "PUT", "/users/"+g.id["bare"], g.admin.Access, `{"is_active":false}`),
				"delete":  g.do(t, "DELETE", "/users/"+g.id["bare"], g.admin.Access, ""),
			})
			mend()
			if bare := g.look(t, g.id["bare"]); !bare.IsActive {
				t.Error("half a change was made")
			}
			g.wantAlive(t, true, map[string]string{"alice, whose logout failed": g.alice.Access})
			g.alice = g.refreshed(t, g.alice.Refresh)
			g.must(t, http.StatusOK, "POST", "/auth/logout", g.alice.Access, "")
			g.wantAlive(t, false, map[string]string{"alice, logged out": g.alice.Access})
			g.alice = g.login(t, "alice", passwordOf("alice"))
		})
		t.Run("guesses that cannot be counted", func(t *testing.T) {
			mend := writesFail(t, db, postgres, "guesses")
			failed(t, map[string]reply{
				"wrong password": g.do(t, "POST", "/auth/token", "", loginBody("alice", "not this one")),
				"right password": g.do(t, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice"))),
				"unknown user":   g.do(t, "POST", "/auth/token", "", loginBody("nobody", "not this one")),
			})
			mend()
			g.login(t, "alice", passwordOf("alice"))
		})
		for _, table := range []string{"tokens", "users"} {
			t.Run("wrong schema: no table "+table, func(t *testing.T) {
				execute(t, db, `ALTER TABLE `+table+` RENAME TO elsewhere`)
				for _, e := range everywhere() {
					g.refused(t, e, attempt{lines: []string{bearerLine(g.alice.Access)}}, http.StatusInternalServerError)
				}
				for _, e := range entrances() {
					g.refused(t, e, attempt{target: "/public/x", lines: []string{bearerLine(g.alice.Access)}},
						http.StatusInternalServerError)
				}
				failed(t, map[string]reply{
					"login":  g.do(t, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice"))),
					"health": g.do(t, "GET", "/health", "", ""),
				})
				execute(t, db, `ALTER TABLE elsewhere RENAME TO `+table)
				g.wantAlive(t, true, map[string]string{"alice": g.alice.Access})
			})
		}
		if postgres {
			t.Run("read-only database", func(t *testing.T) {
				execute(t, db, `DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$`,
					`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
				eventually(t, "the database answers",
					func() bool { return g.do(t, "GET", "/health", "", "").status == http.StatusOK })
				failed(t, map[string]reply{
					"logout": g.do(t, "POST", "/auth/logout", g.alice.Access, ""),
					"login":  g.do(t, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice"))),
				})
				g.wantAlive(t, true, map[string]string{"alice": g.alice.Access})
			})
		}
	})
}

// What would widen a rule by a slip of the pen stops the start.
func TestSecurityConfigurationThatWidens(t *testing.T) {
	t.Parallel()
	route := func(rest string) string {
		return "routes:\n  - {name: r, paths: [/*], upstream: \"echo:\", " + rest + "}\n"
	}
	for name, c := range map[string]struct{ configuration, blamed string }{
		"empty hosts":                 {route("allow: public, hosts: []"), "hosts"},
		"empty methods":               {route("allow: public, methods: []"), "methods"},
		"empty networks":              {route("allow: public, networks: []"), "networks"},
		"empty roles":                 {route("allow: {roles: []}"), "allow"},
		"empty users":                 {route("allow: {users: []}"), "allow"},
		"empty roles and users":       {route("allow: {roles: [], users: []}"), "allow"},
		"allow nothing":               {route("allow: {}"), "allow"},
		"allow null":                  {route("allow:"), "allow"},
		"no allow":                    {route("methods: [GET]"), "allow"},
		"allow misspelt":              {route("allow: publik"), "allow"},
		"allow a list":                {route("allow: [public]"), "allow"},
		"unknown key of a route":      {route("allow: public, network: [10.0.0.0/8]"), "network"},
		"unknown key in another case": {route("allow: public, Networks: [10.0.0.0/8]"), "Networks"},
		"unknown key of allow":        {route("allow: {role: [boss]}"), "role"},
		"unknown key at the top":      {route("allow: authenticated") + "user: {registration: closed}\n", "user"},
		"key twice":                   {route("allow: nobody, allow: public"), "allow"},
		"an empty path":               {`routes: [{name: r, paths: [""], allow: public, upstream: "echo:"}]`, "paths"},
		"no paths":                    {`routes: [{name: r, paths: [], allow: public, upstream: "echo:"}]`, "paths"},
		"a method in lower case":      {route("allow: public, methods: [get]"), "methods"},
		"a proxy that is everybody": {route("allow: public") + "server: {trusted_proxies: [0.0.0.0/0]}\n",
			"trusted_proxies"},
		"a proxy that is all of IPv6": {route("allow: public") + "server: {trusted_proxies: [\"::/0\"]}\n",
			"trusted_proxies"},
		"registration misspelt":      {route("allow: public") + "users: {registration: close}\n", "registration"},
		"no limit by a negative one": {route("allow: public") + "limits: {login: {requests: -1}}\n", "limits"},
		"no lockout":                 {route("allow: public") + "lockout: {failures: 0}\n", "lockout"},
		"a leeway of hours":          {route("allow: public") + "tokens: {leeway: 2h}\n", "leeway"},
	} {
		t.Run("configuration: "+name, func(t *testing.T) {
			a := launch(t, sqliteURL(t), c.configuration)
			if status := a.await(t); status == 0 || !strings.Contains(a.stderr.String(), c.blamed) {
				t.Errorf("it ended with %d: %s", status, a.stderr)
			}
		})
	}
}
