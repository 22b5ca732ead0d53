package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"
)

// audited is a server and how far its trail was read.
type audited struct {
	*authly
	admin  tokens
	last   int64
	logged []int64 // the ids of events that the server itself has written
}

// entry is an event as GET /audit tells it.
type entry struct {
	ID        int64
	Kind      string
	Outcome   string
	Reason    string
	Actor     string
	ActorID   string `json:"actor_id"`
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
	Client    string `json:"client_address"`
	RequestID string `json:"request_id"`
	Count     int
	Details   map[string]string
}

// trail returns what is in the trail behind what was read before, the oldest first.
func (a *audited) trail(t *testing.T) []entry {
	t.Helper()
	var all []entry
	for line := range strings.Lines(a.must(t, http.StatusOK, "GET", "/audit?format=ndjson", a.admin.Access, "").body) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.ID > a.last {
			all = append(all, e)
		}
	}
	slices.Reverse(all)
	return all
}

// expect waits until the trail has so many new events, and fails unless they are these: kind, actor, reason and whom it is
// about.
func (a *audited) expect(t *testing.T, what string, want ...string) []entry {
	t.Helper()
	var got []entry
	eventually(t, what, func() bool { got = a.trail(t); return len(got) >= len(want) })
	var told []string
	for _, e := range got {
		about := "nobody"
		if e.UserID != "" {
			about = "somebody"
		}
		told = append(told, strings.Join(strings.Fields(fmt.Sprint(e.Kind, " ", e.Actor, " ", e.Reason, " ", about)), " "))
		if e.Actor != "operator" {
			a.logged = append(a.logged, e.ID)
		}
		if (e.Client == "127.0.0.1") != (e.RequestID != "") || (e.Actor == "user" || e.Actor == "client" || e.Actor == "anonymous") != (e.RequestID != "") {
			if e.Kind != "account_locked" && e.Kind != "password_rehashed" { // by Authly itself, at somebody's request
				t.Errorf("%s: %s by %s from %q, request %q", what, e.Kind, e.Actor, e.Client, e.RequestID)
			}
		}
		a.last = max(a.last, e.ID)
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return got
}

// Every kind of act leaves exactly its event, in the trail and in the log, and none of them a secret.
func TestAuditTrail(t *testing.T) {
	t.Parallel()
	asServed(t, func(t *testing.T, storeURL string, environ ...string) {
		secret, err := bcrypt.GenerateFromPassword([]byte("the program's secret"), 4)
		if err != nil {
			t.Fatal(err)
		}
		a := &audited{authly: start(t, storeURL, `
lockout: {failures: 2}
audit: {denied_requests: true}
clients: [{id: billing, secret_hash: "`+string(secret)+`"}]
routes:
  - {name: all, paths: [/app/*], allow: authenticated, upstream: "echo:"}
`, environ...)}
		a.admin = a.login(t, "admin", adminPassword)
		a.expect(t, "the start", "data_key_added system nobody", "key_added system nobody", "key_added system nobody", "user_created system somebody",
			"configuration_loaded system nobody", "login user somebody")
		secrets := []string{adminPassword, a.admin.Access, a.admin.Refresh, string(secret), "the program's secret"}
		secrets = append(secrets, a.accounts(t)...)
		secrets = append(secrets, a.sessions(t)...)
		a.keysAndRequests(t)
		a.keepsSecrets(t, secrets)
		a.inLog(t)
	})
}

// accounts goes through what can happen to an account, and returns the secrets that were used.
func (a *audited) accounts(t *testing.T) []string {
	t.Helper()
	const first, second = "alice's first one", "alice's second one"
	id := a.register(t, a.admin, "alice", first)
	a.expect(t, "a registration", "user_created anonymous somebody", "user_verified user somebody")
	a.command(t, "bob's password\n", "user", "create", "bob", "--email", "bob@example.com")
	a.expect(t, "authly user create", "user_created operator somebody")
	a.loginStatus(t, "alice", "mistyped password")
	a.expect(t, "a wrong password", "login_failed anonymous invalid_grant somebody")
	a.loginStatus(t, "my password typed as a name", "mistyped password")
	a.expect(t, "a name that does not exist", "login_failed anonymous invalid_grant nobody")
	a.loginStatus(t, "alice", "mistyped password")
	a.expect(t, "a wrong password that locks", "login_failed anonymous invalid_grant somebody", "account_locked system somebody")
	a.loginStatus(t, "alice", first)
	a.expect(t, "a locked account", "login_failed anonymous account_locked somebody")
	a.command(t, "", "user", "unlock", "alice")
	a.expect(t, "authly user unlock", "account_unlocked operator somebody")
	alice := a.login(t, "alice", first)
	a.expect(t, "a login", "login user somebody")
	change := func(token, body string, status int) { a.must(t, status, "PUT", "/users/"+id, token, body) }
	change(alice.Access, `{"password":"`+second+`","current_password":"mistyped password"}`, http.StatusForbidden)
	failed := a.expect(t, "a wrong current password", "login_failed anonymous invalid_grant somebody")
	if failed[0].Details["check"] != "password_change" {
		t.Errorf("the details are %v", failed[0].Details)
	}
	change(alice.Access, `{"password":"`+second+`","current_password":"`+first+`"}`, http.StatusOK)
	a.expect(t, "another password", "password_changed user somebody")
	change(alice.Access, `{"username":"alicia"}`, http.StatusOK)
	a.expect(t, "another name", "user_changed user somebody")
	change(a.admin.Access, `{"email":"new@example.com","is_verified":true,"roles":["staff"]}`, http.StatusOK)
	a.expect(t, "three changes at once", "email_changed user somebody", "user_verified user somebody", "roles_changed user somebody")
	change(a.admin.Access, `{"username":"alicia"}`, http.StatusOK)
	a.expect(t, "no change")
	change(a.admin.Access, `{"username":"admin"}`, http.StatusBadRequest)
	a.expect(t, "a change that is refused")
	change(a.admin.Access, `{"is_active":false}`, http.StatusOK)
	a.expect(t, "disabling", "user_disabled user somebody")
	a.loginStatus(t, "alicia", second)
	a.expect(t, "a login of who is disabled", "login_failed anonymous account_inactive somebody")
	change(a.admin.Access, `{"is_active":true}`, http.StatusOK)
	a.expect(t, "enabling", "user_enabled user somebody")
	a.must(t, http.StatusNoContent, "DELETE", "/users/"+id, a.admin.Access, "")
	gone := a.expect(t, "a deletion", "user_deleted user somebody")
	if gone[0].UserID != id || gone[0].Details["username"] != "alicia" {
		t.Errorf("deleted: %+v", gone[0])
	}
	return []string{first, second, "bob's password", "mistyped password", "my password typed as a name", alice.Access, alice.Refresh,
		"new@example.com"}
}

// sessions goes through the ways in which sessions end.
func (a *audited) sessions(t *testing.T) []string {
	t.Helper()
	login := func() tokens {
		pair := a.login(t, "bob", "bob's password")
		a.expect(t, "a login", "login user somebody")
		return pair
	}
	one, two, three := login(), login(), login()
	refresh := `{"grant_type":"refresh_token","refresh_token":"` + one.Refresh + `"}`
	a.must(t, http.StatusOK, "POST", "/auth/refresh", "", refresh)
	a.expect(t, "a refresh")
	a.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refresh)
	reused := a.expect(t, "a refresh token used twice", "refresh_reused anonymous invalid_grant somebody")
	if sid := segmentOf(t, strings.Split(one.Access, ".")[1])["sid"]; reused[0].SessionID != sid || reused[0].Outcome != "failure" {
		t.Errorf("reused: %+v, want session %v", reused[0], sid)
	}
	sid, _ := segmentOf(t, strings.Split(two.Access, ".")[1])["sid"].(string)
	a.must(t, http.StatusNoContent, "DELETE", "/auth/sessions/"+sid, three.Access, "")
	a.expect(t, "another session", "session_revoked user somebody")
	a.must(t, http.StatusOK, "POST", "/auth/logout", three.Access, `{"scope":"session"}`)
	a.expect(t, "a logout", "logout user somebody")
	four := login()
	a.must(t, http.StatusOK, "POST", "/auth/logout", four.Access, "")
	a.expect(t, "a logout everywhere", "logout user somebody")
	five := login()
	for _, token := range []string{five.Access, five.Refresh} {
		a.must(t, http.StatusOK, "POST", "/auth/revoke", "", "token="+token, "Content-Type", "application/x-www-form-urlencoded",
			"Authorization", "Basic YmlsbGluZzp0aGUrcHJvZ3JhbSUyN3Mrc2VjcmV0")
	}
	by := a.expect(t, "revocations by a program", "token_revoked client somebody", "session_revoked client somebody")
	if by[0].ActorID != "billing" {
		t.Errorf("revoked by %q", by[0].ActorID)
	}
	six := login()
	a.command(t, "", "session", "revoke", "bob", "--all")
	a.expect(t, "authly session revoke", "session_revoked operator somebody")
	var all []string
	for _, pair := range []tokens{one, two, three, four, five, six} {
		all = append(all, pair.Access, pair.Refresh)
	}
	return all
}

