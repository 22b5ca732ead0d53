package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/proxy"
)

// Every path that could be read in two ways is refused before the application sees it, also by an administrator, who could
// have gone there directly.
func TestAmbiguousPathsAreRefused(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	for _, path := range []string{
		"/public/../admin", "/public/%2e%2e/admin", "/public/.%2e/admin", "/public/..%2fadmin", "/public/%2f..%2fadmin",
		"/public/..;/admin", "/public/;/../admin", "//admin", "/public//admin", "/./admin", "/public/.", "/public/..",
		"/public%2fadmin", "/admin%2fx", "/public%5cadmin", `/public\admin`, "/public/%00", "/public/%0d%0a", "/public/%3b",
		"/public/a;b", "/public/%25", "/public/%252e%252e", "/public/%3f", "/public/%23", "/public/%", "/public/%zz", "/public/%2",
		"/public/%c0%ae", "/public/%ff", "/public/\x80", "/auth%2flogin", "/users%2f1",
	} {
		t.Run(path, func(t *testing.T) {
			for _, token := range []string{"", "admin"} {
				a := g.get(t, path, token)
				wantStatus(t, a, http.StatusBadRequest)
				if a.code() != "" { // net/http refuses invalid escapes by itself
					wantOwnHeaders(t, a)
				}
			}
			if got := g.upstream.take(); len(got) != 0 {
				t.Errorf("the upstream saw %q", got[0].RequestURI)
			}
		})
	}
}

// Rightly spelt, the same places are served to those who may go there, and the bytes that were decided on arrive.
func TestPathAndQueryArriveByteForByte(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	for _, target := range []string{
		"/", "/admin", "/admin/", "/admin/x", "/public/a%20b", "/public/%41%62", "/public/%c3%a9", "/public/%C3%A9", "/public/a.b",
		"/public/...", "/public/a+b", "/public/a:b@c", "/public/!$&'()*,=~", "/public/x?", "/public/x?a=1&b=2", "/public/x?a;b",
		"/public/x?%zz", "/public/x?%", "/public/x?a=%2e%2e/../;b&&=", "/public/x??", "/public/x?a=/admin", "/public/x?\x80",
		"/public/x?" + strings.Repeat("a=b&", 10_500),
	} {
		wantStatus(t, g.get(t, target, "admin"), http.StatusOK)
		if got := g.upstream.only(t); got.RequestURI != target {
			t.Errorf("%.80q arrived as %.80q", target, got.RequestURI)
		}
	}
}

func TestRuleIsNotFoundInTheQuery(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	wantStatus(t, g.get(t, "/admin?/public/x", ""), http.StatusUnauthorized)
	wantStatus(t, g.get(t, "/admin?x=/public/../public", "alice"), http.StatusForbidden)
	if got := g.upstream.take(); len(got) != 0 {
		t.Error("the upstream saw it")
	}
	wantStatus(t, g.get(t, "/admin?/public/x", "admin"), http.StatusOK)
}

func TestRequestLinesThatAreRefused(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	cases := []struct {
		line   string
		status int
		code   authn.Code // "": net/http refuses it by itself
	}{
		{"GET http://app.example.com/public/x HTTP/1.1", 400, authn.CodeBadRequestLine},
		{"GET http://other.example.com/public/x HTTP/1.1", 400, authn.CodeBadRequestLine},
		{"GET /public/x#/admin HTTP/1.1", 400, authn.CodeAmbiguousPath},
		{"GET /public/x?a#b HTTP/1.1", 400, authn.CodeAmbiguousPath},
		{"OPTIONS * HTTP/1.1", 400, authn.CodeBadRequestLine},
		{"GET * HTTP/1.1", 400, authn.CodeBadRequestLine},
		{"GET public/x HTTP/1.1", 400, ""},
		{"CONNECT app.example.com:443 HTTP/1.1", 405, authn.CodeBadMethod},
		{"CONNECT /public/x HTTP/1.1", 405, authn.CodeBadMethod},
		{"TRACE /public/x HTTP/1.1", 405, authn.CodeBadMethod},
		{"get /public/x HTTP/1.1", 405, authn.CodeBadMethod},
		{"Get /public/x HTTP/1.1", 405, authn.CodeBadMethod},
		{"G@T /public/x HTTP/1.1", 400, ""},
		{"GET /public/x y HTTP/1.1", 400, ""},
		{"GET /public/x HTTP/1.1 ", 400, ""},
		{"GET /public/x HTTP/3.0", 505, ""},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			a := g.raw(t, c.line+"\r\nHost: app.example.com\r\nAuthorization: Bearer admin\r\n\r\n")
			wantStatus(t, a, c.status)
			if a.code() != c.code {
				t.Errorf("code %q, want %q", a.code(), c.code)
			}
			if c.code != "" {
				wantOwnHeaders(t, a)
			}
			if got := g.upstream.take(); len(got) != 0 {
				t.Errorf("the upstream saw %q", got[0].raw)
			}
		})
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND", "M-SEARCH"} {
		wantStatus(t, g.raw(t, request(method, "/public/x", "")), http.StatusOK)
		if got := g.upstream.only(t); got.Method != method {
			t.Errorf("%s arrived as %s", method, got.Method)
		}
	}
}

