package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/descoped/authly/authn"
)

func TestToken(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		alice := s.add(t, "alice", "editor")
		s.disable(t, s.add(t, "dora"))
		s.create(t, authn.NewAccount{Registration: authn.Registration{
			Username: "ute", Email: "ute@example.com", Password: goodPassword}})

		for name, body := range map[string]string{
			"username":      grantOf("alice", goodPassword),
			"another case":  grantOf("ALICE", goodPassword),
			"email address": grantOf("Alice@Example.com", goodPassword),
		} {
			t.Run(name, func(t *testing.T) {
				a := s.call(t, "POST", "/auth/token", "", body).want(200)
				var got tokens
				a.into(&got)
				if got.Type != "Bearer" || got.ExpiresIn != 1800 || got.Access == got.Refresh {
					t.Errorf("token_type %q, expires_in %d, or twice the same token", got.Type, got.ExpiresIn)
				}
				if cc := a.header.Get("Cache-Control"); cc != "no-store" {
					t.Errorf("Cache-Control %q, want no-store", cc)
				}
				var me user
				s.call(t, "GET", "/users/me", got.Access, "").want(200).into(&me)
				if me.ID != alice.ID.String() {
					t.Errorf("the token is of %s, want %s", me.ID, alice.ID)
				}
			})
		}

		for _, c := range []struct {
			name, body     string
			status         int
			detail, oauth  string
			code           authn.Code
			fieldIsToBlame string
		}{
			{"another grant", object("grant_type", "client_credentials"), 400, "Invalid grant type", "unsupported_grant_type", authn.CodeUnsupportedGrantType, "grant_type"},
			{"grant type before credentials", object("grant_type", "x", "username", "alice", "password", "wrong"), 400, "Invalid grant type", "unsupported_grant_type", authn.CodeUnsupportedGrantType, "grant_type"},
			{"grant type in another case", object("grant_type", "Password", "username", "alice", "password", goodPassword), 400, "Invalid grant type", "unsupported_grant_type", authn.CodeUnsupportedGrantType, "grant_type"},
			{"no grant type", object("username", "alice", "password", goodPassword), 400, "Missing field: grant_type", "invalid_request", authn.CodeInvalidRequest, "grant_type"},
			{"no username", object("grant_type", "password", "password", goodPassword), 400, "Missing field: username", "invalid_request", authn.CodeInvalidRequest, "username"},
			{"no password", object("grant_type", "password", "username", "alice"), 400, "Missing field: password", "invalid_request", authn.CodeInvalidRequest, "password"},
			{"no refresh token", object("grant_type", "refresh_token"), 400, "Missing field: refresh_token", "invalid_request", authn.CodeInvalidRequest, "refresh_token"},
			{"wrong password", grantOf("alice", "wrong password"), 401, "Incorrect username or password", "invalid_grant", authn.CodeInvalidGrant, ""},
			{"unknown user", grantOf("nobody", goodPassword), 401, "Incorrect username or password", "invalid_grant", authn.CodeInvalidGrant, ""},
			{"empty credentials", grantOf("", ""), 401, "Incorrect username or password", "invalid_grant", authn.CodeInvalidGrant, ""},
			{"disabled, right password", grantOf("dora", goodPassword), 403, "Account is deactivated", "invalid_grant", authn.CodeAccountInactive, ""},
			{"disabled, wrong password", grantOf("dora", "wrong password"), 401, "Incorrect username or password", "invalid_grant", authn.CodeInvalidGrant, ""},
			{"unverified, right password", grantOf("ute", goodPassword), 403, "Account not verified", "invalid_grant", authn.CodeAccountUnverified, ""},
			{"unverified, wrong password", grantOf("ute", "wrong password"), 401, "Incorrect username or password", "invalid_grant", authn.CodeInvalidGrant, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				a := s.call(t, "POST", "/auth/token", "", c.body)
				p := a.refused(c.status, c.detail)
				if p.Error != c.oauth || p.ErrorDescription != c.detail || p.Code != string(c.code) || p.Field != c.fieldIsToBlame {
					t.Errorf("error %q, error_description %q, code %q, field %q", p.Error, p.ErrorDescription, p.Code, p.Field)
				}
				if strings.Contains(a.header.Get("WWW-Authenticate"), "error=") {
					t.Errorf("WWW-Authenticate speaks of a token, and none was sent: %q", a.header.Get("WWW-Authenticate"))
				}
				if s.last.Load().Reason != string(c.code) {
					t.Errorf("the exchange's reason is %q, want %q", s.last.Load().Reason, c.code)
				}
			})
		}
	})
}

func TestTokenLocksAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		s.add(t, "bob")
		for range 5 {
			s.call(t, "POST", "/auth/token", "", grantOf("alice", "wrong password")).
				refused(401, "Incorrect username or password")
		}
		a := s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword))
		p := a.refused(429, "Too many failed attempts. Account temporarily locked.")
		if got := a.header.Get("Retry-After"); got != "300" || p.Error == "" || p.Code != "account_locked" {
			t.Errorf("Retry-After %q, error %q, code %q", got, p.Error, p.Code)
		}
		s.login(t, "bob")
		s.clock.advance(5*time.Minute + time.Second)
		s.login(t, "alice")
	})
}

func TestTokenRateLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{limit: authn.Limit{Requests: 3, Per: time.Minute}})
		s.add(t, "alice")
		for range 3 {
			s.login(t, "alice")
		}
		a := s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword))
		p := a.refused(429, "Rate limit exceeded")
		if p.Code != "rate_limited" || p.Error == "" {
			t.Errorf("code %q, error %q", p.Code, p.Error)
		}
		for name, want := range map[string]string{
			"Retry-After": "20", "RateLimit": `"login-client";r=0;t=20, "login-name";r=0;t=20`,
			"RateLimit-Policy": `"login-client";q=3;w=60, "login-name";q=3;w=60`,
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		s.clock.advance(20 * time.Second)
		s.login(t, "alice")
	})
}

func TestRefresh(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		for _, path := range []string{"/auth/refresh", "/auth/token"} {
			t.Run("rotation at "+path, func(t *testing.T) {
				first := s.login(t, "alice")
				var second tokens
				s.call(t, "POST", path, "", refreshOf(first.Refresh)).want(200).into(&second)
				if second.Type != "Bearer" || second.ExpiresIn != 1800 || second.Refresh == first.Refresh {
					t.Errorf("token_type %q, expires_in %d, or the old refresh token", second.Type, second.ExpiresIn)
				}
				s.call(t, "GET", "/users/me", first.Access, "").want(200)
				s.call(t, "GET", "/users/me", second.Access, "").want(200)
				p := s.call(t, "POST", path, "", refreshOf(first.Refresh)).refused(401, "Token is invalid or expired")
				if p.Error != "invalid_grant" {
					t.Errorf("error %q, want invalid_grant", p.Error)
				}
			})
		}

		session := s.login(t, "alice")
		for _, c := range []struct {
			name, body    string
			status        int
			detail, oauth string
		}{
			{"another grant", grantOf("alice", goodPassword), 400, "Invalid grant type", "unsupported_grant_type"},
			{"no grant type", object("refresh_token", session.Refresh), 400, "Missing field: grant_type", "invalid_request"},
			{"no refresh token", object("grant_type", "refresh_token"), 400, "Missing field: refresh_token", "invalid_request"},
			{"an access token", refreshOf(session.Access), 400, "Invalid token type", "invalid_request"},
			{"no token at all", refreshOf("nonsense"), 401, "Invalid refresh token", "invalid_grant"},
			{"a bit flipped", refreshOf(flip(session.Refresh)), 401, "Invalid refresh token", "invalid_grant"},
		} {
			t.Run(c.name, func(t *testing.T) {
				p := s.call(t, "POST", "/auth/refresh", "", c.body).refused(c.status, c.detail)
				if p.Error != c.oauth || p.ErrorDescription != c.detail {
					t.Errorf("error %q, error_description %q", p.Error, p.ErrorDescription)
				}
			})
		}
		s.call(t, "POST", "/auth/refresh", "", refreshOf(session.Refresh)).want(200)
	})
}

