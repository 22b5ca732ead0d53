package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readyServer serves a handler on connections that take ready lines and returns one of them.
func readyServer(t *testing.T, handler http.HandlerFunc) net.Conn {
	t.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	l := ReadyConns(s, plain)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-served })
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Ready lines come into the answer that they are given for, whatever else it has, and into no other on the connection.
func TestReadyLines(t *testing.T) {
	c := readyServer(t, func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		switch r.URL.Path {
		case "/ready":
			readyConnOf(r).ready(status, "X-Path: ", r.URL.Path, "\r\n", "X-More: a\r\n")
		case "/refused":
			status = http.StatusForbidden
			readyConnOf(r).ready(status, "X-Path: /refused\r\n")
			w.Header().Set("X-Usual", "b")
		case "/long":
			readyConnOf(r).ready(status, "X-Path: /long\r\n")
		}
		w.WriteHeader(status)
		if r.URL.Path == "/long" {
			_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
		}
	})
	// All at once: each is answered after the other.
	request := func(method, path string) string { return method + " " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }
	asked := []struct{ method, path string }{
		{"GET", "/ready"}, {"GET", "/usual"}, {"GET", "/refused"}, {"HEAD", "/ready"}, {"GET", "/long"}, {"GET", "/usual"}, {"POST", "/ready"},
	}
	all := ""
	for _, a := range asked {
		all += request(a.method, a.path)
	}
	if _, err := io.WriteString(c, all); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for _, a := range asked {
		answer, err := http.ReadResponse(in, &http.Request{Method: a.method})
		if err != nil {
			t.Fatalf("%s: %v", a.path, err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatalf("%s: %v", a.path, err)
		}
		want := http.Header{"X-Path": {a.path}}
		length := 0
		switch a.path {
		case "/ready":
			want["X-More"] = []string{"a"}
		case "/refused":
			want["X-Usual"] = []string{"b"}
		case "/usual":
			want = http.Header{}
		case "/long":
			length = 100_000
		}
		for _, name := range []string{"Date", "Content-Length", "Content-Type", "Transfer-Encoding"} {
			answer.Header.Del(name)
		}
		if diff := cmp.Diff(want, answer.Header); diff != "" || len(body) != length {
			t.Errorf("%s: %d bytes, (-want +got):\n%s", a.path, len(body), diff)
		}
	}
}

// A permission's lines never come out under another status, nor another status's under that of a permission.
func TestReadyLinesOfAnotherStatus(t *testing.T) {
	for name, statuses := range map[string][2]int{"permission": {200, 403}, "refusal": {403, 200}, "another success": {200, 204}} {
		t.Run(name, func(t *testing.T) {
			c := readyServer(t, func(w http.ResponseWriter, r *http.Request) {
				readyConnOf(r).ready(statuses[0], "X-Forwarded-User: alice\r\n")
				w.WriteHeader(statuses[1])
			})
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if got, _ := io.ReadAll(c); len(got) != 0 {
				t.Errorf("answered %q, want the connection closed", got)
			}
		})
	}
}

func TestStatusOf(t *testing.T) {
	for line, want := range map[string]int{
		"HTTP/1.1 200 OK\r\n": 200, "HTTP/1.0 403 Forbidden\r\n": 403, "HTTP/1.1 299 status code 299\r\n": 299,
		"": 0, "\n": 0, "HTTP/1.1 200": 0, "HTTP/1.1 2x0 OK\r\n": 0, "HTTP/2.0 200 OK\r\n": 0, "XTTP/1.1 200 OK\r\n": 0, "X-A: HTTP/1.1 200 OK\r\n": 0,
	} {
		if got := statusOf([]byte(line)); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}
