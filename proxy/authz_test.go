package proxy_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
)

// authzAsked is an original request, as a front proxy got it.
type authzAsked struct {
	method, scheme, host, target, client string
	token                                string
	extra                                []string // further header lines of the check
}

// authzTongue is how a test speaks one dialect.
type authzTongue struct {
	name      string
	check     func(a authzAsked) (requestLine string, lines []string)
	required  []string // the headers that a check cannot do without
	malformed int      // the status for a question that makes no sense
	relayed   func(status int) int
}

func sameStatus(status int) int { return status }

// tongues are the five dialects.
func tongues() []authzTongue {
	xForwarded := func(name string) authzTongue {
		return authzTongue{
			name: name,
			check: func(a authzAsked) (string, []string) {
				return "GET /authz/" + name + " HTTP/1.1", []string{
					"Host: authly.internal",
					"X-Forwarded-Method: " + a.method,
					"X-Forwarded-Proto: " + a.scheme,
					"X-Forwarded-Host: " + a.host,
					"X-Forwarded-Uri: " + a.target,
					"X-Forwarded-For: " + a.client,
				}
			},
			required:  []string{"X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-For"},
			malformed: http.StatusBadRequest,
			relayed:   sameStatus,
		}
	}
	return []authzTongue{
		xForwarded("traefik"), xForwarded("caddy"), xForwarded("haproxy"),
		{
			name: "nginx",
			check: func(a authzAsked) (string, []string) {
				return "GET /authz/nginx HTTP/1.1", []string{
					"Host: authly.internal",
					"X-Original-Method: " + a.method,
					"X-Original-URL: " + a.scheme + "://" + a.host + a.target,
					"X-Forwarded-For: " + a.client,
				}
			},
			required:  []string{"X-Original-Method", "X-Original-URL", "X-Forwarded-For"},
			malformed: http.StatusForbidden,
			relayed: func(status int) int {
				if status == http.StatusUnauthorized {
					return status
				}
				return http.StatusForbidden
			},
		},
		{
			name: "envoy",
			check: func(a authzAsked) (string, []string) {
				return a.method + " /authz/envoy" + a.target + " HTTP/1.1", []string{
					"Host: " + a.host,
					"X-Forwarded-Proto: " + a.scheme,
					"X-Forwarded-For: " + a.client,
				}
			},
			required:  []string{"X-Forwarded-For"},
			malformed: http.StatusBadRequest,
			relayed:   sameStatus,
		},
	}
}

// eachDialect runs a test in every dialect, against a forward-auth listener of its own.
func eachDialect(t *testing.T, test func(t *testing.T, tongue authzTongue, rig *authzRig)) {
	t.Helper()
	for _, tongue := range tongues() {
		t.Run(tongue.name, func(t *testing.T) { test(t, tongue, newAuthzRig(t, authzConfig{})) })
	}
}

// authzConfig is what the tests vary.
type authzConfig struct {
	trusted string // network; default: the loopback
	general authn.Limit
	gateway bool // serve the gateway's handler instead of the forward-auth listener's
	usual   bool // leave the headers of all answers to net/http
	cors    *headers.CORS
	names   *headers.IdentityNames
	assert  assertFunc
}

// authzRig is a real listener in front of a real Gate.
type authzRig struct {
	address string
	log     *authzLog
}

func newAuthzRig(t *testing.T, c authzConfig) *authzRig {
	t.Helper()
	security, log := headers.NewSecurity(headers.DefaultSecurityConfig()), new(authzLog)
	names := headers.DefaultIdentityNames()
	if c.names != nil {
		names = *c.names
	}
	door, err := proxy.New(proxy.Config{
		Gate: authn.NewGate(authn.GateConfig{
			Routes: authzRoutes(), Authenticator: authzTokens{}, General: c.general, Now: time.Now,
		}),
		Trust:    headers.NewTrust([]netip.Prefix{netip.MustParsePrefix(cmp.Or(c.trusted, "127.0.0.0/8"))}),
		Names:    names,
		Security: security,
		Assert:   c.assert,
		CORS:     c.cors,
		Own:      http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "own") }),
		Owns:     func(_, path string) bool { return path == "/health" },
		Problem:  api.WriteProblem,
		Log:      slog.New(slog.NewJSONHandler(log, nil)),
		Now:      time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := door.ForwardAuth()
	if c.gateway {
		handler = door.Gateway()
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.DisableGeneralOptionsHandler = true // as cmd/authly must: net/http would answer "OPTIONS *" with 200
	if !c.gateway && !c.usual {
		server.Listener = proxy.ReadyConns(server.Config, server.Listener)
	}
	server.Start()
	t.Cleanup(server.Close)
	return &authzRig{address: server.Listener.Addr().String(), log: log}
}

