package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// atOnce runs n acts that all begin together, and waits for them.
func atOnce(n int, act func(i int)) {
	var ready, acts sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(n)
	for i := range n {
		acts.Go(func() {
			ready.Done()
			<-begin
			act(i)
		})
	}
	ready.Wait()
	close(begin)
	acts.Wait()
}

// alive reports whether an access token is good, which all entrances must agree on.
func (g *guarded) alive(t *testing.T, access string) bool {
	t.Helper()
	good := 0
	for _, e := range everywhere() {
		switch r := g.try(t, e, attempt{lines: []string{bearerLine(access)}}); r.status {
		case http.StatusOK:
			good++
		case http.StatusUnauthorized:
		default:
			t.Fatalf("%s: %d %s", e.name, r.status, r.body)
		}
	}
	if good != 0 && good != len(everywhere()) {
		t.Fatalf("a token is good at %d of %d entrances", good, len(everywhere()))
	}
	return good > 0
}

// wantAlive checks which of some tokens still live.
func (g *guarded) wantAlive(t *testing.T, want bool, named map[string]string) {
	t.Helper()
	for name, access := range named {
		if got := g.alive(t, access); got != want {
			t.Errorf("%s: alive is %v, want %v", name, got, want)
		}
	}
}

func TestSecuritySessions(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		t.Run("CVE-2026-1035 fifty uses of one refresh token at once", func(t *testing.T) { g.fiftyRefreshes(t) })
		t.Run("refresh against logout", func(t *testing.T) { g.refreshAgainstLogout(t) })
		t.Run("CVE-2024-28197 a session chosen before login", func(t *testing.T) { g.chosenSession(t) })
		t.Run("CVE-2026-43983 refresh by a disabled user", func(t *testing.T) { g.disabled(t) })
		t.Run("CVE-2026-43983 refresh by a deleted user", func(t *testing.T) { g.deleted(t) })
		t.Run("CVE-2024-46999 demoted", func(t *testing.T) { g.demoted(t) })
		t.Run("CVE-2021-41230 a role taken away", func(t *testing.T) { g.roleTaken(t) })
		t.Run("sessions after a password change", func(t *testing.T) { g.passwordChanged(t) })
		t.Run("sessions of a renamed user", func(t *testing.T) { g.renamed(t) })
	})
}

