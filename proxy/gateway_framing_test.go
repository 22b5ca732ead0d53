package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// However a request is framed, the application sees it once or not at all, never the request hidden in it; and whoever uses
// the same connection next gets their own answer, or a closed connection.
func TestFraming(t *testing.T) {
	hidden := "GET /admin/hidden HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: Bearer admin\r\nX-Ignore: "
	post := func(lines string, body string) string {
		return "POST /public/first HTTP/1.1\r\nHost: app.example.com\r\n" + lines + "\r\n" + body
	}
	cases := []struct {
		name, bytes string
		status      int // of the first answer
	}{
		{"well done, by length", post("Content-Length: 5\r\n", "hello"), 200},
		{"well done, chunked", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), 200},
		{"both, ending as chunks", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 200},
		{"both, hiding by length", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)), 200},
		{"both, hiding behind the chunks", post("Content-Length: 200\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden+"x\r\n\r\n"), 200},
		{"both, the other way around", post("Transfer-Encoding: chunked\r\nContent-Length: 200\r\n", "0\r\n\r\n"), 200},
		{"an encoding that nobody knows", post("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "hello"), 501},
		{"a list of encodings", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
		{"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 501},
		{"chunked and identity", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), 501},
		{"an encoding with a tab", post("Transfer-Encoding: \tchunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 200},
		{"an encoding with a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), 400},
		{"an encoding with an underscore", post("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", "hello"), 200},
		{"space before the colon", post("Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", "hello"), 400},
		{"space before the colon of a length", post("Content-Length : 5\r\n", "hello"), 400},
		{"two lengths", post("Content-Length: 5\r\nContent-Length: 50\r\n", "hello"), 400},
		{"the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 200},
		{"a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), 400},
		{"a length with a sign", post("Content-Length: +5\r\n", "hello"), 400},
		{"a negative length", post("Content-Length: -5\r\n", "hello"), 400},
		{"a length in hex", post("Content-Length: 0x5\r\n", "hello"), 400},
		{"a folded length", post("Content-Length:\r\n 5\r\n", "hello"), 200},
		{"a folded header", post("X-A: a\r\n X-Forwarded-User: admin\r\nContent-Length: 0\r\n", ""), 200},
		{"a first line that is folded", "POST /public/first HTTP/1.1\r\n X-A: b\r\nHost: app.example.com\r\n\r\n", 400},
		{"NUL in a header", post("X-A: a\x00b\r\nContent-Length: 0\r\n", ""), 400},
		{"CR in a header", post("X-A: a\rX-Forwarded-User: admin\r\nContent-Length: 0\r\n", ""), 400},
		{"bare LF after headers", "POST /public/first HTTP/1.1\nHost: app.example.com\nContent-Length: 5\n\nhello", 200},
		{"bare LF after a chunk's size", post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"), 400},
		{"bare LF in a chunk's extension", post("Transfer-Encoding: chunked\r\n", "5;\nx\r\nhello\r\n0\r\n\r\n"), 400},
		{"a chunk's size in words", post("Transfer-Encoding: chunked\r\n", "five\r\nhello\r\n0\r\n\r\n"), 400},
		{"a chunk's size with a sign", post("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"), 400},
		{"a chunk's size that overflows", post("Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
		{"a chunk longer than its size", post("Transfer-Encoding: chunked\r\n", "2\r\nhello\r\n0\r\n\r\n"+hidden), 400},
		{"a body that looks like a request", post("Content-Length: 6\r\n", "GET / "), 200},
		{"a GET with a body", "GET /public/first HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 4\r\n\r\nGET ", 200},
		{"HTTP/1.0 and chunked", "POST /public/first HTTP/1.0\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
		{"an upgrade to h2c", "GET /public/first HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n", 200},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t, gatewayConfig{})
			g.upstream.tellsTarget()
			conn := dial(t, g.addr)
			defer conn.Close()
			conn.write(t, c.bytes)
			first := conn.read(t, false)
			if c.status != 0 && first.StatusCode != c.status {
				t.Errorf("status %d, want %d", first.StatusCode, c.status)
			}
			if first.StatusCode == http.StatusOK && first.body != "/public/first" {
				t.Errorf("the first answer is to %q", first.body)
			}
			io.WriteString(conn, request("GET", "/public/next", "")) // may fail: the connection may be closed
			next, err := http.ReadResponse(conn.in, nil)
			switch {
			case err != nil && c.status == http.StatusOK && !first.Close:
				t.Errorf("the connection was lost after a good request: %v", err)
			case err == nil && next.StatusCode == http.StatusOK:
				body, _ := io.ReadAll(next.Body)
				if string(body) != "/public/next" {
					t.Errorf("the next answer is to %q", body)
				}
			}
			seen := map[string]int{}
			for _, r := range g.upstream.take() {
				seen[r.RequestURI]++
				if len(r.lines("Upgrade"))+len(r.lines("HTTP2-Settings"))+len(r.lines("Connection")) != 0 {
					t.Errorf("the upgrade passed: %q", r.raw)
				}
				if r.RequestURI == "/public/first" {
					wantIdentity(t, r, anonymous())
				}
			}
			if seen["/public/first"] > 1 || len(seen) > 2 || seen["/admin/hidden"] > 0 {
				t.Errorf("the upstream saw %v", seen)
			}
		})
	}
}

// Requests that wait on one connection are answered in turn, each as itself.
func TestPipelining(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	g.upstream.tellsTarget()
	conn := dial(t, g.addr)
	defer conn.Close()
	conn.write(t, request("GET", "/public/1", "")+request("GET", "/admin/2", "alice")+
		"POST /public/3 HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 5\r\n\r\nhello"+request("GET", "/x/4", "alice"))
	for i, want := range []string{"/public/1", "", "/public/3", "/x/4"} {
		a := conn.read(t, false)
		if want == "" {
			wantStatus(t, a, http.StatusForbidden)
		} else if a.body != want {
			t.Errorf("answer %d is %q, want %q", i, a.body, want)
		}
	}
	if n := len(g.upstream.take()); n != 3 {
		t.Errorf("the upstream saw %d requests, want 3", n)
	}
}

// An application that answers before it has read everything: the rest of the body is not taken for the next request.
func TestAnswerBeforeTheEndOfTheBody(t *testing.T) {
	upstream := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}), io.Discard)
	g := newGateway(t, withUpstream("http://"+upstream))
	conn := dial(t, g.addr)
	defer conn.Close()
	conn.write(t, "POST /public/x HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 1000000\r\n\r\nhello")
	a := conn.read(t, false)
	wantStatus(t, a, http.StatusRequestEntityTooLarge)
	if !a.Close {
		t.Error("the connection is to be used again")
	}
	io.WriteString(conn, request("GET", "/health", ""))
	if _, err := http.ReadResponse(conn.in, nil); err == nil {
		t.Error("the connection was used again")
	}
}

// The application breaks off in the middle of an answer: the client does not get something that looks whole.
func TestHalfAnswers(t *testing.T) {
	for name, half := range map[string]string{
		"by length": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"chunked":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"garbled":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalfXX",
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, withUpstream("http://"+answerOnce(t, half)))
			conn := dial(t, g.addr)
			defer conn.Close()
			conn.write(t, request("GET", "/public/x", ""))
			if res, err := http.ReadResponse(conn.in, nil); err == nil { // else the connection was cut before the answer began
				if body, err := io.ReadAll(res.Body); err == nil {
					t.Errorf("%q looks whole", body)
				}
			}
			g.journal.find(t, func(e map[string]any) bool { return e["msg"] == "request" && e["reason"] == "aborted" })
		})
	}
}

// answerOnce accepts connections, reads what comes first, answers with the given bytes and closes.
func answerOnce(t testing.TB, bytes string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			_, _ = conn.Read(make([]byte, 64<<10))
			io.WriteString(conn, bytes)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}
