package examples_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// identityNames are the headers that say who the caller is.
func identityNames() []string {
	return []string{
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-User-Id",
		"Remote-User", "Remote-Email", "Remote-Groups", "X-Authly-Assertion",
	}
}

// spellings returns the ways to write a name that some application takes for it.
func spellings(name string) []string {
	all := []string{name, strings.ToLower(name), strings.ToUpper(name)}
	for _, separator := range []string{"_", ".", "~", "!"} {
		other := strings.ReplaceAll(name, "-", separator)
		all = append(all, other, strings.ToLower(other), strings.ToUpper(other), strings.Replace(name, "-", separator, 1))
		if at := strings.LastIndex(name, "-"); at != strings.Index(name, "-") {
			all = append(all, name[:at]+separator+name[at+1:])
		}
	}
	return append(all, strings.Replace(strings.ReplaceAll(name, "-", "_"), "_", ".", 1))
}

// What the client says about itself never reaches the application, in no spelling, on no path.
func (f *front) testSpoofedIdentity(t *testing.T) {
	check := func(what string, headers ...string) {
		t.Helper()
		for _, r := range []request{{target: "/hello", user: "alice"}, {target: "/public/page"}, {target: "/public/page", user: "forged"}} {
			as := r.user
			if as == "forged" {
				as = ""
			}
			r.headers = headers
			a := f.send(t, r)
			f.wantPassed(t, r, a, as)
			for _, s := range a.seen {
				if strings.Contains(s.raw, "spoofed") {
					t.Errorf("%s: the application saw %q", what, s.raw)
				}
			}
		}
		r := request{target: "/hello", headers: headers}
		f.wantStopped(t, r, f.send(t, r), 401)
	}
	for _, name := range identityNames() {
		var lines []string
		for i, spelling := range spellings(name) {
			lines = append(lines, fmt.Sprintf("%s: spoofed-%d", spelling, i))
		}
		check(name+" in every spelling", lines...)
		check(name+" twice", name+": spoofed-1", name+": spoofed-2")
		check(name+" empty", name+":")
	}
	for _, connection := range []string{"X-Forwarded-User", "x-forwarded-user, remote-user, close", "close, X-Forwarded-User", "X_Forwarded_User"} {
		check("Connection: "+connection, "Connection: "+connection, "X-Forwarded-User: spoofed", "X_Forwarded_User: spoofed")
	}
	check("Connection twice", "Connection: x-forwarded-user", "Connection: remote-user", "Remote-User: spoofed")
}

// Nor as a trailer. What the front does with the trailer is its own affair, as long as it does not arrive.
func (f *front) testTrailers(t *testing.T) {
	for _, announced := range []bool{true, false} {
		r := request{method: "POST", target: "/upload", user: "alice", headers: []string{chunked},
			body: "5\r\nhello\r\n0\r\nX-Forwarded-User: spoofed\r\nX_Forwarded_User: spoofed\r\n\r\n"}
		if announced {
			r.headers = append(r.headers, "Trailer: X-Forwarded-User, X_Forwarded_User")
		}
		a := f.send(t, r)
		if f.refusesChunked(t) {
			f.wantStopped(t, r, a, http.StatusLengthRequired)
			continue
		}
		f.wantPassed(t, r, a, "alice")
		for _, s := range a.seen {
			if strings.Contains(s.raw, "spoofed") {
				t.Errorf("announced %v: the application saw %q", announced, s.raw)
			}
		}
	}
}

// What the client says about its request, in the words in which proxies talk to Authly, neither changes the decision nor
// reaches the application.
func (f *front) testSpoofedRequest(t *testing.T) {
	spoofs := []string{
		"X-Forwarded-Uri: /public/spoofed", "X-Original-URL: http://app.localhost/public/spoofed", "X-Original-URI: /public/spoofed",
		"X-Rewrite-URL: /public/spoofed", "X-Forwarded-Method: OPTIONS", "X-Original-Method: OPTIONS",
		"X-HTTP-Method-Override: SPOOFED-spoofed", "X-HTTP-Method: SPOOFED-spoofed", "X-Method-Override: SPOOFED-spoofed",
		"X-Forwarded-Host: spoofed.localhost", "X-Original-Host: spoofed.localhost", "X-Forwarded-Prefix: /spoofed",
		"X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.1", "Forwarded: for=192.0.2.1;host=spoofed.localhost;proto=https",
		"X-Forwarded-Proto: spoofed", "X_Forwarded_Uri: /public/spoofed", "X_Original_URL: /public/spoofed",
		"X-Middleware-Subrequest: spoofed", "Proxy: http://spoofed.localhost", "X_Real_IP: 192.0.2.1", "X-Client-IP: 192.0.2.1",
		"True-Client-IP: 192.0.2.1", "CF-Connecting-IP: 192.0.2.1", "X-Cluster-Client-IP: 192.0.2.1", "Client-IP: 192.0.2.1",
	}
	for _, c := range []struct {
		request request
		as      string
		status  int
	}{
		{request: request{target: "/hello"}, status: 401},
		{request: request{target: "/admin/x", user: "alice"}, status: 403},
		{request: request{target: "/", host: "admin.localhost", user: "alice"}, status: 403},
		{request: request{method: "DELETE", target: "/reports/1", user: "alice"}, status: 403},
		{request: request{target: "/office/x"}, status: 401}, // open to 192.0.2.0/24
		{request: request{target: "/hello", user: "alice"}, as: "alice"},
		{request: request{target: "/admin/x", user: "root"}, as: "root"},
		{request: request{target: "/public/page"}, as: ""},
	} {
		for _, headers := range append([][]string{spoofs}, each(spoofs)...) {
			c.request.headers = headers
			a := f.send(t, c.request)
			if c.status != 0 {
				f.wantStopped(t, c.request, a, c.status)
				continue
			}
			f.wantPassed(t, c.request, a, c.as)
			for _, s := range a.seen {
				if strings.Contains(s.raw, "spoofed") || strings.Contains(s.raw, "192.0.2.1") {
					t.Errorf("the application saw %q", s.raw)
				}
			}
		}
	}
}

func each(list []string) [][]string {
	var singles [][]string
	for _, s := range list {
		singles = append(singles, []string{s})
	}
	return singles
}

// A path that could be read in two ways reaches nobody, whoever asks.
func (f *front) testPaths(t *testing.T) {
	for _, target := range ambiguousTargets() {
		for _, user := range []string{"", "root"} {
			r := request{target: target, user: user}
			a := f.send(t, r)
			f.wantStopped(t, r, a, 0)
		}
	}
	for _, target := range []string{"/public/a%20b", "/public/%C3%A9", "/public/~x.y-z_", "/public/a?b=/../admin", "/public"} {
		r := request{target: target}
		f.wantPassed(t, r, f.send(t, r), "")
	}
}

func ambiguousTargets() []string {
	return []string{
		"/public/../admin/x", "/public/%2e%2e/admin/x", "/public/.%2E/admin/x", "/public/..%2fadmin/x", "/public/%2f..%2fadmin/x",
		"/public/..;/admin/x", "//admin/x", "/./admin/x", "/public//x", "/public/..", "/public/%5c..%5cadmin/x", "/public/x;y",
		"/public/%3b", "/public/%25", "/public/%252e%252e/admin/x", "/public/%3f", "/public/%23", "/public/x#y", "/public/%zz",
		"/public/%00", "/public/%0d%0a", "/public/%ff", `/public/\..\admin`, "/../admin/x", "/public/%2e/x",
	}
}
