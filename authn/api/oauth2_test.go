package api_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// The OAuth client library that Go programs use, as it is: a login, calls with the token, refreshes when it has expired,
// and errors that it understands, with the client's id and secret sent in each of the ways there are.
func TestOAuthClientLibrary(t *testing.T) {
	for name, style := range map[string]oauth2.AuthStyle{
		"in header": oauth2.AuthStyleInHeader, "in params": oauth2.AuthStyleInParams, "auto": oauth2.AuthStyleAutoDetect,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sqliteURL(t), options{prefix: "/api/v1"})
			s.add(t, "alice")
			conf := &oauth2.Config{
				ClientID: "some-client", ClientSecret: "some: secret", Scopes: []string{"openid"},
				Endpoint: oauth2.Endpoint{TokenURL: s.URL + "/api/v1/auth/token", AuthStyle: style},
			}
			token, err := conf.PasswordCredentialsToken(t.Context(), "alice", goodPassword)
			if err != nil {
				t.Fatal(err)
			}
			if token.Type() != "Bearer" || token.RefreshToken == "" || token.ExpiresIn != 1800 {
				t.Errorf("type %q, expires in %d, or no refresh token", token.Type(), token.ExpiresIn)
			}
			get := func(source oauth2.TokenSource) int {
				resp, err := oauth2.NewClient(t.Context(), source).Get(s.URL + "/api/v1/users/me")
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				return resp.StatusCode
			}
			if status := get(oauth2.StaticTokenSource(token)); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
			stale := *token
			stale.Expiry = time.Now().Add(-time.Hour)
			source := conf.TokenSource(t.Context(), &stale)
			if status := get(source); status != http.StatusOK {
				t.Errorf("status %d after a refresh", status)
			}
			next, err := source.Token()
			if err != nil || next.RefreshToken == token.RefreshToken {
				t.Errorf("the refresh token was not rotated (%v)", err)
			}
			_, err = conf.TokenSource(t.Context(), &stale).Token()
			wantOAuthError(t, err, 401, "invalid_grant", "Token is invalid or expired")
			_, err = conf.PasswordCredentialsToken(t.Context(), "alice", "wrong password")
			wantOAuthError(t, err, 401, "invalid_grant", "Incorrect username or password")
		})
	}
}

func wantOAuthError(t *testing.T, err error, status int, code, description string) {
	t.Helper()
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		t.Fatalf("error %v, want one of the token endpoint", err)
	}
	if e.Response.StatusCode != status || e.ErrorCode != code || e.ErrorDescription != description {
		t.Errorf("status %d, error %q, description %q", e.Response.StatusCode, e.ErrorCode, e.ErrorDescription)
	}
}
