package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/proxy"
	"github.com/descoped/authly/store/storetest"
)

// lasting is an application whose answers last. Each request says in its query which stream it is.
type lasting struct {
	url string

	mu      sync.Mutex
	streams map[string]*upstreamEnd
}

// upstreamEnd is a stream as the application sees it.
type upstreamEnd struct {
	here chan struct{} // closed when the request is there
	more chan struct{} // one for each further event, or for the answer
	gone chan struct{} // closed when the application knows that nobody is there any more
}

func newLasting(t testing.TB) *lasting {
	t.Helper()
	app := &lasting{streams: map[string]*upstreamEnd{}}
	app.url = "http://" + serve(t, app, io.Discard)
	return app
}

func (app *lasting) stream(name string) *upstreamEnd {
	app.mu.Lock()
	defer app.mu.Unlock()
	if app.streams[name] == nil {
		app.streams[name] = &upstreamEnd{make(chan struct{}), make(chan struct{}), make(chan struct{})}
	}
	return app.streams[name]
}

func (app *lasting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, kind, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/public"), "/")
	s := app.stream(r.URL.RawQuery)
	defer close(s.gone)
	switch kind {
	case "websocket":
		echoSocket(w, r, s)
	case "events":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintln(w, "data: first")
		_ = http.NewResponseController(w).Flush()
		close(s.here)
		for s.wait(r.Context()) {
			fmt.Fprintln(w, "data: more")
			_ = http.NewResponseController(w).Flush()
		}
	case "poll":
		close(s.here)
		if s.wait(r.Context()) {
			io.WriteString(w, "news")
		}
	case "download":
		w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
		w.WriteHeader(http.StatusOK)
		close(s.here)
		io.Copy(w, zeros{})
	case "upload":
		close(s.here)
		if n, err := io.Copy(io.Discard, r.Body); err == nil {
			fmt.Fprint(w, n)
		}
	}
}

// wait reports whether there is more to say; else nobody listens.
func (s *upstreamEnd) wait(ctx context.Context) bool {
	select {
	case <-s.more:
		return true
	case <-ctx.Done():
		return false
	}
}

func echoSocket(w http.ResponseWriter, r *http.Request, s *upstreamEnd) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	close(s.here)
	for {
		kind, message, err := c.Read(context.Background())
		if err != nil || c.Write(context.Background(), kind, message) != nil {
			return
		}
	}
}

// live is a stream as the client sees it.
type live struct {
	*upstreamEnd
	id    string       // of the request; empty where no answer has begun
	lives func() error // it goes on; not to be asked where that would be its end
	ended func() error // why it ended, waiting for that
	close func()       // as a client does that has enough
}

