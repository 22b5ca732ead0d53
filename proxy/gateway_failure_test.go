package proxy_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/proxy"
)

// nobody returns an address at which nobody listens.
func nobody(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// silent returns a URL of a server that takes requests and never answers.
func silent(t testing.TB) string {
	t.Helper()
	return "http://" + serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}), io.Discard)
}

func TestUpstreamsThatFail(t *testing.T) {
	short := proxy.UpstreamConfig{ResponseTimeout: 20 * time.Millisecond}
	at := func(u proxy.UpstreamConfig, url string) proxy.UpstreamConfig {
		u.URLs = []string{url}
		return u
	}
	cases := []struct {
		name     string
		upstream proxy.UpstreamConfig
		status   int
		code     authn.Code
	}{
		{"down", at(short, "http://"+nobody(t)), 502, authn.CodeUpstreamDown},
		{"down, h2c", at(short, "h2c://"+nobody(t)), 502, authn.CodeUpstreamDown},
		{"slow", at(short, silent(t)), 504, authn.CodeUpstreamSlow},
		{"slow, h2c", at(short, strings.Replace(silent(t), "http", "h2c", 1)), 504, authn.CodeUpstreamSlow},
		{"hangs up", at(short, "http://"+answerOnce(t, "")), 502, authn.CodeUpstreamDown},
		{"speaks no HTTP", at(short, "http://"+answerOnce(t, "SSH-2.0-x\r\n\r\n")), 502, authn.CodeUpstreamDown},
		{"speaks no TLS", at(short, "https://"+answerOnce(t, "HTTP/1.0 400 Bad Request\r\n\r\n")), 502, authn.CodeUpstreamDown},
		{"frames it in two ways", at(short, "http://"+answerOnce(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")), 502, authn.CodeUpstreamDown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t, gatewayConfig{upstream: c.upstream})
			a := g.get(t, "/public/x?secret", "")
			wantStatus(t, a, c.status)
			wantOwnHeaders(t, a)
			id := a.Header.Get("X-Request-Id")
			if a.code() != c.code || !strings.Contains(a.body, id) {
				t.Errorf("problem %s", a.body)
			}
			if strings.Contains(a.body, "127.0.0.1") || strings.Contains(a.body, "dial") {
				t.Errorf("it tells internals: %s", a.body)
			}
			if entry := g.journal.access(t, id); entry["reason"] != string(c.code) || entry["decision"] != "allow" {
				t.Errorf("logged %v", entry)
			}
			cause := g.journal.find(t, func(e map[string]any) bool { return e["msg"] == "upstream failed" && e["request_id"] == id })
			if cause["error"] == "" {
				t.Error("the cause is not logged")
			}
		})
	}
}

func TestBodyThatCannotBeRead(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	conn := dial(t, g.addr)
	defer conn.Close()
	conn.write(t, request("POST", "/public/x", "", "Transfer-Encoding: chunked")+"zz\r\n")
	a := conn.read(t, false)
	wantStatus(t, a, http.StatusBadRequest)
	if a.code() != authn.CodeBadRequestLine || !a.Close {
		t.Errorf("%s, closing %t", a.body, a.Close)
	}
	if n := len(g.upstream.take()); n != 0 {
		t.Error("the upstream saw it")
	}
}

// Who goes away before the answer is logged as that, is not answered, and the application is told.
func TestClientsThatGoAway(t *testing.T) {
	for _, body := range []string{"", "Content-Length: 10\r\n"} {
		arrived, told := make(chan struct{}), make(chan struct{})
		g := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			close(told)
		})
		conn := dial(t, g.addr)
		conn.write(t, "POST /public/x HTTP/1.1\r\nHost: app.example.com\r\n"+body+"\r\n")
		if body != "" {
			conn.write(t, "12345")
		}
		wait(t, arrived, "the request")
		conn.Close()
		wait(t, told, "the application to be told")
		entry := g.journal.find(t, func(e map[string]any) bool { return e["msg"] == "request" })
		if entry["reason"] != "client_closed_request" || entry["status"] != float64(499) {
			t.Errorf("logged %v", entry)
		}
		if strings.Contains(g.journal.String(), "upstream failed") {
			t.Error("the upstream was blamed")
		}
	}
}