func (g *guarded) fiftyRefreshes(t *testing.T) {
	pair := g.login(t, "alice", passwordOf("alice"))
	answers := make([]reply, 50)
	atOnce(len(answers), func(i int) {
		answers[i] = g.do(t, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
	})
	good := 0
	for _, answer := range answers {
		switch answer.status {
		case http.StatusOK:
			good++
		case http.StatusUnauthorized:
		default:
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
	if good != 1 {
		t.Errorf("%d of 50 were good, want 1", good)
	}
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
	g.wantAlive(t, false, map[string]string{"a session whose refresh token was used twice": pair.Access})
	g.wantAlive(t, true, map[string]string{"another session": g.alice.Access})
}

// refreshAgainstLogout lets the two race: whoever wins, nothing that a refresh has got lives after the logout has answered.
func (g *guarded) refreshAgainstLogout(t *testing.T) {
	for range 20 {
		pair := g.login(t, "bare", passwordOf("bare"))
		var refreshed, loggedOut reply
		atOnce(2, func(i int) {
			if i == 0 {
				refreshed = g.do(t, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
			} else {
				loggedOut = g.do(t, "POST", "/auth/logout", pair.Access, "")
			}
		})
		if loggedOut.status != http.StatusOK {
			t.Fatalf("logout: %d %s", loggedOut.status, loggedOut.body)
		}
		if refreshed.status == http.StatusOK {
			var after tokens
			if err := json.Unmarshal([]byte(refreshed.body), &after); err != nil {
				t.Fatal(err)
			}
			g.must(t, http.StatusUnauthorized, "GET", "/users/me", after.Access, "")
			g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, after.Refresh))
		}
		g.must(t, http.StatusUnauthorized, "GET", "/users/me", pair.Access, "")
		g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
	}
	g.bare = g.login(t, "bare", passwordOf("bare"))
	g.wantAlive(t, true, map[string]string{"a login after all that": g.bare.Access})
}

// chosenSession: what a client brings to a login is neither the session nor a token afterwards.
func (g *guarded) chosenSession(t *testing.T) {
	const chosen = "6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a10"
	form := url.Values{
		"grant_type": {"password"}, "username": {"alice"}, "password": {passwordOf("alice")}, "sid": {chosen},
		"session_id": {chosen}, "jti": {chosen},
	}
	answer := g.must(t, http.StatusOK, "POST", "/auth/token?sid="+chosen, "", form.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Cookie", "sid="+chosen+"; session="+chosen)
	var pair tokens
	if err := json.Unmarshal([]byte(answer.body), &pair); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{pair.Access, pair.Refresh} {
		if claims := segmentOf(t, strings.Split(token, ".")[1]); claims["sid"] == chosen || claims["jti"] == chosen {
			t.Errorf("the client chose: %v", claims)
		}
	}
	if answer.header.Get("Set-Cookie") != "" {
		t.Error("a cookie was set")
	}
	g.must(t, http.StatusBadRequest, "POST", "/auth/token", "",
		`{"grant_type":"password","username":"alice","password":"`+passwordOf("alice")+`","sid":"`+chosen+`"}`)
}

// newcomer makes a user of this name and logs in.
func (g *guarded) newcomer(t *testing.T, name string) (path string, pair tokens) {
	t.Helper()
	id := g.register(t, g.admin, name, passwordOf(name))
	return "/users/" + id, g.login(t, name, passwordOf(name))
}

func (g *guarded) disabled(t *testing.T) {
	path, pair := g.newcomer(t, "disabled")
	g.wantAlive(t, true, map[string]string{"before": pair.Access})
	g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"is_active":false}`)
	g.wantAlive(t, false, map[string]string{"disabled": pair.Access})
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
	g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"is_active":true}`)
	g.wantAlive(t, false, map[string]string{"enabled again, old token": pair.Access})
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
	g.login(t, "disabled", passwordOf("disabled"))
}

func (g *guarded) deleted(t *testing.T) {
	path, pair := g.newcomer(t, "deleted")
	g.must(t, http.StatusNoContent, "DELETE", path, g.admin.Access, "")
	g.wantAlive(t, false, map[string]string{"deleted": pair.Access})
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
	newPath, _ := g.newcomer(t, "deleted") // somebody else of the same name inherits nothing
	if newPath == path {
		t.Error("the id was given again")
	}
	g.wantAlive(t, false, map[string]string{"the name taken again": pair.Access})
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, pair.Refresh))
}

func (g *guarded) demoted(t *testing.T) {
	path, pair := g.newcomer(t, "demoted")
	g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"is_admin":true,"roles":["boss"]}`)
	pair = g.refreshed(t, pair.Refresh)
	g.must(t, http.StatusOK, "GET", "/users/", pair.Access, "")
	g.passed(t, gateways()[0], attempt{target: "/admin/x", lines: []string{bearerLine(pair.Access)}})
	g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"is_admin":false,"roles":[]}`)
	after := g.refreshed(t, pair.Refresh)
	for name, token := range map[string]string{"the old token": pair.Access, "a refreshed one": after.Access} {
		if answer := g.do(t, "GET", "/users/", token, ""); answer.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, answer.status)
		}
		for _, e := range entrances() {
			g.refused(t, e, attempt{target: "/admin/x", lines: []string{bearerLine(token)}}, http.StatusForbidden)
			g.passed(t, e, attempt{lines: []string{bearerLine(token)}})
		}
	}
	if claims := segmentOf(t, strings.Split(after.Access, ".")[1]); strings.Contains(fmt.Sprint(claims["roles"]),
		"boss") {
		t.Errorf("the new token says %v", claims["roles"])
	}
}

