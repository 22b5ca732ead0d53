package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
)

// securityHeaders are those of the default configuration over http.
func securityHeaders() map[string]string {
	return map[string]string{
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
		"Content-Security-Policy": "default-src 'self'",
		"Referrer-Policy":         "strict-origin-when-cross-origin",
		"X-Xss-Protection":        "1; mode=block",
	}
}

// wantHeader checks that a header is there exactly once; "" for not at all.
func wantHeader(t *testing.T, a *answer, name, value string) {
	t.Helper()
	got := a.Header.Values(name)
	if value == "" && len(got) == 0 {
		return
	}
	if len(got) != 1 || got[0] != value {
		t.Errorf("%s is %q, want once %q", name, got, value)
	}
}

// wantOwnHeaders checks what every answer of Authly's own has.
func wantOwnHeaders(t *testing.T, a *answer) {
	t.Helper()
	for name, value := range securityHeaders() {
		wantHeader(t, a, name, value)
	}
	wantNothingTwice(t, a)
	if len(a.Header.Get("X-Request-Id")) != 32 {
		t.Errorf("request id %q", a.Header.Get("X-Request-Id"))
	}
}

func wantNothingTwice(t *testing.T, a *answer) {
	t.Helper()
	for name, values := range a.Header {
		if len(values) > 1 && name != "Vary" && name != "Set-Cookie" {
			t.Errorf("%s is there %d times: %q", name, len(values), values)
		}
	}
}

func TestRefusals(t *testing.T) {
	g := newGateway(t, gatewayConfig{routes: append([]authn.Route{
		{Name: "closed", Paths: []string{"/closed"}, Access: authn.AllowNobody},
		{Name: "by-method", Paths: []string{"/read-only"}, Methods: []string{"GET"}, Access: authn.AllowPublic},
	}, usualRoutes()...)})
	cases := []struct {
		name, path, token string
		lines             []string
		status            int
		code              authn.Code
		challenge         string
	}{
		{"nobody", "/x", "", nil, 401, authn.CodeNoCredentials, `Bearer realm="authly"`},
		{"a bad token", "/x", "stolen", nil, 401, authn.CodeInvalidCredentials, `Bearer realm="authly", error="invalid_token"`},
		{"another scheme", "/x", "", []string{"Authorization: Basic YTpi"}, 401, authn.CodeNoCredentials, `Bearer realm="authly"`},
		{"two tokens", "/x", "alice", []string{"Authorization: Bearer alice"}, 401, authn.CodeInvalidCredentials, `Bearer realm="authly", error="invalid_token"`},
		{"the wrong role", "/admin", "alice", nil, 403, authn.CodeForbidden, ""},
		{"closed", "/closed", "admin", nil, 403, authn.CodeForbidden, ""},
		{"the store is down", "/x", "store-down", nil, 503, authn.CodeUnavailable, ""},
		{"the store is down and the route public", "/public/x", "store-down", nil, 503, authn.CodeUnavailable, ""},
		{"a panic", "/x", "panic", nil, 500, authn.CodeInternal, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := g.get(t, c.path, c.token, c.lines...)
			wantStatus(t, a, c.status)
			wantOwnHeaders(t, a)
			wantHeader(t, a, "WWW-Authenticate", c.challenge)
			wantHeader(t, a, "Content-Type", "application/problem+json")
			if a.code() != c.code {
				t.Errorf("code %q, want %q", a.code(), c.code)
			}
			if got := g.upstream.take(); len(got) != 0 {
				t.Errorf("the upstream saw %q", got[0].raw)
			}
			entry := g.journal.access(t, a.Header.Get("X-Request-Id"))
			if entry["reason"] != string(c.code) || entry["status"] != float64(c.status) {
				t.Errorf("logged %v", entry)
			}
		})
	}
	wantStatus(t, g.get(t, "/x", "alice"), 200)
	wantStatus(t, g.get(t, "/admin", "admin"), 200)
	wantStatus(t, g.get(t, "/read-only", ""), 200)
	if !strings.Contains(g.journal.String(), "an authenticator that panics") || !strings.Contains(g.journal.String(), "the store is unavailable") {
		t.Error("the causes are not in the log")
	}
}

