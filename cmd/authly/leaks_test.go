package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descoped/authly/store/storetest"
)

// The secrets of a server whose whole output is searched for them. All hold the word marked.
const (
	markedAdmin   = "marked-password-of-the-administrator"
	markedUser    = "marked-password-of-alice"
	markedNew     = "marked-password-of-alice-from-now-on"
	markedWrong   = "marked-password-that-is-wrong"
	markedSecret  = "marked-secret-that-signs-access-tokens"
	markedRefresh = "marked-secret-that-signs-refresh-tokens"
	markedCookie  = "marked-value-of-a-cookie"
	markedElse    = "marked-credential-of-another-scheme"
	strangeName   = "ann\x1b[31m\r\n{\"level\":\"ERROR\"}\u009b2J\u202e"
	strangePath   = "/public/\xc2\x9b31m\xe2\x80\xae%1b%5b31m"
	ambiguousPath = "/public/a%0d%0alevel=ERROR"
)

// marked is a server at the level at which it says most, and what it must not say.
type marked struct {
	*authly
	secrets  map[string]string // what they are, by their text
	refusals []string          // bodies of answers that were no success
}

func startMarked(t *testing.T, storeURL string, environ ...string) *marked {
	t.Helper()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close() // an upstream that is down
	configuration := `
server: {trusted_proxies: [127.0.0.1]}
routes:
  - {name: down, paths: [/down/*], allow: public, pass_authorization: true, upstream: "http://` + closed.Addr().String() + `"}
  - {name: public, paths: [/public/*], allow: public, upstream: "echo:"}
  - {name: rest, paths: [/*], allow: authenticated, pass_authorization: true, upstream: "echo:"}
`
	a := start(t, storeURL, configuration, append([]string{
		"AUTHLY_LOG_LEVEL=debug", "AUTHLY_ADMIN_PASSWORD=" + markedAdmin,
		"JWT_SECRET_KEY=" + markedSecret, "JWT_REFRESH_SECRET_KEY=" + markedRefresh,
	}, environ...)...)
	return &marked{authly: a, secrets: map[string]string{}}
}

// ask is do that remembers refusals.
func (m *marked) ask(t *testing.T, method, path, token, body string, header ...string) reply {
	t.Helper()
	got := m.do(t, method, path, token, body, header...)
	if got.status >= 400 {
		m.refusals = append(m.refusals, got.body)
	}
	return got
}

// in logs in and remembers the tokens as secrets, whole and by the part that nobody could guess.
func (m *marked) in(t *testing.T, username, password string) tokens {
	t.Helper()
	pair := m.login(t, username, password)
	m.remember("access token", pair.Access)
	m.remember("refresh token", pair.Refresh)
	return pair
}

func (m *marked) remember(what, token string) {
	m.secrets[token] = what
	m.secrets[token[strings.LastIndexByte(token, '.')+1:]] = "signature of a " + what
}

func loginWith(username, password string) string {
	body, err := json.Marshal(map[string]string{"grant_type": "password", "username": username, "password": password})
	if err != nil {
		panic(err) // of two strings
	}
	return string(body)
}