// A refresh token that is rightly signed and says something else: made by whoever has the secret, for another purpose.
func TestRefreshClaims(t *testing.T) {
	const secret = "a secret that is long enough for HS256"
	s := start(t, sqliteURL(t), options{refreshSecret: secret})
	s.add(t, "alice")
	good := s.login(t, "alice").Refresh
	forge := func(change func(jwt.MapClaims)) string {
		token, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(good, jwt.MapClaims{})
		if err != nil {
			t.Fatal(err)
		}
		change(token.Claims.(jwt.MapClaims))
		text, err := token.SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, claim := range []string{"iss", "aud", "sub", "jti", "exp", "iat"} {
		forged := forge(func(c jwt.MapClaims) { delete(c, claim) })
		p := s.call(t, "POST", "/auth/refresh", "", refreshOf(forged)).refused(400, "Invalid token claims")
		if p.Error != "invalid_request" {
			t.Errorf("without %s: error %q", claim, p.Error)
		}
	}
	forged := forge(func(c jwt.MapClaims) { c["type"] = "verification" })
	s.call(t, "POST", "/auth/refresh", "", refreshOf(forged)).refused(400, "Invalid token type")
	forged = forge(func(c jwt.MapClaims) { c["jti"] = strings.Repeat("0", 64) })
	s.call(t, "POST", "/auth/refresh", "", refreshOf(forged)).refused(401, "Token is invalid or expired")
	s.call(t, "POST", "/auth/refresh", "", refreshOf(good)).want(200)
}

func TestRefreshOfUsersGone(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		alice, bob := s.add(t, "alice"), s.add(t, "bob")
		ofAlice, ofBob := s.login(t, "alice"), s.login(t, "bob")

		s.disable(t, alice)
		s.call(t, "POST", "/auth/refresh", "", refreshOf(ofAlice.Refresh)).refused(401, "User is inactive")
		s.call(t, "GET", "/users/me", ofAlice.Access, "").refused(401, "Could not validate credentials")

		if err := s.accounts.Delete(t.Context(), authn.Operator(), bob.ID); err != nil {
			t.Fatal(err)
		}
		s.call(t, "POST", "/auth/refresh", "", refreshOf(ofBob.Refresh)).refused(401, "User not found")
		s.call(t, "GET", "/users/me", ofBob.Access, "").refused(401, "Could not validate credentials")
	})
}

func TestTokensExpire(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	session := s.login(t, "alice")
	s.clock.advance(31 * time.Minute)
	a := s.call(t, "GET", "/users/me", session.Access, "")
	a.refused(401, "Could not validate credentials")
	if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="authly", error="invalid_token"` {
		t.Errorf("WWW-Authenticate %q", got)
	}
	var next tokens
	s.call(t, "POST", "/auth/refresh", "", refreshOf(session.Refresh)).want(200).into(&next)
	s.call(t, "GET", "/users/me", next.Access, "").want(200)
	s.clock.advance(169 * time.Hour)
	s.call(t, "POST", "/auth/refresh", "", refreshOf(next.Refresh)).refused(401, "Token is invalid or expired")
}

func TestLogout(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		s.add(t, "bob")
		one, two, bobs := s.login(t, "alice"), s.login(t, "alice"), s.login(t, "bob")

		a := s.call(t, "POST", "/auth/logout", one.Access, "").want(200)
		var got struct {
			Message string `json:"message"`
			N       int    `json:"invalidated_tokens"`
		}
		a.into(&got)
		if got.Message != "Successfully logged out" || got.N != 4 {
			t.Errorf("message %q, invalidated_tokens %d, want 4", got.Message, got.N)
		}
		for _, session := range []tokens{one, two} {
			s.call(t, "GET", "/users/me", session.Access, "").refused(401, "Could not validate credentials")
			s.call(t, "POST", "/auth/logout", session.Access, "").refused(401, "Could not validate credentials")
			s.call(t, "POST", "/auth/refresh", "", refreshOf(session.Refresh)).refused(401, "Token is invalid or expired")
		}
		a = s.call(t, "POST", "/auth/logout", "", "")
		a.refused(401, "Not authenticated")
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="authly"` {
			t.Errorf("WWW-Authenticate %q, want no error where no token was sent", got)
		}
		s.call(t, "GET", "/users/me", bobs.Access, "").want(200)
		s.call(t, "POST", "/auth/logout", bobs.Access, "{}").want(200)
		again := s.login(t, "bob")
		s.call(t, "POST", "/auth/logout", again.Access, `{"all":true}`).refused(400, "Unknown field: all")
		s.call(t, "GET", "/users/me", again.Access, "").want(200)
	})
}

