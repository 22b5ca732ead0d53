package main_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/crypto/bcrypt"
)

// newBrook starts an application whose answers never end: /…/websocket sends back what it gets, /…/events and /…/download send a
// little again and again, the latter with a length that will never be reached.
func newBrook(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := []byte("data: hello\n\n")
		switch _, kind, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); kind {
		case "websocket":
			echoMessages(w, r)
			return
		case "events":
			w.Header().Set("Content-Type", "text/event-stream")
		default:
			w.Header().Set("Content-Length", "1000000000000")
			piece = make([]byte, 4<<10)
		}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := w.Write(piece); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func echoMessages(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, message, err := c.Read(context.Background())
		if err != nil || c.Write(context.Background(), kind, message) != nil {
			return
		}
	}
}

func streamRoutes(application string) string {
	return fmt.Sprintf(`
routes:
  - {name: public, paths: [/public/*], allow: public, upstream: %[1]q}
  - {name: private, paths: [/private/*], allow: authenticated, upstream: %[1]q}
  - {name: rest, paths: [/*], allow: authenticated, upstream: "echo:"}
`, application)
}

// flow is a stream that a client reads in the background.
type flow struct {
	path  string
	count atomic.Int64 // pieces that have come
	ended chan error   // why it ended
}

// flows opens streams of every kind, in the right of a token.
func (a *authly) flows(t *testing.T, token string) []*flow {
	t.Helper()
	var all []*flow
	for _, path := range []string{"/private/websocket", "/private/events", "/private/download", "/public/websocket"} {
		all = append(all, a.follow(t, path, token))
	}
	allLive(t, all)
	return all
}

// open opens a stream of which more comes.
func (a *authly) open(t *testing.T, path, token string) *flow {
	t.Helper()
	f := a.follow(t, path, token)
	allLive(t, []*flow{f})
	return f
}

// follow opens a stream.
func (a *authly) follow(t *testing.T, path, token string) *flow {
	t.Helper()
	f := &flow{path: path, ended: make(chan error, 1)}
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	next := a.openSocket
	if !strings.HasSuffix(path, "websocket") {
		next = a.openBody
	}
	more := next(t, path, header)
	go func() {
		for {
			if err := more(); err != nil {
				f.ended <- err
				return
			}
			f.count.Add(1)
		}
	}()
	return f
}

func (a *authly) openSocket(t *testing.T, path string, header http.Header) (more func() error) {
	t.Helper()
	ctx := t.Context()
	c, _, err := websocket.Dial(ctx, a.base+path, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	t.Cleanup(func() { c.CloseNow(); tick.Stop() })
	return func() error {
		<-tick.C
		_ = c.Write(ctx, websocket.MessageText, []byte("hello")) // Read says more of an end
		_, _, err := c.Read(ctx)
		return err
	}
}

func (a *authly) openBody(t *testing.T, path string, header http.Header) (more func() error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", a.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	piece := make([]byte, 16<<10)
	return func() error { _, err := response.Body.Read(piece); return err }
}

// lives wants more to come than before.
func (f *flow) lives(t *testing.T, before int64) {
	t.Helper()
	eventually(t, f.path+" goes on", func() bool {
		select {
		case err := <-f.ended:
			t.Fatalf("%s has ended: %v", f.path, err)
		default:
		}
		return f.count.Load() > before+1
	})
}

// ends wants a WebSocket to end with a code, and a body with an error.
func (f *flow) ends(t *testing.T, code websocket.StatusCode) {
	t.Helper()
	select {
	case err := <-f.ended:
		if strings.HasSuffix(f.path, "websocket") {
			if websocket.CloseStatus(err) != code {
				t.Errorf("%s ended with %v, want code %d", f.path, err, code)
			}
		} else if errors.Is(err, io.EOF) {
			t.Errorf("%s ended as if that were all", f.path)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("%s does not end", f.path)
	}
}

// allLive wants more to come of each from now on.
func allLive(t *testing.T, flows []*flow) {
	t.Helper()
	before := make([]int64, len(flows))
	for i, f := range flows {
		before[i] = f.count.Load()
	}
	for i, f := range flows {
		f.lives(t, before[i])
	}
}

func allEnd(t *testing.T, flows []*flow) {
	t.Helper()
	for _, f := range flows {
		f.ends(t, websocket.StatusPolicyViolation)
	}
}

// Whatever ends a session ends its streams, also those that pass through another replica; and nothing else does.
func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		routes := streamRoutes(newBrook(t))
		here, there := start(t, storeURL, routes), start(t, storeURL, routes)
		admin := here.login(t, "admin", adminPassword)
		here.register(t, admin, "bob", "bob's password")
		bob := here.login(t, "bob", "bob's password")
		bystanders := append(here.flows(t, bob.Access), there.flows(t, bob.Access)...)
		bystanders = append(bystanders, here.open(t, "/public/websocket", ""), there.open(t, "/public/events", ""))
		for _, act := range []struct {
			name string
			do   func(t *testing.T, id string, phone, desk tokens)
			one  bool // ends the phone's session alone
		}{
			{"revoked", func(t *testing.T, _ string, phone, desk tokens) {
				here.must(t, 204, "DELETE", sessionPath(t, phone), desk.Access, "")
			}, true},
			{"revoked by an administrator", func(t *testing.T, id string, phone, _ tokens) {
				here.must(t, 204, "DELETE", "/users/"+id+strings.TrimPrefix(sessionPath(t, phone), "/auth"), admin.Access, "")
			}, true},
			{"logout of the session", func(t *testing.T, _ string, phone, _ tokens) {
				here.must(t, 200, "POST", "/auth/logout", phone.Access, `{"scope":"session"}`)
			}, true},
			{"a spent refresh token is used", func(t *testing.T, _ string, phone, _ tokens) {
				here.refreshed(t, phone.Refresh)
				if got := there.refresh(t, phone.Refresh); got.status != http.StatusUnauthorized {
					t.Errorf("a spent token: %d", got.status)
				}
			}, true},
			{"logout", func(t *testing.T, _ string, phone, _ tokens) {
				here.must(t, 200, "POST", "/auth/logout", phone.Access, "")
			}, false},
			{"disabled", func(t *testing.T, id string, _, _ tokens) {
				here.must(t, 200, "PUT", "/users/"+id, admin.Access, `{"is_active":false}`)
			}, false},
			{"disabled from the command line", func(t *testing.T, id string, _, _ tokens) {
				here.command(t, "", "user", "disable", id)
			}, false},
			{"deleted", func(t *testing.T, id string, _, _ tokens) {
				here.must(t, 204, "DELETE", "/users/"+id, admin.Access, "")
			}, false},
		} {
			t.Run(act.name, func(t *testing.T) {
				name := strings.ReplaceAll(act.name, " ", "-")
				id := here.register(t, admin, name, "somebody's password")
				phone, desk := here.login(t, name, "somebody's password"), there.login(t, name, "somebody's password")
				doomed := append(here.flows(t, phone.Access), there.flows(t, phone.Access)...)
				others := append(here.flows(t, desk.Access), there.flows(t, desk.Access)...)
				act.do(t, id, phone, desk)
				allEnd(t, doomed)
				if act.one {
					allLive(t, others)
				} else {
					allEnd(t, others)
				}
			})
		}
		t.Run("roles", func(t *testing.T) {
			id := here.register(t, admin, "carol", "carol's password")
			carol := here.login(t, "carol", "carol's password")
			flows := append(here.flows(t, carol.Access), there.flows(t, carol.Access)...)
			here.must(t, 200, "PUT", "/users/"+id, admin.Access, `{"roles":["finance"]}`)
			eventually(t, "the other replica knows the role", func() bool {
				return strings.Contains(there.do(t, "GET", "/x", carol.Access, "").body, "finance")
			})
			allLive(t, flows)
		})
		allLive(t, bystanders)
	})
}

