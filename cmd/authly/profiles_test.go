package main_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// Profiles are on the ops listener, and nowhere else.
func TestProfiles(t *testing.T) {
	a := start(t, sqliteURL(t), `
server: {trusted_proxies: [127.0.0.1], authz_address: "127.0.0.1:0"}
routes: [{name: app, paths: [/app/*], allow: public, upstream: "echo:"}]
`)
	for _, tt := range []struct {
		listener, path string
		want           int
	}{
		{"server.ops_address", "/debug/pprof/profile?seconds=1", http.StatusOK},
		{"server.ops_address", "/debug/pprof/heap", http.StatusOK},
		{"server.ops_address", "/debug/pprof/cmdline", http.StatusNotFound},
		{"server.address", "/debug/pprof/heap", http.StatusForbidden},
		{"server.authz_address", "/debug/pprof/heap", http.StatusNotFound},
	} {
		response, err := http.Get("http://" + a.address[tt.listener] + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != tt.want {
			t.Errorf("%s%s: status %d, want %d, %v", tt.listener, tt.path, response.StatusCode, tt.want, err)
		}
		if zipped := bytes.HasPrefix(body, []byte{0x1f, 0x8b}); zipped != (tt.want == http.StatusOK) {
			t.Errorf("%s%s: a profile: %v", tt.listener, tt.path, zipped)
		}
	}
}
