package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// openSockets counts the sockets that the process has open.
func openSockets(t testing.TB) (n int) {
	t.Helper()
	const folder = "/proc/self/fd"
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if target, err := os.Readlink(filepath.Join(folder, f.Name())); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// Of a thousand WebSockets half are revoked. Exactly those close, the others go on, and when they have closed too nothing is
// left of any of them.
func TestThousandWebSockets(t *testing.T) {
	const all, users = 1000, 20
	people, app := newSessions(t), newLasting(t)
	g := people.gateway(t, app.url, nil)
	warm := openSocket(t, g, app, people.login(t, "warm"), "warm")
	warm.close()
	wait(t, warm.gone, "the first to be gone")
	goroutines, open := runtime.NumGoroutine(), openSockets(t)

	sockets := make([]*live, all)
	tokens := make([]string, all)
	for i := range tokens {
		tokens[i] = people.login(t, fmt.Sprint("user", i%users))
	}
	sideBySide(all, func(i int) { sockets[i] = openSocket(t, g, app, tokens[i], fmt.Sprint(i)) })
	ended := make([]chan error, all)
	for i := 0; i < all; i += 2 {
		ended[i] = make(chan error, 1)
		go func() { ended[i] <- sockets[i].ended() }()
	}
	for i := 0; i < all; i += 2 {
		people.end(t, tokens[i])
	}
	begin := time.Now()
	for i := 0; i < all; i += 2 {
		if err := wait(t, ended[i], "a revoked one to close"); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Fatalf("socket %d: %v", i, err)
		}
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the last closed %v after it was revoked", took)
	} else {
		t.Logf("the last closed %v after it was revoked", took)
	}
	for i := 0; i < all; i += 2 {
		wait(t, sockets[i].gone, "the application to know")
	}
	for i := 1; i < all; i += 2 {
		if err := sockets[i].lives(); err != nil {
			t.Fatalf("socket %d, which was not revoked: %v", i, err)
		}
	}
	if n := strings.Count(g.journal.String(), `"stream ended"`); n != all/2 {
		t.Errorf("%d are said to have ended", n)
	}
	sideBySide(all/2, func(i int) { sockets[2*i+1].close() })
	for i := 1; i < all; i += 2 {
		wait(t, sockets[i].gone, "the application to know")
	}
	eventually(t, "nothing is left", func() error {
		if g, o := runtime.NumGoroutine(), openSockets(t); g > goroutines || o > open {
			return fmt.Errorf("%d goroutines and %d sockets, of which %d and %d were there before", g, o, goroutines, open)
		}
		return nil
	})
}

// sideBySide does something n times, a few at a time.
func sideBySide(n int, do func(i int)) {
	var work sync.WaitGroup
	next := make(chan int)
	for range 16 {
		work.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	work.Wait()
}

// At a shutdown WebSockets are told to go and are waited for; everything else may come to its end.
func TestGoAway(t *testing.T) {
	people, app := newSessions(t), newLasting(t)
	g := people.gateway(t, app.url, nil)
	token := people.login(t, "alice")
	signedIn, anonymous := openSocket(t, g, app, token, "alice"), openSocket(t, g, app, "", "nobody")
	events := openAnswer("events", false)(t, g, app, token, "events")
	g.door.Wait(cancelled(t)) // which cuts, and is for the end
	for _, s := range []*live{signedIn, anonymous} {
		if err := s.ended(); err == nil || websocket.CloseStatus(err) != -1 {
			t.Errorf("cut without a goodbye: %v", err)
		}
	}
	signedIn, anonymous = openSocket(t, g, app, token, "alice2"), openSocket(t, g, app, "", "nobody2")
	gone := make(chan struct{})
	g.door.GoAway()
	go func() { g.door.Wait(t.Context()); close(gone) }()
	for _, s := range []*live{signedIn, anonymous, openSocket(t, g, app, token, "late")} {
		var e websocket.CloseError
		if err := s.ended(); !errors.As(err, &e) || e.Code != websocket.StatusGoingAway || e.Reason != "shutting down" {
			t.Errorf("ended with %v", err)
		}
		wait(t, s.gone, "the application to know")
	}
	wait(t, gone, "the last to be gone")
	g.door.Wait(t.Context()) // for none
	g.wantEnded(t, "shutdown", token)
	if err := events.lives(); err != nil {
		t.Error("an answer was not left to come to its end")
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// halfFrames is an application that switches to a WebSocket and then says what it is told.
func halfFrames(t *testing.T, says string) (url string) {
	t.Helper()
	return "http://" + serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"+says)
		_, _ = io.Copy(io.Discard, conn)
	}), io.Discard)
}

// Who is in the middle of a frame, or does not read, is cut.
func TestWebSocketIsCut(t *testing.T) {
	half := "\x82\x7e\x01\x00half of it"
	for name, says := range map[string]string{"stuck": half, "unread": "\x82\x7f\x00\x00\x00\x00\x10\x00\x00\x00" + strings.Repeat("x", 64<<20)} {
		t.Run(name, func(t *testing.T) {
			people := newSessions(t)
			g := people.gateway(t, halfFrames(t, says), nil)
			token := people.login(t, "alice")
			conn := dial(t, g.addr)
			defer conn.Close()
			conn.write(t, request("GET", "/public/x", token, "Connection: Upgrade", "Upgrade: websocket"))
			if res, err := http.ReadResponse(conn.in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(err)
			}
			if name == "stuck" {
				if got := make([]byte, len(half)); readFull(conn, got) != half {
					t.Fatalf("%q", got)
				}
			}
			people.end(t, token)
			g.wantEnded(t, "session_ended", token) // the line of the access log is written when all is over
			rest, err := io.ReadAll(conn.in)
			if name == "stuck" && len(rest) != 0 || len(rest) > len(says)-1 {
				t.Errorf("%d bytes more, %v", len(rest), err)
			}
		})
	}
}

func readFull(conn *wire, p []byte) string {
	n, _ := io.ReadFull(conn.in, p)
	return string(p[:n])
}
