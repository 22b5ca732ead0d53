package examples_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/headers"
)

// verdict is what became of a request, in words that every way to the application can be compared in.
type verdict string

// What became of a request, beside "passed as NAME".
const (
	challenged verdict = "401" // not without a credential
	denied     verdict = "403" // not this caller
	refused    verdict = "refused"
)

// nominating names headers that a proxy may take for its own neighbour's alone (RFC 9110 section 7.6.1).
const nominating = "Connection: x-forwarded-user, authorization"

// corpus is what is sent everywhere: each target in each name on each host, each method on some of them, and what a client
// could add to be taken for somebody else or for another request.
func corpus() []request {
	var all []request
	preflight := []string{"Origin: https://spa.example.com", "Access-Control-Request-Method: PUT"}
	for _, user := range []string{"", "alice", "root", "forged"} {
		for _, host := range []string{"", "admin.localhost", "Admin.LocalHost.:8080"} {
			for _, target := range append(ambiguousTargets(), plainTargets()...) {
				all = append(all, request{target: target, host: host, user: user})
			}
		}
		for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "TRACE", "TRACK", "get"} {
			for _, target := range []string{"/x", "/public/x", "/admin/x", "/reports/x", "/api/x", "/public/../admin/x"} {
				all = append(all, request{method: method, target: target, user: user})
			}
		}
		for _, extra := range strangeHeaders() {
			for _, target := range []string{"/x", "/public/x", "/admin/x"} {
				all = append(all, request{target: target, user: user, headers: extra})
			}
		}
		for _, odd := range []request{
			{target: "http://app.localhost/public/x"},
			{target: "http://admin.localhost/public/x"},
			{target: "http://app.localhost/public/x", host: "admin.localhost"},
			{target: "*", method: "OPTIONS"},
			{target: "app.localhost:80", method: "CONNECT"},
			{target: "/public/x", method: "CONNECT"},
			{target: "/public/x", host: "-"},
			{target: "/public/x", host: "a b"},
			{target: "/public/x", host: "user@app.localhost"},
			{target: "/public/x", headers: []string{"Host: admin.localhost"}},
			{method: "OPTIONS", target: "/api/x", headers: preflight},
			{method: "OPTIONS", target: "/admin/x", headers: preflight},
		} {
			odd.user = user
			all = append(all, odd)
		}
	}
	return all
}

func plainTargets() []string {
	return []string{
		"/", "/x", "/x?next=/public/../admin", "/public", "/public/", "/public/x", "/publicx", "/Public/x", "/favicon.ico",
		"/favicon.ico/x", "/admin", "/admin/", "/admin/x%20y", "/adminx", "/reports/x", "/office/x", "/api/x", "/%C3%A9", "/x/",
		"/authz/nginx", "/authz/envoy/public/x",
	}
}

