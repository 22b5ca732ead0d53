package examples_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func (f *front) testDecisions(t *testing.T) {
	preflight := []string{"Origin: https://spa.example.com", "Access-Control-Request-Method: PUT"}
	for _, c := range []struct {
		request request
		as      string // who is named to the application; the request passes if status is 0
		status  int
	}{
		{request: request{target: "/hello?x=1&y=%2F..%2f", user: "alice"}, as: "alice"},
		{request: request{target: "/hello"}, status: 401},
		{request: request{target: "/hello", user: "forged"}, status: 401},
		{request: request{target: "/hello", headers: []string{"Authorization: Basic YTpi"}}, status: 401},
		{request: request{target: "/admin/users", user: "root"}, as: "root"},
		{request: request{target: "/admin/users", user: "alice"}, status: 403},
		{request: request{target: "/admin/users"}, status: 401},
		{request: request{target: "/", host: "admin.localhost", user: "root"}, as: "root"},
		{request: request{target: "/", host: "ADMIN.localhost:8080", user: "alice"}, status: 403},
		{request: request{target: "/public/page"}, as: ""},
		{request: request{target: "/public/page", user: "alice"}, as: "alice"},
		{request: request{target: "/public/page", user: "forged"}, as: ""},
		{request: request{target: "/favicon.ico"}, as: ""},
		{request: request{target: "/reports/1", user: "alice"}, as: "alice"},
		{request: request{method: "HEAD", target: "/reports/1", user: "alice"}, as: "alice"},
		{request: request{method: "DELETE", target: "/reports/1", user: "alice"}, status: 403},
		{request: request{method: "PROPFIND", target: "/x", user: "alice"}, as: "alice"},
		{request: request{method: "OPTIONS", target: "/api/1", headers: preflight}, as: ""},
		{request: request{method: "OPTIONS", target: "/x", headers: preflight}, status: 401},
		{request: request{method: "OPTIONS", target: "/api/1", headers: preflight[:1]}, status: 401},
		{request: request{method: "PUT", target: "/api/1", headers: append([]string{"Content-Length: 0"}, preflight...)}, status: 401},
	} {
		a := f.send(t, c.request)
		if c.status == 0 {
			f.wantPassed(t, c.request, a, c.as)
		} else {
			f.wantStopped(t, c.request, a, c.status)
		}
	}
}

func (f *front) testBodies(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB, more than the proxies keep in memory
	for _, r := range []request{
		{headers: []string{"Content-Length: 5"}, body: "hello"},
		{headers: []string{chunked}, body: "5\r\nhello\r\n0\r\n\r\n"},
		{headers: []string{fmt.Sprintf("Content-Length: %d", len(large))}, body: large},
	} {
		r.method, r.target, r.user = "POST", "/upload", "alice"
		a := f.send(t, r)
		if r.headers[0] == chunked && f.refusesChunked(t) {
			f.wantStopped(t, r, a, http.StatusLengthRequired)
			continue
		}
		f.wantPassed(t, r, a, "alice")
		want := "hello"
		if len(r.body) > 100 {
			want = large
		}
		if a.body != want {
			t.Errorf("the application got another body: %d bytes", len(a.body))
		}
	}
	r := request{method: "POST", target: "/upload", headers: []string{"Content-Length: 5"}, body: "hello"}
	f.wantStopped(t, r, f.send(t, r), 401)
}

const chunked = "Transfer-Encoding: chunked"

// refusesChunked reports whether this is HAProxy before 3.2, which cannot remove trailers. Its example therefore refuses
// requests that could have some.
func (f *front) refusesChunked(t *testing.T) bool {
	if f.name != "haproxy" {
		return false
	}
	out, err := exec.Command(program(t, "haproxy"), "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "HAProxy version %d.%d", &major, &minor); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return major < 3 || major == 3 && minor < 2
}

func (f *front) testNames(t *testing.T) {
	for _, u := range users() {
		r := request{target: "/hello", user: u.name}
		f.wantPassed(t, r, f.send(t, r), u.name)
	}
}

func (f *front) testWebSocket(t *testing.T) {
	for _, c := range []struct {
		path, user string
		status     int // of a refusal
	}{
		{path: "/socket", user: "alice"},
		{path: "/socket", status: 401},
		{path: "/admin/socket", user: "alice", status: 403},
		{path: "/public/socket"},
	} {
		id := fmt.Sprintf("%s-%d", f.name, f.requests.Add(1))
		header := http.Header{idHeader: {id}, "X_Forwarded_User": {"spoofed"}}
		if c.user != "" {
			header.Set("Authorization", "Bearer "+f.tokens[c.user])
		}
		socket, response, err := websocket.Dial(t.Context(), "ws://"+f.address+c.path, &websocket.DialOptions{
			HTTPHeader: header, HTTPClient: &http.Client{Timeout: 10 * time.Second},
		})
		if c.status != 0 {
			if err == nil || response == nil || response.StatusCode != c.status {
				t.Errorf("%s as %q: %v, want %d", c.path, c.user, err, c.status)
			}
			if len(f.app.received(id)) != 0 {
				t.Errorf("%s as %q: the application saw it", c.path, c.user)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s as %q: %v", c.path, c.user, err)
			continue
		}
		if err := socket.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
			t.Error(err)
		}
		if _, message, err := socket.Read(t.Context()); err != nil || string(message) != "hello" {
			t.Errorf("%s: %q %v", c.path, message, err)
		}
		socket.CloseNow()
		received := f.app.received(id)
		if len(received) != 1 {
			t.Fatalf("the application saw %d requests", len(received))
		}
		got := parseSeen(received[0]).identity(t)
		if got["X-Forwarded-User"] != c.user || strings.Contains(received[0], "spoofed") || strings.Contains(received[0], "Bearer") {
			t.Errorf("the application saw %q", received[0])
		}
	}
}

// The login host leads to Authly's own endpoints, and never to the questions.
func (f *front) testLoginHost(t *testing.T) {
	health := request{target: "/health", host: "auth.localhost"}
	if a := f.send(t, health); a.status != 200 || !strings.Contains(a.body, "healthy") {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, target := range []string{"/authz/nginx", "/authz/caddy", "/authz/haproxy", "/authz/traefik", "/authz/envoy/public/1"} {
		r := request{target: target, host: "auth.localhost", user: "alice", headers: []string{
			"X-Original-URL: http://app.localhost/public/1", "X-Original-Method: GET", "X-Forwarded-Uri: /public/1",
			"X-Forwarded-Method: GET", "X-Forwarded-Host: app.localhost", "X-Forwarded-Proto: http", "X-Forwarded-For: 192.0.2.1",
		}}
		a := f.send(t, r)
		if a.header.Get("X-Forwarded-User") != "" || a.status < 400 && a.header.Get("X-Application") == "" {
			t.Errorf("%s: a question from outside got the answer %d", target, a.status)
		}
	}
}
