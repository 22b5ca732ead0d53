package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/descoped/authly/headers"
)

// answering is an application that answers whatever comes, and tells of connections that end.
func answering(t *testing.T) (address string, ended <-chan struct{}) {
	t.Helper()
	over := make(chan struct{}, 1000)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				over <- struct{}{}
			}
		},
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String(), over
}

func directTo(address string, limits limits) *direct {
	return &direct{address: address, dial: dialer(10 * time.Second), limits: limits}
}

func plainCall(repeatable bool) *call {
	return &call{
		method: "GET", message: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), repeatable: repeatable, stream: &stream{},
		interim: func(int, http.Header) {},
	}
}

func (d *direct) get(t *testing.T, ctx context.Context) *http.Response {
	t.Helper()
	res, err := d.roundTrip(ctx, plainCall(true))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func finish(t *testing.T, res *http.Response) {
	t.Helper()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
		t.Fatalf("got %q, %v", body, err)
	}
	res.Body.Close()
}

func (d *direct) idling() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.idle)
}

func waitEnded(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection is still open")
	}
}

func TestIdleConnectionsAreFew(t *testing.T) {
	t.Parallel()
	address, ended := answering(t)
	d := directTo(address, limits{answer: time.Minute, idle: time.Minute, links: 2, head: 1 << 20})
	var open []*http.Response
	for range 4 {
		open = append(open, d.get(t, t.Context()))
	}
	for _, res := range open {
		finish(t, res)
	}
	waitEnded(t, ended)
	waitEnded(t, ended)
	if n := d.idling(); n != 2 {
		t.Errorf("%d idle connections, want 2", n)
	}
	d.close()
	waitEnded(t, ended)
	waitEnded(t, ended)
	finish(t, d.get(t, t.Context()))
	waitEnded(t, ended)
}

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	address, ended := answering(t)
	d := directTo(address, limits{answer: time.Minute, idle: 50 * time.Millisecond, links: 9, head: 1 << 20})
	for range 2 { // the sweep begins anew
		first, second := d.get(t, t.Context()), d.get(t, t.Context())
		finish(t, first)
		finish(t, second)
		waitEnded(t, ended)
		waitEnded(t, ended)
		if n := d.idling(); n != 0 {
			t.Errorf("%d idle connections, want none", n)
		}
	}
}

// A body that was not read to its end leaves a connection of which nobody knows where it stands.
func TestHalfReadBodiesEndTheConnection(t *testing.T) {
	t.Parallel()
	address, ended := answering(t)
	d := directTo(address, limits{answer: time.Minute, idle: time.Minute, links: 9, head: 1 << 20})
	res := d.get(t, t.Context())
	if _, err := io.ReadFull(res.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	waitEnded(t, ended)
	if _, err := res.Body.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("after Close, Read returns %v", err)
	}
	if n := d.idling(); n != 0 {
		t.Errorf("%d idle connections, want none", n)
	}
	finish(t, d.get(t, t.Context()))
	if n := d.idling(); n != 1 {
		t.Errorf("%d idle connections, want 1", n)
	}
	d.close()
}

// The end of a request's context or stream, at whatever moment, never ends the next request on the same connection.
func TestEndsDoNotReachTheNextRequest(t *testing.T) {
	t.Parallel()
	address, _ := answering(t)
	d := directTo(address, limits{answer: time.Minute, idle: time.Minute, links: 9, head: 1 << 20})
	defer d.close()
	door := &Door{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	for i := range 400 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := plainCall(true)
		ended.stream = &stream{door: door, x: &headers.Exchange{}, w: httptest.NewRecorder()}
		over := make(chan struct{})
		go func() {
			defer close(over)
			for range i { // so that it comes at another moment each time
				runtime.Gosched()
			}
			if i%2 == 0 {
				cancel()
			} else {
				ended.stream.end(endOfSession)
			}
		}()
		res, err := d.roundTrip(ctx, ended)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err != nil && i%2 == 0 && ctx.Err() == nil {
			t.Fatal(err)
		}
		if res, err = d.roundTrip(t.Context(), plainCall(false)); err != nil {
			t.Fatalf("the next request: %v", err)
		}
		finish(t, res)
		<-over
		cancel()
	}
}

// patient is a connection that keeps what its reading was last limited to.
type patient struct {
	*net.TCPConn
	deadlines []time.Time
}

func (c *patient) SetReadDeadline(t time.Time) error {
	c.deadlines = append(c.deadlines, t)
	return c.TCPConn.SetReadDeadline(t)
}

// The limit of time is that of the head: a body may take as long as it likes.
func TestBodiesHaveNoDeadline(t *testing.T) {
	t.Parallel()
	address, _ := answering(t)
	d := directTo(address, limits{answer: time.Minute, idle: time.Minute, links: 9, head: 1 << 20})
	var conn *patient
	d.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn = &patient{TCPConn: c.(*net.TCPConn)}
		return conn, nil
	}
	before := time.Now()
	res := d.get(t, t.Context())
	if len(conn.deadlines) != 2 || conn.deadlines[0].Before(before.Add(time.Minute)) || !conn.deadlines[1].IsZero() {
		t.Errorf("deadlines %v, want one in a minute and then none", conn.deadlines)
	}
	finish(t, res)
	d.close()
}
