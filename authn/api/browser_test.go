package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// cookieGrant is the body of a login for a cookie, and whatever other members follow.
func cookieGrant(name, password, more string) string {
	return strings.TrimSuffix(grantOf(name, password), "}") + `,"cookie":true` + more + "}"
}

// cookieOf returns the session cookie that an answer sets; nil: none.
func (a answer) cookieOf() *http.Cookie {
	a.t.Helper()
	lines := a.header["Set-Cookie"]
	if len(lines) == 0 {
		return nil
	}
	cookie, err := http.ParseSetCookie(lines[0])
	if err != nil || len(lines) > 1 || len("Set-Cookie: "+lines[0]) >= 200 {
		a.t.Fatalf("%d cookies: %v", len(lines), err)
	}
	return cookie
}

// by is a request with a cookie.
func by(c *http.Cookie, method, path, body string) request {
	return request{method: method, path: path, body: body, header: http.Header{"Cookie": {c.Name + "=" + c.Value}}}
}

// from is a login for a cookie that a browser sends with such headers.
func (s *server) from(t *testing.T, body string, pairs ...string) answer {
	t.Helper()
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return s.do(t, request{method: "POST", path: "/auth/token", body: body, header: h})
}

type browserSession struct {
	ExpiresAt  time.Time `json:"expires_at"`
	Remembered bool      `json:"remembered"`
}

// A page's script signs its browser in and is given nothing that it could lose.
func TestCookieInPlaceOfTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{rememberFor: 720 * time.Hour, sessions: authn.SessionPolicy{MaxLifetime: 1000 * time.Hour}})
		alice := s.add(t, "alice")
		a := s.from(t, cookieGrant("alice", goodPassword, "")).want(200)
		var session browserSession
		a.into(&session)
		cookie := a.cookieOf()
		if cookie == nil || cookie.Name != "__Host-authly" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
			cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 0 || !authn.IsCookieValue(cookie.Value) {
			t.Fatalf("cookie %+v", cookie)
		}
		if strings.Contains(string(a.body), "token") || strings.Contains(string(a.body), cookie.Value) || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s, Cache-Control %q", a.body, a.header.Get("Cache-Control"))
		}
		if session.Remembered || !session.ExpiresAt.Equal(s.clock.Now().Add(1000*time.Hour)) {
			t.Errorf("%+v", session)
		}
		var me user
		s.do(t, by(cookie, "GET", "/users/me", "")).want(200).into(&me)
		if me.ID != alice.ID.String() {
			t.Errorf("it is %+v", me)
		}
		s.call(t, "GET", "/users/me", cookie.Value, "").refused(401, "Could not validate credentials")

		kept := s.from(t, cookieGrant("alice", goodPassword, `,"remember":true`)).want(200)
		kept.into(&session)
		if c := kept.cookieOf(); c.MaxAge != int(720*time.Hour/time.Second) || !session.Remembered || !session.ExpiresAt.Equal(s.clock.Now().Add(720*time.Hour)) {
			t.Errorf("remembered: %+v, %+v", c, session)
		}

		// A browser that signs in anew leaves its session behind, whosever it was.
		s.add(t, "bob")
		next := s.from(t, cookieGrant("bob", goodPassword, ""), "Cookie", cookie.Name+"="+cookie.Value).want(200).cookieOf()
		s.do(t, by(cookie, "GET", "/users/me", "")).refused(401, "The session has ended")
		s.do(t, by(next, "GET", "/users/me", "")).want(200)

		// A logout takes the cookie away, and the others of the same user live on if the scope is this session.
		other := s.from(t, cookieGrant("bob", goodPassword, "")).want(200).cookieOf()
		out := s.do(t, by(next, "POST", "/auth/logout", `{"scope":"session"}`)).want(200)
		if gone := out.cookieOf(); gone == nil || gone.Name != next.Name || gone.Value != "" || gone.MaxAge >= 0 {
			t.Errorf("a logout sets %+v", gone)
		}
		s.do(t, by(next, "GET", "/users/me", "")).refused(401, "The session has ended")
		s.do(t, by(other, "GET", "/users/me", "")).want(200)
		s.do(t, by(other, "POST", "/auth/logout", "")).want(200)
		s.do(t, by(other, "GET", "/users/me", "")).refused(401, "The session has ended")
	})
}

