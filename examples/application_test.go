package examples_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// idHeader carries the number by which a request is found again in what the application received.
const idHeader = "X-Test-Id"

// application is what stands behind every front: it answers everything and remembers the bytes of each connection.
type application struct {
	address string

	mu          sync.Mutex
	connections []*tappedConn
}

func startApplication(t *testing.T) *application {
	t.Helper()
	a := new(application)
	server := httptest.NewUnstartedServer(http.HandlerFunc(a.serve))
	server.Listener = &tap{Listener: server.Listener, app: a}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.SetKeepAlivesEnabled(false) // one connection for each request
	server.Start()
	t.Cleanup(server.Close)
	a.address = server.Listener.Addr().String()
	return a
}

// serve echoes a body, and messages on a WebSocket.
func (a *application) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Application", "yes")
		_, _ = w.Write(body)
		return
	}
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer socket.CloseNow()
	ctx := context.WithoutCancel(r.Context())
	for {
		kind, message, err := socket.Read(ctx)
		if err != nil {
			return
		}
		if err := socket.Write(ctx, kind, message); err != nil {
			return
		}
	}
}

// received returns what arrived on the connections that carried the request of this number, and forgets them.
func (a *application) received(id string) []string { return a.take(": " + id + "\r\n") }

// asked is received for GET requests whose target begins so.
func (a *application) asked(target string) []string { return a.take("GET " + target) }

// take returns what arrived on the connections where this text did, and forgets them.
func (a *application) take(text string) (found []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.connections = slices.DeleteFunc(a.connections, func(c *tappedConn) bool {
		seen := c.text()
		if !strings.Contains(seen, text) {
			return false
		}
		found = append(found, seen)
		return true
	})
	return found
}

// tap is a listener whose connections remember what they received.
type tap struct {
	net.Listener
	app *application
}

func (l *tap) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tapped := &tappedConn{Conn: conn}
	l.app.mu.Lock()
	defer l.app.mu.Unlock()
	l.app.connections = append(l.app.connections, tapped)
	return tapped, nil
}

type tappedConn struct {
	net.Conn
	mu   sync.Mutex
	seen bytes.Buffer
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Write(p[:n])
	return n, err
}

func (c *tappedConn) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.String()
}