func TestRouteWithoutUpstream(t *testing.T) {
	door, err := proxy.New(doorConfig(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{addr: serve(t, door.Gateway(), &lockedBuffer{})}
	a := g.get(t, "/public/x", "")
	wantStatus(t, a, http.StatusNotFound)
	wantOwnHeaders(t, a)
	wantStatus(t, g.get(t, "/x", ""), http.StatusUnauthorized)
}

func TestOwnEndpoints(t *testing.T) {
	var host string
	g := newGateway(t, gatewayConfig{
		general: authn.Limit{Requests: 3, Per: 1 << 40},
		own: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host = headers.ExchangeOf(r.Context()).Origin.Host
			w.WriteHeader(http.StatusTeapot)
		}),
	})
	for _, path := range []string{"/health", "/auth/token?x", "/auth/x"} {
		a := g.get(t, path, "")
		wantStatus(t, a, http.StatusTeapot)
		wantOwnHeaders(t, a)
	}
	if host != "app.example.com" {
		t.Errorf("the exchange says host %q", host)
	}
	a := g.get(t, "/health", "")
	wantStatus(t, a, http.StatusTooManyRequests)
	wantOwnHeaders(t, a)
	if got := g.upstream.take(); len(got) != 0 {
		t.Error("the upstream saw it")
	}
}

func TestSecurityHeadersOfProxiedAnswers(t *testing.T) {
	strict := headers.DefaultSecurityConfig()
	strict.UpstreamContentSecurityPolicy = "frame-ancestors 'none'"
	off := headers.SecurityConfig{FrameOptions: "SAMEORIGIN"}
	g := newGateway(t, gatewayConfig{special: map[string]proxy.UpstreamConfig{
		"own-scheme": {Security: headers.NewSecurity(strict)},
		"admin":      {Security: headers.NewSecurity(off)},
	}})

	// What the application does not set itself is added, but the CSP, which could break its pages.
	a := g.get(t, "/public/x", "")
	for name, value := range securityHeaders() {
		if name == "Content-Security-Policy" {
			value = ""
		}
		wantHeader(t, a, name, value)
	}
	wantHeader(t, a, "Strict-Transport-Security", "")

	wantHeader(t, g.get(t, "/basic/x", ""), "Content-Security-Policy", "frame-ancestors 'none'")
	a = g.get(t, "/admin", "admin")
	wantHeader(t, a, "X-Frame-Options", "SAMEORIGIN")
	wantHeader(t, a, "X-Content-Type-Options", "")

	// On every status, and never in place of the application's own.
	for _, status := range []string{"200 OK", "204 No Content", "301 Moved Permanently", "304 Not Modified", "404 Not Found", "500 Internal Server Error"} {
		g.upstream.answers("HTTP/1.1 " + status + "\r\nX-Frame-Options: SAMEORIGIN\r\nContent-Security-Policy: script-src 'none'\r\n" +
			"X-Request-Id: theirs\r\nContent-Length: 0\r\n\r\n")
		a := g.get(t, "/public/x", "")
		wantHeader(t, a, "X-Frame-Options", "SAMEORIGIN")
		wantHeader(t, a, "Content-Security-Policy", "script-src 'none'")
		wantHeader(t, a, "X-Content-Type-Options", "nosniff")
		wantNothingTwice(t, a)
		if len(a.Header.Get("X-Request-Id")) != 32 {
			t.Errorf("request id %q", a.Header.Values("X-Request-Id"))
		}
	}
}

func TestTransportSecurityOverHTTPS(t *testing.T) {
	g := newGateway(t, gatewayConfig{trusted: loopback()})
	for _, path := range []string{"/public/x", "/health", "/x", "/a//b"} {
		wantHeader(t, g.get(t, path, "", "X-Forwarded-Proto: https"), "Strict-Transport-Security", "max-age=31536000")
		wantHeader(t, g.get(t, path, "", "X-Forwarded-Proto: http"), "Strict-Transport-Security", "")
	}
	stranger := newGateway(t, gatewayConfig{})
	wantHeader(t, stranger.get(t, "/public/x", "", "X-Forwarded-Proto: https"), "Strict-Transport-Security", "")
}

