package api_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const formType = "application/x-www-form-urlencoded"

// basic is the Authorization header of a client (RFC 6749 section 2.3.1).
func basic(id, secret string) string {
	return rawBasic(url.QueryEscape(id) + ":" + url.QueryEscape(secret))
}

func rawBasic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

// asClient posts a form as the registered client.
func (s *server) asClient(t *testing.T, path, body string) answer {
	t.Helper()
	return s.do(t, request{method: "POST", path: path, body: body, contentType: formType,
		header: http.Header{"Authorization": {basic(clientID, clientSecret)}}})
}

// posted is the form of a client that shows its secret in it.
func posted(token, id, secret string) string {
	return url.Values{"token": {token}, "client_id": {id}, "client_secret": {secret}}.Encode()
}

// inactive fails the test unless a token is one of which nothing is said.
func (s *server) inactive(t *testing.T, token string) {
	t.Helper()
	a := s.asClient(t, "/auth/introspect", "token="+url.QueryEscape(token)).want(200)
	if string(a.body) != `{"active":false}` {
		t.Errorf("the answer is %s", a.body)
	}
	if kind, cc := a.header.Get("Content-Type"), a.header.Get("Cache-Control"); kind != "application/json" || cc != "no-store" {
		t.Errorf("Content-Type %q, Cache-Control %q", kind, cc)
	}
}

func TestIntrospect(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		alice := s.add(t, "alice", "editor", "author")
		mine := s.login(t, "alice")
		issued := s.clock.Now().Unix()
		for _, c := range []struct {
			name, token string
			life        time.Duration
		}{{"access", mine.Access, 30 * time.Minute}, {"refresh", mine.Refresh, 168 * time.Hour}} {
			want := map[string]any{
				"active": true, "client_id": "authly", "username": "alice", "email": "alice@example.com", "sub": alice.ID.String(),
				"aud": "authly", "iss": "http://login.example.com", "iat": float64(issued), "exp": float64(issued) + c.life.Seconds(),
				"jti": claim(t, c.token, "jti"), "sid": claim(t, mine.Access, "sid"), "roles": "author editor",
			}
			if c.name == "access" {
				want["token_type"] = "Bearer"
			}
			for _, hint := range []string{"", "&token_type_hint=access_token", "&token_type_hint=refresh_token", "&token_type_hint=x", "&more=x&more=y"} {
				a := s.asClient(t, "/auth/introspect", "token="+c.token+hint).want(200)
				var got map[string]any
				a.into(&got)
				var roles []string
				for _, role := range got["roles"].([]any) {
					roles = append(roles, role.(string))
				}
				got["roles"] = strings.Join(roles, " ")
				if !maps.Equal(got, want) {
					t.Errorf("%s token%s: the answer is\n%v, want\n%v", c.name, hint, got, want)
				}
				if cc := a.header.Get("Cache-Control"); cc != "no-store" {
					t.Errorf("Cache-Control %q, want no-store", cc)
				}
			}
		}
		var none map[string]any
		s.add(t, "bob")
		s.asClient(t, "/auth/introspect", "token="+s.login(t, "bob").Access).want(200).into(&none)
		if roles, ok := none["roles"].([]any); !ok || len(roles) != 0 {
			t.Errorf("the roles of somebody without any are %v", none["roles"])
		}
	})
}

// Of a token that does not live, or is another's, nothing is said but that.
func TestIntrospectInactive(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s, foreign := start(t, open(t), options{}), start(t, open(t), options{})
		alice := s.add(t, "alice")
		foreign.add(t, "alice")
		mine := s.login(t, "alice")
		for name, token := range map[string]string{
			"nonsense": "x", "dots": strings.Repeat(".", 10000), "long": strings.Repeat("a", 50000), "spaces": " " + mine.Access,
			"a bit flipped": flip(mine.Access), "another server's": foreign.login(t, "alice").Access,
			"another server's refresh token": foreign.login(t, "alice").Refresh, "no signature": mine.Access[:strings.LastIndex(mine.Access, ".")+1],
		} {
			t.Run(name, func(t *testing.T) { s.inactive(t, token) })
		}
		spent := mine.Refresh
		s.call(t, "POST", "/auth/refresh", "", refreshOf(spent)).want(200).into(&mine)
		s.inactive(t, spent)
		s.asClient(t, "/auth/introspect", "token="+mine.Access).want(200).wantActive()

		loggedOut := s.login(t, "alice")
		s.call(t, "POST", "/auth/logout", loggedOut.Access, `{"scope":"session"}`).want(200)
		s.inactive(t, loggedOut.Access)
		s.inactive(t, loggedOut.Refresh)

		s.clock.advance(31 * time.Minute)
		s.inactive(t, mine.Access)
		s.asClient(t, "/auth/introspect", "token="+mine.Refresh).want(200).wantActive()
		s.disable(t, alice)
		s.inactive(t, mine.Refresh)
	})
}

