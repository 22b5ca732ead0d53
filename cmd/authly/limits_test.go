package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// speak opens a connection, sends bytes, and reads what comes back until the other side is done with the connection.
func speak(t *testing.T, address, bytes string) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, bytes) // it may be refused before its end
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// statusLine sends one request and returns the first line of the answer.
func statusLine(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestHeaderLimits(t *testing.T) {
	a := start(t, sqliteURL(t), protectedEcho,
		"AUTHLY_SERVER_READ_HEADER_TIMEOUT=1s", "AUTHLY_SERVER_MAX_HEADER_BYTES=8192",
		"AUTHLY_SERVER_AUTHZ_ADDRESS=127.0.0.1:0")
	for _, listener := range []string{"server.address", "server.authz_address", "server.ops_address"} {
		t.Run(listener, func(t *testing.T) {
			t.Parallel()
			address := a.address[listener]
			request := func(padding int) string {
				return "GET /x HTTP/1.1\r\nHost: app.example.com\r\nX-Padding: " + strings.Repeat("x", padding) + "\r\n\r\n"
			}
			if got := statusLine(t, address, request(32<<10)); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
				t.Errorf("a header of 32 KiB: %q, want 431", got)
			}
			if got := statusLine(t, address, request(4<<10)); strings.HasPrefix(got, "HTTP/1.1 431 ") {
				t.Errorf("a header of 4 KiB: %q", got)
			}
			began := time.Now()
			if answer, err := speak(t, address, "GET /x HTTP/1.1\r\nHost: app.exam"); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a header that does not end is waited for; answered %q", answer)
			}
			if waited := time.Since(began); waited < 900*time.Millisecond {
				t.Errorf("a slow header is cut after %v already", waited)
			}
		})
	}
}

func TestBodyLimits(t *testing.T) {
	app := newApplication(t)
	a := start(t, sqliteURL(t), app.routes())
	const limit = 64 << 10
	login := func(size int) string {
		body := fmt.Sprintf(`{"grant_type":"password","username":"admin","password":%q}`, adminPassword)
		return body + strings.Repeat(" ", size-len(body))
	}
	for _, tt := range []struct {
		name    string
		size    int
		chunked bool
		want    int
	}{
		{"as much as is allowed", limit, false, http.StatusOK},
		{"as much as is allowed, in chunks", limit, true, http.StatusOK},
		{"a byte more", limit + 1, false, http.StatusRequestEntityTooLarge},
		{"a byte more, in chunks", limit + 1, true, http.StatusRequestEntityTooLarge},
		{"a megabyte", 1 << 20, false, http.StatusRequestEntityTooLarge},
	} {
		var body io.Reader = strings.NewReader(login(tt.size))
		if tt.chunked {
			body = io.MultiReader(body)
		}
		request, err := http.NewRequestWithContext(t.Context(), "POST", a.base+"/auth/token", body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		response.Body.Close()
		if response.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, response.StatusCode, tt.want)
		}
	}
	upload := a.do(t, "POST", "/app/upload", "", strings.Repeat("x", 1<<20), "Content-Type", "application/octet-stream")
	if upload.status != http.StatusOK || upload.header.Get("X-Body-Megabytes") != "#" {
		t.Errorf("an upload of a megabyte to the application: %d, it got %q", upload.status, upload.header)
	}
}

// The second listener answers the questions of front proxies, and nothing else: it may be reached by who may not reach the
// login.
func TestAuthzAddress(t *testing.T) {
	routes := "server: {trusted_proxies: [127.0.0.1]}\n" + protectedEcho
	a := start(t, sqliteURL(t), routes, "AUTHLY_SERVER_AUTHZ_ADDRESS=127.0.0.1:0")
	admin := a.login(t, "admin", adminPassword)
	question := []string{
		"X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "app.example.com",
		"X-Forwarded-Uri", "/private", "X-Forwarded-For", "203.0.113.9",
	}
	only := *a
	only.base = "http://" + a.address["server.authz_address"]
	for _, path := range []string{"/", "/x", "/public/x", "/health", "/users/me", "/users/", "/openapi.json", "/docs", "/.well-known/jwks.json", "/healthz"} {
		if got := only.do(t, "GET", path, admin.Access, ""); got.status != http.StatusNotFound {
			t.Errorf("%s on the second listener: %d %s, want 404", path, got.status, got.body)
		}
	}
	if got := only.loginStatus(t, "admin", adminPassword); got != http.StatusNotFound {
		t.Errorf("login on the second listener: %d, want 404", got)
	}
	for name, server := range map[string]*authly{"the second listener": &only, "the first": a} {
		if got := server.do(t, "GET", "/authz/traefik", admin.Access, "", question...); got.status != http.StatusOK || got.header.Get("X-Forwarded-User") != "admin" {
			t.Errorf("allowed question to %s: %d %s", name, got.status, got.body)
		}
		if got := server.do(t, "GET", "/authz/traefik", "", "", question...); got.status != http.StatusUnauthorized {
			t.Errorf("question without a token to %s: %d %s", name, got.status, got.body)
		}
	}
	if got := a.do(t, "GET", "/health", "", ""); got.status != http.StatusOK {
		t.Errorf("/health on the first listener: %d", got.status)
	}

	stranger := start(t, sqliteURL(t), protectedEcho, "AUTHLY_SERVER_AUTHZ_ADDRESS=127.0.0.1:0")
	token := stranger.login(t, "admin", adminPassword).Access
	stranger.base = "http://" + stranger.address["server.authz_address"]
	if got := stranger.do(t, "GET", "/authz/traefik", token, "", question...); got.status != http.StatusForbidden {
		t.Errorf("question of a stranger: %d, want 403", got.status)
	}
}

// The addresses for operations serve two paths to GET and HEAD.
func TestOperations(t *testing.T) {
	a := start(t, sqliteURL(t), protectedEcho)
	admin := a.login(t, "admin", adminPassword)
	ops := *a
	ops.base = "http://" + a.address["server.ops_address"]
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/healthz", http.StatusOK},
		{"HEAD", "/readyz", http.StatusOK},
		{"GET", "/readyz", http.StatusOK},
		{"POST", "/readyz", http.StatusMethodNotAllowed},
		{"GET", "/", http.StatusNotFound},
		{"GET", "/users/me", http.StatusNotFound},
		{"GET", "/public/x", http.StatusNotFound},
	} {
		got := ops.do(t, tt.method, tt.path, admin.Access, "")
		if got.status != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, got.status, tt.want)
		}
		if tt.want == http.StatusOK && got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be cached", tt.method, tt.path)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := a.do(t, "GET", path, "", ""); got.status != http.StatusUnauthorized {
			t.Errorf("%s on server.address: %d, want the rule's 401", path, got.status)
		}
	}
}
