package main_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/store/storetest"
)

// metrics returns what the ops listener tells, by name and labels.
func (a *authly) metrics(t *testing.T) map[string]string {
	t.Helper()
	response, err := http.Get("http://" + a.address["server.ops_address"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("/metrics: %d, %v", response.StatusCode, err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			values[name] = value
		}
	}
	return values
}

const staleRoutes = `
server: {trusted_proxies: [127.0.0.1]}
revocation: {poll_interval: 100ms, max_staleness: 4s}
routes:
  - {name: public, paths: [/public/*], allow: public, upstream: "echo:"}
  - {name: pictures, paths: [/pictures/*], allow: authenticated, stale: allow, upstream: "echo:"}
  - {name: rest, paths: [/*], allow: authenticated, upstream: "echo:"}
`

// Without the database checks go on from memory for a while. Then nobody passes, but on a route that says so; and when the
// database is back all is as before.
func TestMemoryWithoutDatabase(t *testing.T) {
	line := newRelay(t, storetest.PostgresURL(t))
	a := start(t, line.url, staleRoutes)
	pair := a.login(t, "admin", adminPassword)
	check := func(dialect, path string) int {
		return a.do(t, "GET", "/authz/"+dialect, pair.Access, "",
			"X-Forwarded-Method", "GET", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "app.example.com", "X-Forwarded-Uri", path,
			"X-Original-Method", "GET", "X-Original-URL", "http://app.example.com"+path, "X-Forwarded-For", "192.0.2.1").status
	}
	asked := func(path string) [3]int {
		return [3]int{a.do(t, "GET", path, pair.Access, "").status, check("caddy", path), check("nginx", path)}
	}
	for round := range 2 {
		told := func(what string) {
			eventually(t, "the log says once: "+what, func() bool { return strings.Count(a.stderr.String(), what) == round+1 })
		}
		if got := asked("/x"); got != [3]int{200, 200, 200} {
			t.Fatalf("round %d, at first: %v", round, got)
		}
		line.set(true, false)
		began := time.Now()
		if got := asked("/x"); got != [3]int{200, 200, 200} && time.Since(began) < 3*time.Second {
			t.Errorf("round %d, from memory: %v", round, got)
		}
		eventually(t, "memory is too old", func() bool { return a.do(t, "GET", "/x", pair.Access, "").status == http.StatusServiceUnavailable })
		if got := a.metrics(t); got["authly_revocation_trusted"] != "0" {
			t.Errorf("memory is too old, and the metric says trusted %q", got["authly_revocation_trusted"])
		}
		for path, want := range map[string][3]int{
			"/x": {503, 503, 403}, "/public/x": {503, 503, 403}, "/pictures/x": {200, 200, 200},
		} {
			if got := asked(path); got != want {
				t.Errorf("round %d, %s when memory is too old: %v, want %v", round, path, got, want)
			}
		}
		if got := a.do(t, "GET", "/public/x", "", "").status; got != http.StatusOK {
			t.Errorf("anonymous on a public route: %d", got)
		}
		if log := a.stderr.String(); !strings.Contains(log, "STALE TOKEN ALLOWED") || !strings.Contains(log, `"route":"pictures"`) {
			t.Error("the log does not say that a stale token was allowed, and where")
		}
		told("feed of changes cannot be followed")
		told("memory is not trusted any more")
		line.set(false, false)
		eventually(t, "memory is trusted again", func() bool { return a.metrics(t)["authly_revocation_trusted"] == "1" })
		told("feed of changes is followed again")
	}
	// A logout that cannot be written is none, and one that was answered is one.
	line.set(true, false)
	if got := a.do(t, "POST", "/auth/logout", pair.Access, "").status; got != http.StatusServiceUnavailable {
		t.Errorf("a logout without the database: %d", got)
	}
	line.set(false, false)
	a.awaitReadiness(t)
	a.isIn(t, "the logout was refused", pair, true)
	a.must(t, http.StatusOK, "POST", "/auth/logout", pair.Access, "")
	a.isIn(t, "logged out", pair, false)
	if got := asked("/pictures/x"); got != [3]int{401, 401, 401} {
		t.Errorf("logged out, where stale tokens pass: %v", got)
	}
}

// What replicas take back is counted and timed.
func TestRevocationMetrics(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		first, second := start(t, storeURL, protectedEcho), start(t, storeURL, protectedEcho)
		pair := first.login(t, "admin", adminPassword)
		if got := second.metrics(t); got["authly_revocation_trusted"] != "1" || got["authly_revocation_lag_seconds_count"] != "0" ||
			got[`authly_revocation_entries{kind="session"}`] != "0" || got["authly_revocation_age_seconds"] == "" {
			t.Errorf("at first: %v", got)
		}
		first.must(t, http.StatusOK, "POST", "/auth/logout", pair.Access, "")
		second.isOutSoon(t, "logged out at the other", pair)
		for _, a := range []*authly{first, second} {
			if got := a.metrics(t); got["authly_revocation_lag_seconds_count"] != "1" || got[`authly_revocation_entries{kind="session"}`] != "1" {
				t.Errorf("after a logout: %v", got)
			}
		}
	})
}