func strangeHeaders() [][]string {
	return [][]string{
		{"X-Forwarded-User: root", "Remote-User: root", "X_Forwarded_User: root", "X.Forwarded.User: root"},
		{"X-Forwarded-Groups: admin", "Remote-Groups: admin"},
		{nominating},
		{"X-Forwarded-Uri: /public/x", "X-Original-URL: http://app.localhost/public/x", "X-Rewrite-URL: /public/x"},
		{"X-Forwarded-Method: OPTIONS", "X-Original-Method: OPTIONS", "X-HTTP-Method-Override: OPTIONS"},
		{"X-Forwarded-Host: admin.localhost"},
		{"X-Forwarded-For: 192.0.2.1"},
		{"X-Forwarded-For: not an address"},
		{"X-Forwarded-Proto: gopher"},
		{"Authorization: Basic YTpi"},
		{"Authorization: Bearer"},
		{"Authorization: "},
		{"Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
		{"Expect: 100-continue"},
	}
}

// verdictOf sends the request and says what became of it.
func (f *front) verdictOf(t *testing.T, r request) verdict {
	t.Helper()
	a, err := f.try(r)
	switch {
	case err != nil: // the front hung up, as it may on what is no HTTP
		return refused
	case len(a.seen) > 1:
		t.Errorf("%s: the application saw %s %s %d times", f.name, r.method, r.target, len(a.seen))
	case len(a.seen) == 1:
		as, _ := f.understood(r)
		f.wantUnchanged(t, as, a.seen[0])
		return verdict("passed as " + a.seen[0].identity(t)["X-Forwarded-User"])
	case a.status == http.StatusUnauthorized:
		return challenged
	case a.status == http.StatusForbidden:
		return denied
	case a.status >= 400 && a.status < 500 || a.status == http.StatusNotImplemented:
		return refused
	}
	return verdict(fmt.Sprintf("the front itself answered %d", a.status))
}

// wantUnchanged fails unless the application saw the method, the target and the host that were decided on.
func (f *front) wantUnchanged(t *testing.T, r request, s seen) {
	t.Helper()
	method, host := cmp.Or(r.method, "GET"), ""
	if want := method + " " + r.target + " HTTP/1.1"; s.line != want {
		t.Errorf("%s: the application saw %q, want %q", f.name, s.line, want)
	}
	for _, h := range []string{s.get("X-Forwarded-Host"), s.get("Host")} { // the gateway's upstream gets a Host of its own
		if host == "" {
			host = h
		}
	}
	if want, _ := headers.NormalizeHost(cmp.Or(r.host, "app.localhost")); r.host != "-" {
		if got, _ := headers.NormalizeHost(host); got != want {
			t.Errorf("%s: %s: the application saw the host %q, want %q", f.name, r.target, host, want)
		}
	}
}

func testSameDecisions(t *testing.T, fronts []*front) {
	gateway, others := fronts[0], fronts[1:]
	counts := map[verdict]int{}
	for _, r := range corpus() {
		want := gateway.verdictOf(t, r)
		counts[want]++
		for _, f := range others {
			wantHere := want
			if r, same := f.understood(r); !same {
				wantHere = gateway.verdictOf(t, r)
			}
			if got := f.verdictOf(t, r); got != wantHere && !f.mayDiffer(r, wantHere, got) {
				t.Errorf("%s: %s %s on %s as %q with %q: %s, and the gateway says %s",
					f.name, r.method, r.target, r.host, r.user, r.headers, got, wantHere)
			}
		}
	}
	for _, v := range []verdict{challenged, denied, refused, "passed as ", "passed as alice", "passed as root"} {
		if counts[v] < 10 { // or the corpus would prove nothing about it
			t.Errorf("%s: only %d requests", v, counts[v])
		}
	}
}

// understood returns what a front makes of a request before it asks. nginx, Caddy and Traefik rewrite the absolute form of a
// target, whose host counts instead of the header's, to the origin form, and ask for and forward that. The gateway and HAProxy
// refuse it.
func (f *front) understood(r request) (request, bool) {
	rest, absolute := strings.CutPrefix(r.target, "http://")
	if !absolute || !slices.Contains([]string{"nginx", "caddy", "traefik"}, f.name) {
		return r, true
	}
	host, path, _ := strings.Cut(rest, "/")
	r.host, r.target = host, "/"+path
	return r, false
}

// differences are the known and deliberate ones. None of them lets a request reach an application that the gateway stops.
func differences() []difference {
	return []difference{
		{
			front: "nginx", why: "nginx makes a 500 of a refusal that is neither 401 nor 403, so there Authly answers 403",
			covers: func(_ request, gateway, here verdict) bool { return gateway == refused && here == denied },
		},
		{
			front: "nginx", why: "nginx refuses two Authorization headers itself",
			covers: func(r request, _, here verdict) bool {
				return r.user != "" && strings.HasPrefix(strings.Join(r.headers, "\n"), "Authorization:") && here == refused
			},
		},
		{
			front: "caddy", why: "Caddy answers OPTIONS * itself",
			covers: func(r request, _, here verdict) bool {
				return r.target == "*" && here == "the front itself answered 200"
			},
		},
		{
			front: "traefik", why: "as Caddy",
			covers: func(r request, _, here verdict) bool {
				return r.target == "*" && here == "the front itself answered 200"
			},
		},
		{
			front: "traefik", why: "Traefik and Envoy drop what is named in Connection before they ask, the token too",
			covers: func(r request, _, here verdict) bool {
				return slices.Contains(r.headers, nominating) && (here == challenged || here == "passed as ")
			},
		},
		{
			front: "envoy", why: "as Traefik",
			covers: func(r request, _, here verdict) bool {
				return slices.Contains(r.headers, nominating) && (here == challenged || here == "passed as ")
			},
		},
		{
			why: "on the gateway /authz/ is Authly's own, behind a front proxy it is a path of the application",
			covers: func(r request, gateway, _ verdict) bool {
				return strings.HasPrefix(r.target, "/authz/") && gateway == denied
			},
		},
	}
}

// difference is one way in which a front may come to another verdict than the gateway.
type difference struct {
	front  string // what its name starts with
	why    string
	covers func(r request, gateway, here verdict) bool
}

func (f *front) mayDiffer(r request, gateway, here verdict) bool {
	return slices.ContainsFunc(differences(), func(d difference) bool {
		return strings.HasPrefix(f.name, d.front) && d.covers(r, gateway, here)
	})
}
