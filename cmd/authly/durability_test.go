package main_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

const protectedEcho = `
routes:
  - {name: public, paths: [/public/*], allow: public, upstream: "echo:"}
  - {name: rest, paths: [/*], allow: authenticated, upstream: "echo:"}
`

// What a 2xx promised is on disk: the process is killed the moment after it answered, and another one started.
func TestAnswersSurviveKill(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		first := start(t, storeURL, protectedEcho)
		admin := first.login(t, "admin", adminPassword)
		first.register(t, admin, "alice", "alice's password")
		alice, other := first.login(t, "alice", "alice's password"), first.login(t, "admin", adminPassword)
		spent := other.Refresh
		if answer := first.do(t, "POST", "/auth/refresh", "", `{"grant_type":"refresh_token","refresh_token":"`+spent+`"}`); answer.status != http.StatusOK {
			t.Fatalf("refresh: %d %s", answer.status, answer.body)
		}
		if answer := first.do(t, "POST", "/auth/logout", alice.Access, ""); answer.status != http.StatusOK {
			t.Fatalf("logout: %d %s", answer.status, answer.body)
		}
		first.kill(t)

		second := start(t, storeURL, protectedEcho)
		for name, tt := range map[string]struct {
			answer reply
			want   int
		}{
			"logged out, endpoint":  {second.do(t, "GET", "/users/me", alice.Access, ""), http.StatusUnauthorized},
			"logged out, gateway":   {second.do(t, "GET", "/x", alice.Access, ""), http.StatusUnauthorized},
			"logged out, refresh":   {second.do(t, "POST", "/auth/refresh", "", `{"grant_type":"refresh_token","refresh_token":"`+alice.Refresh+`"}`), http.StatusUnauthorized},
			"spent refresh token":   {second.do(t, "POST", "/auth/refresh", "", `{"grant_type":"refresh_token","refresh_token":"`+spent+`"}`), http.StatusUnauthorized},
			"still logged in":       {second.do(t, "GET", "/users/me", admin.Access, ""), http.StatusOK},
			"still logged in, door": {second.do(t, "GET", "/x", admin.Access, ""), http.StatusOK},
		} {
			if tt.answer.status != tt.want {
				t.Errorf("%s: %d %s, want %d", name, tt.answer.status, tt.answer.body, tt.want)
			}
		}
		second.login(t, "alice", "alice's password")
	})
}

// A token that was dead before a kill is dead after it, whatever it died of, and those beside it live on.
func TestDeadTokensStayDead(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		hash, err := bcrypt.GenerateFromPassword([]byte("billing's secret"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		clients := "\nclients: [{id: billing, secret_hash: \"" + string(hash) + "\"}]\n"
		const noLeeway = "AUTHLY_TOKENS_LEEWAY=0s"
		brief := start(t, storeURL, protectedEcho+clients, "AUTHLY_TOKENS_ACCESS_TTL=1s", "AUTHLY_TOKENS_REFRESH_TTL=1s", noLeeway)
		expired := brief.login(t, "admin", adminPassword)
		eventually(t, "the access token expires",
			func() bool { return brief.do(t, "GET", "/x", expired.Access, "").status == http.StatusUnauthorized })
		brief.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, expired.Refresh))
		brief.kill(t)

		first := start(t, storeURL, protectedEcho+clients, noLeeway)
		admin := first.login(t, "admin", adminPassword)
		dead := map[string]tokens{"expired": expired}
		end := func(name, what string, act func(id string, pair tokens)) {
			id := first.register(t, admin, name, passwordOf(name))
			pair := first.login(t, name, passwordOf(name))
			first.isIn(t, what+", before", pair, true)
			act(id, pair)
			dead[what] = pair
		}
		end("ann", "refresh token revoked", func(_ string, pair tokens) {
			first.must(t, http.StatusOK, "POST", "/auth/revoke", "", url.Values{"token": {pair.Refresh}}.Encode(),
				"Content-Type", "application/x-www-form-urlencoded",
				"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("billing:billing's secret")))
		})
		end("ben", "session ended", func(_ string, pair tokens) {
			first.must(t, http.StatusNoContent, "DELETE", sessionPath(t, pair), pair.Access, "")
		})
		end("cat", "user disabled", func(id string, _ tokens) {
			first.must(t, http.StatusOK, "PUT", "/users/"+id, admin.Access, `{"is_active":false}`)
		})
		end("dan", "password changed", func(id string, _ tokens) {
			first.must(t, http.StatusOK, "PUT", "/users/"+id, admin.Access, `{"password":"another password"}`)
		})
		end("eve", "user deleted", func(id string, _ tokens) {
			first.must(t, http.StatusNoContent, "DELETE", "/users/"+id, admin.Access, "")
		})
		end("fay", "refresh token used twice", func(_ string, pair tokens) {
			first.refreshed(t, pair.Refresh)
			first.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
		})
		first.kill(t)

		second := start(t, storeURL, protectedEcho+clients, noLeeway)
		for what, pair := range dead {
			second.isIn(t, what, pair, false)
		}
		second.isIn(t, "nothing happened to it", admin, true)
	})
}

// kill ends the process without a word and waits until it has ended.
func (a *authly) kill(t *testing.T) {
	t.Helper()
	if err := a.process.Process.Kill(); err != nil && !a.ended() {
		t.Fatal(err)
	}
	a.await(t)
}

// sessionPath is that of the session which a pair of tokens is of, for who holds them.
func sessionPath(t *testing.T, pair tokens) string {
	t.Helper()
	id, _ := segmentOf(t, strings.Split(pair.Access, ".")[1])["sid"].(string)
	return "/auth/sessions/" + id
}