// wantActive fails the test unless the answer says that a token lives.
func (a answer) wantActive() {
	a.t.Helper()
	if !strings.HasPrefix(string(a.body), `{"active":true,`) {
		a.t.Errorf("the answer is %s", a.body)
	}
}

func TestRevoke(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		other := s.login(t, "alice")
		revoke := func(form string) {
			t.Helper()
			a := s.asClient(t, "/auth/revoke", form).want(200)
			if cc := a.header.Get("Cache-Control"); len(a.body) != 0 || cc != "no-store" {
				t.Errorf("the body is %q, Cache-Control %q", a.body, cc)
			}
		}
		for _, hint := range []string{"", "&token_type_hint=access_token", "&token_type_hint=refresh_token", "&token_type_hint=x"} {
			mine := s.login(t, "alice")
			s.call(t, "GET", "/users/me", mine.Access, "").want(200)
			revoke("token=" + mine.Access + hint)
			s.call(t, "GET", "/users/me", mine.Access, "").refused(401, "Could not validate credentials")
			s.inactive(t, mine.Access)
			revoke("token=" + mine.Access + hint)
			s.call(t, "POST", "/auth/refresh", "", refreshOf(mine.Refresh)).want(200).into(&mine)
			s.call(t, "GET", "/users/me", mine.Access, "").want(200)

			revoke("token=" + mine.Refresh + hint)
			s.dead(t, mine)
			s.inactive(t, mine.Refresh)
			revoke("token=" + mine.Refresh + hint)
		}
		for _, token := range []string{"x", strings.Repeat(".", 10000), flip(other.Access), flip(other.Refresh), "é"} {
			revoke("token=" + url.QueryEscape(token))
		}
		s.lives(t, other)
	})
}

