package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/proxy"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func newDirect(t *testing.T) (*gateway, *scripted) {
	t.Helper()
	up := newScripted(t)
	return newGateway(t, gatewayConfig{upstream: proxy.UpstreamConfig{URLs: []string{"http://" + up.addr}}}), up
}

// A connection serves as many requests as come one after the other, and ends with the door.
func TestDirectKeepsAndEndsConnections(t *testing.T) {
	t.Parallel()
	g, up := newDirect(t)
	for range 5 {
		wantStatus(t, g.get(t, "/public/x", ""), http.StatusOK)
	}
	if n := up.everOpened(); n != 1 {
		t.Errorf("%d connections for 5 requests, want 1", n)
	}
	g.door.Close()
	up.waitOpen(t, 0)
	wantStatus(t, g.get(t, "/public/x", ""), http.StatusOK) // who comes late is served
	up.waitOpen(t, 0)
}

// What an application says unasked is nobody's answer.
func TestDirectDropsConnectionsThatTalkUnasked(t *testing.T) {
	t.Parallel()
	g, up := newDirect(t)
	wantStatus(t, g.get(t, "/public/x", ""), http.StatusOK)
	up.each(func(conn net.Conn) {
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"); err != nil {
			t.Error(err)
		}
	})
	for range 3 {
		if a := g.get(t, "/public/x", ""); a.body != "ok" {
			t.Errorf("got %q", a.body)
		}
	}
	if n := up.everOpened(); n != 2 {
		t.Errorf("%d connections, want 2: the first is not to be used again", n)
	}
}

// An idle connection that the application closed is noticed, and a request that must not arrive twice is not lost to it.
func TestDirectNoticesConnectionsThatWereClosed(t *testing.T) {
	t.Parallel()
	g, up := newDirect(t)
	up.script(func(string) (string, bool) { return okAnswer, true })
	for range 3 {
		wantStatus(t, g.raw(t, request("POST", "/public/x", "", "Content-Length: 0")), http.StatusOK)
		up.waitOpen(t, 0)
	}
	if got := up.take(); len(got) != 3 {
		t.Errorf("%d requests arrived, want 3", len(got))
	}
}

// A connection that dies with the request on it: what can be repeated is, once, and on a new connection; what cannot is not.
func TestDirectRepeatsWhatCanBeRepeated(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, line string
		status, sent int
	}{
		{"GET", "X-A: 1", 200, 2}, {"HEAD", "X-A: 1", 200, 2}, {"OPTIONS", "X-A: 1", 200, 2}, {"POST", "Idempotency-Key: 1", 200, 2},
		{"POST", "X-A: 1", 502, 1}, {"DELETE", "X-A: 1", 502, 1}, {"PUT", "Connection: Idempotency-Key\r\nIdempotency-Key: 1", 502, 1},
	} {
		g, up := newDirect(t)
		wantStatus(t, g.get(t, "/public/first", ""), http.StatusOK)
		up.take()
		dead := true
		up.script(func(string) (string, bool) {
			if dead {
				dead = false
				return "", true
			}
			return okAnswer, false
		})
		a := g.raw(t, request(tt.method, "/public/x", "", tt.line))
		if got := up.take(); a.StatusCode != tt.status || len(got) != tt.sent {
			t.Errorf("%s, %s: status %d after %d times, want %d after %d", tt.method, tt.line, a.StatusCode, len(got), tt.status, tt.sent)
		}
	}
}

// A new connection that dies, and one that dies in the middle of an answer, are the application's fault.
func TestDirectDoesNotRepeatOtherwise(t *testing.T) {
	t.Parallel()
	for _, warm := range []bool{false, true} {
		for _, answer := range []string{"", "H"} {
			if warm && answer == "" {
				continue // see TestDirectRepeatsWhatCanBeRepeated
			}
			g, up := newDirect(t)
			if warm {
				wantStatus(t, g.get(t, "/public/x", ""), http.StatusOK)
				up.take()
			}
			up.script(func(string) (string, bool) { return answer, true })
			wantStatus(t, g.get(t, "/public/x", ""), http.StatusBadGateway)
			if got := up.take(); len(got) != 1 {
				t.Errorf("%q, warm %t: arrived %d times, want once", answer, warm, len(got))
			}
		}
	}
}

// An application that does not answer in time is slow, and the request is not repeated.
func TestDirectTimes(t *testing.T) {
	t.Parallel()
	up := newScripted(t)
	g := newGateway(t, gatewayConfig{upstream: proxy.UpstreamConfig{URLs: []string{"http://" + up.addr}, ResponseTimeout: time.Second}})
	wantStatus(t, g.get(t, "/public/x", ""), http.StatusOK)
	up.take()
	release := make(chan struct{})
	up.script(func(string) (string, bool) { <-release; return okAnswer, false })
	wantStatus(t, g.get(t, "/public/x", ""), http.StatusGatewayTimeout)
	close(release)
	if got := up.take(); len(got) != 1 {
		t.Errorf("arrived %d times, want once", len(got))
	}
}