// story does everything in which a secret passes by: it is right, wrong, in the wrong place, and in the way of a failure.
func (m *marked) story(t *testing.T) {
	t.Helper()
	admin := m.in(t, "admin", markedAdmin)
	id := m.register(t, admin, "alice", markedUser)
	alice := m.in(t, "alice", markedUser)

	for _, name := range []string{"alice", "nobody", "alice@example.com", strangeName} {
		m.ask(t, "POST", "/auth/token", "", loginWith(name, markedWrong))
	}
	m.ask(t, "POST", "/auth/token", "", `{"grant_type":"password","username":"alice","password":"`+markedWrong+`",}`)
	m.do(t, "POST", "/auth/token", "", `{"`+markedWrong+`":1}`) // the answer names the field
	m.ask(t, "POST", "/auth/token?username=alice&password="+markedWrong, "", "")
	m.ask(t, "POST", "/users/", "", `{"username":"`+markedWrong+`@x","email":"`+markedWrong+`","password":"`+markedWrong+`"}`)
	m.ask(t, "POST", "/users/", "", `{"username":"dave","email":"dave@example.com","password":"`+strings.Repeat(markedWrong, 5)+`"}`)
	m.ask(t, "PUT", "/users/"+id, alice.Access, `{"password":"`+markedNew+`","current_password":"`+markedWrong+`"}`)
	m.ask(t, "PUT", "/users/"+id, admin.Access, `{"password":"`+markedNew+`"}`)
	alice = m.in(t, "alice", markedNew)

	if got := m.refresh(t, alice.Refresh); got.status == http.StatusOK {
		var next tokens
		if err := json.Unmarshal([]byte(got.body), &next); err != nil {
			t.Fatal(err)
		}
		m.remember("access token", next.Access)
		m.remember("refresh token", next.Refresh)
	} else {
		t.Fatalf("refresh: %d %s", got.status, got.body)
	}
	for _, token := range []string{alice.Refresh, alice.Access, alice.Refresh + "x"} {
		m.ask(t, "POST", "/auth/refresh", "", `{"grant_type":"refresh_token","refresh_token":"`+token+`"}`)
	}

	query := "?access_token=" + admin.Access + "&password=" + markedWrong
	for _, path := range []string{"/x", "/down/x", "/public/x", "/users/me", "/public/../x"} {
		m.do(t, "GET", path+query, admin.Access, "", "Cookie", "session="+markedCookie)
		m.do(t, "GET", path+query, admin.Access+"x", "")
		m.do(t, "GET", path+query, alice.Refresh, "")
		m.do(t, "GET", path, "", "", "Authorization", "Basic "+markedElse)
		m.do(t, "GET", path, "", "", "Authorization", markedElse)
	}
	for _, dialect := range []string{"traefik", "caddy", "haproxy", "nginx"} {
		m.do(t, "GET", "/authz/"+dialect, admin.Access, "", "X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https",
			"X-Forwarded-Host", "app.example.com", "X-Forwarded-Uri", "/x"+query, "X-Original-Method", "GET",
			"X-Original-Url", "https://app.example.com/x"+query,
			"X-Forwarded-For", "203.0.113.9", "Cookie", "session="+markedCookie)
	}
	m.strange(t)
	alice = m.in(t, "alice", markedNew) // the spent refresh token has ended the session before
	if got := m.do(t, "POST", "/auth/logout", alice.Access, ""); got.status != http.StatusOK {
		t.Errorf("logout: %d %s", got.status, got.body)
	}
	m.command(t, markedUser+"\n", "user", "set-password", "alice")
}

// strange sends what terminals and readers of logs take for commands.
func (m *marked) strange(t *testing.T) {
	t.Helper()
	for _, target := range []string{strangePath, ambiguousPath, "/\x80\xff"} {
		statusLine(t, m.address["server.address"], "GET "+target+" HTTP/1.1\r\nHost: app.example.com\r\nUser-Agent: a\tb\u009b31m"+
			"\r\nX-Forwarded-For: \xc2\x9b31m\r\n\r\n")
	}
	statusLine(t, m.address["server.address"], "GET /public/x HTTP/1.1\r\nHost: \xc2\x9b31m.example.com\r\n\r\n")
	m.ask(t, "GET", "/public/x", "", "", "Origin", "https://\u009b31m.example.com", "X-Request-Id", "one\u009btwo")
}

// check stops the server and searches all that it has said.
func (m *marked) check(t *testing.T, isJSON bool, secrets map[string]string) {
	t.Helper()
	for text, what := range map[string]string{
		markedAdmin: "administrator's password", markedUser: "password", markedNew: "new password", markedWrong: "wrong password",
		markedSecret: "secret", markedRefresh: "secret of refresh tokens", markedCookie: "cookie", markedElse: "credential",
		url.QueryEscape(markedAdmin): "administrator's password", "$2a$": "hash",
	} {
		secrets[text] = what
	}
	said := m.stdout.String() + m.stderr.String()
	for text, what := range m.secrets {
		secrets[text] = what
	}
	for text, what := range secrets {
		if strings.Contains(said, text) {
			t.Errorf("a %s is in the log or on stdout", what)
		}
		for _, refusal := range m.refusals {
			if strings.Contains(refusal, text) {
				t.Errorf("a %s is in the answer %s", what, refusal)
			}
		}
	}
	if strings.Contains(said, "marked") {
		t.Error("a piece of a secret is in the log or on stdout")
	}
	if !strings.Contains(said, "down") || !strings.Contains(said, "DEBUG") || len(m.refusals) < 10 {
		t.Error("the story was not told")
	}
	m.checkLines(t, isJSON)
}

