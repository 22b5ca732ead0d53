package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
)

// patience is how long a test waits for something that is to happen before it gives up.
const patience = 20 * time.Second

// people authenticates by tokens that are names.
type people map[string]authn.Identity

func (p people) Authenticate(_ context.Context, c authn.Credentials) (*authn.Identity, error) {
	switch c.Kind {
	case authn.NoCredential, authn.ForeignCredential:
		return nil, authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	case authn.BearerCredential:
		if c.Token == "store-down" {
			return nil, authn.Fault(fmt.Errorf("query: %w", authn.ErrUnavailable))
		}
		if c.Token == "panic" {
			panic("an authenticator that panics")
		}
		if id, ok := p[c.Token]; ok {
			return &id, nil
		}
	}
	return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
}

var aliceID = uuid.MustParse("6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a10")

func everybody() people {
	return people{
		"alice": {UserID: aliceID, Username: "alice", Email: "alice@example.com", Roles: []string{"staff", "writer"}},
		"admin": {UserID: uuid.MustParse("6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a11"), Username: "admin", Email: "admin@example.com", Roles: []string{"admin"}},
		"bare":  {UserID: uuid.MustParse("6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a12"), Username: "bare"},
		"zoé":   {UserID: uuid.MustParse("6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a13"), Username: "zoé", Email: "zoé@example.com"},
		"zoe":   {UserID: uuid.MustParse("6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a13"), Username: "zoé\u009b", Email: "z@example.com"},
	}
}

// gatewayConfig is what tests vary. The zero value is the usual table of routes with everything going to upstream.
type gatewayConfig struct {
	trusted  []netip.Prefix
	routes   []authn.Route
	upstream proxy.UpstreamConfig            // of every route; without URLs: a recording upstream
	special  map[string]proxy.UpstreamConfig // of some routes, in place of upstream
	assert   assertFunc
	cors     headers.CORSConfig
	general  authn.Limit
	own      http.Handler
	now      func() time.Time
	level    slog.Level
	people   authn.Authenticator // nil: everybody
	watch    func(who *authn.Identity, ended func()) (stop func())
	maxAge   time.Duration // of streams
	denied   func(authn.Event)
}

// gateway is a door behind a real listener.
type gateway struct {
	addr     string
	url      string
	door     *proxy.Door
	upstream *rawUpstream // nil if the test brought its own
	journal  *journal
	network  *lockedBuffer // what net/http logs
}

// usualRoutes: /public is open, /admin is for administrators, everything else for who is signed in.
func usualRoutes() []authn.Route {
	return []authn.Route{
		{Name: "public", Paths: []string{"/public/*"}, Access: authn.AllowPublic},
		{Name: "admin", Paths: []string{"/admin/*"}, Access: authn.AllowListed, Roles: []string{"admin"}},
		{Name: "own-scheme", Paths: []string{"/basic/*"}, Access: authn.AllowPublic, IgnoreBearer: true},
		{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowAuthenticated, Cookies: authn.BearerFirst},
	}
}

func newGateway(t testing.TB, c gatewayConfig) *gateway {
	t.Helper()
	g := &gateway{journal: &journal{}, network: &lockedBuffer{}}
	if len(c.upstream.URLs) == 0 {
		g.upstream = newRawUpstream(t)
		c.upstream.URLs = []string{"http://" + g.upstream.addr}
	}
	if c.routes == nil {
		c.routes = usualRoutes()
	}
	upstreams := map[string]proxy.UpstreamConfig{}
	for _, route := range c.routes {
		upstreams[route.Name] = c.upstream
		if special, ok := c.special[route.Name]; ok {
			if len(special.URLs) == 0 {
				special.URLs = c.upstream.URLs
			}
			upstreams[route.Name] = special
		}
	}
	if c.own == nil {
		c.own = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "own") })
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.people == nil {
		c.people = everybody()
	}
	cors, err := headers.NewCORS(c.cors)
	if err != nil {
		t.Fatal(err)
	}
	config := doorConfig(t, upstreams)
	config.Gate = authn.NewGate(authn.GateConfig{Routes: c.routes, Authenticator: c.people, General: c.general, Now: c.now})
	config.Trust = headers.NewTrust(c.trusted)
	config.CORS = cors
	config.Assert = c.assert
	config.Own = c.own
	config.Log = slog.New(slog.NewJSONHandler(g.journal, &slog.HandlerOptions{Level: c.level}))
	config.Now = c.now
	config.Watch, config.MaxStreamAge = c.watch, c.maxAge
	config.Denied = c.denied
	if g.door, err = proxy.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.door.Close)
	g.addr = serve(t, g.door.Gateway(), g.network)
	g.url = "http://" + g.addr
	return g
}

// doorConfig is a complete configuration with the usual routes and nothing trusted.
func doorConfig(t testing.TB, upstreams map[string]proxy.UpstreamConfig) proxy.Config {
	return proxy.Config{
		Gate:      authn.NewGate(authn.GateConfig{Routes: usualRoutes(), Authenticator: everybody(), Now: time.Now}),
		Names:     headers.DefaultIdentityNames(),
		Security:  headers.NewSecurity(headers.DefaultSecurityConfig()),
		Own:       http.NotFoundHandler(),
		Owns:      func(_, path string) bool { return path == "/health" || strings.HasPrefix(path, "/auth/") },
		Problem:   api.WriteProblem,
		Upstreams: upstreams,
		PublicURL: "http://localhost:8080",
		Log:       slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now:       time.Now,
	}
}