// Informational answers have a bound.
func TestDirectBoundsInformationalAnswers(t *testing.T) {
	t.Parallel()
	g, up := newDirect(t)
	const early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	for count, status := range map[int]int{10: 200, 999: 200, 1001: 502} {
		up.script(func(string) (string, bool) { return strings.Repeat(early, count) + okAnswer, false })
		c := dial(t, g.addr)
		c.write(t, request("GET", "/public/x", ""))
		for range min(count, 1000) {
			if a := c.read(t, false); a.StatusCode != http.StatusEarlyHints || a.Header.Get("X-Request-Id") != "" {
				t.Fatalf("status %d with %v", a.StatusCode, a.Header)
			}
		}
		a := c.read(t, false)
		wantStatus(t, a, status)
		if a.Header.Get("X-Request-Id") == "" || a.Header.Get("Link") != "" {
			t.Errorf("after %d informational answers: %v", count, a.Header)
		}
		c.Close()
	}
}

// A client that goes away takes the connection to the application with it: while it waits, and in the middle of an answer.
func TestDirectEndsWithItsClient(t *testing.T) {
	t.Parallel()
	g, up := newDirect(t)
	for _, part := range []string{"", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"} {
		asked, release := make(chan struct{}), make(chan struct{})
		up.script(func(string) (string, bool) {
			close(asked)
			if part == "" {
				<-release
			}
			return part, part == ""
		})
		c := dial(t, g.addr)
		c.write(t, request("GET", "/public/x", ""))
		wait(t, asked, "the request")
		if part != "" {
			if _, err := io.ReadFull(c.in, make([]byte, len("HTTP/1.1 200 OK"))); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		close(release)
		up.waitOpen(t, 0)
		up.script(func(string) (string, bool) { return okAnswer, false })
		wantStatus(t, g.get(t, "/public/x", ""), http.StatusOK)
		up.each(func(conn net.Conn) { conn.Close() })
		up.waitOpen(t, 0)
	}
}

// Requests side by side get the answers to themselves and to nobody else.
func TestDirectDoesNotMixUp(t *testing.T) {
	t.Parallel()
	g, up := newDirect(t)
	up.script(func(request string) (string, bool) {
		_, path, _ := strings.Cut(request, " ")
		path, _, _ = strings.Cut(path, " ")
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path), len(path)%7 == 0
	})
	done := make(chan error)
	const clients, each = 8, 50
	for client := range clients {
		go func() {
			done <- func() error {
				for i := range each {
					path := fmt.Sprintf("/public/%d/%d%s", client, i, strings.Repeat("x", (client+i)%9))
					res, err := http.Get(g.url + path)
					if err != nil {
						return err
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if err != nil || string(body) != path {
						return fmt.Errorf("asked for %s, got %d %q, %v", path, res.StatusCode, body, err)
					}
				}
				return nil
			}()
		}()
	}
	for range clients {
		if err := wait(t, done, "clients"); err != nil {
			t.Error(err)
		}
	}
}

// Long bodies arrive whole, byte for byte, on a connection that serves the next request; and one that breaks off is not taken for
// whole.
func TestDirectLongBodies(t *testing.T) {
	t.Parallel()
	g, up := newDirect(t)
	for _, size := range []int{1, 4096, 256<<10 - 1, 256 << 10, 1<<20 + 7} {
		body := strings.Repeat("0123456789abcdef,", size/17+1)[:size]
		up.script(func(string) (string, bool) {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body), false
		})
		for _, token := range []string{"", "alice"} {
			a := g.get(t, "/public/x", token)
			if a.body != body || a.Header.Get("X-Frame-Options") != "DENY" {
				t.Errorf("%d bytes: got %d, %v", size, len(a.body), a.Header)
			}
			if line := g.journal.access(t, a.Header.Get("X-Request-Id")); line["bytes"] != float64(size) {
				t.Errorf("%d bytes: the log says %v", size, line["bytes"])
			}
		}
	}
	if n := up.everOpened(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	up.script(func(string) (string, bool) {
		return "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("x", 1_000_000), true
	})
	c := dial(t, g.addr)
	defer c.Close()
	c.write(t, request("GET", "/public/x", ""))
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, res.Body); err == nil || n != 1_000_000 {
		t.Errorf("a body of 2,000,000 bytes that broke off: %d, %v", n, err)
	}
}

// A long body that nobody takes ends with the session, and so does the connection to the application.
func TestDirectLongBodiesEndWithTheSession(t *testing.T) {
	t.Parallel()
	up := newScripted(t)
	up.script(func(string) (string, bool) {
		return "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + strings.Repeat("x", 50_000_000), false
	})
	watched := make(chan func(), 1)
	g := newGateway(t, gatewayConfig{
		upstream: proxy.UpstreamConfig{URLs: []string{"http://" + up.addr}},
		people:   people{"alice": {UserID: aliceID, SessionID: uuid.New(), Username: "alice"}},
		watch:    func(_ *authn.Identity, ended func()) func() { watched <- ended; return func() {} },
	})
	c := dial(t, g.addr)
	defer c.Close()
	c.write(t, request("GET", "/x", "alice"))
	if _, err := http.ReadResponse(c.in, nil); err != nil {
		t.Fatal(err)
	}
	go wait(t, watched, "the watch")()
	up.waitOpen(t, 0)
	if n, err := io.Copy(io.Discard, c); err == nil && n >= 50_000_000 {
		t.Errorf("the whole body came: %d bytes", n)
	}
	g.journal.find(t, func(e map[string]any) bool { return e["msg"] == "request" && e["reason"] == "session_ended" })
}