func TestPanicInTheMiddleOfAnAnswer(t *testing.T) {
	g := newGateway(t, gatewayConfig{own: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "4")
		io.WriteString(w, "ha")
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/auth/abort" {
			panic(http.ErrAbortHandler)
		}
		panic("in the middle")
	})})
	for _, path := range []string{"/auth/panic", "/auth/abort"} {
		conn := dial(t, g.addr)
		conn.write(t, request("GET", path, ""))
		res, err := http.ReadResponse(conn.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%q looks whole", body)
		}
		conn.Close()
		g.journal.access(t, res.Header.Get("X-Request-Id"))
	}
	entry := g.journal.find(t, func(e map[string]any) bool { return e["msg"] == "panic" })
	if entry["panic"] != "in the middle" || !strings.Contains(entry["stack"].(string), "gateway_failure_test.go") {
		t.Errorf("logged %v", entry)
	}
	if strings.Count(g.journal.String(), `"msg":"panic"`) != 1 {
		t.Error("http.ErrAbortHandler is no panic to be logged")
	}
	if s := g.network.String(); s != "" {
		t.Errorf("net/http logged %q", s)
	}
}

func TestAccessLog(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	a := g.get(t, "/admin/a%20b?password=hunter2", "admin", "Cookie: authly=hunter2; a=hunter2", "User-Agent: hunter2")
	entry := g.journal.access(t, a.Header.Get("X-Request-Id"))
	for key, want := range map[string]any{
		"method": "GET", "host": "app.example.com", "path": "/admin/a%20b", "status": float64(200), "bytes": float64(2),
		"route": "admin", "decision": "allow", "reason": "", "user": "admin", "client": "127.0.0.1",
	} {
		if entry[key] != want {
			t.Errorf("%s is %v, want %v", key, entry[key], want)
		}
	}
	if _, ok := entry["duration_ms"].(float64); !ok {
		t.Errorf("duration %v", entry["duration_ms"])
	}
	if strings.Contains(g.journal.String(), "hunter2") {
		t.Error("a query, a cookie or a header is logged")
	}
	if strings.Count(g.journal.String(), "\n") != 1 {
		t.Errorf("one request, and logged is\n%s", g.journal)
	}
}

// Whatever a client writes, the log has one line per request, without a byte that a terminal would obey.
func TestAccessLogCannotBeForged(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	raw := []string{
		request("GET", "/public/%0d%0a%1b[31m", ""),
		request("GET", "/public/\x9b31m\xc2\x9b", ""),
		request("GET", "/public/x", "", "Host: x"),
		"GET /public/x HTTP/1.1\r\nHost: a\xc2\x9b\r\n\r\n",
		"GET /" + strings.Repeat("a", 60_000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		request("GET", "/x", "zoe"),
	}
	for _, r := range raw {
		g.raw(t, r)
	}
	g.journal.find(t, func(e map[string]any) bool {
		return e["user"] == "zo%25C3%25A9%25C2%259B" || e["user"] == "zo%C3%A9%C2%9B"
	})
	for line := range strings.Lines(g.journal.String()) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) > 4000 || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == 0xfffd }) {
			t.Errorf("line %.200q", line)
		}
	}
}

