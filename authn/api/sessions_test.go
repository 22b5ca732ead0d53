package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// session is a session as clients see one.
type session struct {
	ID            string  `json:"id"`
	CreatedAt     string  `json:"created_at"`
	LastSeenAt    string  `json:"last_seen_at"`
	ExpiresAt     *string `json:"expires_at"`
	ClientAddress string  `json:"client_address"`
	UserAgent     string  `json:"user_agent"`
	Label         string  `json:"label"`
	Country       string  `json:"country"`
	City          string  `json:"city"`
	Current       bool    `json:"current"`
}

// ended is the answer to ending many sessions, a logout among them.
type ended struct {
	Message string `json:"message"`
	N       int    `json:"invalidated_tokens"`
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

// loginWith logs a user in with a device that says what it is.
func (s *server) loginWith(t *testing.T, name, agent string) tokens {
	t.Helper()
	var got tokens
	s.do(t, request{method: "POST", path: "/auth/token", body: grantOf(name, goodPassword),
		header: http.Header{"User-Agent": {agent}}}).want(200).into(&got)
	return got
}

// sessions lists sessions with a token.
func (s *server) sessions(t *testing.T, path, token string) []session {
	t.Helper()
	var got []session
	a := s.call(t, "GET", path, token, "").want(200)
	if cc := a.header.Get("Cache-Control"); cc != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", cc)
	}
	a.into(&got)
	return got
}

// claim reads a claim that is text.
func claim(t *testing.T, token, name string) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	text, ok := claims[name].(string)
	if !ok || text == "" {
		t.Fatalf("the token has no claim %s", name)
	}
	return text
}

// dead fails the test unless both tokens of a pair are refused; lives unless both work, the refresh token being spent.
func (s *server) dead(t *testing.T, pair tokens) {
	t.Helper()
	s.call(t, "GET", "/users/me", pair.Access, "").refused(401, "Could not validate credentials")
	s.call(t, "POST", "/auth/refresh", "", refreshOf(pair.Refresh)).refused(401, "Token is invalid or expired")
}

func (s *server) lives(t *testing.T, pair tokens) {
	t.Helper()
	s.call(t, "GET", "/users/me", pair.Access, "").want(200)
	s.call(t, "POST", "/auth/refresh", "", refreshOf(pair.Refresh)).want(200)
}

func TestListSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{sessions: authn.SessionPolicy{IdleTimeout: 24 * time.Hour}})
		s.addAdmin(t, "root")
		alice := s.add(t, "alice")
		s.add(t, "bob")
		s.login(t, "bob")
		first := s.loginWith(t, "alice", firefox)
		s.clock.advance(20 * time.Minute)
		second := s.loginWith(t, "alice", `curl/8.5.0 <script>alert(1)</script>`)

		a := s.call(t, "GET", "/auth/sessions", first.Access, "").want(200)
		if strings.Contains(string(a.body), "<") {
			t.Errorf("the answer holds what a page could take for an element: %s", a.body)
		}
		end := func(at string) *string { return &at }
		want := []session{
			{claim(t, second.Access, "sid"), "2026-03-01T12:20:00Z", "2026-03-01T12:20:00Z", end("2026-03-02T12:20:00Z"),
				"192.0.2.1", "curl/8.5.0 <script>alert(1)</script>", "curl", "", "", false},
			{claim(t, first.Access, "sid"), "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", end("2026-03-02T12:00:00Z"),
				"192.0.2.1", firefox, "Firefox on Linux", "", "", true},
		}
		wantSessions(t, s.sessions(t, "/auth/sessions", first.Access), want)
		wantSessions(t, s.sessions(t, "/users/"+alice.ID.String()+"/sessions", first.Access), want)
		want[1].Current = false
		wantSessions(t, s.sessions(t, "/users/"+alice.ID.String()+"/sessions", s.login(t, "root").Access), want)
		want[0].Current = true
		wantSessions(t, s.sessions(t, "/auth/sessions", second.Access), want)
	})
}

// A session without a bound never expires, and one that is past its bound is not there.
func TestListSessionsExpiry(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		url := open(t)
		s := start(t, url, options{})
		s.add(t, "alice")
		old := s.login(t, "alice")
		if got := s.sessions(t, "/auth/sessions", old.Access); len(got) != 1 || got[0].ExpiresAt != nil {
			t.Errorf("the sessions are %+v, want one that never expires", got)
		}
		s = start(t, url, options{sessions: authn.SessionPolicy{MaxLifetime: time.Hour}})
		s.clock.advance(time.Hour)
		if got := s.sessions(t, "/auth/sessions", s.login(t, "alice").Access); len(got) != 1 || !got[0].Current {
			t.Errorf("the sessions are %+v, want the current one alone", got)
		}
	})
}

