package main_test

import (
	"database/sql"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/descoped/authly/store/storetest"
)

// application is an upstream whose answers to /slow wait for the test.
type application struct {
	url     string
	arrived chan struct{} // a request for /slow is there
	release chan struct{} // closed by finish: it may be answered
}

func newApplication(t *testing.T) *application {
	t.Helper()
	app := &application{arrived: make(chan struct{}, 16), release: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/slow") {
			app.arrived <- struct{}{}
			select {
			case <-app.release:
			case <-r.Context().Done():
			}
		}
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Body-Megabytes", strings.Repeat("#", int(n>>20)))
		_, _ = io.WriteString(w, "the application's answer")
	}))
	app.url = server.URL
	t.Cleanup(server.Close)
	return app
}

// routes lets everybody in to the application.
func (app *application) routes() string {
	return "\nroutes:\n  - {name: app, paths: [/app/*], allow: public, upstream: \"" + app.url + "\"}\n"
}

// outcome is what became of a request that is under way for a while.
type outcome struct {
	status int
	body   string
	err    error
}

// begin sends a request for /app/slow and returns once the application has it.
func (a *authly) begin(t *testing.T, app *application) <-chan outcome {
	t.Helper()
	done := make(chan outcome, 1)
	go func() {
		response, err := http.Get(a.base + "/app/slow")
		if err != nil {
			done <- outcome{err: err}
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		done <- outcome{response.StatusCode, string(body), err}
	}()
	<-app.arrived
	return done
}

func (a *authly) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := a.process.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (a *authly) awaitLog(t *testing.T, message string) {
	t.Helper()
	eventually(t, "the log says "+message, func() bool {
		return strings.Contains(a.stderr.String(), `"msg":"`+message+`"`)
	})
}

func (a *authly) ready(t *testing.T) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + a.address["server.ops_address"] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

// refuses reports whether nothing accepts connections at an address.
func refuses(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func TestStopLetsRequestsFinish(t *testing.T) {
	for name, stop := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			app := newApplication(t)
			a := start(t, sqliteURL(t), app.routes())
			if status, text := a.ready(t); status != http.StatusOK || text != "ready" {
				t.Errorf("ready before: %d %s", status, text)
			}
			slow := a.begin(t, app)
			a.signal(t, stop)
			a.awaitLog(t, "stopping")
			eventually(t, "new connections are refused", func() bool { return refuses(a.address["server.address"]) })
			if status, text := a.ready(t); status != http.StatusServiceUnavailable || text != "stopping" {
				t.Errorf("ready while stopping: %d %s", status, text)
			}
			if a.ended() {
				t.Fatal("the process has ended before its request")
			}
			close(app.release)
			if got := <-slow; got.status != http.StatusOK || got.body != "the application's answer" || got.err != nil {
				t.Errorf("the request in flight: %+v", got)
			}
			if status := a.await(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
			a.awaitLog(t, "stopped")
			if !refuses(a.address["server.ops_address"]) {
				t.Error("something still listens")
			}
		})
	}
}

func TestStopCutsAtTheTimeout(t *testing.T) {
	app := newApplication(t)
	a := start(t, sqliteURL(t), app.routes(), "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=200ms")
	slow := a.begin(t, app)
	a.signal(t, syscall.SIGTERM)
	if status := a.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if got := <-slow; got.err == nil {
		t.Errorf("the request in flight was answered: %+v", got)
	}
	if log := a.stderr.String(); !strings.Contains(log, "requests cut at the end of the shutdown timeout") || strings.Contains(log, "panic") {
		t.Error("the log does not say that requests were cut, or says more")
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	app := newApplication(t)
	a := start(t, sqliteURL(t), app.routes(), "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=1h")
	slow := a.begin(t, app)
	a.signal(t, syscall.SIGTERM)
	a.awaitLog(t, "stopping")
	eventually(t, "another signal ends the process", func() bool {
		_ = a.process.Process.Signal(syscall.SIGTERM)
		return a.ended()
	})
	if status, ok := a.process.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want by the signal", a.process.ProcessState)
	}
	if got := <-slow; got.err == nil {
		t.Errorf("the request in flight was answered: %+v", got)
	}
}

// What the process held is given back: on SQLite the write-ahead log is merged into the one file, on PostgreSQL no connection
// is left.
func TestStopClosesStore(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storeURL := sqliteURL(t)
		file := strings.TrimPrefix(storeURL, "sqlite://")
		a := start(t, storeURL, protectedEcho)
		a.login(t, "admin", adminPassword)
		if _, err := os.Stat(file + "-wal"); err != nil {
			t.Errorf("no write-ahead log while it runs: %v", err)
		}
		a.signal(t, syscall.SIGTERM)
		if status := a.await(t); status != 0 {
			t.Errorf("exit status %d", status)
		}
		for _, rest := range []string{"-wal", "-shm"} {
			if _, err := os.Stat(file + rest); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left: %v", rest, err)
			}
		}
	})
	t.Run("postgres", func(t *testing.T) {
		storeURL := storetest.PostgresURL(t)
		a := start(t, storeURL, protectedEcho)
		a.login(t, "admin", adminPassword)
		if connections(t, storeURL) == 0 {
			t.Error("no connection while it runs")
		}
		a.signal(t, syscall.SIGTERM)
		if status := a.await(t); status != 0 {
			t.Errorf("exit status %d", status)
		}
		eventually(t, "no connection is left", func() bool { return connections(t, storeURL) == 0 })
	})
}

// connections counts those of others to a PostgreSQL database.
func connections(t *testing.T, storeURL string) int {
	t.Helper()
	db, err := sql.Open("pgx", storeURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	err = db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An address that is taken is told by its key, nothing is served, and the first start is not used up: who starts again is
// shown the password.
func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for variable, key := range map[string]string{
		"AUTHLY_SERVER_ADDRESS":       "server.address",
		"AUTHLY_SERVER_AUTHZ_ADDRESS": "server.authz_address",
		"AUTHLY_SERVER_OPS_ADDRESS":   "server.ops_address",
	} {
		t.Run(key, func(t *testing.T) {
			storeURL := sqliteURL(t)
			a := launch(t, storeURL, protectedEcho, variable+"="+taken.Addr().String(), "AUTHLY_ADMIN_PASSWORD=")
			if status := a.await(t); status != 1 {
				t.Errorf("exit status %d, want 1", status)
			}
			if log := a.stderr.String(); !strings.Contains(log, "authly: "+key+": ") || !strings.Contains(log, "address already in use") {
				t.Errorf("told: %s", log)
			}
			if a.stdout.String() != "" {
				t.Errorf("it greets: %s", a.stdout)
			}
			second := start(t, storeURL, protectedEcho, "AUTHLY_ADMIN_PASSWORD=")
			second.login(t, "admin", second.generatedPassword(t))
		})
	}
}

// generatedPassword reads the administrator's password from the greeting.
func (a *authly) generatedPassword(t *testing.T) string {
	t.Helper()
	_, after, shown := strings.Cut(a.stdout.String(), "Its password is ")
	password, _, _ := strings.Cut(after, " ")
	if !shown || len(password) < 20 {
		t.Fatalf("no password in the greeting: %s", a.stdout)
	}
	return password
}
