package proxy_test

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// The gateway beside a bare ReverseProxy in front of the same application: what the door costs is the difference; and what it
// costs to be able to end a request with its session that between signed-in and watched.
func BenchmarkGateway(b *testing.B) {
	upstream := serve(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }), io.Discard)
	target := &url.URL{Scheme: "http", Host: upstream}
	bare := serve(b, &httputil.ReverseProxy{
		Rewrite:   func(pr *httputil.ProxyRequest) { pr.SetURL(target); pr.SetXForwarded() },
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true},
	}, io.Discard)
	g := newGateway(b, withUpstream("http://"+upstream))
	watching := withUpstream("http://" + upstream)
	watching.watch = authn.NewFollower(authn.FollowerConfig{}).Watch
	watching.people = people{"alice": {UserID: uuid.New(), SessionID: uuid.New(), JTI: uuid.NewString(), Username: "alice", Email: "alice@example.com", Roles: []string{"staff", "writer"}, Memo: new(authn.Memo)}}
	w := newGateway(b, watching)

	for _, c := range []struct{ name, addr, path, token string }{
		{"bare", bare, "/x", ""},
		{"public", g.addr, "/public/x", ""},
		{"signed-in", g.addr, "/x", "alice"},
		{"watched", w.addr, "/x", "alice"},
	} {
		b.Run(c.name, func(b *testing.B) {
			req := request("GET", c.path, c.token)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				conn := dial(b, c.addr)
				defer conn.Close()
				for pb.Next() {
					conn.write(b, req)
					if a := conn.read(b, false); a.StatusCode != http.StatusOK {
						b.Errorf("status %s", a.Status)
					}
				}
			})
		})
	}
}
