package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
)

// The tests whose names begin with TestSecurity hold up to the built binary what went wrong in comparable products. A case
// that has a number in the public lists carries it in its name, so that what is covered can be counted:
//
//	go test ./cmd/authly -run TestSecurity -v
//
// A request counts as refused if the status says so and the application saw nothing, and beside every refusal the same
// request is made as it should be: a server that refuses everything would fail.
//
// Most cases are tried at every entrance: Authly's own endpoint, the gateway as a stranger reaches it, the gateway behind a
// trusted proxy, and each dialect in which a front proxy asks.

const (
	accessSecret  = "an access secret for tests, of 50 bytes and no less"
	refreshSecret = "a refresh secret for tests, which is another secret"
	publicURL     = "https://login.example.com"

	proxyAddress    = "127.0.0.1" // the trusted proxy
	strangerAddress = "127.0.0.2" // trusted by nobody
)

// guarded is a server with the usual rules, a witness behind it, and some people.
type guarded struct {
	*authly
	storeURL string
	behind   *witness
	admin    tokens
	alice    tokens // roles staff and writer
	bare     tokens // no roles
	boss     tokens // role boss
	id       map[string]string
}

// guardedRoutes: /public is open, /admin and admin.example.com are for the role boss, /office is open to a network,
// everything else is for who is signed in. The applications of /told and /told-all get assertions.
const guardedRoutes = `
server: {trusted_proxies: [127.0.0.1], public_url: "` + publicURL + `"}
%s
routes:
  - {name: admin-host, hosts: [admin.example.com], paths: [/*], allow: {roles: [boss]}, upstream: "http://WITNESS"}
  - {name: public, paths: [/public/*], allow: public, upstream: "http://WITNESS"}
  - {name: stripped, paths: [/api/*], strip_prefix: /api, allow: public, upstream: "http://WITNESS"}
  - {name: own-scheme, paths: [/basic/*], credentials: [], allow: public, upstream: "http://WITNESS"}
  - {name: admin, paths: [/admin/*], allow: {roles: [boss]}, upstream: "http://WITNESS"}
  - {name: office, paths: [/office/*], networks: [192.0.2.0/24, 127.0.0.1], allow: public, upstream: "http://WITNESS"}
  - {name: read, paths: [/read/*], methods: [GET], allow: public, upstream: "http://WITNESS"}
  - {name: write, paths: [/read/*], allow: nobody}
  - {name: told, paths: [/told/*], allow: authenticated, assertion: true, upstream: "http://WITNESS"}
  - {name: told-all, paths: [/told-all/*], allow: public, assertion: true, audience: "urn:example:wiki", upstream: "http://WITNESS"}
  - {name: rest, paths: [/*], allow: authenticated, upstream: "http://WITNESS"}
`

// askTheStore has every token checked in the store, as when the memory of what was taken back is not trusted.
const askTheStore = "AUTHLY_REVOCATION_MAX_STALENESS=0s"

// guard starts a server. more is further configuration.
func guard(t *testing.T, storeURL, more string, environ ...string) *guarded {
	t.Helper()
	g := &guarded{storeURL: storeURL, behind: newWitness(t), id: map[string]string{}}
	configuration := strings.ReplaceAll(fmt.Sprintf(guardedRoutes, more), "WITNESS", g.behind.address)
	environ = append([]string{"JWT_SECRET_KEY=" + accessSecret, "JWT_REFRESH_SECRET_KEY=" + refreshSecret}, environ...)
	g.authly = start(t, storeURL, configuration, environ...)
	t.Cleanup(func() {
		if log := g.stderr.String(); strings.Contains(log, `"msg":"panic"`) || strings.Contains(log, "goroutine ") {
			t.Error("the server panicked")
		}
	})
	return g
}