func TestCORS(t *testing.T) {
	g := newGateway(t, gatewayConfig{
		cors: headers.CORSConfig{
			AllowedOrigins: []string{"https://spa.example.com"}, AllowedMethods: []string{"GET", "PUT"},
			AllowedHeaders: []string{"Authorization"}, AllowCredentials: true,
		},
		special: map[string]proxy.UpstreamConfig{"own-scheme": {NoCORS: true}},
	})
	g.upstream.answers("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n" +
		"Access-Control-Expose-Headers: X-Theirs\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n")
	origin := "Origin: https://spa.example.com"
	evil := "Origin: https://spa.example.com.evil.test"
	ask := "Access-Control-Request-Method: PUT"

	t.Run("preflights are answered here", func(t *testing.T) {
		for _, path := range []string{"/x", "/public/x", "/admin", "/health"} {
			a := g.raw(t, request("OPTIONS", path, "", origin, ask, "Access-Control-Request-Headers: authorization"))
			wantStatus(t, a, http.StatusNoContent)
			wantHeader(t, a, "Access-Control-Allow-Origin", "https://spa.example.com")
			wantHeader(t, a, "Access-Control-Allow-Methods", "PUT")
			wantOwnHeaders(t, a)
			a = g.raw(t, request("OPTIONS", path, "", evil, ask))
			wantHeader(t, a, "Access-Control-Allow-Origin", "")
		}
		if got := g.upstream.take(); len(got) != 0 {
			t.Errorf("the upstream saw %q", got[0].raw)
		}
	})
	t.Run("what is no preflight is not answered here", func(t *testing.T) {
		wantStatus(t, g.raw(t, request("OPTIONS", "/x", "", ask)), http.StatusUnauthorized)
		wantStatus(t, g.raw(t, request("OPTIONS", "/x", "", origin)), http.StatusUnauthorized)
		wantStatus(t, g.raw(t, request("OPTIONS", "/public/x", "", origin)), http.StatusOK)
		g.upstream.only(t)
	})
	t.Run("answers say it once", func(t *testing.T) {
		a := g.get(t, "/public/x", "", origin)
		wantHeader(t, a, "Access-Control-Allow-Origin", "https://spa.example.com")
		wantHeader(t, a, "Access-Control-Allow-Credentials", "true")
		wantHeader(t, a, "Access-Control-Expose-Headers", "")
		if vary := strings.Join(a.Header.Values("Vary"), ", "); vary != "Accept, Origin" {
			t.Errorf("Vary: %s", vary)
		}
		wantNothingTwice(t, a)
		a = g.get(t, "/public/x", "", evil)
		wantHeader(t, a, "Access-Control-Allow-Origin", "")
		wantHeader(t, a, "Access-Control-Allow-Credentials", "")
	})
	t.Run("refusals can be read", func(t *testing.T) {
		a := g.get(t, "/x", "", origin)
		wantStatus(t, a, http.StatusUnauthorized)
		wantHeader(t, a, "Access-Control-Allow-Origin", "https://spa.example.com")
		wantOwnHeaders(t, a)
	})
	t.Run("a route that leaves it to the application", func(t *testing.T) {
		g.upstream.take()
		a := g.get(t, "/basic/x", "", evil)
		wantHeader(t, a, "Access-Control-Allow-Origin", "*")
		wantHeader(t, a, "Access-Control-Expose-Headers", "X-Theirs")
		wantStatus(t, g.raw(t, request("OPTIONS", "/basic/x", "", evil, ask)), http.StatusOK)
		if n := len(g.upstream.take()); n != 2 {
			t.Errorf("the upstream saw %d requests, want 2", n)
		}
	})
	t.Run("changes from elsewhere", func(t *testing.T) {
		wantStatus(t, g.raw(t, request("POST", "/auth/logout", "", evil)), http.StatusForbidden)
		wantStatus(t, g.raw(t, request("POST", "/auth/logout", "", origin)), http.StatusOK)
	})
}

func TestCORSIsTheApplicationsWhenOff(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	g.upstream.answers("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n")
	a := g.raw(t, request("OPTIONS", "/public/x", "", "Origin: https://a.test", "Access-Control-Request-Method: PUT"))
	wantHeader(t, a, "Access-Control-Allow-Origin", "*")
	g.upstream.only(t)
}