// A page of another origin signs nobody's browser in: not as itself, so that what is typed next is the attacker's to read.
func TestCookieIsForPagesThatMayHaveIt(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	const foreign, crossSite = "A page of this origin may not sign a browser in", "Browsers keep no session cookie for a page of another site"
	for name, c := range map[string]struct {
		sent   []string
		reason string // empty: it may
	}{
		"a program":                               {nil, ""},
		"the own origin":                          {[]string{"Origin", loginOrigin, "Sec-Fetch-Site", "same-origin"}, ""},
		"the own origin, an old browser":          {[]string{"Origin", loginOrigin}, ""},
		"an allowed origin":                       {[]string{"Origin", allowedOrigin, "Sec-Fetch-Site", "same-site"}, ""},
		"an allowed origin, an old browser":       {[]string{"Origin", allowedOrigin}, ""},
		"an allowed origin of another site":       {[]string{"Origin", allowedOrigin, "Sec-Fetch-Site", "cross-site"}, crossSite},
		"a neighbour":                             {[]string{"Origin", "https://evil.example.com", "Sec-Fetch-Site", "same-site"}, foreign},
		"a stranger":                              {[]string{"Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"}, foreign},
		"a stranger, an old browser":              {[]string{"Origin", "https://evil.test"}, foreign},
		"nobody":                                  {[]string{"Origin", "null"}, foreign},
		"without Origin":                          {[]string{"Sec-Fetch-Site", "cross-site"}, foreign},
		"the allowed origin over http":            {[]string{"Origin", "http://app.example.com"}, foreign},
		"an origin that looks like it":            {[]string{"Origin", "https://app.example.com.evil.test"}, foreign},
		"two origins, the first is the right one": {[]string{"Origin", loginOrigin, "Origin", "https://evil.test"}, foreign},
	} {
		t.Run(name, func(t *testing.T) {
			for _, password := range []string{goodPassword, "wrong password"} { // a stranger does not learn which
				a := s.from(t, cookieGrant("alice", password, ""), c.sent...)
				switch {
				case c.reason == "" && password == goodPassword:
					if a.want(200).cookieOf() == nil {
						t.Error("no cookie")
					}
				case c.reason != "":
					p := a.problem(403)
					if p.Code != "cross_origin_denied" || p.Error != "invalid_request" || !strings.HasPrefix(p.Detail, c.reason) || a.cookieOf() != nil {
						t.Errorf("%+v", p)
					}
				}
			}
			// Tokens, which browsers do not send by themselves, are another matter: CORS keeps them from such a page.
			s.from(t, grantOf("alice", goodPassword), c.sent...).want(200)
		})
	}
}

// Whatever keeps somebody from tokens keeps them from a cookie, in the same words.
func TestCookieIsNoWayAround(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		s.disable(t, s.add(t, "gone"))
		s.create(t, authn.NewAccount{Registration: authn.Registration{Username: "new", Email: "new@example.com", Password: goodPassword}})
		same := func(name, password string, status int) {
			t.Helper()
			tokens, cookie := s.from(t, grantOf(name, password)).want(status), s.from(t, cookieGrant(name, password, "")).want(status)
			if string(tokens.body) != string(cookie.body) || cookie.cookieOf() != nil || tokens.problem(status).Error == "" ||
				tokens.header.Get("Www-Authenticate") != cookie.header.Get("Www-Authenticate") {
				t.Errorf("%s: %s and %s", name, tokens.body, cookie.body)
			}
		}
		same("nobody", goodPassword, 401)
		same("gone", goodPassword, 403)
		same("new", goodPassword, 403)
		same("alice", "wrong password", 401)
		for range 3 {
			s.from(t, cookieGrant("alice", "wrong password", "")).want(401)
		}
		same("alice", goodPassword, 429) // failures by either way count together
		s.clock.advance(5*time.Minute + time.Second)
		s.from(t, cookieGrant("alice", goodPassword, "")).want(200)
	})
}

// On a host of another domain the cookie of the login page is nobody's: whoever asks for it there is told, and not left with it.
func TestCookieIsOfTheLoginPage(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	for host, there := range map[string]bool{"example.net": true, "app.example.net": true, "login.example.com": false, "notexample.net": false} {
		s.host = host
		a := s.from(t, cookieGrant("alice", goodPassword, ""))
		if !there {
			a.want(200)
			continue
		}
		p := a.refused(400, "This host is in another domain than the login page's, and has its session from there: lead people to it, or ask for tokens")
		if p.Field != "cookie" || a.cookieOf() != nil {
			t.Errorf("%s: %+v", host, p)
		}
		s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).want(200) // tokens are good anywhere
	}
}