// guardPeople is guard with alice, bare and boss.
func guardPeople(t *testing.T, storeURL, more string, environ ...string) *guarded {
	t.Helper()
	g := guard(t, storeURL, more, environ...)
	g.admin = g.login(t, "admin", adminPassword)
	g.id["admin"], _ = segmentOf(t, strings.Split(g.admin.Access, ".")[1])["sub"].(string)
	for _, person := range []struct {
		name, roles string
		pair        *tokens
	}{{"alice", `["staff","writer"]`, &g.alice}, {"bare", `[]`, &g.bare}, {"boss", `["boss"]`, &g.boss}} {
		g.id[person.name] = g.register(t, g.admin, person.name, passwordOf(person.name))
		g.must(t, http.StatusOK, "PUT", "/users/"+g.id[person.name], g.admin.Access, `{"roles":`+person.roles+`}`)
		*person.pair = g.login(t, person.name, passwordOf(person.name))
	}
	return g
}

func passwordOf(name string) string { return name + "'s password" }

// open opens the server's database beside it, to put there what the server would not.
func (g *guarded) open(t *testing.T) *store.Store {
	t.Helper()
	disk, err := store.Open(t.Context(), g.storeURL, store.Options{MaxConnections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	return disk
}

// must is do for a request whose status is known beforehand.
func (a *authly) must(t *testing.T, status int, method, path, token, body string, header ...string) reply {
	t.Helper()
	answer := a.do(t, method, path, token, body, header...)
	if answer.status != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, answer.status, answer.body, status)
	}
	return answer
}

// attempt is a request that somebody tries to get through. What is empty is GET, app.example.com and /closed/x.
type attempt struct {
	method, host, target string
	lines                []string // of the header
	client               string   // what the front proxy says of the client's address
}

func bearerLine(token string) string { return "Authorization: Bearer " + token }

// entrance is a way to ask whether a request may pass.
type entrance struct {
	name    string
	from    string                 // address of this machine
	bytes   func(a attempt) string // of the request that asks
	relayed func(status int) int   // what becomes of a refusal's status
	proxies bool                   // the request goes on to the application
}

// result is what came of an attempt.
type result struct {
	reply
	seen []sighting
}

// try makes the attempt at an entrance.
func (g *guarded) try(t *testing.T, e entrance, a attempt) result {
	t.Helper()
	g.behind.take()
	answer := exchange(t, e.from, g.address["server.address"], e.bytes(a.complete()))
	return result{answer, g.behind.take()}
}

// refused checks that an attempt fails with a status, and that the application saw nothing of it.
func (g *guarded) refused(t *testing.T, e entrance, a attempt, status int) {
	t.Helper()
	r := g.try(t, e, a)
	if r.status != e.relayed(status) || len(r.seen) != 0 {
		t.Errorf("%s: %d %.200s, and the application saw %d requests; want %d and none", e.name, r.status, r.body,
			len(r.seen), e.relayed(status))
	}
	if status == http.StatusUnauthorized && r.header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s: a 401 without WWW-Authenticate", e.name)
	}
}

// passed checks that an attempt succeeds, and that the application saw it once if it is behind this entrance.
func (g *guarded) passed(t *testing.T, e entrance, a attempt) result {
	t.Helper()
	r := g.try(t, e, a)
	if r.status != http.StatusOK || e.proxies != (len(r.seen) == 1) {
		t.Fatalf("%s: %d %.200s, and the application saw %d requests; want 200", e.name, r.status, r.body, len(r.seen))
	}
	return r
}

func (a attempt) complete() attempt {
	for _, field := range []struct {
		value *string
		usual string
	}{{&a.method, "GET"}, {&a.host, "app.example.com"}, {&a.target, "/closed/x"}, {&a.client, "203.0.113.9"}} {
		if *field.value == "" {
			*field.value = field.usual
		}
	}
	return a
}