// Credentials of every kind but one good bearer token, on an endpoint that needs one.
func TestCredentials(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	session := s.login(t, "alice")
	for _, c := range []struct {
		name   string
		values []string
		status int
		detail string
	}{
		{"good", []string{"Bearer " + session.Access}, 200, ""},
		{"good, scheme in another case", []string{"bEARER " + session.Access}, 200, ""},
		{"none", nil, 401, "Not authenticated"},
		{"basic", []string{"Basic YWxpY2U6eA=="}, 401, "Not authenticated"},
		{"refresh token", []string{"Bearer " + session.Refresh}, 401, "Could not validate credentials"},
		{"a bit flipped", []string{"Bearer " + flip(session.Access)}, 401, "Could not validate credentials"},
		{"no token", []string{"Bearer "}, 401, "Could not validate credentials"},
		{"twice", []string{"Bearer " + session.Access, "Bearer " + session.Access}, 401, "Could not validate credentials"},
		{"with basic", []string{"Bearer " + session.Access, "Basic YWxpY2U6eA=="}, 401, "Could not validate credentials"},
		{"padded", []string{"Bearer " + session.Access + "="}, 401, "Could not validate credentials"},
		{"dots", []string{"Bearer " + strings.Repeat(".", 10000)}, 401, "Could not validate credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.do(t, request{method: "GET", path: "/users/me", header: http.Header{"Authorization": c.values}})
			if c.status == 200 {
				a.want(200)
				return
			}
			a.refused(c.status, c.detail)
		})
	}
	s.do(t, request{method: "GET", path: "/users/me?access_token=" + session.Access}).refused(401, "Not authenticated")
}

// Where a session comes from is kept with it: the address that the edge found, the user agent cut and cleaned.
func TestClientIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		for sent, want := range map[string]string{
			"curl/8":                       "curl/8",
			strings.Repeat("é", 400):       strings.Repeat("é", 256),
			"a" + strings.Repeat("é", 400): "a" + strings.Repeat("é", 255),
			"\xff agent":                   "? agent",
		} {
			var got tokens
			s.do(t, request{method: "POST", path: "/auth/token", body: grantOf("alice", goodPassword),
				header: http.Header{"User-Agent": {sent}}}).want(200).into(&got)
			kept := s.kept(t, got.Access)
			if kept.UserAgent != want || kept.ClientAddress != "192.0.2.1" {
				t.Errorf("kept user agent %q and address %q of %q", kept.UserAgent, kept.ClientAddress, sent)
			}
		}
	})
}

// kept reads what the store keeps of an access token.
func (s *server) kept(t *testing.T, token string) authn.Token {
	t.Helper()
	segment := strings.Split(token, ".")[1]
	claims, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		JTI string `json:"jti"`
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(segment))
	_, kept, err := s.store.TokenOwner(t.Context(), authn.AccessToken, c.JTI, hash[:], s.clock.Now())
	if err != nil {
		t.Fatalf("the store does not know the token: %v", err)
	}
	return kept
}

// flip changes one bit in the middle of a token's last part.
func flip(token string) string {
	b := []byte(token)
	i := len(b) - 10
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// disable takes a user's right to log in away.
func (s *server) disable(t *testing.T, u authn.User) {
	t.Helper()
	no := false
	if _, err := s.accounts.Update(t.Context(), authn.Operator(), u.ID, authn.AccountUpdate{Active: &no}, authn.Client{}); err != nil {
		t.Fatalf("disable %s: %v", u.Username, err)
	}
}