// keysAndRequests replaces a key and is kept out.
func (a *audited) keysAndRequests(t *testing.T) {
	t.Helper()
	key, _ := a.command(t, "", "key", "rotate", "--purpose", "refresh", "--now")["id"].(string)
	a.expect(t, "authly key rotate", "key_added operator nobody")
	a.command(t, "", "key", "revoke", key)
	a.expect(t, "authly key revoke", "key_revoked operator nobody", "key_added operator nobody")
	a.must(t, http.StatusUnauthorized, "GET", "/app/secret?token=in-the-query", "", "")
	denied := a.expect(t, "a request that is kept out", "request_denied anonymous no_credentials nobody")
	if d := denied[0].Details; d["path"] != "/app/secret" || d["route"] != "all" || d["method"] != "GET" {
		t.Errorf("denied: %v", d)
	}
	a.must(t, http.StatusOK, "GET", "/app/secret", a.admin.Access, "")
	a.expect(t, "a request that passes")
}

// keepsSecrets looks for what must not be there, in the trail in each of its forms and in the log.
func (a *audited) keepsSecrets(t *testing.T, secrets []string) {
	t.Helper()
	secrets = append(secrets, "in-the-query", "$2a$", "$2b$")
	table := a.must(t, http.StatusOK, "GET", "/audit?format=csv", a.admin.Access, "").body
	for name, text := range map[string]string{
		"csv": table, "ndjson": a.must(t, http.StatusOK, "GET", "/audit?format=ndjson", a.admin.Access, "").body, "log": withoutMails(a.stderr.String()),
	} {
		if !strings.Contains(text, "login_failed") {
			t.Errorf("the %s tells of no failure", name)
		}
		for i, secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(text, strings.ReplaceAll(secret, "'", `\u0027`)) {
				t.Errorf("the %s holds the secret %d", name, i)
			}
		}
	}
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil || len(rows) < 40 {
		t.Errorf("%d rows, error %v", len(rows), err)
	}
}