// streamKinds are the ways in which something can last, with what the client is to see of a premature end.
func streamKinds() map[string]struct {
	open func(t testing.TB, g *gateway, app *lasting, token, name string) *live
	want func(error) bool
} {
	type kind = struct {
		open func(t testing.TB, g *gateway, app *lasting, token, name string) *live
		want func(error) bool
	}
	closed := func(err error) bool {
		e, ok := errors.AsType[websocket.CloseError](err)
		return ok && e.Code == websocket.StatusPolicyViolation && e.Reason == "session ended"
	}
	refused := func(err error) bool { return err.Error() == "401 Unauthorized" }
	cut := func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
	reset := func(err error) bool { return strings.Contains(err.Error(), "INTERNAL_ERROR") }
	http1, http2 := false, true
	return map[string]kind{
		"websocket":                {openSocket, closed},
		"events":                   {openAnswer("events", http1), cut},
		"events over HTTP/2":       {openAnswer("events", http2), reset},
		"events over HTTP/1.0":     {openHTTP10, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"long poll":                {openWaiting("poll", http1), refused},
		"long poll over HTTP/2":    {openWaiting("poll", http2), refused},
		"download, unread":         {openAnswer("download", http1), cut},
		"download, unread, HTTP/2": {openAnswer("download", http2), reset},
		"upload":                   {openWaiting("upload", http1), refused},
		"upload over HTTP/2":       {openWaiting("upload", http2), refused},
	}
}

func streamRequest(t testing.TB, g *gateway, kind, token, name string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("GET", g.url+kind+"?"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func openSocket(t testing.TB, g *gateway, app *lasting, token, name string) *live {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience) // for a thousand of them
	t.Cleanup(cancel)
	req := streamRequest(t, g, "/public/websocket", token, name)
	c, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(req.URL.String(), "http"), &websocket.DialOptions{HTTPHeader: req.Header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return &live{
		upstreamEnd: app.stream(name), id: res.Header.Get("X-Request-Id"),
		lives: func() error {
			if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
				return err
			}
			_, echoed, err := c.Read(ctx)
			if err == nil && string(echoed) != "hello" {
				err = fmt.Errorf("%q came back", echoed)
			}
			return err
		},
		ended: func() error { _, _, err := c.Read(ctx); return err },
		close: func() { c.Close(websocket.StatusNormalClosure, "") },
	}
}

// openAnswer opens what has begun to answer.
func openAnswer(kind string, http2 bool) func(t testing.TB, g *gateway, app *lasting, token, name string) *live {
	return func(t testing.TB, g *gateway, app *lasting, token, name string) *live {
		t.Helper()
		res, err := client(t, http2).Do(streamRequest(t, g, "/public/"+kind, token, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		l := &live{
			upstreamEnd: app.stream(name), id: res.Header.Get("X-Request-Id"),
			ended: func() error { _, err := io.Copy(io.Discard, res.Body); return err },
			close: func() { res.Body.Close() },
		}
		l.lives = func() error { _, err := io.CopyN(io.Discard, res.Body, 1<<20); return err }
		if kind == "events" {
			l.lives = l.nextEvent(bufio.NewReader(res.Body))
		}
		return l
	}
}

// nextEvent has the application say more, and waits for it.
func (l *live) nextEvent(in *bufio.Reader) func() error {
	if line, err := in.ReadString('\n'); err != nil || line != "data: first\n" {
		return func() error { return fmt.Errorf("it began with %q, %w", line, err) }
	}
	return func() error {
		select {
		case l.more <- struct{}{}:
		case <-l.gone:
			return errors.New("the application has given up")
		}
		line, err := in.ReadString('\n')
		if err == nil && line != "data: more\n" {
			err = fmt.Errorf("the next event is %q", line)
		}
		return err
	}
}

// openWaiting opens what has no answer yet.
func openWaiting(kind string, http2 bool) func(t testing.TB, g *gateway, app *lasting, token, name string) *live {
	return func(t testing.TB, g *gateway, app *lasting, token, name string) *live {
		t.Helper()
		req := streamRequest(t, g, "/public/"+kind, token, name)
		l := &live{upstreamEnd: app.stream(name), lives: func() error { return nil }}
		l.close = func() { l.more <- struct{}{} }
		if kind == "upload" {
			reader, writer := io.Pipe()
			req.Method, req.Body = "POST", reader
			l.lives = func() error { _, err := writer.Write(make([]byte, 1<<20)); return err }
			l.close = func() { writer.Close() }
		}
		done := make(chan error, 1)
		go func() {
			res, err := client(t, http2).Do(req)
			if err == nil {
				res.Body.Close()
				err = errors.New(res.Status)
			}
			done <- err
		}()
		l.ended = func() error { return wait(t, done, "the answer") }
		wait(t, l.here, "the application to have the request")
		return l
	}
}

// openHTTP10 opens an answer whose end is the end of the connection.
func openHTTP10(t testing.TB, g *gateway, app *lasting, token, name string) *live {
	t.Helper()
	conn := dial(t, g.addr)
	t.Cleanup(func() { conn.Close() })
	head := "GET /public/events?" + name + " HTTP/1.0\r\nHost: app.example.com\r\n"
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	conn.write(t, head+"\r\n")
	res, err := http.ReadResponse(conn.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(res.Body)
	l := &live{
		upstreamEnd: app.stream(name), id: res.Header.Get("X-Request-Id"),
		ended: func() error { _, err := io.Copy(io.Discard, in); return err },
		close: func() { conn.Close() },
	}
	l.lives = l.nextEvent(in)
	return l
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	for name, kind := range streamKinds() {
		t.Run(name, func(t *testing.T) {
			people, app := newSessions(t), newLasting(t)
			g := people.gateway(t, app.url, nil)
			desk, phone, bob := people.login(t, "alice"), people.login(t, "alice"), people.login(t, "bob")
			streams := map[string]*live{}
			for stream, token := range map[string]string{"desk": desk, "phone": phone, "bob": bob, "nobody": ""} {
				streams[stream] = kind.open(t, g, app, token, stream)
			}
			unread := strings.Contains(name, "unread")
			for name, s := range streams {
				if name != "desk" || !unread {
					if err := s.lives(); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			}
			people.end(t, desk)
			wait(t, streams["desk"].gone, "the application to know of the end")
			if unread {
				g.wantEnded(t, "session_ended", desk) // also if the client never looks
			}
			if err := streams["desk"].ended(); err == nil || !kind.want(err) {
				t.Errorf("the client saw the end as %v", err)
			}
			g.wantEnded(t, "session_ended", desk)
			for _, name := range []string{"phone", "bob", "nobody"} {
				if err := streams[name].lives(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				streams[name].close()
				wait(t, streams[name].gone, "the application to know of the client's end")
			}
			if strings.Count(g.journal.String(), `"stream ended"`) != 1 {
				t.Errorf("logged:\n%s", g.journal)
			}
		})
	}
}

// closedFrame is the frame that ends a WebSocket with its session.
const closedFrame = "\x88\x0f\x03\xf0session ended"

// wantEnded wants the log to tell of a stream's end, of which the access log gives the reason too.
func (g *gateway) wantEnded(t testing.TB, reason, session string) {
	t.Helper()
	entry := g.journal.find(t, func(e map[string]any) bool { return e["msg"] == "stream ended" && e["session_id"] == session })
	if entry["level"] != "INFO" || entry["route"] != "public" || entry["reason"] != reason {
		t.Errorf("logged %v", entry)
	}
	if access := g.journal.access(t, entry["request_id"].(string)); access["reason"] != reason || access["decision"] != "allow" {
		t.Errorf("logged %v", access)
	}
}

// What a change of the user means for their streams.
func TestStreamsAndTheirUser(t *testing.T) {
	people, app := newSessions(t), newLasting(t)
	people.login(t, "root")
	people.change(t, "root", authn.UserChange{Admin: ptr(true)})
	g := people.gateway(t, app.url, nil)
	token := people.login(t, "alice")
	s := openSocket(t, g, app, token, "first")
	for i, change := range []authn.UserChange{{Roles: &[]string{"staff"}}, {Email: ptr("a@example.com"), EmailKey: ptr("a@example.com")}} {
		people.change(t, "alice", change)
		later := people.login(t, "alice")
		other := openSocket(t, g, app, later, fmt.Sprint("other", i))
		people.end(t, later) // which the follower learns after the change
		if err := other.ended(); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Fatal(err)
		}
		if err := s.lives(); err != nil {
			t.Fatalf("ended by %+v: %v", change, err)
		}
	}
	people.change(t, "alice", authn.UserChange{Active: ptr(false), EndSessions: true})
	if err := s.ended(); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("of a disabled user: %v", err)
	}
	bob := openAnswer("events", false)(t, g, app, people.login(t, "bob"), "bob")
	if err := people.store.DeleteUser(t.Context(), people.users["bob"].ID, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := bob.ended(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of a deleted user: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }

// The session ends after the decision and before anybody watches.
func TestSessionEndsAtOnce(t *testing.T) {
	people, app := newSessions(t), newLasting(t)
	g := people.gateway(t, app.url, func(c *gatewayConfig) {
		c.watch = func(who *authn.Identity, ended func()) func() {
			people.end(t, who.SessionID.String())
			eventually(t, "the follower knows", func() error {
				known := make(chan struct{})
				stop := people.follower.Watch(who, func() { close(known) })
				defer stop()
				select {
				case <-known:
					return nil
				case <-time.After(time.Millisecond):
					return errors.New("not yet")
				}
			})
			return people.follower.Watch(who, ended)
		}
	})
	for _, kind := range []string{"poll", "events", "download", "upload", "websocket"} {
		lines := []string{}
		if kind == "websocket" {
			lines = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
		}
		token := people.login(t, "alice")
		conn := dial(t, g.addr)
		conn.write(t, request("GET", "/public/"+kind+"?"+token, token, lines...))
		// What comes depends on who is faster. But it is no good answer with a good end.
		res, err := http.ReadResponse(conn.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		switch res.StatusCode {
		case http.StatusUnauthorized:
		case http.StatusOK:
			if err == nil {
				t.Errorf("%s: a whole answer", kind)
			}
		case http.StatusSwitchingProtocols:
			if rest, _ := io.ReadAll(conn.in); len(rest) != 0 && string(rest) != closedFrame {
				t.Errorf("%s: %q", kind, rest)
			}
		default:
			t.Errorf("%s: %s", kind, res.Status)
		}
		conn.Close()
		g.wantEnded(t, "session_ended", token)
	}
}

func TestStreamsHaveAnAge(t *testing.T) {
	people, app := newSessions(t), newLasting(t)
	g := people.gateway(t, app.url, func(c *gatewayConfig) { c.maxAge = time.Second })
	for i, token := range []string{"", people.login(t, "alice")} {
		socket := openSocket(t, g, app, token, fmt.Sprint("socket", i))
		events := openAnswer("events", i == 1)(t, g, app, token, fmt.Sprint("events", i))
		poll := openWaiting("poll", i == 1)(t, g, app, token, fmt.Sprint("poll", i))
		if e, ok := errors.AsType[websocket.CloseError](socket.ended()); !ok || e.Code != websocket.StatusGoingAway || e.Reason != "maximum age reached" {
			t.Errorf("a WebSocket ended with %v", e)
		}
		if err := events.ended(); err == nil {
			t.Error("events ended as if that were all")
		}
		if err := poll.ended(); err.Error() != "504 Gateway Timeout" {
			t.Errorf("a long poll ended with %v", err)
		}
		for _, s := range []*live{socket, events, poll} {
			wait(t, s.gone, "the application to know")
		}
		g.wantEnded(t, "max_age", token)
	}
	wantStatus(t, newGateway(t, gatewayConfig{maxAge: patience}).get(t, "/public/x", ""), http.StatusOK)
	config := doorConfig(t, nil)
	config.MaxStreamAge = -1
	if _, err := proxy.New(config); err == nil {
		t.Error("a negative age is taken")
	}
}