// checkLines demands that what is logged is lines of plain text, one for each event.
func (m *marked) checkLines(t *testing.T, isJSON bool) {
	t.Helper()
	for line := range strings.Lines(m.stderr.String()) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(c rune) bool { return c < ' ' || 0x7f <= c && c <= 0x9f || c == '\u202e' || c == '\ufffd' }) {
			t.Errorf("a line of the log holds commands: %q", line)
		}
		if !isJSON {
			if !strings.HasPrefix(line, "time=") {
				t.Errorf("a line of the log that is none: %q", line)
			}
			continue
		}
		var fields struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields.Time == "" || fields.Msg == "" || fields.Level == "ERROR" {
			t.Errorf("a line of the log: %q, %v", line, err)
		}
	}
}

func TestNothingLeaks(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storeURL := sqliteURL(t)
		m := startMarked(t, storeURL)
		m.story(t)
		hashes := storedHashes(t, storeURL, 2)
		m.secretsAreNotIn(t, sqliteFiles(t, storeURL))
		m.check(t, true, hashes)
	})
	t.Run("postgres", func(t *testing.T) {
		storeURL := storetest.PostgresURL(t)
		m := startMarked(t, storeURL)
		m.story(t)
		hashes := storedHashes(t, storeURL, 2)
		m.secretsAreNotIn(t, postgresRows(t, storeURL))
		m.check(t, true, hashes)
	})
	t.Run("text", func(t *testing.T) {
		storeURL := sqliteURL(t)
		m := startMarked(t, storeURL, "AUTHLY_LOG_FORMAT=text")
		m.story(t)
		m.check(t, false, map[string]string{})
	})
}

// secretsAreNotIn searches what is on disk for what is only to be known by its hash.
func (m *marked) secretsAreNotIn(t *testing.T, disk string) {
	t.Helper()
	for text, what := range m.secrets {
		if strings.Contains(disk, text) {
			t.Errorf("a %s is on disk", what)
		}
	}
	if strings.Contains(disk, "marked") {
		t.Error("a password or secret is on disk")
	}
	if !strings.Contains(disk, "alice@example.com") || !strings.Contains(disk, "$2a$04$") {
		t.Error("what is on disk was not found")
	}
}

// storedHashes reads the hashes of passwords from a database.
func storedHashes(t *testing.T, storeURL string, want int) map[string]string {
	t.Helper()
	db, _ := sqlOf(t, storeURL)
	rows, err := db.QueryContext(t.Context(), `SELECT password_hash FROM users`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	hashes := map[string]string{}
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			t.Fatal(err)
		}
		hashes[hash] = "password's hash"
	}
	if rows.Err() != nil || len(hashes) != want {
		t.Fatalf("%d hashes, %v", len(hashes), rows.Err())
	}
	return hashes
}

// sqliteFiles returns the bytes of a database and of what lies beside it, none of which others may read.
func sqliteFiles(t *testing.T, storeURL string) string {
	t.Helper()
	files, err := filepath.Glob(strings.TrimPrefix(storeURL, "sqlite://") + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	var all strings.Builder
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(file), info.Mode().Perm())
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

// postgresRows returns every row of every table as text.
func postgresRows(t *testing.T, storeURL string) string {
	t.Helper()
	db, _ := sqlOf(t, storeURL)
	var all strings.Builder
	for _, table := range []string{"users", "tokens", "guesses", "known_clients", "keys", "mails", "mail_tokens"} {
		rows, err := db.QueryContext(t.Context(), fmt.Sprintf(`SELECT %[1]s::text FROM %[1]s`, table))
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				t.Fatal(err)
			}
			all.WriteString(row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