func TestCookies(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	for sent, want := range map[string]string{
		"a=1; b=\"2; c\"; bad cookie;d":             "a=1; b=\"2; c\"; bad cookie;d",
		"authly=secret":                             "",
		"__Host-authly=secret; a=1":                 "a=1",
		"a=1; authly=secret; b=2":                   "a=1; b=2",
		"a=1;authly=secret;b=2":                     "a=1;b=2",
		"a=1; authly=x; b=2; authly=y; authly":      "a=1; b=2",
		"authly2=1; xauthly=2; Authly=3; a=authly=": "authly2=1; xauthly=2; Authly=3; a=authly=",
		"a=1; \tauthly =secret":                     "a=1",
	} {
		wantStatus(t, g.get(t, "/public/x", "", "Cookie: "+sent), http.StatusOK)
		got := g.upstream.only(t)
		if cookie := strings.Join(got.Header["Cookie"], "|"); cookie != want {
			t.Errorf("%q became %q, want %q", sent, cookie, want)
		}
	}
	g.get(t, "/public/x", "", "Cookie: a=1", "Cookie: authly=secret", "Cookie: b=2")
	if got := g.upstream.only(t).Header["Cookie"]; strings.Join(got, "|") != "a=1|b=2" {
		t.Errorf("cookie lines %q", got)
	}
}

func TestUpstreamCannotSetOurCookies(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	g.upstream.answers("HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nSet-Cookie: authly=evil; Path=/\r\nSet-Cookie: __Host-authly=evil; Secure\r\n" +
		"Set-Cookie:  authly =evil\r\nSet-Cookie: =authly=evil\r\nSet-Cookie: authly\r\nSet-Cookie: authly2=fine\r\nContent-Length: 0\r\n\r\n")
	a := g.get(t, "/public/x", "")
	if got := strings.Join(a.Header["Set-Cookie"], "|"); got != "session=1; Path=/|authly2=fine" {
		t.Errorf("cookies %q", got)
	}
}

func TestAuthorizationThatTheUpstreamGets(t *testing.T) {
	g := newGateway(t, gatewayConfig{
		routes:  append([]authn.Route{{Name: "pass", Paths: []string{"/pass"}, Access: authn.AllowAuthenticated}}, usualRoutes()...),
		special: map[string]proxy.UpstreamConfig{"pass": {PassAuthorization: true}},
	})
	for _, c := range []struct{ path, sent, want string }{
		{"/x", "Bearer alice", ""},
		{"/public/x", "Bearer alice", ""},
		{"/public/x", "Bearer stolen", ""},
		{"/public/x", "Basic YTpi", "Basic YTpi"},
		{"/public/x", "Bearer", ""},
		{"/basic/x", "Basic YTpi", "Basic YTpi"},
		{"/basic/x", "Bearer of-the-application", "Bearer of-the-application"},
		{"/pass", "Bearer alice", "Bearer alice"},
	} {
		wantStatus(t, g.get(t, c.path, "", "Authorization: "+c.sent, "Proxy-Authorization: Basic YTpi"), http.StatusOK)
		got := g.upstream.only(t)
		if value := strings.Join(got.Header["Authorization"], "|"); value != c.want {
			t.Errorf("%s %q became %q, want %q", c.path, c.sent, value, c.want)
		}
		if len(got.lines("Proxy-Authorization")) != 0 {
			t.Error("Proxy-Authorization passed")
		}
	}
}

func TestForwardingHeaders(t *testing.T) {
	spoofed := []string{
		"X-Forwarded-For: 127.0.0.1", "X_Forwarded_For: 127.0.0.1", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https",
		"X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil", "X-Forwarded-Uri: /admin", "X-Forwarded-Method: GET", "X-Real-IP: 127.0.0.1",
		"Forwarded: for=127.0.0.1;host=evil.test", "True-Client-IP: 127.0.0.1", "Connection: x-forwarded-for, x-forwarded-host",
	}
	t.Run("of a stranger", func(t *testing.T) {
		g := newGateway(t, gatewayConfig{trusted: networks("192.0.2.0/24")})
		wantStatus(t, g.get(t, "/public/x", "", spoofed...), http.StatusOK)
		got := g.upstream.only(t)
		for name, want := range map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "http",
			"X-Forwarded-Port": "", "X-Forwarded-Prefix": "", "X-Forwarded-Uri": "", "X-Forwarded-Method": "", "X-Real-IP": "",
			"Forwarded": "", "True-Client-IP": "",
		} {
			wantLine(t, got, name, want)
		}
	})
	t.Run("of a trusted proxy", func(t *testing.T) {
		g := newGateway(t, gatewayConfig{trusted: loopback()})
		wantStatus(t, g.get(t, "/public/x", "", "X-Forwarded-For: 203.0.113.9, 198.51.100.7", "X-Forwarded-Host: shop.example.com:8443",
			"X-Forwarded-Proto: https", "X-Forwarded-Port: 8443", "X-Real-IP: 203.0.113.9", "X_Forwarded_For: 127.0.0.1",
			"X-Forwarded-Uri: /admin", "Forwarded: for=127.0.0.1"), http.StatusOK)
		got := g.upstream.only(t)
		for name, want := range map[string]string{
			"X-Forwarded-For": "203.0.113.9, 198.51.100.7, 127.0.0.1", "X-Forwarded-Host": "shop.example.com:8443",
			"X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443", "X-Real-Ip": "198.51.100.7", "X-Forwarded-Uri": "", "Forwarded": "",
		} {
			wantLine(t, got, name, want)
		}
		wantStatus(t, g.get(t, "/public/x", "", "X-Forwarded-Proto: gopher"), http.StatusBadRequest)
		wantStatus(t, g.get(t, "/public/x", "", "X-Forwarded-Host: a b"), http.StatusBadRequest)
		if n := len(g.upstream.take()); n != 0 {
			t.Error("the upstream saw it")
		}
	})
}

