package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/descoped/authly/proxy"
)

func withUpstream(url string) gatewayConfig {
	return gatewayConfig{upstream: proxy.UpstreamConfig{URLs: []string{url}}}
}

// withHandler is a gateway in front of a real server that runs a handler.
func withHandler(t testing.TB, h http.HandlerFunc) *gateway {
	t.Helper()
	return newGateway(t, withUpstream("http://"+serve(t, h, io.Discard)))
}

func client(t testing.TB, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func TestWebSocket(t *testing.T) {
	g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		hello := fmt.Sprintf("%s from %s", r.Header.Values("X-Forwarded-User"), r.Header.Values("X-Forwarded-For"))
		if c.Write(r.Context(), websocket.MessageText, []byte(hello)) != nil {
			return
		}
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	open := func(token string) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(ctx, "ws://"+g.addr+"/chat", &websocket.DialOptions{
			HTTPHeader: http.Header{"Authorization": {"Bearer " + token}, "X-Forwarded-User": {"admin"}},
		})
	}

	if _, res, err := open("stolen"); err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Fatalf("opened by a bad token: %v", err)
	}
	c, res, err := open("alice")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	if _, hello, err := c.Read(ctx); err != nil || string(hello) != "[alice] from [127.0.0.1]" {
		t.Fatalf("%q, %v", hello, err)
	}
	for _, size := range []int{0, 1, 125, 126, 65536, 4 << 20} {
		message := bytes.Repeat([]byte("x"), size)
		if err := c.Write(ctx, websocket.MessageBinary, message); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes came back as %d: %v", size, len(got), err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers of the switch: %v", res.Header)
	}
	entry := g.journal.access(t, res.Header.Get("X-Request-Id"))
	if entry["status"] != float64(101) || entry["user"] != "alice" {
		t.Errorf("logged %v", entry)
	}
}

// A connection becomes something other than HTTP only when the client asked for a WebSocket and the request was decided.
func TestOnlyWebSocketsSwitch(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	g.upstream.answers("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
	for _, lines := range [][]string{
		{"Connection: Upgrade", "Upgrade: h2c"},
		{"Connection: Upgrade", "Upgrade: websocket, h2c"},
		{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"},
		{"Connection: Upgrade", "Upgrade: \xff"},
		{"Connection: Upgrade", "Upgrade: TLS/1.0"},
		{"Upgrade: websocket"},
		{"Connection: Upgrade", "Upgrade: websocket"}, // the upstream switches to something else
		nil,
	} {
		wantStatus(t, g.get(t, "/public/x", "", lines...), http.StatusBadGateway)
		got := g.upstream.only(t)
		if upgrade := got.lines("Upgrade"); len(upgrade) != 0 && (len(lines) != 2 || lines[1] != "Upgrade: websocket") {
			t.Errorf("%q: passed on as %q", lines, upgrade)
		}
	}
	g.upstream.answers("HTTP/1.1 101 Switching Protocols\r\n\r\n")
	for _, lines := range [][]string{nil, {"Connection: Upgrade", "Upgrade: h2c"}, {"Upgrade: websocket"}} {
		wantStatus(t, g.get(t, "/public/x", "", lines...), http.StatusBadGateway)
	}
	wantStatus(t, g.raw(t, request("POST", "/public/x", "", "Connection: Upgrade", "Upgrade: websocket")), http.StatusBadGateway)
	wantStatus(t, g.raw(t, request("GET", "/public/x", "", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 2")+"hi"), http.StatusBadGateway)
}

// An event arrives before the application has sent the next one: nothing on the way waits for more.
func TestServerSentEvents(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "application/octet-stream"} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s http2=%t", contentType, http2), func(t *testing.T) {
				next := make(chan struct{})
				g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", contentType)
					for i := range 3 {
						fmt.Fprintf(w, "data: %d\n\n", i)
						http.NewResponseController(w).Flush()
						select {
						case <-next:
						case <-r.Context().Done():
							return
						}
					}
				})
				res, err := client(t, http2).Get(g.url + "/public/events")
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				in := bufio.NewReader(res.Body)
				for i := range 3 {
					line, err := in.ReadString('\n')
					if err != nil || line != fmt.Sprintf("data: %d\n", i) {
						t.Fatalf("event %d is %q, %v", i, line, err)
					}
					in.ReadString('\n')
					next <- struct{}{}
				}
			})
		}
	}
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A hundred MiB pass in both directions at once, of which little is held in memory at any time.
func TestLargeBodies(t *testing.T) {
	const size = 100 << 20
	g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		if r.ContentLength >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(r.ContentLength))
		}
		w.WriteHeader(http.StatusOK)
		io.Copy(w, r.Body)
	})
	want := sha256.New()
	io.CopyN(want, zeros{}, size)
	for _, http2 := range []bool{false, true} {
		for _, length := range []int64{size, -1} {
			t.Run(fmt.Sprintf("http2=%t length=%d", http2, length), func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				req, err := http.NewRequest("POST", g.url+"/public/x", io.LimitReader(zeros{}, size))
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = length
				res, err := client(t, http2).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				got := sha256.New()
				n, err := io.Copy(got, res.Body)
				if err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
					t.Fatalf("%d bytes came back: %v", n, err)
				}
				runtime.ReadMemStats(&after)
				if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size*4/5 {
					t.Errorf("%d MiB were allocated on the way", allocated>>20)
				}
			})
		}
	}
}