// Who asks must be a registered client, in one way, and must say what about.
func TestClientAuthentication(t *testing.T) {
	s := start(t, sqliteURL(t), options{prefix: "/api/v1"})
	s.add(t, "alice")
	good := basic(clientID, clientSecret)
	const failed, twice = "Client authentication failed", "The client's secret was sent in two ways"
	mine := s.login(t, "alice")
	bearer := "Bearer " + mine.Access
	const form = "token=TOKEN" // a fresh one each time
	for _, c := range []struct {
		name   string
		values []string // of Authorization
		body   string
		status int
		detail string
		oauth  string
	}{
		{"basic", []string{good}, form, 200, "", ""},
		{"basic, scheme in another case", []string{"bASIC  " + strings.TrimPrefix(good, "Basic ")}, form, 200, "", ""},
		{"basic, and the same id in the form", []string{good}, form + "&client_id=" + url.QueryEscape(clientID), 200, "", ""},
		{"basic, and empty parameters", []string{good}, form + "&client_id=&client_secret=", 200, "", ""},
		{"post", nil, posted("TOKEN", clientID, clientSecret), 200, "", ""},
		{"post, beside somebody's token", []string{bearer}, posted("TOKEN", clientID, clientSecret), 200, "", ""},

		{"nothing", nil, form, 401, failed, "invalid_client"},
		{"nothing at all", nil, "", 401, failed, "invalid_client"},
		{"somebody's token", []string{bearer}, form, 401, failed, "invalid_client"},
		{"id alone", nil, form + "&client_id=" + url.QueryEscape(clientID), 401, failed, "invalid_client"},
		{"secret alone", nil, form + "&client_secret=" + url.QueryEscape(clientSecret), 401, failed, "invalid_client"},
		{"post, wrong secret", nil, posted("TOKEN", clientID, clientSecret+"x"), 401, failed, "invalid_client"},
		{"post, unknown id", nil, posted("TOKEN", clientID+"x", clientSecret), 401, failed, "invalid_client"},
		{"basic, wrong secret", []string{basic(clientID, clientSecret+"x")}, form, 401, failed, "invalid_client"},
		{"basic, empty secret", []string{basic(clientID, "")}, form, 401, failed, "invalid_client"},
		{"basic, unknown id", []string{basic("x", clientSecret)}, form, 401, failed, "invalid_client"},
		{"basic, id in another case", []string{basic(strings.ToUpper(clientID), clientSecret)}, form, 401, failed, "invalid_client"},
		{"basic of a user", []string{basic("alice", goodPassword)}, form, 401, failed, "invalid_client"},
		{"basic, not form-encoded", []string{rawBasic(clientID + ":" + clientSecret)}, form, 401, failed, "invalid_client"},
		{"basic, broken escape", []string{rawBasic("a%zz:b")}, form, 401, failed, "invalid_client"},
		{"basic, NUL", []string{rawBasic("a%00:b")}, form, 401, failed, "invalid_client"},
		{"basic, not UTF-8", []string{rawBasic("a%ff:b")}, form, 401, failed, "invalid_client"},
		{"basic, no colon", []string{rawBasic("a")}, form, 401, failed, "invalid_client"},
		{"basic, nothing", []string{"Basic"}, form, 401, failed, "invalid_client"},
		{"basic, not base64", []string{"Basic ???"}, form, 401, failed, "invalid_client"},
		{"basic, unpadded", []string{strings.TrimRight(good, "=") + "A"}, form, 401, failed, "invalid_client"},
		{"basic twice", []string{good, good}, form, 401, failed, "invalid_client"},
		{"basic and bearer", []string{good, bearer}, form, 401, failed, "invalid_client"},
		{"bearer and basic", []string{bearer, good}, form, 401, failed, "invalid_client"},
		{"wrong basic and right post", []string{basic(clientID, "x")}, posted("TOKEN", clientID, clientSecret), 400, twice, "invalid_request"},
		{"malformed basic and right post", []string{"Basic ???"}, posted("TOKEN", clientID, clientSecret), 400, twice, "invalid_request"},
		{"basic and post", []string{good}, posted("TOKEN", clientID, clientSecret), 400, twice, "invalid_request"},
		{"basic and another id in the form", []string{good}, form + "&client_id=x", 400,
			"Invalid field: client_id is not that of the Authorization header", "invalid_request"},

		{"no token", []string{good}, "token_type_hint=access_token", 400, "Missing field: token", "invalid_request"},
		{"empty token", []string{good}, "token=", 400, "Missing field: token", "invalid_request"},
		{"no body", []string{good}, "", 400, "Missing field: token", "invalid_request"},
		{"token twice", []string{good}, form + "&" + form, 400, "Repeated field: token", "invalid_request"},
		{"hint twice", []string{good}, form + "&token_type_hint=a&token_type_hint=b", 400, "Repeated field: token_type_hint", "invalid_request"},
		{"secret twice", nil, posted("TOKEN", clientID, clientSecret) + "&client_secret=x", 400, "Repeated field: client_secret", "invalid_request"},
		{"broken form", []string{good}, form + "&%zz", 400, "Form decode error", "invalid_request"},
	} {
		for _, path := range []string{"/auth/introspect", "/auth/revoke"} {
			t.Run(c.name+" at "+path, func(t *testing.T) {
				token := s.login(t, "alice").Access
				a := s.do(t, request{method: "POST", path: path, body: strings.ReplaceAll(c.body, "TOKEN", token), contentType: formType, header: http.Header{"Authorization": c.values}})
				if c.status == 200 {
					a.want(200)
					if path == "/auth/introspect" {
						a.wantActive()
					} else {
						s.inactive(t, token)
					}
					return
				}
				if p := a.refused(c.status, c.detail); p.Error != c.oauth {
					t.Errorf("error %q, want %q", p.Error, c.oauth)
				}
				s.call(t, "GET", "/users/me", token, "").want(200)
				if strings.Contains(string(a.body), clientSecret) {
					t.Errorf("the answer repeats the secret: %s", a.body)
				}
			})
		}
	}
	for _, path := range []string{"/auth/introspect", "/auth/revoke"} {
		p := s.do(t, request{method: "POST", path: path, body: object("token", mine.Access),
			header: http.Header{"Authorization": {good}}}).refused(415, "Unsupported content type")
		if p.Error != "invalid_request" {
			t.Errorf("%s: error %q", path, p.Error)
		}
		if a := s.do(t, request{method: "GET", path: path, header: http.Header{"Authorization": {good}}}).want(405); a.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", path, a.header.Get("Allow"))
		}
	}
	for _, secret := range []string{clientSecret, url.QueryEscape(clientSecret), mine.Access} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("the log holds a secret or a token")
		}
	}
}

// A revoked token is refused everywhere, and its user's other tokens are not.
func TestRevokedTokenIsNobodysAnyMore(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		root := s.addAdmin(t, "root")
		one, two := s.login(t, "root"), s.login(t, "root")
		s.asClient(t, "/auth/revoke", "token="+one.Access).want(200)
		for _, path := range []string{"/users/me", "/users", "/auth/sessions", "/users/" + root.ID.String(), "/users/" + root.ID.String() + "/sessions"} {
			s.call(t, "GET", path, one.Access, "").refused(401, "Could not validate credentials")
			s.call(t, "GET", path, two.Access, "").want(200)
		}
	})
}
