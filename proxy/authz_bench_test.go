package proxy_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
)

// blank is an http.ResponseWriter that keeps nothing but what it must.
type blank struct {
	header http.Header
	status int
}

func (b *blank) Header() http.Header         { return b.header }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(status int)      { b.status = status }

// remembered is an Authenticator that knows one token, as one does that has seen it before.
type remembered struct{ identity *authn.Identity }

func (r remembered) Authenticate(_ context.Context, c authn.Credentials) (*authn.Identity, error) {
	if c.Token != "alice" && c.Token != aliceCookie {
		return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
	}
	return r.identity, nil
}

// What a front proxy's question costs Authly itself, net/http not counted.
//
// Of a permission, two allocations are left: the visit, which is the exchange, on which the access log reports, and what notes
// the status of the answer; and the request id, where the front proxy gave none. On the gateway's listener, where the lines of
// the answer are not ready, there are two more, for headers of which each answer has its own value; the map of headers and its
// copy come on top in net/http. slog, which writes the access log where it is not JSON, needs two.
func BenchmarkForwardAuth(b *testing.B) {
	silent := func(proxy.Access) {}
	for _, c := range []struct {
		name, token string
		access      func(proxy.Access)
		usual       bool
		status      int
	}{
		{"permission", "alice", silent, false, 200},
		{"permission_by_cookie", aliceCookie, silent, false, 200},
		{"permission_logged_by_slog", "alice", nil, false, 200},
		{"permission_lines_not_ready", "alice", silent, true, 200},
		{"refusal", "rubbish", silent, false, 401},
		{"refusal_lines_not_ready", "rubbish", silent, true, 401},
	} {
		b.Run(c.name, func(b *testing.B) {
			config := doorConfig(b, nil)
			config.Gate = authn.NewGate(authn.GateConfig{Routes: usualRoutes(), Now: time.Now, Authenticator: remembered{&authn.Identity{
				UserID: uuid.New(), SessionID: uuid.New(), JTI: uuid.NewString(), Username: "alice", Email: "alice@example.com",
				Roles: []string{"staff", "writer"}, Memo: new(authn.Memo),
			}}})
			config.Trust = headers.NewTrust([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
			config.Log, config.Access = slog.New(slog.NewJSONHandler(io.Discard, nil)), c.access
			config.Own = http.NotFoundHandler()
			config.Now = time.Now
			config.Cookie = headers.NewSessionCookie(true, "")
			door, err := proxy.New(config)
			if err != nil {
				b.Fatal(err)
			}
			handler := door.ForwardAuth()
			r := httptest.NewRequest("GET", "/authz/nginx", nil)
			if !c.usual {
				r = r.WithContext(readyContext(b))
			}
			r.RemoteAddr = "127.0.0.1:1234"
			for name, value := range map[string]string{
				"X-Original-Method": "GET", "X-Original-Url": "https://app.example.com/some/path?a=b", "X-Forwarded-For": "192.0.2.7",
			} {
				r.Header.Set(name, value)
			}
			if c.token == aliceCookie {
				r.Header.Set("Cookie", "theme=dark; consent=1; __Host-authly="+c.token)
			} else {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			w := &blank{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				handler.ServeHTTP(w, r)
			}
			if w.status != c.status {
				b.Fatal(w.status)
			}
		})
	}
}

// readyContext is the context of a connection that takes ready lines.
func readyContext(b *testing.B) context.Context {
	b.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	server := new(http.Server)
	listener := proxy.ReadyConns(server, plain)
	client, err := net.Dial("tcp", plain.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	conn, err := listener.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return server.ConnContext(b.Context(), conn)
}