// wantLine checks that a header arrived once, in one spelling, with a value; "" for not at all.
func wantLine(t *testing.T, got received, name, want string) {
	t.Helper()
	lines := got.lines(name)
	if want == "" && len(lines) == 0 {
		return
	}
	if len(lines) != 1 || lines[0] != name+": "+want {
		t.Errorf("%s arrived as %q, want %q", name, lines, want)
	}
}

func TestUserAgentAndEncodingAreTheClients(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	g.get(t, "/public/x", "")
	got := g.upstream.only(t)
	for _, name := range []string{"User-Agent", "Accept-Encoding", "Via"} {
		if lines := got.lines(name); len(lines) != 0 {
			t.Errorf("added: %q", lines)
		}
	}
	g.get(t, "/public/x", "", "User-Agent: x", "Accept-Encoding: br")
	got = g.upstream.only(t)
	wantLine(t, got, "User-Agent", "x")
	wantLine(t, got, "Accept-Encoding", "br")
}

func TestRequestID(t *testing.T) {
	trusting := newGateway(t, gatewayConfig{trusted: loopback()})
	for _, c := range []struct {
		sent  []string
		taken bool
	}{
		{[]string{"X-Request-Id: abc-DEF_1.2"}, true},
		{[]string{"X-Request-Id: a b"}, false},
		{[]string{"X-Request-Id: <script>"}, false},
		{[]string{"X-Request-Id: " + strings.Repeat("a", 129)}, false},
		{[]string{"X-Request-Id: a", "X-Request-Id: b"}, false},
		{[]string{"X-Request-Id:"}, false},
	} {
		a := trusting.get(t, "/public/x", "", c.sent...)
		id := a.Header.Get("X-Request-Id")
		if taken := id == strings.TrimPrefix(c.sent[0], "X-Request-Id: "); taken != c.taken {
			t.Errorf("%q was answered as %q", c.sent, id)
		}
		wantLine(t, trusting.upstream.only(t), "X-Request-Id", id)
	}
	g := newGateway(t, gatewayConfig{})
	if id := g.get(t, "/public/x", "", "X-Request-Id: chosen").Header.Get("X-Request-Id"); len(id) != 32 {
		t.Errorf("a stranger's id was taken: %q", id)
	}
}

// An answer whose status is none is the application's fault, and is answered as that, by whichever way the application was asked.
func TestAnswersWithoutAStatus(t *testing.T) {
	for status, want := range map[string]int{"099": http.StatusBadGateway, "000": http.StatusBadGateway, "999": 999, "200": http.StatusOK} {
		up := newScripted(t)
		up.script(func(string) (string, bool) { return "HTTP/1.1 " + status + " X\r\nContent-Length: 0\r\n\r\n", false })
		g := newGateway(t, gatewayConfig{upstream: proxy.UpstreamConfig{URLs: []string{"http://" + up.addr}}})
		for _, asked := range []string{request("GET", "/public/x", ""), request("POST", "/public/x", "", "Content-Length: 1") + "x"} {
			wantStatus(t, g.raw(t, asked), want)
		}
		if strings.Contains(g.journal.String(), `"msg":"panic"`) {
			t.Errorf("status %s: %s", status, g.journal)
		}
	}
}
