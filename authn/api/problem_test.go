package api_test

import (
	"context"
	"database/sql"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/headers"
)

// statuses is what every code means in HTTP.
var statuses = map[authn.Code]int{
	authn.CodeInvalidRequest: 400, authn.CodeUnsupportedGrantType: 400, authn.CodeAmbiguousPath: 400, authn.CodeBadRequestLine: 400,
	authn.CodeInvalidGrant: 401, authn.CodeInvalidClient: 401, authn.CodeInvalidCredentials: 401, authn.CodeNoCredentials: 401,
	authn.CodeForbidden: 403, authn.CodeAccountInactive: 403, authn.CodeAccountUnverified: 403, authn.CodeTooManySessions: 403, authn.CodeNoRoute: 403,
	authn.CodeUntrustedPeer: 403, authn.CodeOriginRefused: 403,
	authn.CodeNotFound: 404, authn.CodeMethodNotAllowed: 405, authn.CodeBadMethod: 405, authn.CodeConflict: 409, authn.CodeChanged: 409,
	authn.CodeTooLarge: 413, authn.CodeUnsupportedMediaType: 415, authn.CodeRateLimited: 429, authn.CodeLocked: 429, authn.CodeDelayed: 429,
	authn.CodeClientGone: 499, authn.CodeInternal: 500, authn.CodeUpstreamDown: 502, authn.CodeUnavailable: 503, authn.CodeOverloaded: 503,
	authn.CodeUpstreamSlow: 504,
}

// written answers a request with an error.
func written(t *testing.T, err error) (answer, *headers.Exchange) {
	x := &headers.Exchange{ID: requestID}
	r := httptest.NewRequest("GET", "/", nil)
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Length", "7") // left by an answer that did not come about
	rec.Header().Set("ETag", `"x"`)
	api.WriteProblem(rec, r.WithContext(headers.WithExchange(r.Context(), x)), err)
	return answer{t, rec.Code, rec.Header(), rec.Body.Bytes()}, x
}

func TestEveryCodeHasItsStatus(t *testing.T) {
	for code, status := range statuses {
		t.Run(string(code), func(t *testing.T) {
			a, x := written(t, authn.Refuse(code, "Something"))
			p := a.refused(status, "Something")
			if p.Code != string(code) || x.Reason != string(code) || p.Error != "" {
				t.Errorf("code %q, reason %q, error %q", p.Code, x.Reason, p.Error)
			}
			if got := a.header.Get("Content-Length"); got != strconv.Itoa(len(a.body)) || a.header.Get("ETag") != "" {
				t.Errorf("Content-Length %s of %d, ETag %q", got, len(a.body), a.header.Get("ETag"))
			}
			waits := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
			if waits != (a.header.Get("Retry-After") == "1") {
				t.Errorf("Retry-After %q on %d", a.header.Get("Retry-After"), status)
			}
			if (status == http.StatusMethodNotAllowed) != (a.header.Get("Allow") != "") {
				t.Errorf("Allow %q on %d", a.header.Get("Allow"), status)
			}
			if sent := code == authn.CodeInvalidCredentials; sent != strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				t.Errorf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// A code that is added to authn must be given a status.
func TestNoCodeIsForgotten(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		found++
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if statuses[authn.Code(value)] == 0 {
			t.Errorf("%s has no status", spec.Names[0].Name)
		}
		return true
	})
	if found != len(statuses) {
		t.Errorf("errors.go has %d codes, the table %d", found, len(statuses))
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		0: "1", time.Nanosecond: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90", -time.Hour: "1",
	} {
		for _, code := range []authn.Code{authn.CodeLocked, authn.CodeDelayed, authn.CodeRateLimited, authn.CodeUnavailable} {
			a, _ := written(t, &authn.Error{Code: code, RetryAfter: wait})
			if got := a.header.Get("Retry-After"); got != want {
				t.Errorf("%s, %v: Retry-After %s, want %s", code, wait, got, want)
			}
			if a.header.Get("RateLimit") != "" {
				t.Errorf("%s: RateLimit without a limit", code)
			}
		}
	}
	limited := &authn.Error{Code: authn.CodeRateLimited, RetryAfter: 1500 * time.Millisecond, Limits: []authn.Level{
		{Name: "one", Limit: authn.Limit{Requests: 7, Per: 90 * time.Second}, Wait: 1500 * time.Millisecond},
		{Name: "two", Limit: authn.Limit{Requests: 50, Per: time.Hour}, Remaining: 3},
	}}
	a, _ := written(t, limited)
	if got := a.header.Get("RateLimit-Policy") + " " + a.header.Get("RateLimit"); got != `"one";q=7;w=90, "two";q=50;w=3600 "one";r=0;t=2, "two";r=3` {
		t.Errorf("RateLimit-Policy and RateLimit are %s", got)
	}
}

func TestUnknownErrorIsSilent(t *testing.T) {
	for name, err := range map[string]error{
		"any error":     errors.New("dial tcp 10.1.2.3: marked-secret"),
		"end of file":   io.EOF,
		"wrapped fault": authn.Fault(errors.New("marked-secret")),
	} {
		t.Run(name, func(t *testing.T) {
			a, x := written(t, err)
			if p := a.refused(500, "Internal server error"); p.Code != "internal" || x.Reason != "internal" {
				t.Errorf("code %q, reason %q", p.Code, x.Reason)
			}
			if strings.Contains(string(a.body), "marked-secret") {
				t.Errorf("the answer tells the cause: %s", a.body)
			}
		})
	}
	a, _ := written(t, &authn.Error{Code: authn.CodeForbidden, Detail: "No", Cause: errors.New("marked-secret")})
	if a.refused(403, "No"); strings.Contains(string(a.body), "marked-secret") {
		t.Errorf("the answer tells the cause: %s", a.body)
	}
}

// A database of which something is missing: never a way in, and one line in the log that says what it was.
func TestFaultOfTheDatabase(t *testing.T) {
	url := sqliteURL(t)
	s := start(t, url, options{})
	s.add(t, "alice")
	session := s.login(t, "alice")
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite://"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s.call(t, "GET", "/users/me", session.Access, "").want(200)
	if _, err := db.Exec("ALTER TABLE users RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	s.call(t, "GET", "/users/me", session.Access, "").refused(500, "Internal server error")
	if got := strings.Count(s.log.String(), "level=ERROR"); got != 1 || !strings.Contains(s.log.String(), "request_id="+requestID) {
		t.Errorf("%d errors are logged, want one with the request id:\n%s", got, s.log)
	}
	p := s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).refused(500, "Internal server error")
	if p.Error != "server_error" {
		t.Errorf("error %q", p.Error)
	}
	for _, secret := range []string{goodPassword, session.Access, session.Refresh} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("the log holds a password or a token")
		}
	}
	if _, err := db.Exec("ALTER TABLE elsewhere RENAME TO users"); err != nil {
		t.Fatal(err)
	}
	s.call(t, "GET", "/users/me", session.Access, "").want(200)
}