// withoutMails is a log without the mails that are shown in it because there is no mail server.
func withoutMails(log string) string {
	var rest strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"msg":"MAIL, shown here`) {
			rest.WriteString(line)
		}
	}
	return rest.String()
}

// inLog holds the log against the trail: a line for each event.
func (a *audited) inLog(t *testing.T) {
	t.Helper()
	lines := map[int64]int{}
	for line := range strings.Lines(a.stderr.String()) {
		var e struct {
			Msg string
			ID  int64 `json:"audit_id"`
		}
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == "audit" {
			lines[e.ID]++
		}
	}
	for _, id := range a.logged {
		if lines[id] != 1 {
			t.Errorf("the log has %d lines for event %d, want 1", lines[id], id)
		}
	}
	if len(a.logged) < 30 || len(lines) != len(a.logged) {
		t.Errorf("the log has %d events, the server wrote %d", len(lines), len(a.logged))
	}
}

// What was counted is in the trail before the log says that the server has stopped, and nothing is written after that. A mail that is
// only shown is not said to be sent.
func TestStoppedIsTheLastWord(t *testing.T) {
	t.Parallel()
	a := start(t, sqliteURL(t), protectedEcho, "AUTHLY_AUDIT_DENIED_REQUESTS=true")
	a.must(t, http.StatusCreated, "POST", "/users/", "", `{"username":"alice","email":"alice@example.com","password":"`+passwordOf("alice")+`"}`)
	eventually(t, "the mail is shown", func() bool { return strings.Contains(a.stderr.String(), "MAIL, shown here") })
	a.must(t, http.StatusUnauthorized, "GET", "/closed/first", "", "")
	eventually(t, "the first is in the trail", func() bool { return linesWith(a.stderr.String(), "request_denied") == 1 })
	for range 3 {
		a.must(t, http.StatusUnauthorized, "GET", "/closed/again", "", "")
	}
	a.signal(t, syscall.SIGTERM)
	if status := a.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	said := a.stderr.String()
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, `"msg":"stopped"`) || linesWith(said, `"msg":"stopped"`) != 1 {
		t.Errorf("the last line is %s", last)
	}
	if linesWith(said, "request_denied", `"count":3`) != 1 {
		t.Error("what was counted last is not in the trail")
	}
	if strings.Contains(said, "mail sent") {
		t.Error("a mail that was shown is said to be sent")
	}
}