// Away from the host of the public URL a cookie shows who somebody is, and signs out; it changes nothing, and nobody is an administrator.
// Tokens are as good there as anywhere.
func TestCookieAwayFromHome(t *testing.T) {
	s := start(t, sqliteURL(t), options{publicURL: "https://login.example.com"})
	s.addAdmin(t, "root")
	cookie := s.from(t, cookieGrant("root", goodPassword, "")).want(200).cookieOf()
	var me user
	s.do(t, by(cookie, "GET", "/users/me", "")).want(200).into(&me)
	const elsewhere = "By the session cookie this is done at "
	for _, c := range []struct {
		method, path, body string
		home, away         int
	}{
		{"GET", "/users/me", "", 200, 200}, {"GET", "/auth/sessions", "", 200, 200},
		{"GET", "/users", "", 200, 403}, {"GET", "/audit", "", 200, 403},
		{"PUT", "/users/" + me.ID, `{"username":"boss"}`, 200, 403},
		{"DELETE", "/auth/sessions", "", 200, 403}, {"DELETE", "/users/" + me.ID, "", 403, 403}, // their own is theirs with the password
		{"POST", "/auth/logout", `{"scope":"session"}`, 0, 200},
	} {
		for host, want := range map[string]int{"app.example.com": c.away, "": c.home} {
			if s.host = host; want == 0 {
				continue
			}
			if a := s.do(t, by(cookie, c.method, c.path, c.body)); a.status != want || a.status == 403 && host != "" && c.method != "GET" && !strings.Contains(string(a.body), elsewhere) {
				t.Errorf("%s %s at %q: %d %s, want %d", c.method, c.path, host, a.status, a.body, want)
			}
		}
	}
	s.host = "app.example.com"
	s.call(t, "GET", "/users", s.login(t, "boss").Access, "").want(200)
}

func TestCookieLoginRateLimit(t *testing.T) {
	s := start(t, sqliteURL(t), options{limit: authn.Limit{Requests: 2, Per: time.Minute}})
	s.add(t, "alice")
	s.login(t, "alice")
	if left := s.from(t, cookieGrant("alice", goodPassword, "")).want(200).header.Get("RateLimit"); left != `"login-client";r=0;t=30` {
		t.Errorf("RateLimit %s", left)
	}
	s.from(t, cookieGrant("alice", goodPassword, "")).refused(429, "Rate limit exceeded")
}

func TestCookieMembers(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	session := s.login(t, "alice")
	refresh := strings.TrimSuffix(refreshOf(session.Refresh), "}")
	login := strings.TrimSuffix(grantOf("alice", goodPassword), "}")
	for _, c := range []struct{ path, body, detail, field string }{
		{"/auth/token", refresh + `,"cookie":true}`, "Unknown field: cookie", "cookie"},
		{"/auth/refresh", refresh + `,"cookie":true}`, "Unknown field: cookie", "cookie"},
		{"/auth/refresh", refresh + `,"remember":true}`, "Unknown field: remember", "remember"},
		{"/auth/token", login + `,"cookie":"true"}`, "Invalid field: cookie must be true or false", "cookie"},
		{"/auth/token", login + `,"cookie":1}`, "Invalid field: cookie must be true or false", "cookie"},
		{"/auth/token", login + `,"cookie":null}`, "Invalid field: cookie must be true or false", "cookie"},
		{"/auth/token", login + `,"remember":true}`, "Invalid field: remember goes with cookie", "remember"},
		{"/auth/token", login + `,"cookie":false,"remember":true}`, "Invalid field: remember goes with cookie", "remember"},
		{"/auth/token", login + `,"cookie":true,"refresh_token":"x"}`, "Unknown field: refresh_token", "refresh_token"},
		{"/auth/token", `{"grant_type":"password","cookie":true,"password":"x"}`, "Missing field: username", "username"},
	} {
		a := s.call(t, "POST", c.path, "", c.body)
		if p := a.refused(400, c.detail); p.Field != c.field || p.Error != "invalid_request" || a.cookieOf() != nil {
			t.Errorf("%s: %+v", c.body, p)
		}
	}
	const form = "application/x-www-form-urlencoded"
	posted := "grant_type=password&username=alice&password=correct+horse"
	for _, member := range []string{"cookie", "remember"} { // a page of any origin can have a form sent without being asked
		p := s.do(t, request{method: "POST", path: "/auth/token", contentType: form, body: posted + "&" + member + "=true"}).
			refused(400, "Invalid field: "+member+" must be sent as JSON")
		if p.Field != member {
			t.Errorf("%+v", p)
		}
	}
	for _, body := range []string{login + `,"cookie":false}`, login + "}"} {
		var got tokens
		a := s.call(t, "POST", "/auth/token", "", body).want(200)
		if a.into(&got); got.Access == "" || a.cookieOf() != nil {
			t.Errorf("%s: %+v", body, got)
		}
	}
	s.call(t, "POST", "/auth/refresh", "", refreshOf(session.Refresh)).want(200) // the refusals have not spent it
}
