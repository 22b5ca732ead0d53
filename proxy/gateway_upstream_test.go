package proxy_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/proxy"
)

// tlsServer is a server whose certificate is in the returned file.
func tlsServer(t testing.TB, h http.Handler) (server *httptest.Server, caFile string) {
	t.Helper()
	server = httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(caFile, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return server, caFile
}

func TestHTTPSUpstreams(t *testing.T) {
	server, caFile := tlsServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Proto, r.Header.Get("X-Forwarded-User"))
	}))
	for name, c := range map[string]struct {
		upstream proxy.UpstreamConfig
		status   int
	}{
		"an authority that is named":    {proxy.UpstreamConfig{CAFile: caFile}, 200},
		"an authority nobody knows":     {proxy.UpstreamConfig{}, 502},
		"no verification, by that name": {proxy.UpstreamConfig{InsecureSkipVerify: true}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			c.upstream.URLs = []string{server.URL}
			g := newGateway(t, gatewayConfig{upstream: c.upstream})
			a := g.get(t, "/x", "alice")
			wantStatus(t, a, c.status)
			if c.status == 200 && a.body != "HTTP/2.0 alice" {
				t.Errorf("body %q", a.body)
			}
		})
	}
}

func TestH2CUpstream(t *testing.T) {
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Proto, r.RequestURI, r.Header.Values("X-Forwarded-User"))
	}), io.Discard)
	g := newGateway(t, withUpstream("h2c://"+addr))
	if a := g.get(t, "/a%20b?c;d", "alice", "X-Forwarded-User: admin"); a.body != "HTTP/2.0 /a%20b?c;d [alice]" {
		t.Errorf("body %q", a.body)
	}
}

// Of several addresses one is down: no request without a body notices, and one with a body fails at most until the address
// is passed over.
func TestFailover(t *testing.T) {
	alive := newRawUpstream(t)
	c := gatewayConfig{upstream: proxy.UpstreamConfig{URLs: []string{"http://" + nobody(t), "http://" + alive.addr}}}
	g := newGateway(t, c)
	for range 10 {
		wantStatus(t, g.get(t, "/public/x", ""), http.StatusOK)
	}
	for range 10 {
		wantStatus(t, g.raw(t, request("POST", "/public/x", "", "Content-Length: 2")+"hi"), http.StatusOK)
	}
	if n := len(alive.take()); n != 20 {
		t.Errorf("%d requests arrived, want 20", n)
	}

	fresh := newGateway(t, c)
	failed := 0
	for range 10 {
		a := fresh.raw(t, request("POST", "/public/x", "", "Content-Length: 2")+"hi")
		if a.StatusCode != http.StatusOK {
			wantStatus(t, a, http.StatusBadGateway)
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d requests with a body failed, want the one that found out", failed)
	}
}

func TestAllAddressesDown(t *testing.T) {
	g := newGateway(t, gatewayConfig{upstream: proxy.UpstreamConfig{URLs: []string{"http://" + nobody(t), "http://" + nobody(t)}}})
	for range 3 {
		wantStatus(t, g.get(t, "/public/x", ""), http.StatusBadGateway)
	}
}

// An application that says it cannot serve gets no requests until it says that it can.
func TestHealthChecks(t *testing.T) {
	var sick atomic.Bool
	sick.Store(true)
	checked := make(chan struct{}, 1000)
	patient := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/up" {
			io.WriteString(w, "patient")
			return
		}
		if sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		checked <- struct{}{}
	}), io.Discard)
	well := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "well") }), io.Discard)
	g := newGateway(t, gatewayConfig{
		routes: []authn.Route{{Name: "app", Paths: []string{"/*"}, Access: authn.AllowPublic}}, // one route, so one who checks
		upstream: proxy.UpstreamConfig{
			URLs:        []string{"http://" + patient, "http://" + well},
			HealthCheck: &proxy.HealthCheck{Path: "/up", Interval: 2 * time.Millisecond},
		},
	})
	g.door.Start(t.Context())
	settle := func() { // the check after the next one begins when the next one's result is known
		for len(checked) > 0 {
			<-checked
		}
		for range 3 {
			wait(t, checked, "a check")
		}
	}
	seen := func() string {
		answers := map[string]bool{}
		for range 6 {
			answers[g.get(t, "/public/x", "").body] = true
		}
		return fmt.Sprint(answers)
	}
	settle()
	if got := seen(); got != "map[well:true]" {
		t.Errorf("while sick: %s", got)
	}
	sick.Store(false)
	settle()
	if got := seen(); got != "map[patient:true well:true]" {
		t.Errorf("recovered: %s", got)
	}
	g.door.Close()
	if got := seen(); got != "map[patient:true well:true]" {
		t.Errorf("after Close: %s", got)
	}
}