// What an application answers while it still reads must not make a hole in what it reads.
func TestAnswerWhileReading(t *testing.T) {
	const size = 2 << 20
	g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = control.Flush()
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d %v", n, err)
	})
	reader, writer := io.Pipe()
	res, err := client(t, false).Post(g.url+"/public/x", "", reader)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.CopyN(writer, zeros{}, size); err != nil { // only now, after the answer has begun
		t.Fatal(err)
	}
	writer.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != fmt.Sprint(size, " <nil>") {
		t.Errorf("the application read %q, %v", body, err)
	}
}

func TestTrailers(t *testing.T) {
	g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Announced")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", body, r.Trailer.Get("X-Checksum"))
		w.Header().Set("X-Announced", "yes")
		w.Header().Set(http.TrailerPrefix+"X-Sudden", "too")
	})
	for _, http2 := range []bool{false, true} {
		req, err := http.NewRequest("POST", g.url+"/public/x", io.MultiReader(strings.NewReader("hello")))
		if err != nil {
			t.Fatal(err)
		}
		req.Trailer = http.Header{"X-Checksum": {"7"}, "X-Forwarded-User": {"admin"}}
		res, err := client(t, http2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(body) != "hello 7" {
			t.Errorf("%q, %v", body, err)
		}
		if res.Trailer.Get("X-Announced") != "yes" || res.Trailer.Get("X-Sudden") != "too" {
			t.Errorf("trailers %v", res.Trailer)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/public/no" {
			w.WriteHeader(http.StatusConflict)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	conn := dial(t, g.addr)
	defer conn.Close()
	head := func(path string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	}
	conn.write(t, head("/public/yes"))
	if a := conn.read(t, false); a.StatusCode != http.StatusContinue {
		t.Fatalf("status %d before the body", a.StatusCode)
	}
	conn.write(t, "hello")
	if a := conn.read(t, false); a.StatusCode != http.StatusOK || a.body != "hello" {
		t.Errorf("%s %q", a.Status, a.body)
	}
	conn.write(t, head("/public/no"))
	wantStatus(t, conn.read(t, false), http.StatusConflict) // and the body is never asked for

	refused := dial(t, g.addr)
	defer refused.Close()
	refused.write(t, head("/x"))
	wantStatus(t, refused.read(t, false), http.StatusUnauthorized)
}

func TestInformationalAnswers(t *testing.T) {
	g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "done")
	})
	conn := dial(t, g.addr)
	defer conn.Close()
	conn.write(t, request("GET", "/public/x", ""))
	hint := conn.read(t, false)
	wantStatus(t, hint, http.StatusEarlyHints)
	wantHeader(t, hint, "Link", "</style.css>; rel=preload")
	final := conn.read(t, false)
	wantStatus(t, final, http.StatusOK)
	wantHeader(t, final, "Link", "</style.css>; rel=preload")
	wantHeader(t, final, "X-Content-Type-Options", "nosniff")
	wantNothingTwice(t, final)
	if len(final.Header.Get("X-Request-Id")) != 32 {
		t.Error("the request id was lost")
	}
	if a := g.raw(t, "GET /public/x HTTP/1.0\r\nHost: app.example.com\r\n\r\n"); a.StatusCode != http.StatusOK {
		t.Errorf("HTTP/1.0 was answered %s", a.Status)
	}
}