// A client that hangs up is no fault of anybody's, and does not look like one.
func TestClientGone(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	session := s.login(t, "alice")
	for _, gone := range []bool{false, true} {
		x := &headers.Exchange{ID: requestID}
		ctx, cancel := context.WithCancel(headers.WithExchange(t.Context(), x))
		defer cancel()
		r := httptest.NewRequest("GET", "/users/me", nil).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer "+session.Access)
		want := http.StatusOK
		if gone {
			cancel()
			want = 499
		}
		rec := httptest.NewRecorder()
		s.api.ServeHTTP(rec, r)
		if rec.Code != want || gone != (x.Reason == "client_gone") || strings.Contains(s.log.String(), "level=ERROR") {
			t.Errorf("gone %v: status %d, reason %q, log:\n%s", gone, rec.Code, x.Reason, s.log)
		}
	}
}

// A database that is not there any more: 503 wherever it is needed, and the rest goes on.
func TestDatabaseGone(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		alice := s.add(t, "alice")
		session := s.login(t, "alice")
		a := s.call(t, "GET", "/health", "", "").want(200)
		if string(a.body) != `{"status":"healthy","database":"connected"}` {
			t.Errorf("health is %s", a.body)
		}
		if err := s.store.Close(); err != nil {
			t.Fatal(err)
		}
		a = s.call(t, "GET", "/health", "", "").want(503)
		if string(a.body) != `{"status":"unhealthy","database":"disconnected"}` || a.header.Get("Retry-After") != "1" {
			t.Errorf("health is %s, Retry-After %q", a.body, a.header.Get("Retry-After"))
		}
		for _, c := range []struct{ method, path, body string }{
			{"POST", "/auth/token", grantOf("alice", goodPassword)},
			{"POST", "/auth/refresh", refreshOf(session.Refresh)},
			{"POST", "/auth/logout", ""},
			{"POST", "/auth/logout", `{"scope":"session"}`},
			{"GET", "/auth/sessions", ""},
			{"DELETE", "/auth/sessions", ""},
			{"DELETE", "/auth/sessions/" + alice.ID.String(), ""},
			{"GET", "/users/" + alice.ID.String() + "/sessions", ""},
			{"POST", "/users/", registration("new", "new@example.com", goodPassword)},
			{"GET", "/users/", ""},
			{"GET", "/users/me", ""},
			{"PUT", "/users/" + alice.ID.String(), "{}"},
			{"DELETE", "/users/" + alice.ID.String(), ""},
		} {
			a := s.call(t, c.method, c.path, session.Access, c.body)
			if p := a.refused(503, "Service unavailable"); p.Code != "unavailable" || a.header.Get("Retry-After") != "1" {
				t.Errorf("%s %s: code %q, Retry-After %q", c.method, c.path, p.Code, a.header.Get("Retry-After"))
			}
		}
		for _, path := range []string{"/auth/revoke", "/auth/introspect"} {
			if p := s.asClient(t, path, "token="+session.Access).refused(503, "Service unavailable"); p.Error != "temporarily_unavailable" {
				t.Errorf("%s: error %q", path, p.Error)
			}
		}
		s.call(t, "GET", "/.well-known/jwks.json", "", "").want(200)
		s.call(t, "GET", "/docs", "", "").want(200)
	})
}