func TestHosts(t *testing.T) {
	g := newGateway(t, gatewayConfig{routes: []authn.Route{
		{Name: "app", Hosts: []string{"app.example.com"}, Paths: []string{"/*"}, Access: authn.AllowPublic},
		{Name: "below", Hosts: []string{"*.apps.example.com"}, Paths: []string{"/*"}, Access: authn.AllowPublic},
	}})
	cases := []struct {
		host   string
		status int
	}{
		{"app.example.com", 200}, {"APP.Example.COM", 200}, {"app.example.com.", 200}, {"app.example.com:8080", 200},
		{"a.apps.example.com", 200},
		{"apps.example.com", 403}, {"app.example.com.evil.test", 403}, {"evilapp.example.com", 403}, {"127.0.0.1", 403},
		{"user@app.example.com", 400}, {"app.example.com/x", 400}, {"app.example.com:http", 400}, {"app..example.com", 400},
		{"", 400}, {"app.example.com, evil.test", 400}, {"app.example.com:1:2", 400},
	}
	for _, c := range cases {
		a := g.raw(t, "GET /x HTTP/1.1\r\nHost: "+c.host+"\r\n\r\n")
		if a.StatusCode != c.status {
			t.Errorf("host %q: status %d, want %d", c.host, a.StatusCode, c.status)
		}
		if got := len(g.upstream.take()); got != map[bool]int{true: 1, false: 0}[c.status == 200] {
			t.Errorf("host %q: the upstream saw %d requests", c.host, got)
		}
	}
	a := g.raw(t, "GET /x HTTP/1.1\r\nHost: app.example.com\r\nHost: evil.test\r\n\r\n")
	wantStatus(t, a, 400)
	a = g.raw(t, "GET /x HTTP/1.1\r\n\r\n")
	wantStatus(t, a, 400)
	if got := g.upstream.take(); len(got) != 0 {
		t.Errorf("the upstream saw %q", got[0].raw)
	}
}

func TestStripPrefix(t *testing.T) {
	routes := []authn.Route{
		{Name: "api", Paths: []string{"/api/*", "/apis"}, Access: authn.AllowPublic},
		{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowNobody},
	}
	g := newGateway(t, gatewayConfig{routes: routes, special: map[string]proxy.UpstreamConfig{"api": {StripPrefix: "/api"}}})
	for sent, want := range map[string]string{
		"/api": "/", "/api/": "/", "/api?x": "/?x", "/api/x": "/x", "/api/x/": "/x/", "/api/a%20b?c;d": "/a%20b?c;d",
		"/%61pi/x": "/x", "/ap%69": "/", "/api/api/x": "/api/x", "/apis": "/apis", "/api/...": "/...",
	} {
		wantStatus(t, g.get(t, sent, ""), http.StatusOK)
		if got := g.upstream.only(t); got.RequestURI != want {
			t.Errorf("%s became %s, want %s", sent, got.RequestURI, want)
		}
	}
	for _, sent := range []string{"/api../admin", "/api/../admin", "/api//admin", "/api/..%2fadmin", "/api;/admin"} {
		if a := g.get(t, sent, ""); a.StatusCode != 400 && a.StatusCode != 403 {
			t.Errorf("%s: status %d", sent, a.StatusCode)
		}
	}
	if got := g.upstream.take(); len(got) != 0 {
		t.Errorf("the upstream saw %q", got[0].RequestURI)
	}
}

func TestHostThatTheUpstreamGets(t *testing.T) {
	g := newGateway(t, gatewayConfig{trusted: loopback(), special: map[string]proxy.UpstreamConfig{"public": {PreserveHost: true}}})
	cases := []struct {
		path  string
		lines []string
		want  string
	}{
		{"/basic/x", nil, g.upstream.addr},
		{"/public/x", nil, "app.example.com"},
		{"/public/x", []string{"X-Forwarded-Host: shop.example.com:8443"}, "shop.example.com:8443"},
	}
	for _, c := range cases {
		wantStatus(t, g.get(t, c.path, "", c.lines...), http.StatusOK)
		if got := g.upstream.only(t); got.Host != c.want {
			t.Errorf("%s %v: host %q, want %q", c.path, c.lines, got.Host, c.want)
		}
	}
}

// HTTP/2 carries the request target in a header field, where more bytes are legal than in a request line.
func TestTargetsOfHTTP2(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	send := func(target string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), "GET", g.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = target
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		res.Body.Close()
		return res
	}
	for _, target := range []string{"/public/x?a HTTP/1.1", "/public/x y", "/public/../admin", "/public/x?a#b"} {
		if res := send(target); res.StatusCode != http.StatusBadRequest || res.ProtoMajor != 2 {
			t.Errorf("%q: %s %s", target, res.Proto, res.Status)
		}
		if got := g.upstream.take(); len(got) != 0 {
			t.Errorf("%q: the upstream saw %q", target, got[0].raw)
		}
	}
	if res := send("/public/x?a;b"); res.StatusCode != http.StatusOK {
		t.Errorf("status %s", res.Status)
	}
	if got := g.upstream.only(t); got.RequestURI != "/public/x?a;b" {
		t.Errorf("arrived as %q", got.RequestURI)
	}
}
