package main_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// command runs the binary beside the server: with its environment, and so on its store. It returns the JSON that is printed.
func (a *authly) command(t *testing.T, stdin string, args ...string) map[string]any {
	t.Helper()
	program := exec.CommandContext(t.Context(), a.process.Path, append(args, "--output", "json")...)
	program.Dir, program.Env, program.Stdin = a.process.Dir, a.process.Env, strings.NewReader(stdin)
	var stderr bytes.Buffer
	program.Stderr = &stderr
	out, err := program.Output()
	if err != nil {
		t.Fatalf("authly %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	var printed map[string]any
	if err := json.Unmarshal(out, &printed); err != nil {
		t.Fatalf("authly %s: %v in %s", strings.Join(args, " "), err, out)
	}
	return printed
}

// loginStatus tries to log in.
func (a *authly) loginStatus(t *testing.T, username, password string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"grant_type": "password", "username": username, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	return a.do(t, "POST", "/auth/token", "", string(body)).status
}

func (a *authly) refresh(t *testing.T, token string) reply {
	t.Helper()
	return a.do(t, "POST", "/auth/refresh", "", `{"grant_type":"refresh_token","refresh_token":"`+token+`"}`)
}

// isIn checks what a pair of tokens is good for, at Authly's endpoint, at the gateway and for another pair.
func (a *authly) isIn(t *testing.T, when string, pair tokens, want bool) {
	t.Helper()
	status := http.StatusUnauthorized
	if want {
		status = http.StatusOK
	}
	for what, got := range map[string]int{
		"endpoint": a.do(t, "GET", "/users/me", pair.Access, "").status,
		"gateway":  a.do(t, "GET", "/x", pair.Access, "").status,
	} {
		if got != status {
			t.Errorf("%s, %s: %d, want %d", when, what, got, status)
		}
	}
	if !want {
		if got := a.refresh(t, pair.Refresh).status; got != http.StatusUnauthorized {
			t.Errorf("%s, refresh: %d, want 401", when, got)
		}
	}
}

// isOutSoon checks that a pair of tokens that another process has taken back is good for nothing as soon as the server has
// heard of it.
func (a *authly) isOutSoon(t *testing.T, when string, pair tokens) {
	t.Helper()
	eventually(t, when+", and the gateway has heard of it", func() bool {
		return a.do(t, "GET", "/x", pair.Access, "").status == http.StatusUnauthorized
	})
	a.isIn(t, when, pair, false)
}

// What the user commands do takes effect at once in a server that runs on the same store.
func TestUserCommandsBesideServer(t *testing.T) {
	asServed(t, func(t *testing.T, storeURL string, environ ...string) {
		a := start(t, storeURL, protectedEcho, environ...)
		admin := a.login(t, "admin", adminPassword)
		a.register(t, admin, "alice", "alice's password")

		before := a.login(t, "alice", "alice's password")
		a.isIn(t, "at first", before, true)
		a.command(t, "", "user", "disable", "alice")
		a.isOutSoon(t, "disabled", before)
		if got := a.loginStatus(t, "alice", "alice's password"); got != http.StatusForbidden {
			t.Errorf("login while disabled: %d", got)
		}
		a.command(t, "", "user", "enable", "alice")
		a.isOutSoon(t, "enabled again, sessions of before", before)
		again := a.login(t, "alice", "alice's password")
		a.isIn(t, "enabled again", again, true)

		a.command(t, "alice's new password\n", "user", "set-password", "alice")
		a.isOutSoon(t, "new password, sessions of before", again)
		if got := a.loginStatus(t, "alice", "alice's password"); got != http.StatusUnauthorized {
			t.Errorf("login with the old password: %d", got)
		}
		last := a.login(t, "alice", "alice's new password")
		a.isIn(t, "new password", last, true)

		a.command(t, "", "user", "delete", "alice")
		a.isOutSoon(t, "deleted", last)
		if got := a.loginStatus(t, "alice", "alice's new password"); got != http.StatusUnauthorized {
			t.Errorf("login when deleted: %d", got)
		}
		a.isIn(t, "somebody else", admin, true)
	})
}

func TestUserCommandsLetIn(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		a := start(t, storeURL, protectedEcho)
		if made := a.command(t, "carol's password\n", "user", "create", "carol", "--email", "carol@example.com", "--unverified"); made["is_verified"] != false {
			t.Errorf("made %v", made)
		}
		if got := a.loginStatus(t, "carol", "carol's password"); got != http.StatusForbidden {
			t.Errorf("login before verification: %d", got)
		}
		a.command(t, "", "user", "verify", "carol")
		a.login(t, "carol", "carol's password")

		for range 5 {
			if got := a.loginStatus(t, "carol", "not carol's password"); got != http.StatusUnauthorized {
				t.Fatalf("login with a wrong password: %d", got)
			}
		}
		if got := a.loginStatus(t, "carol", "carol's password"); got != http.StatusTooManyRequests {
			t.Errorf("login while locked: %d", got)
		}
		if shown := a.command(t, "", "user", "show", "carol"); shown["failed_logins"] != 5.0 || shown["last_failure"] == nil || shown["locked_until"] == nil {
			t.Errorf("while locked she is shown as %v", shown)
		}
		a.command(t, "", "user", "unlock", "carol")
		if shown := a.command(t, "", "user", "show", "carol"); shown["failed_logins"] != 0.0 || shown["last_failure"] != nil || shown["locked_until"] != nil {
			t.Errorf("unlocked she is shown as %v", shown)
		}
		a.isIn(t, "unlocked", a.login(t, "carol", "carol's password"), true)
	})
}