// serve runs a handler on a listener of its own, for HTTP/1 and HTTP/2 without TLS, and returns the address.
func serve(t testing.TB, h http.Handler, errors io.Writer) string {
	t.Helper()
	server := &http.Server{
		Handler:                      h,
		Protocols:                    new(http.Protocols),
		ErrorLog:                     log.New(errors, "", 0),
		DisableGeneralOptionsHandler: true,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return listener.Addr().String()
}

// raw sends the bytes of a request on a connection of its own and returns the answer, read to its end.
func (g *gateway) raw(t testing.TB, request string) *answer {
	t.Helper()
	c := dial(t, g.addr)
	defer c.Close()
	c.write(t, request)
	return c.read(t, strings.HasPrefix(request, "HEAD "))
}

// get asks for a path as the bearer of a token ("": nobody) with further header lines.
func (g *gateway) get(t testing.TB, path, token string, lines ...string) *answer {
	t.Helper()
	return g.raw(t, request("GET", path, token, lines...))
}

// request returns the bytes of a request without a body.
func request(method, path, token string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: app.example.com\r\n", method, path)
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// answer is a response that was read to its end.
type answer struct {
	*http.Response
	body string
}

// code returns the code of a problem document.
func (a *answer) code() authn.Code {
	var problem struct {
		Code authn.Code `json:"code"`
	}
	_ = json.Unmarshal([]byte(a.body), &problem)
	return problem.Code
}

// wire is a connection that speaks raw bytes.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dial(t testing.TB, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{Conn: conn, in: bufio.NewReader(conn)}
}

func (c *wire) write(t testing.TB, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// read reads one answer.
func (c *wire) read(t testing.TB, head bool) *answer {
	t.Helper()
	method := http.MethodGet
	if head {
		method = http.MethodHead
	}
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("the answer breaks off: %v", err)
	}
	return &answer{Response: res, body: string(body)}
}

// received is a request as it came to the upstream.
type received struct {
	*http.Request
	raw  string // every byte of it
	body string
}

// lines returns the header lines whose name, in any spelling that a CGI-like reader takes for it, is name.
func (r received) lines(name string) []string {
	var found []string
	for line := range strings.SplitSeq(r.raw, "\r\n") {
		if n, _, ok := strings.Cut(line, ":"); ok && likeCGI(n) == likeCGI(name) {
			found = append(found, line)
		}
	}
	return found
}

func likeCGI(name string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToLower(name))
}

// rawUpstream is an application that records every byte it gets and answers each request with the same bytes.
type rawUpstream struct {
	addr string

	mu       sync.Mutex
	answer   func(received) string
	requests []received
}

func newRawUpstream(t testing.TB) *rawUpstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &rawUpstream{addr: listener.Addr().String()}
	u.answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	var conns sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				defer conn.Close()
				u.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		listener.Close()
		conns.Wait()
	})
	return u
}

func (u *rawUpstream) serve(conn net.Conn) {
	answerRaw(conn, func(got received) (string, bool) {
		u.mu.Lock()
		u.requests = append(u.requests, got)
		answer := u.answer(got)
		u.mu.Unlock()
		if got.Method == http.MethodHead {
			answer, _, _ = strings.Cut(answer, "\r\n\r\n")
			answer += "\r\n\r\n"
		}
		return answer, false
	})
}

// answerRaw answers with any bytes what comes on a connection, until that cannot be read or an answer closes it.
func answerRaw(conn net.Conn, answer func(received) (bytes string, closes bool)) {
	var seen bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &seen))
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		raw := seen.String()[:seen.Len()-in.Buffered()]
		seen.Next(len(raw))
		text, closes := answer(received{Request: req, raw: raw, body: string(body)})
		if _, err := io.WriteString(conn, text); err != nil || closes {
			return
		}
	}
}

// answers sets what is answered from now on.
func (u *rawUpstream) answers(s string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = func(received) string { return s }
}

// tellsTarget makes it answer every request with its own target.
func (u *rawUpstream) tellsTarget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = func(r received) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(r.RequestURI), r.RequestURI)
	}
}

// take returns what was received since the last call.
func (u *rawUpstream) take() []received {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.requests
	u.requests = nil
	return taken
}

// only returns the one request that was received since the last call.
func (u *rawUpstream) only(t testing.TB) received {
	t.Helper()
	got := u.take()
	if len(got) != 1 {
		t.Fatalf("the upstream saw %d requests, want 1", len(got))
	}
	return got[0]
}

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// journal is a log that tests read.
type journal struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{} // closed at the next line; nil: nobody waits
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// find waits for an entry that fits.
func (j *journal) find(t testing.TB, fits func(entry map[string]any) bool) map[string]any {
	t.Helper()
	timeout := time.After(patience)
	for {
		j.mu.Lock()
		text := j.buf.String()
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		for line := range strings.Lines(text) {
			var entry map[string]any
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("not one JSON object on a line: %q", line)
			}
			if fits(entry) {
				return entry
			}
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("no such log entry in:\n%s", text)
		}
	}
}

// access waits for the access log's line on a request id.
func (j *journal) access(t testing.TB, id string) map[string]any {
	t.Helper()
	return j.find(t, func(e map[string]any) bool { return e["msg"] == "request" && e["request_id"] == id })
}

func wantStatus(t testing.TB, a *answer, status int) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status %d, want %d; body %.300q", a.StatusCode, status, a.body)
	}
}

func networks(s ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, n := range s {
		list = append(list, netip.MustParsePrefix(n))
	}
	return list
}

func loopback() []netip.Prefix { return networks("127.0.0.0/8") }

// wait waits for a channel to be closed or to deliver.
func wait[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}
