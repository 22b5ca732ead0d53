package main_test

import (
	"net/http"
	"testing"
)

const protectedEcho = `
routes:
  - {name: public, paths: [/public/*], allow: public, upstream: "echo:"}
  - {name: rest, paths: [/*], allow: authenticated, upstream: "echo:"}
`

// What a 2xx promised is on disk: the process is killed the moment after it answered, and another one started.
func TestAnswersSurviveKill(t *testing.T) {
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
		if err := first.process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		first.await(t)

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