func authzRoutes() []authn.Route {
	return []authn.Route{
		{Name: "office", Paths: []string{"/office/*"}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Access: authn.AllowPublic},
		{Name: "public", Paths: []string{"/public/*"}, Access: authn.AllowPublic},
		{Name: "admin", Paths: []string{"/admin/*"}, Access: authn.AllowListed, Roles: []string{"admin"}},
		{Name: "admin-host", Hosts: []string{"admin.example.com"}, Paths: []string{"/*"}, Access: authn.AllowListed, Roles: []string{"admin"}},
		{Name: "read", Paths: []string{"/read/*"}, Methods: []string{"GET"}, Access: authn.AllowAuthenticated},
		{Name: "app", Paths: []string{"/app/*"}, Access: authn.AllowAuthenticated, AllowPreflight: true},
		{Name: "told", Paths: []string{"/told/*"}, Access: authn.AllowPublic, AllowPreflight: true, Audience: "wiki"},
		{Name: "closed", Paths: []string{"/closed/*"}, Access: authn.AllowNobody},
	}
}

// authzTokens knows a few tokens. It is the one thing here that is not what serves.
type authzTokens struct{}

func (authzTokens) Authenticate(_ context.Context, c authn.Credentials) (*authn.Identity, error) {
	id := authn.Identity{UserID: uuid.MustParse("0190b6a8-0000-7000-8000-000000000001")}
	switch {
	case c.Kind == authn.NoCredential || c.Kind == authn.ForeignCredential:
		return nil, authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	case c.Token == "alice":
		id.Username, id.Email, id.Roles = "alice", "alice@example.com", []string{"staff", "reader"}
	case c.Token == "root":
		id.Username, id.Email, id.Roles = "root", "root@example.com", []string{"admin"}
	case c.Token == "zoe":
		id.Username, id.Email, id.Roles = "zoë 100%", "zoë@exämple.com", []string{"a b", "é"}
	case c.Token == "bare":
		id.Username = "bare"
	case c.Token == "crowd":
		id.Username, id.Roles = "crowd", slices.Repeat([]string{"role"}, 500)
	case c.Token == "down":
		return nil, authn.Fault(fmt.Errorf("ping: %w", authn.ErrUnavailable))
	default:
		return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
	}
	return &id, nil
}

// ask sends a check with the lines of the dialect, and whatever the test adds or takes away.
func (rig *authzRig) ask(t *testing.T, tongue authzTongue, a authzAsked, edit ...func([]string) []string) *http.Response {
	t.Helper()
	a.method, a.scheme = cmp.Or(a.method, "GET"), cmp.Or(a.scheme, "https")
	a.host, a.client = cmp.Or(a.host, "app.example.com"), cmp.Or(a.client, "203.0.113.7")
	requestLine, lines := tongue.check(a)
	if a.token != "" {
		lines = append(lines, "Authorization: Bearer "+a.token)
	}
	lines = append(lines, a.extra...)
	for _, e := range edit {
		lines = e(lines)
	}
	return rig.send(t, requestLine, lines)
}

// send writes a request byte for byte and reads the answer, body included.
func (rig *authzRig) send(t *testing.T, requestLine string, lines []string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", rig.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	raw := requestLine + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(requestLine, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", requestLine, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body = io.NopCloser(strings.NewReader(string(body)))
	return response
}

// wantPermission fails unless the answer is a permission in the name of user, "" being anonymous.
func wantPermission(t *testing.T, response *http.Response, user string) {
	t.Helper()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %d %s, want 200", response.StatusCode, response.Header.Get("X-Authly-Reason"))
	}
	if body, _ := io.ReadAll(response.Body); len(body) != 0 {
		t.Errorf("a permission has a body of %d bytes", len(body))
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	for _, name := range []string{"X-Forwarded-User", "Remote-User"} {
		if got := response.Header[http.CanonicalHeaderKey(name)]; !slices.Equal(got, []string{user}) {
			t.Errorf("%s is %q, want %q once", name, got, user)
		}
	}
	for _, name := range []string{"X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-User-Id", "Remote-Email", "Remote-Groups", "X-Authly-Assertion"} {
		got := response.Header[name]
		if len(got) != 1 || user == "" && got[0] != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
	size := 0
	for name, values := range response.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	if size >= 4096 {
		t.Errorf("the headers are %d bytes", size)
	}
}

// wantRefusal fails unless the answer is a refusal of that status and reason which names nobody.
func wantRefusal(t *testing.T, response *http.Response, status int, reason authn.Code) {
	t.Helper()
	if got := authn.Code(response.Header.Get("X-Authly-Reason")); response.StatusCode != status || got != reason {
		t.Errorf("got %d %s, want %d %s", response.StatusCode, got, status, reason)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	if challenge := response.Header.Get("WWW-Authenticate"); (challenge != "") != (status == http.StatusUnauthorized) {
		t.Errorf("%d has WWW-Authenticate %q", status, challenge)
	}
	for name := range response.Header {
		if headers.DefaultIdentityNames().IsIdentity(name) && name != "X-Authly-Reason" {
			t.Errorf("a refusal has %s", name)
		}
	}
}

// authzLog collects log lines.
type authzLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *authzLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *authzLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// without, emptied, doubled and replaced change the line of one header of a check.
func without(name string) func([]string) []string {
	return func(lines []string) []string {
		return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+":") })
	}
}

func replaced(name, value string) func([]string) []string {
	return func(lines []string) []string { return append(without(name)(lines), name+": "+value) }
}

func doubled(name, value string) func([]string) []string {
	return func(lines []string) []string { return append(lines, name+": "+value) }
}
