package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/descoped/authly/authn/web"
)

// Files lie below /auth, and are given out by the endpoints that programs use.
func TestDownloads(t *testing.T) {
	pages, err := web.New(open(t).config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages.Before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.URL.EscapedPath()+" "+r.URL.RawQuery+" "+r.Header.Get("Cookie"))
	})))
	defer server.Close()
	s := &site{Server: server}
	for path, want := range map[string]string{
		prefix + "/auth/account/data/file":                                 "GET " + prefix + "/users/me/export  a=b",
		prefix + "/auth/admin/audit/file?format=csv&client=192.0.2.0%2F24": "GET " + prefix + "/audit format=csv&client=192.0.2.0%2F24 a=b",
		prefix + "/auth/account/data/files":                                "GET " + prefix + "/auth/account/data/files  a=b",
		"/auth/account/data/file":                                          "GET /auth/account/data/file  a=b",
	} {
		if a := s.ask(t, "GET", path, nil, "Cookie", "a=b"); a.body != want {
			t.Errorf("%s is asked for as %q, want %q", path, a.body, want)
		}
	}
}