// At the most talkative level, over requests that succeed and that fail, nothing secret is in the log.
func TestLogsHoldNoSecrets(t *testing.T) {
	const mark = "s3cr3t-mark"
	urls := []string{"", "http://" + nobody(t)}
	for _, broken := range []string{
		mark + "\r\n\r\n",
		"HTTP/1.1 " + mark + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX-A: " + mark + "\r\nContent-Length: 99\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie " + mark + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n Set-Cookie: " + mark + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + mark + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + mark + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + mark + "\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: " + mark + "\r\n\r\n",
	} {
		urls = append(urls, "http://"+answerOnce(t, broken))
	}
	for _, url := range urls {
		c := withUpstream(url)
		if url == "" {
			c = gatewayConfig{}
		}
		c.level = slog.LevelDebug
		g := newGateway(t, c)
		for _, path := range []string{"/public/x?token=" + mark, "/x?token=" + mark, "/a//b?" + mark, "/health?" + mark} {
			for _, authorization := range []string{"Bearer " + mark, "Bearer " + mark + " x", "Basic " + mark, "Bearer alice"} {
				conn := dial(t, g.addr)
				conn.write(t, request("POST", path, "", "Authorization: "+authorization, "Cookie: authly="+mark, "X-Request-Id: "+mark,
					"Content-Length: 11")+mark)
				if res, err := http.ReadResponse(conn.in, nil); err == nil {
					io.Copy(io.Discard, res.Body)
				}
				conn.Close()
			}
		}
		if strings.Contains(g.journal.String(), mark) || strings.Contains(g.network.String(), mark) {
			t.Errorf("logged:\n%s%s", g.journal, g.network)
		}
		if strings.Count(g.journal.String(), `"msg":"request"`) == 0 {
			t.Error("nothing is logged")
		}
	}
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	good := proxy.UpstreamConfig{URLs: []string{"http://127.0.0.1:3000"}}
	if _, err := proxy.New(doorConfig(t, map[string]proxy.UpstreamConfig{"app": good})); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*proxy.UpstreamConfig){
		"no address":            func(u *proxy.UpstreamConfig) { u.URLs = nil },
		"no scheme":             func(u *proxy.UpstreamConfig) { u.URLs = []string{"127.0.0.1:3000"} },
		"another scheme":        func(u *proxy.UpstreamConfig) { u.URLs = []string{"ftp://127.0.0.1"} },
		"no host":               func(u *proxy.UpstreamConfig) { u.URLs = []string{"http://:3000"} },
		"a path":                func(u *proxy.UpstreamConfig) { u.URLs = []string{"http://127.0.0.1/base"} },
		"a user":                func(u *proxy.UpstreamConfig) { u.URLs = []string{"http://u:p@127.0.0.1"} },
		"a query":               func(u *proxy.UpstreamConfig) { u.URLs = []string{"http://127.0.0.1?x"} },
		"two schemes":           func(u *proxy.UpstreamConfig) { u.URLs = append(u.URLs, "https://127.0.0.1") },
		"echo and another":      func(u *proxy.UpstreamConfig) { u.URLs = append(u.URLs, "echo:") },
		"a CA without TLS":      func(u *proxy.UpstreamConfig) { u.CAFile = "ca.pem" },
		"no verification":       func(u *proxy.UpstreamConfig) { u.InsecureSkipVerify = true },
		"no such CA":            func(u *proxy.UpstreamConfig) { u.URLs, u.CAFile = []string{"https://127.0.0.1"}, t.TempDir()+"/none" },
		"a prefix that ends":    func(u *proxy.UpstreamConfig) { u.StripPrefix = "/api/" },
		"a prefix of dots":      func(u *proxy.UpstreamConfig) { u.StripPrefix = "/api/.." },
		"a relative prefix":     func(u *proxy.UpstreamConfig) { u.StripPrefix = "api" },
		"a negative timeout":    func(u *proxy.UpstreamConfig) { u.ConnectTimeout = -1 },
		"a relative check":      func(u *proxy.UpstreamConfig) { u.HealthCheck = &proxy.HealthCheck{Path: "up"} },
		"a check before it ran": func(u *proxy.UpstreamConfig) { u.HealthCheck = &proxy.HealthCheck{Path: "/", Interval: -1} },
	} {
		u := good
		u.URLs = slices.Clone(good.URLs)
		spoil(&u)
		_, err := proxy.New(doorConfig(t, map[string]proxy.UpstreamConfig{"app": u}))
		if err == nil || !strings.Contains(err.Error(), `"app"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(*proxy.Config){
		"no gate":    func(c *proxy.Config) { c.Gate = nil },
		"no log":     func(c *proxy.Config) { c.Log = nil },
		"a bad name": func(c *proxy.Config) { c.Names.User = []string{"Host"} },
		"a bad link": func(c *proxy.Config) { c.PublicURL = "login.example.com" },
	} {
		c := doorConfig(t, nil)
		spoil(&c)
		if _, err := proxy.New(c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