func wantSessions(t *testing.T, got, want []session) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d sessions, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.ExpiresAt == nil || *g.ExpiresAt != *w.ExpiresAt {
			t.Errorf("session %d expires at %v, want %s", i, g.ExpiresAt, *w.ExpiresAt)
		}
		g.ExpiresAt, w.ExpiresAt = nil, nil
		if g != w {
			t.Errorf("session %d is\n%+v, want\n%+v", i, g, w)
		}
	}
}

// An ended session takes its access and refresh token with it at once, and no other.
func TestEndSession(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		alice := s.add(t, "alice")
		root := s.login(t, "root").Access
		for name, by := range map[string]func(mine tokens, id string) answer{
			"own": func(mine tokens, id string) answer {
				return s.call(t, "DELETE", "/auth/sessions/"+id, mine.Access, "")
			},
			"own, by the user's address": func(mine tokens, id string) answer {
				return s.call(t, "DELETE", "/users/"+alice.ID.String()+"/sessions/"+id, mine.Access, "")
			},
			"administrator": func(_ tokens, id string) answer {
				return s.call(t, "DELETE", "/users/"+alice.ID.String()+"/sessions/"+id, root, "")
			},
		} {
			t.Run(name, func(t *testing.T) {
				mine, other := s.login(t, "alice"), s.login(t, "alice")
				id := claim(t, other.Access, "sid")
				if a := by(mine, id).want(204); len(a.body) != 0 {
					t.Errorf("204 with the body %s", a.body)
				}
				s.dead(t, other)
				by(mine, id).refused(404, "Session not found")
				s.lives(t, mine)
			})
		}
		t.Run("the current one", func(t *testing.T) {
			mine := s.login(t, "alice")
			s.call(t, "DELETE", "/auth/sessions/"+claim(t, mine.Access, "sid"), mine.Access, "").want(204)
			s.dead(t, mine)
		})
	})
}

// A refresh goes on with the session: its tokens die with it too.
func TestEndSessionAfterRefresh(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		mine, first := s.login(t, "alice"), s.login(t, "alice")
		var next tokens
		s.call(t, "POST", "/auth/refresh", "", refreshOf(first.Refresh)).want(200).into(&next)
		if claim(t, next.Access, "sid") != claim(t, first.Access, "sid") {
			t.Error("a refresh changes the session")
		}
		if got := s.sessions(t, "/auth/sessions", next.Access); len(got) != 2 {
			t.Errorf("%d sessions, want 2", len(got))
		}
		s.call(t, "DELETE", "/auth/sessions/"+claim(t, first.Access, "sid"), mine.Access, "").want(204)
		s.call(t, "GET", "/users/me", first.Access, "").refused(401, "Could not validate credentials")
		s.dead(t, next)
	})
}

// What is no living session of the user that is meant is not there, and to strangers the user is not there either.
func TestSessionsNotFound(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		alice, bob := s.add(t, "alice"), s.add(t, "bob")
		mine, bobs, root := s.login(t, "alice"), s.login(t, "bob"), s.login(t, "root")
		id, bobsID := claim(t, mine.Access, "sid"), claim(t, bobs.Access, "sid")
		ofAlice, ofBob, ofNobody := "/users/"+alice.ID.String(), "/users/"+bob.ID.String(), "/users/"+uuid.NewString()

		for _, wrong := range []string{bobsID, uuid.NewString(), uuid.Nil.String(), "x", "0", "null", strings.ReplaceAll(id, "-", ""),
			"{" + id + "}", "urn:uuid:" + id, strings.Repeat("a", 5000)} {
			wrong = url.PathEscape(wrong)
			s.call(t, "DELETE", "/auth/sessions/"+wrong, mine.Access, "").refused(404, "Session not found")
			s.call(t, "DELETE", ofAlice+"/sessions/"+wrong, mine.Access, "").refused(404, "Session not found")
			s.call(t, "DELETE", ofAlice+"/sessions/"+wrong, root.Access, "").refused(404, "Session not found")
			s.call(t, "DELETE", ofBob+"/sessions/"+wrong, mine.Access, "").refused(404, "User not found")
		}
		for _, user := range []string{ofBob, ofNobody, "/users/x", "/users/me"} {
			s.call(t, "GET", user+"/sessions", mine.Access, "").refused(404, "User not found")
			s.call(t, "DELETE", user+"/sessions", mine.Access, "").refused(404, "User not found")
			s.call(t, "DELETE", user+"/sessions/"+id, mine.Access, "").refused(404, "User not found")
		}
		for _, user := range []string{ofNobody, "/users/x"} {
			s.call(t, "GET", user+"/sessions", root.Access, "").refused(404, "User not found")
			s.call(t, "DELETE", user+"/sessions", root.Access, "").refused(404, "User not found")
			s.call(t, "DELETE", user+"/sessions/"+id, root.Access, "").refused(404, "User not found")
		}
		s.call(t, "DELETE", "/auth/sessions/", mine.Access, "").refused(404, "Not found")
		s.call(t, "DELETE", "/auth/sessions/"+id+"/", mine.Access, "").refused(404, "Not found")
		s.lives(t, mine)
		s.lives(t, bobs)
	})
}

func TestEndAllSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		alice := s.add(t, "alice")
		s.add(t, "bob")
		bobs, root := s.login(t, "bob"), s.login(t, "root")
		ofAlice := "/users/" + alice.ID.String() + "/sessions"

		for _, path := range []string{"/auth/sessions", ofAlice} {
			mine, others := s.login(t, "alice"), []tokens{s.login(t, "alice"), s.login(t, "alice")}
			s.call(t, "DELETE", path, mine.Access, "").want(200).wantEnded("Sessions ended", 4)
			s.call(t, "DELETE", path, mine.Access, "").want(200).wantEnded("Sessions ended", 0)
			for _, other := range others {
				s.dead(t, other)
			}
			s.lives(t, mine)
			s.call(t, "DELETE", ofAlice, root.Access, "").want(200)
			s.call(t, "GET", "/users/me", mine.Access, "").refused(401, "Could not validate credentials")
		}
		s.lives(t, bobs)
		s.lives(t, root)
	})
}

// wantEnded fails the test unless the answer says so of so many tokens.
func (a answer) wantEnded(message string, n int) {
	a.t.Helper()
	var got ended
	a.into(&got)
	if got.Message != message || got.N != n {
		a.t.Errorf("message %q, invalidated_tokens %d, want %q, %d", got.Message, got.N, message, n)
	}
}

func TestLogoutScope(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		for _, body := range []string{"", "{}", `{"scope":"all"}`} {
			mine, other := s.login(t, "alice"), s.login(t, "alice")
			s.call(t, "POST", "/auth/logout", mine.Access, body).want(200).wantEnded("Successfully logged out", 4)
			s.dead(t, mine)
			s.dead(t, other)
		}
		mine, other := s.login(t, "alice"), s.login(t, "alice")
		for body, detail := range map[string]string{
			`{"scope":"ALL"}`:                   "Invalid field: scope must be all or session",
			`{"scope":""}`:                      "Invalid field: scope must be all or session",
			`{"scope":"device"}`:                "Invalid field: scope must be all or session",
			`{"scope":null}`:                    "Invalid field: scope must be a string",
			`{"scope":["session"]}`:             "Invalid field: scope must be a string",
			`{"scope":"session","scope":"all"}`: "Repeated field: scope",
		} {
			if p := s.call(t, "POST", "/auth/logout", mine.Access, body).refused(400, detail); p.Field != "scope" {
				t.Errorf("%s: field %q, want scope", body, p.Field)
			}
		}
		s.do(t, request{method: "POST", path: "/auth/logout", token: mine.Access, body: "scope=session",
			contentType: "application/x-www-form-urlencoded"}).refused(415, "Unsupported content type")
		s.call(t, "GET", "/users/me", mine.Access, "").want(200)
		before := strings.Count(s.log.String(), `event=logout`)
		s.call(t, "POST", "/auth/logout", mine.Access, `{"scope":"session"}`).want(200).wantEnded("Successfully logged out", 2)
		s.dead(t, mine)
		s.lives(t, other)
		if told := strings.Count(s.log.String(), `event=logout`) - before; told != 1 {
			t.Errorf("the log tells of %d sessions that ended, want 1", told)
		}
	})
}

// One session more than there may be is refused, with the right password alone.
func TestTooManySessions(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{sessions: authn.SessionPolicy{MaxPerUser: 1}})
		s.add(t, "alice")
		s.add(t, "bob")
		mine := s.login(t, "alice")
		s.login(t, "bob")
		p := s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).refused(403, "Too many sessions. End one of them first.")
		if p.Code != "too_many_sessions" || p.Error != "invalid_grant" {
			t.Errorf("code %q, error %q", p.Code, p.Error)
		}
		if !strings.Contains(s.log.String(), `msg=audit audit_id=7 event=login_failed outcome=failure actor=anonymous reason=too_many_sessions`) {
			t.Error("the log does not tell why")
		}
		s.call(t, "POST", "/auth/token", "", grantOf("alice", "wrong password")).refused(401, "Incorrect username or password")
		s.call(t, "POST", "/auth/logout", mine.Access, `{"scope":"session"}`).want(200)
		s.lives(t, s.login(t, "alice"))
	})
}
