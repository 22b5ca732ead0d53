package main_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/store/storetest"
)

// Replicas on one database are one Authly, also when all of them start for the first time at once.
func TestReplicas(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		replicas := make([]*authly, 3)
		for i := range replicas {
			replicas[i] = launch(t, storeURL, protectedEcho, "AUTHLY_ADMIN_PASSWORD=")
		}
		password := ""
		for _, a := range replicas {
			a.awaitReady(t)
			if greeting := a.stdout.String(); strings.Contains(greeting, "password") {
				if password != "" {
					t.Error("two of them say that they made the administrator")
				}
				password = a.generatedPassword(t)
			}
		}
		if password == "" {
			t.Fatal("none of them made the administrator")
		}

		pairs := make([]tokens, len(replicas))
		for i, a := range replicas {
			pairs[i] = a.login(t, "admin", password)
		}
		var users []struct{ Username string }
		if got := replicas[0].do(t, "GET", "/users/", pairs[0].Access, ""); json.Unmarshal([]byte(got.body), &users) != nil || len(users) != 1 || users[0].Username != "admin" {
			t.Errorf("users: %s", got.body)
		}
		keys := replicas[0].do(t, "GET", "/.well-known/jwks.json", "", "").body
		for i, a := range replicas {
			if got := a.do(t, "GET", "/.well-known/jwks.json", "", "").body; got != keys {
				t.Errorf("replica %d has other keys", i)
			}
			for _, pair := range pairs {
				for _, path := range []string{"/users/me", "/x"} {
					if got := a.do(t, "GET", path, pair.Access, ""); got.status != http.StatusOK {
						t.Errorf("replica %d, %s: %d %s", i, path, got.status, got.body)
					}
				}
			}
		}

		var next tokens
		if got := replicas[1].refresh(t, pairs[0].Refresh); got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &next) != nil {
			t.Fatalf("refresh at another replica: %d %s", got.status, got.body)
		}
		if got := replicas[2].refresh(t, pairs[1].Refresh); got.status != http.StatusOK {
			t.Errorf("refresh at the third: %d %s", got.status, got.body)
		}
		if got := replicas[0].do(t, "POST", "/auth/logout", next.Access, ""); got.status != http.StatusOK {
			t.Fatalf("logout: %d %s", got.status, got.body)
		}
		for i, a := range replicas {
			for _, pair := range append(pairs, next) {
				if i == 0 {
					a.isIn(t, "logged out here", pair, false)
				}
				a.isOutSoon(t, "logged out at another replica", pair)
			}
			a.isIn(t, "logged in anew", a.login(t, "admin", password), true)
		}
	})
}

// The lock on an account holds on every replica, and so does its end.
func TestReplicasShareLockout(t *testing.T) {
	asServed(t, func(t *testing.T, storeURL string, environ ...string) {
		first, second := start(t, storeURL, protectedEcho, environ...), start(t, storeURL, protectedEcho, environ...)
		admin := first.login(t, "admin", adminPassword)
		first.register(t, admin, "alice", "alice's password")
		for _, a := range []*authly{first, second, first, second, first} {
			if got := a.loginStatus(t, "alice", "not alice's password"); got != http.StatusUnauthorized {
				t.Fatalf("a wrong password: %d", got)
			}
		}
		if got := second.loginStatus(t, "alice", "alice's password"); got != http.StatusTooManyRequests {
			t.Errorf("the right one after five wrong ones: %d, want 429", got)
		}
		second.login(t, "admin", adminPassword)
	})
}

// Poolers that give every transaction another connection need statements that are not prepared.
func TestPostgresWithoutPreparedStatements(t *testing.T) {
	for _, mode := range []string{"exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			at, err := url.Parse(storetest.PostgresURL(t))
			if err != nil {
				t.Fatal(err)
			}
			query := at.Query()
			query.Set("default_query_exec_mode", mode)
			at.RawQuery = query.Encode()
			a := start(t, at.String(), protectedEcho)
			admin := a.login(t, "admin", adminPassword)
			id := a.register(t, admin, "o'hara", `a \'password'; --`)
			pair := a.login(t, "o'hara", `a \'password'; --`)
			a.isIn(t, "logged in", pair, true)
			if got := a.do(t, "PUT", "/users/"+id, admin.Access, `{"roles":["it's","a \\ role"]}`); got.status != http.StatusOK || !strings.Contains(got.body, `it's`) {
				t.Errorf("roles: %d %s", got.status, got.body)
			}
			if got := a.do(t, "GET", "/users/?skip=1&limit=1", admin.Access, ""); got.status != http.StatusOK || !strings.Contains(got.body, "o'hara") {
				t.Errorf("list: %d %s", got.status, got.body)
			}
			if got := a.refresh(t, pair.Refresh); got.status != http.StatusOK {
				t.Errorf("refresh: %d %s", got.status, got.body)
			}
			if got := a.loginStatus(t, "o'hara", "wrong"); got != http.StatusUnauthorized {
				t.Errorf("wrong password: %d", got)
			}
			if got := a.do(t, "POST", "/auth/logout", pair.Access, ""); got.status != http.StatusOK {
				t.Errorf("logout: %d %s", got.status, got.body)
			}
			a.isIn(t, "logged out", pair, false)
			a.isIn(t, "somebody else", admin, true)
		})
	}
}