// The echo shows what an application would get, through the same stripping and stamping.
func TestEcho(t *testing.T) {
	g := newGateway(t, gatewayConfig{
		upstream: proxy.UpstreamConfig{URLs: []string{"echo:"}},
		special:  map[string]proxy.UpstreamConfig{"admin": {StripPrefix: "/admin"}},
	})
	type shown struct {
		Method, Host, Path, Query, Body string
		Headers, Trailers               http.Header
		BodyBytes                       int64 `json:"body_bytes"`
		Truncated, Binary               bool
	}
	show := func(raw string) (shown, *answer) {
		t.Helper()
		a := g.raw(t, raw)
		wantStatus(t, a, http.StatusOK)
		wantHeader(t, a, "Content-Type", "application/json")
		wantHeader(t, a, "X-Content-Type-Options", "nosniff")
		var s shown
		if err := json.Unmarshal([]byte(a.body), &s); err != nil {
			t.Fatalf("%v: %s", err, a.body)
		}
		return s, a
	}

	s, a := show(request("POST", "/a%20b?c;d=%zz", "alice", "X_Forwarded_User: admin", "Cookie: authly=x; a=1", "Connection: x-forwarded-email",
		"Transfer-Encoding: chunked", "Trailer: X-Checksum") + "5\r\nhello\r\n0\r\nX-Checksum: 7\r\n\r\n")
	if s.Method != "POST" || s.Path != "/a%20b" || s.Query != "c;d=%zz" || s.Body != "hello" || s.BodyBytes != 5 || s.Host != "echo" {
		t.Errorf("shown is %s", a.body)
	}
	if s.Headers.Get("X-Forwarded-User") != "alice" || s.Headers.Get("X-Forwarded-Email") != "alice@example.com" ||
		s.Headers.Get("Cookie") != "a=1" || s.Trailers.Get("X-Checksum") != "7" {
		t.Errorf("shown is %s", a.body)
	}
	for _, name := range []string{"Authorization", "X_forwarded_user", "User-Agent"} {
		if _, ok := s.Headers[name]; ok {
			t.Errorf("%s is shown", name)
		}
	}
	if !strings.Contains(a.body, "\n  \"method\": \"POST\"") {
		t.Errorf("not indented: %s", a.body)
	}
	if s, _ := show(request("GET", "/admin", "admin")); s.Path != "/" {
		t.Errorf("path %q", s.Path)
	}

	long := "x" + strings.Repeat("é", 4096)
	s, _ = show(request("POST", "/public/x", "", fmt.Sprint("Content-Length: ", len(long))) + long)
	if s.BodyBytes != int64(len(long)) || !s.Truncated || s.Body != "x"+strings.Repeat("é", 2047) || s.Binary {
		t.Errorf("%d bytes, truncated %t, binary %t, shown %d", s.BodyBytes, s.Truncated, s.Binary, len(s.Body))
	}
	s, _ = show(request("POST", "/public/x", "", "Content-Length: 2") + "\xff\xfe")
	if !s.Binary || s.Body != "" || s.Truncated {
		t.Errorf("binary %t, body %q", s.Binary, s.Body)
	}
	wantStatus(t, g.get(t, "/x", "stolen"), http.StatusUnauthorized)
	if a := g.raw(t, request("HEAD", "/public/x", "")); a.StatusCode != 200 || a.body != "" {
		t.Errorf("HEAD: %s %q", a.Status, a.body)
	}
}
