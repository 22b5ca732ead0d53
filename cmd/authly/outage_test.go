package main_test

import (
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/descoped/authly/store/storetest"
)

// without checks what is answered while there is no database: nothing that needs it is allowed, and what does not goes on.
func (a *authly) without(t *testing.T, pair tokens) {
	t.Helper()
	for _, tt := range []struct {
		method, path, token, body string
		want                      int
	}{
		{"GET", "/x", pair.Access, "", http.StatusServiceUnavailable},
		{"GET", "/users/me", pair.Access, "", http.StatusServiceUnavailable},
		{"GET", "/users/", pair.Access, "", http.StatusServiceUnavailable},
		{"POST", "/auth/logout", pair.Access, "", http.StatusServiceUnavailable},
		{"POST", "/auth/refresh", "", `{"grant_type":"refresh_token","refresh_token":"` + pair.Refresh + `"}`, http.StatusServiceUnavailable},
		{"POST", "/auth/token", "", `{"grant_type":"password","username":"admin","password":"` + adminPassword + `"}`, http.StatusServiceUnavailable},
		{"POST", "/users/", "", `{"username":"bob","email":"bob@example.com","password":"bob's password"}`, http.StatusServiceUnavailable},
		{"GET", "/health", "", "", http.StatusServiceUnavailable},
		{"GET", "/x", "", "", http.StatusUnauthorized},
		{"GET", "/x", "no.token.atall", "", http.StatusUnauthorized},
		{"GET", "/public/x", "", "", http.StatusOK},
		{"GET", "/.well-known/jwks.json", "", "", http.StatusOK},
	} {
		got := a.do(t, tt.method, tt.path, tt.token, tt.body)
		if got.status != tt.want {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, got.status, got.body, tt.want)
		}
		if lower := strings.ToLower(got.body); tt.want == http.StatusServiceUnavailable &&
			(strings.Contains(lower, "dial") || strings.Contains(lower, "127.0.0.1") || strings.Contains(lower, "sql")) {
			t.Errorf("%s %s tells of what is inside: %s", tt.method, tt.path, got.body)
		}
	}
	if got := a.do(t, "GET", "/health", "", ""); !strings.Contains(got.body, `"unhealthy"`) || !strings.Contains(got.body, `"disconnected"`) {
		t.Errorf("/health: %s", got.body)
	}
	if status, text := a.ready(t); status != http.StatusServiceUnavailable || text != "database disconnected" {
		t.Errorf("/readyz: %d %s", status, text)
	}
	ops := *a
	ops.base = "http://" + a.address["server.ops_address"]
	if got := ops.do(t, "GET", "/healthz", "", ""); got.status != http.StatusOK {
		t.Errorf("/healthz: %d, want 200: to start the process anew would not help", got.status)
	}
}

func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	line := newRelay(t, storetest.PostgresURL(t))
	a := start(t, line.url, protectedEcho, askTheStore)
	pair := a.login(t, "admin", adminPassword)
	a.isIn(t, "at first", pair, true)
	for range 2 {
		line.set(true, false)
		a.without(t, pair)
		line.set(false, false)
		a.awaitReadiness(t)
		a.isIn(t, "with the database back", pair, true)
		if got := a.do(t, "GET", "/health", "", ""); got.status != http.StatusOK {
			t.Errorf("/health with the database back: %d", got.status)
		}
		if got := a.refresh(t, a.login(t, "admin", adminPassword).Refresh); got.status != http.StatusOK {
			t.Errorf("refresh with the database back: %d", got.status)
		}
	}
	a.signal(t, syscall.SIGTERM)
	if status := a.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func (a *authly) awaitReadiness(t *testing.T) {
	t.Helper()
	eventually(t, "readiness is back", func() bool { status, _ := a.ready(t); return status == http.StatusOK })
}

// A database that is there but silent holds nobody up who does not need it, is told by readiness before an orchestrator loses
// its patience, and does not keep the program from ending.
func TestDatabaseSilent(t *testing.T) {
	t.Parallel()
	line := newRelay(t, storetest.PostgresURL(t))
	a := start(t, line.url, protectedEcho, "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=1s")
	pair := a.login(t, "admin", adminPassword)
	line.set(false, true)
	began := time.Now()
	if got := a.do(t, "GET", "/public/x", "", ""); got.status != http.StatusOK {
		t.Errorf("a public path: %d", got.status)
	}
	if status, text := a.ready(t); status != http.StatusServiceUnavailable || text != "database disconnected" {
		t.Errorf("/readyz: %d %s", status, text)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a public path and /readyz took %v", took)
	}
	line.set(false, false)
	a.awaitReadiness(t)
	a.isIn(t, "with the database back", pair, true)
	line.set(false, true)
	a.signal(t, syscall.SIGTERM)
	if status := a.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// Without its database the program does not start, in words that do not hold the password.
func TestDatabaseMissing(t *testing.T) {
	t.Parallel()
	line := newRelay(t, storetest.PostgresURL(t))
	line.set(true, false)
	at, err := url.Parse(line.url)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword("authly", "marked-word")
	a := launch(t, at.String(), protectedEcho)
	if status := a.await(t); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if told := a.stderr.String(); !strings.Contains(told, "authly: store.url: ") || strings.Contains(told, "marked-word") {
		t.Errorf("told: %s", told)
	}
}