// requestBytes are those of a request without a body.
func requestBytes(method, target string, lines ...string) string {
	return method + " " + target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func sameStatus(status int) int { return status }

func throughGateway(a attempt) string {
	return requestBytes(a.method, a.target, append([]string{"Host: " + a.host}, a.lines...)...)
}

// gateways are the entrances behind which the application sees the request.
func gateways() []entrance {
	behindProxy := func(a attempt) string {
		a.lines = slices.Concat([]string{"X-Forwarded-For: " + a.client, "X-Forwarded-Proto: https"}, a.lines)
		return throughGateway(a)
	}
	return []entrance{
		{"gateway", strangerAddress, throughGateway, sameStatus, true},
		{"gateway behind a proxy", proxyAddress, behindProxy, sameStatus, true},
	}
}

// questions are the dialects of front proxies.
func questions() []entrance {
	forwarded := func(name string) entrance {
		return entrance{name, proxyAddress, func(a attempt) string {
			return requestBytes("GET", "/authz/"+name, append([]string{
				"Host: authly.internal", "X-Forwarded-Method: " + a.method, "X-Forwarded-Proto: https",
				"X-Forwarded-Host: " + a.host, "X-Forwarded-Uri: " + a.target, "X-Forwarded-For: " + a.client,
			}, a.lines...)...)
		}, sameStatus, false}
	}
	nginx := func(a attempt) string {
		return requestBytes("GET", "/authz/nginx", append([]string{
			"Host: authly.internal", "X-Original-Method: " + a.method, "X-Original-URL: https://" + a.host + a.target,
			"X-Forwarded-For: " + a.client,
		}, a.lines...)...)
	}
	nginxStatus := func(status int) int {
		if status == http.StatusUnauthorized {
			return status
		}
		return http.StatusForbidden
	}
	envoy := func(a attempt) string {
		return requestBytes(a.method, "/authz/envoy"+a.target, append([]string{
			"Host: " + a.host, "X-Forwarded-Proto: https", "X-Forwarded-For: " + a.client,
		}, a.lines...)...)
	}
	return []entrance{
		forwarded("traefik"), forwarded("caddy"), forwarded("haproxy"),
		{"nginx", proxyAddress, nginx, nginxStatus, false},
		{"envoy", proxyAddress, envoy, sameStatus, false},
	}
}

// entrances are all ways that lead past the rules.
func entrances() []entrance { return slices.Concat(gateways(), questions()) }

// everywhere is entrances and, for attempts that are about a token alone, one of Authly's own endpoints.
func everywhere() []entrance {
	endpoint := func(a attempt) string {
		return requestBytes("GET", "/users/me", append([]string{"Host: app.example.com"}, a.lines...)...)
	}
	return append(entrances(), entrance{"endpoint", strangerAddress, endpoint, sameStatus, false})
}

// identity is what an application learns of the caller: under each name in any spelling, the lines as they reach it.
func (r result) identity(e entrance) map[string][]string {
	said := map[string][]string{}
	for _, name := range identityHeaders() {
		said[name] = nil
		if e.proxies {
			said[name] = r.seen[0].lines(name)
			continue
		}
		for spelling, values := range r.header {
			if asCGI(spelling) == asCGI(name) {
				for _, value := range values {
					said[name] = append(said[name], spelling+": "+value)
				}
			}
		}
	}
	return said
}

func identityHeaders() []string {
	return []string{
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-User-Id",
		"Remote-User", "Remote-Email", "Remote-Groups",
	}
}

// wantIdentity checks that each identity header is there once and says who is calling. For name "" nobody is: an application
// then gets none of them, while the answer to a front proxy has them all, empty.
func (g *guarded) wantIdentity(t *testing.T, e entrance, r result, name, groups string) {
	t.Helper()
	email := ""
	if name != "" {
		email = name + "@example.com"
	}
	want := map[string]string{
		"X-Forwarded-User": name, "Remote-User": name, "X-Forwarded-Email": email, "Remote-Email": email,
		"X-Forwarded-Groups": groups, "Remote-Groups": groups, "X-Forwarded-User-Id": g.id[name],
	}
	for header, lines := range r.identity(e) {
		switch {
		case name == "" && e.proxies:
			if len(lines) != 0 {
				t.Errorf("%s: %q, want none", e.name, lines)
			}
		case len(lines) != 1 || strings.TrimSpace(lines[0]) != strings.TrimSpace(header+": "+want[header]):
			t.Errorf("%s: %q, want one %s: %s", e.name, lines, header, want[header])
		}
	}
}

// kindOf names a token's kind for the database.
func kindOf(refresh bool) authn.TokenKind {
	if refresh {
		return authn.RefreshToken
	}
	return authn.AccessToken
}