// roleTaken: headers say what is true at the moment, not what was when the token was made.
func (g *guarded) roleTaken(t *testing.T) {
	path, pair := g.newcomer(t, "turncoat")
	for _, roles := range []string{"boss", "boss,staff", "staff", "", "boss"} {
		list, _ := json.Marshal(strings.FieldsFunc(roles, func(c rune) bool { return c == ',' }))
		g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"roles":`+string(list)+`}`)
		for _, e := range entrances() {
			r := g.passed(t, e, attempt{lines: []string{bearerLine(pair.Access)}})
			for _, name := range []string{"X-Forwarded-Groups", "Remote-Groups"} {
				if lines := r.identity(e)[name]; len(lines) != 1 ||
					strings.TrimSpace(lines[0]) != strings.TrimSpace(name+": "+roles) {
					t.Errorf("%s: %q, want %q", e.name, lines, roles)
				}
			}
			want := http.StatusForbidden
			if strings.Contains(roles, "boss") {
				want = http.StatusOK
			}
			g.judged(t, e, attempt{target: "/admin/x", lines: []string{bearerLine(pair.Access)}}, want)
		}
	}
}

func (g *guarded) passwordChanged(t *testing.T) {
	path, own := g.newcomer(t, "changer")
	other := g.login(t, "changer", passwordOf("changer"))
	g.must(t, http.StatusForbidden, "PUT", path, own.Access,
		`{"password":"another password","current_password":"not this one"}`)
	g.must(t, http.StatusBadRequest, "PUT", path, own.Access, `{"password":"another password"}`)
	g.wantAlive(t, true, map[string]string{"before, own": own.Access, "before, other": other.Access})
	g.must(t, http.StatusOK, "PUT", path, own.Access,
		`{"password":"another password","current_password":"`+passwordOf("changer")+`"}`)
	g.wantAlive(t, true, map[string]string{"the session that changed it": own.Access})
	g.wantAlive(t, false, map[string]string{"another session": other.Access})
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, other.Refresh))
	own = g.refreshed(t, own.Refresh)
	g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "",
		`{"grant_type":"password","username":"changer","password":"`+passwordOf("changer")+`"}`)
	g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"password":"a third password"}`)
	g.wantAlive(t, false, map[string]string{"after an administrator changed it": own.Access})
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, own.Refresh))
	g.login(t, "changer", "a third password")
}

// renamed: the name in the headers is the present one, and a rule for the old name lets nobody pass.
func (g *guarded) renamed(t *testing.T) {
	path, pair := g.newcomer(t, "before")
	g.must(t, http.StatusOK, "PUT", path, pair.Access, `{"username":"after"}`)
	for _, e := range entrances() {
		r := g.passed(t, e, attempt{lines: []string{bearerLine(pair.Access)}})
		if lines := r.identity(e)["X-Forwarded-User"]; len(lines) != 1 || !strings.HasSuffix(lines[0], ": after") {
			t.Errorf("%s: %q", e.name, lines)
		}
	}
}

// What is spent stays spent after the process was killed and started again, and so does a lock.
func TestSecurityRestart(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		first := guardPeople(t, storeURL, "")
		next := first.refreshed(t, first.alice.Refresh)
		first.must(t, http.StatusOK, "POST", "/auth/logout", first.boss.Access, "")
		for range 5 {
			first.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody("bare", "not this one"))
		}
		first.must(t, http.StatusTooManyRequests, "POST", "/auth/token", "", loginBody("bare", passwordOf("bare")))
		if err := first.process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		first.await(t)

		second := guard(t, storeURL, "")
		t.Run("CVE-2026-9802 spent refresh token", func(t *testing.T) {
			later := second.refreshed(t, next.Refresh)
			second.wantAlive(t, true, map[string]string{"alice": first.alice.Access, "alice, refreshed": next.Access})
			second.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, first.alice.Refresh))
			second.wantAlive(t, false, map[string]string{"alice, by a session that was stolen": later.Access})
		})
		t.Run("CVE-2025-53826 logged out", func(t *testing.T) {
			second.wantAlive(t, false, map[string]string{"boss": first.boss.Access})
			second.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, first.boss.Refresh))
		})
		t.Run("CVE-2024-21652 lock", func(t *testing.T) {
			second.must(t, http.StatusTooManyRequests, "POST", "/auth/token", "", loginBody("bare", passwordOf("bare")))
			second.login(t, "boss", passwordOf("boss"))
		})
	})
}

// loginBody is that of a login in JSON.
func loginBody(username, password string) string {
	body, _ := json.Marshal(map[string]string{"grant_type": "password", "username": username,
		"password": password}) // strings can be JSON
	return string(body)
}
