package examples_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// testHTTP2 speaks HTTP/2 to HAProxy, which takes it on a plain port too. Its requests have no line to copy a target from,
// and a body without a length is not called chunked.
func testHTTP2(t *testing.T, fronts []*front) {
	at := slices.IndexFunc(fronts, func(f *front) bool { return f.name == "haproxy" })
	f := fronts[at]
	trailers := http.StatusOK
	if f.refusesChunked(t) {
		trailers = http.StatusLengthRequired
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 15 * time.Second}
	for _, c := range []struct {
		method, target, host, user string
		trailer                    bool
		status                     int
	}{
		{target: "/hello?x=1", user: "alice", status: 200},
		{target: "/hello?x=1", status: 401},
		{target: "/public/page", status: 200},
		{target: "/admin/x", user: "alice", status: 403},
		{target: "/admin/x", user: "root", status: 200},
		{target: "/public/page", host: "admin.localhost", user: "root", status: 200},
		{target: "/public/page", host: "admin.localhost", user: "alice", status: 403},
		{target: "//admin/x", user: "root", status: 400},
		{target: "/public/%2e%2e/admin/x", user: "root", status: 400},
		{method: "POST", target: "/upload", user: "alice", trailer: true, status: trailers},
	} {
		id := fmt.Sprintf("h2-%d", f.requests.Add(1))
		target, err := url.Parse("http://" + f.address + c.target)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{
			Method: c.method, URL: target, Host: cmp.Or(c.host, "app.localhost"),
			Header: http.Header{idHeader: {id}, "X-Forwarded-User": {"spoofed"}, "X_forwarded_user": {"spoofed"}},
		}
		if c.user != "" {
			r.Header.Set("Authorization", "Bearer "+f.tokens[c.user])
		}
		if c.trailer {
			r.Body, r.ContentLength = unmeasured{strings.NewReader("hello")}, -1
			r.Trailer = http.Header{"X-Forwarded-User": {"spoofed"}}
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Errorf("%s: %v", c.target, err)
			continue
		}
		answer.Body.Close()
		seen := f.app.received(id)
		if answer.ProtoMajor != 2 || answer.StatusCode != c.status || (len(seen) == 1) != (c.status == 200) {
			t.Errorf("%s %s as %q: HTTP/%d %d, and the application saw %d requests",
				c.method, c.target, c.user, answer.ProtoMajor, answer.StatusCode, len(seen))
		}
		for _, raw := range seen {
			s := parseSeen(raw)
			want := cmp.Or(c.method, "GET") + " " + c.target + " HTTP/1.1"
			if s.line != want || s.identity(t)["X-Forwarded-User"] != c.user || strings.Contains(raw, "spoofed") {
				t.Errorf("the application saw %q", raw)
			}
		}
	}
}

// unmeasured is a body whose length is not known.
type unmeasured struct{ *strings.Reader }

func (unmeasured) Close() error { return nil }