// The trail says where clients are, in every form in which it can be read, and can be searched by it.
func TestAuditPlaces(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		a := start(t, storeURL, behindProxy, "AUTHLY_GEO_DATABASE="+places(t, "NO", "Oslo")+", "+farAway(t))
		admin := a.login(t, "admin", adminPassword)
		a.loginFrom(t, "192.0.2.7", "curl/8.0", "admin", "not this one")
		a.loginFrom(t, "203.0.113.9", "curl/8.0", "nobody", "not this one")
		failures := func(query string) []string {
			t.Helper()
			var page struct {
				Events []struct {
					Address string `json:"client_address"`
					Country string
					City    string
				}
			}
			answer := a.must(t, http.StatusOK, "GET", "/audit?kind=login_failed"+query, admin.Access, "")
			if err := json.Unmarshal([]byte(answer.body), &page); err != nil {
				t.Fatal(err)
			}
			told := []string{}
			for _, e := range page.Events {
				told = append(told, e.Address+" "+e.City+" "+e.Country)
			}
			return told
		}
		for query, want := range map[string][]string{
			"":            {"203.0.113.9 Sydney AU", "192.0.2.7 Oslo NO"},
			"&country=NO": {"192.0.2.7 Oslo NO"}, "&country=au": {"203.0.113.9 Sydney AU"}, "&country=SE": {},
		} {
			if diff := cmp.Diff(want, failures(query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		for _, wrong := range []string{"", "N", "NOR", "N1", "Ö"} {
			a.must(t, http.StatusBadRequest, "GET", "/audit?country="+url.QueryEscape(wrong), admin.Access, "")
		}
		table := a.must(t, http.StatusOK, "GET", "/audit?format=csv&country=NO", admin.Access, "").body
		if !strings.Contains(table, "client_address,country,city,user_agent") || !strings.Contains(table, ",192.0.2.7,NO,Oslo,curl/8.0,") {
			t.Errorf("the table is\n%s", table)
		}
		if table := a.run(t, 0, "audit", "--country", "NO"); !strings.Contains(table, "PLACE") || !strings.Contains(table, "Oslo, NO") || strings.Contains(table, "Sydney") {
			t.Errorf("authly audit says\n%s", table)
		}
		if own := a.must(t, http.StatusOK, "GET", "/users/me/audit?kind=login_failed", admin.Access, "").body; !strings.Contains(own, `"country":"NO","city":"Oslo"`) {
			t.Errorf("the user is shown %s", own)
		}
		if linesWith(a.stderr.String(), "login_failed", `"country":"AU"`, `"city":"Sydney"`) != 1 {
			t.Error("the log does not say where")
		}
	})
}