// An access token that is taken back ends what it let in, and no more of its session; a key, what all its tokens let in.
func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("billing's secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		configuration := streamRoutes(newBrook(t)) + "clients: [{id: billing, secret_hash: \"" + string(hash) + "\"}]\n"
		here, there := start(t, storeURL, configuration), start(t, storeURL, configuration)
		stolen := here.login(t, "admin", adminPassword)
		next := here.refreshed(t, stolen.Refresh)
		if sessionPath(t, stolen) != sessionPath(t, next) {
			t.Fatal("a refresh began another session")
		}
		doomed := append(here.flows(t, stolen.Access), there.flows(t, stolen.Access)...)
		others := append(here.flows(t, next.Access), there.flows(t, next.Access)...)
		here.must(t, 200, "POST", "/auth/revoke", "", url.Values{"token": {stolen.Access}}.Encode(),
			"Content-Type", "application/x-www-form-urlencoded",
			"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("billing:billing's secret")))
		allEnd(t, doomed)
		allLive(t, others)
		here.command(t, "", "key", "revoke", kidOf(t, next.Access))
		allEnd(t, others)
	})
}

// The end of an access token is none of its session's streams; what ends the session later is.
func TestStreamsOutliveAccessTokens(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		a := start(t, storeURL, streamRoutes(newBrook(t)), "AUTHLY_TOKENS_ACCESS_TTL=4s", "AUTHLY_TOKENS_LEEWAY=0s")
		pair := a.login(t, "admin", adminPassword)
		flows := a.flows(t, pair.Access)
		eventually(t, "the token expires", func() bool { return a.do(t, "GET", "/x", pair.Access, "").status == http.StatusUnauthorized })
		allLive(t, flows)
		next := a.refreshed(t, pair.Refresh)
		allLive(t, flows)
		a.must(t, 200, "POST", "/auth/logout", next.Access, `{"scope":"session"}`)
		allEnd(t, flows)
	})
}

func TestStreamsHaveAnAge(t *testing.T) {
	t.Parallel()
	a := start(t, sqliteURL(t), streamRoutes(newBrook(t)), "AUTHLY_STREAMS_MAX_AGE=3s")
	flows := append(a.flows(t, a.login(t, "admin", adminPassword).Access), a.open(t, "/public/websocket", ""), a.open(t, "/public/events", ""))
	for _, f := range flows {
		f.ends(t, websocket.StatusGoingAway)
	}
}

// A shutdown does not wait for WebSockets to end by themselves, nor does it cut them without a word. Other streams have the
// time that every request in flight has.
func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	t.Run("WebSockets alone", func(t *testing.T) {
		t.Parallel()
		a := start(t, sqliteURL(t), streamRoutes(newBrook(t)), "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=10m")
		admin := a.login(t, "admin", adminPassword)
		flows := []*flow{a.open(t, "/public/websocket", ""), a.open(t, "/private/websocket", admin.Access)}
		a.signal(t, syscall.SIGTERM)
		for _, f := range flows {
			f.ends(t, websocket.StatusGoingAway)
		}
		if status := a.await(t); status != 0 {
			t.Errorf("exit status %d", status)
		}
	})
	t.Run("with others", func(t *testing.T) {
		t.Parallel()
		a := start(t, sqliteURL(t), streamRoutes(newBrook(t)), "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=1s")
		flows := a.flows(t, a.login(t, "admin", adminPassword).Access)
		a.signal(t, syscall.SIGTERM)
		for _, f := range flows {
			f.ends(t, websocket.StatusGoingAway)
		}
		if status := a.await(t); status != 0 {
			t.Errorf("exit status %d", status)
		}
	})
}
