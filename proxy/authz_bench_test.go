package proxy_test

import (
	"io"
	"log/slog"
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
type blank struct{ header http.Header }

func (b *blank) Header() http.Header         { return b.header }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(int)             {}

// What a front proxy's question costs Authly itself, net/http not counted: with the access log as it is by default, and
// without.
func BenchmarkForwardAuth(b *testing.B) {
	for name, level := range map[string]slog.Level{"logged": slog.LevelInfo, "silent": slog.LevelWarn} {
		b.Run(name, func(b *testing.B) {
			config := doorConfig(b, nil)
			config.Gate = authn.NewGate(authn.GateConfig{Routes: usualRoutes(), Now: time.Now, Authenticator: people{"alice": {
				UserID: uuid.New(), SessionID: uuid.New(), JTI: uuid.NewString(), Username: "alice", Email: "alice@example.com",
				Roles: []string{"staff", "writer"}, Memo: new(authn.Memo),
			}}})
			config.Trust = headers.NewTrust([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
			config.Log = slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: level}))
			config.Own = http.NotFoundHandler()
			config.Now = time.Now
			door, err := proxy.New(config)
			if err != nil {
				b.Fatal(err)
			}
			handler := door.ForwardAuth()
			r := httptest.NewRequest("GET", "/authz/nginx", nil)
			r.RemoteAddr = "127.0.0.1:1234"
			for name, value := range map[string]string{
				"X-Original-Method": "GET", "X-Original-Url": "https://app.example.com/some/path?a=b", "X-Forwarded-For": "192.0.2.7",
				"Authorization": "Bearer alice",
			} {
				r.Header.Set(name, value)
			}
			w := &blank{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				handler.ServeHTTP(w, r)
			}
			if w.header.Get("X-Forwarded-User") != "alice" {
				b.Fatalf("%v", w.header)
			}
		})
	}
}
