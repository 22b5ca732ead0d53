package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn/mail/mailtest"
)

// What the mails of the tests are sent with.
const (
	mailPassword = "hunter2-of-the-mail-server/@:"
	mailedFrom   = "https://login.example.com"
)

// mailEnviron has the binary send its mails to a server.
func mailEnviron(s *mailtest.Server, more ...string) []string {
	return append([]string{
		"AUTHLY_MAIL_URL=smtp://authly:" + url.QueryEscape(mailPassword) + "@" + s.Address(), "AUTHLY_MAIL_CA_FILE=" + s.CAFile,
		"AUTHLY_MAIL_FROM=Example <no-reply@example.com>", "AUTHLY_SERVER_PUBLIC_URL=" + mailedFrom,
		"AUTHLY_LIMITS_MAIL={requests: 0, per: 1m}", "AUTHLY_SERVER_TRUSTED_PROXIES=127.0.0.1", "AUTHLY_MASTER_KEY=a master key of the tests with more than 32 bytes",
		"AUTHLY_CORS_ALLOWED_ORIGINS=https://app.example.com",
	}, more...)
}

func mailOptions() mailtest.Options {
	return mailtest.Options{Username: "authly", Password: mailPassword}
}

// otherHosts are headers by which somebody would like to choose where links lead to.
func otherHosts() []string {
	return []string{"Host", "evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example", "X-Forwarded-Proto", "http"}
}

// person is as much of a user as the tests of mail look at.
type person struct {
	ID, Username, Email string
	IsVerified          bool `json:"is_verified"`
}

// user sends a request that must be answered with the status and a user.
func (a *authly) user(t *testing.T, status int, method, path, token, body string, header ...string) (u person) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.must(t, status, method, path, token, body, header...).body), &u); err != nil {
		t.Fatal(err)
	}
	return u
}

// press opens a link as a browser does, and sends the form of its page.
func (a *authly) press(t *testing.T, link string, fields ...string) {
	t.Helper()
	path, ok := strings.CutPrefix(link, mailedFrom)
	path, token, hasToken := strings.Cut(path, "#")
	if !ok || !hasToken {
		t.Fatalf("the link %s does not start with the public URL or has no token", link)
	}
	for _, method := range []string{"GET", "HEAD"} {
		a.must(t, 200, method, path, "", "")
	}
	form := url.Values{"token": {token}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	a.must(t, 200, "POST", path, "", form.Encode(), "Content-Type", "application/x-www-form-urlencoded",
		"Origin", "null", "Sec-Fetch-Site", "same-origin")
}

// The story of an account that is kept by mail, on the real binary: by pages and by the API, whatever hosts requests name.
func TestMailStory(t *testing.T) {
	t.Parallel()
	asServed(t, func(t *testing.T, storeURL string, environ ...string) {
		box := mailtest.Start(t, mailOptions())
		a := start(t, storeURL, protectedEcho, mailEnviron(box, append(environ, "AUTHLY_LOG_LEVEL=debug")...)...)
		admin := a.login(t, "admin", adminPassword)
		tokens := map[string]bool{}
		next := func(address, page string) mailtest.Message {
			t.Helper()
			m := box.NextTo(t, address)
			tokens[m.Token(t, page)] = true
			if strings.Contains(m.Raw, "evil") || m.Header.Get("Auto-Submitted") != "auto-generated" || !m.TLS {
				t.Errorf("the mail is\n%s", m.Raw)
			}
			return m
		}
		alice := a.user(t, 201, "POST", "/users", "", `{"username":"alice","email":"alice@example.com","password":"`+passwordOf("alice")+`"}`, otherHosts()...)
		a.must(t, 403, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice")))
		a.must(t, 202, "POST", "/auth/verify/resend", "", `{"email":"alice@example.com"}`, otherHosts()...)
		first, second := next("alice@example.com", "/auth/mail/verify"), next("alice@example.com", "/auth/mail/verify")
		a.press(t, first.Link(t, "/auth/mail/verify"))
		a.must(t, 400, "PUT", "/users/"+alice.ID+"/verify", "", `{"token":"`+second.Token(t, "/auth/mail/verify")+`"}`)
		before := a.login(t, "alice", passwordOf("alice"))

		a.must(t, 202, "POST", "/auth/password/forgot", "", `{"email":"alice@example.com"}`, otherHosts()...)
		a.press(t, next("alice@example.com", "/auth/mail/reset").Link(t, "/auth/mail/reset"), "password", "battery staple", "again", "battery staple")
		if told := box.NextTo(t, "alice@example.com"); told.Subject != "Your password was changed" {
			t.Errorf("after the reset alice is told %q", told.Subject)
		}
		a.must(t, 401, "GET", "/users/me", before.Access, "")
		a.must(t, 401, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice")))
		now := a.login(t, "alice", "battery staple")

		if u := a.user(t, 202, "PUT", "/users/"+alice.ID, now.Access, `{"email":"alice@new.example"}`); u.Email != "alice@example.com" {
			t.Errorf("before the address is confirmed it is %s", u.Email)
		}
		change := next("alice@new.example", "/auth/mail/email")
		a.must(t, 200, "POST", "/auth/email/confirm", "", `{"token":"`+change.Token(t, "/auth/mail/email")+`"}`)
		if u := a.user(t, 200, "GET", "/users/me", now.Access, ""); u.Email != "alice@new.example" || !u.IsVerified {
			t.Errorf("after that %+v", u)
		}
		if told := box.NextTo(t, "alice@example.com"); !strings.Contains(told.Text, "alice@new.example") {
			t.Errorf("the old address is told\n%s", told.Text)
		}

		a.must(t, 201, "POST", "/users/invitations", admin.Access, `{"email":"bob@example.com","roles":["staff"]}`, otherHosts()...)
		a.press(t, next("bob@example.com", "/auth/mail/invitation").Link(t, "/auth/mail/invitation"),
			"username", "bob", "password", passwordOf("bob"), "again", passwordOf("bob"))
		a.login(t, "bob", passwordOf("bob"))

		a.kill(t)
		said, disk := a.stdout.String()+a.stderr.String(), postgresOrFiles(t, storeURL)
		tokens[mailPassword], tokens[url.QueryEscape(mailPassword)] = true, true
		for secret := range tokens {
			if strings.Contains(said, secret) || strings.Contains(disk, secret) {
				t.Errorf("a secret is in the log or on disk: %s", secret)
			}
		}
		if len(tokens) != 7 || !strings.Contains(said, `"msg":"mail sent"`) {
			t.Errorf("the story was not told: %d secrets", len(tokens))
		}
	})
}

// postgresOrFiles is everything that a database holds.
func postgresOrFiles(t *testing.T, storeURL string) string {
	t.Helper()
	if strings.HasPrefix(storeURL, "sqlite") {
		return sqliteFiles(t, storeURL)
	}
	return postgresRows(t, storeURL)
}

// What an answer has promised is mailed, though the mail server was away and the program was killed before it came back; and what a
// server has taken from a program that was killed at that moment is mailed again rather than never.
func TestMailOutlivesKills(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		away := mailtest.Start(t, mailOptions())
		environ := mailEnviron(away, "AUTHLY_MAIL_TIMEOUT=1s")
		away.Stop()
		a := start(t, storeURL, protectedEcho, environ...)
		admin := a.login(t, "admin", adminPassword)
		a.must(t, 201, "POST", "/users", "", `{"username":"alice","email":"alice@example.com","password":"`+passwordOf("alice")+`"}`)
		a.must(t, 201, "POST", "/users/invitations", admin.Access, `{"email":"bob@example.com"}`)
		eventually(t, "the mail server was asked", func() bool { return strings.Contains(a.stderr.String(), "mail not sent yet") })
		a.kill(t)

		taken := make(chan struct{}, 10)
		back := mailtest.StartAt(t, away.Address(), mailtest.Options{
			Username: "authly", Password: mailPassword,
			DropAfterData: func(before int) bool { taken <- struct{}{}; return before == 0 },
		})
		environ = append(environ, "AUTHLY_MAIL_CA_FILE="+back.CAFile)
		a = start(t, storeURL, protectedEcho, environ...)
		<-taken // and that was not said
		a.kill(t)
		a = start(t, storeURL, protectedEcho, environ...)
		mails := map[string]mailtest.Message{}
		for len(mails) < 2 {
			m := back.Next(t)
			if again, ok := mails[m.To]; ok && again.Header.Get("Message-Id") != m.Header.Get("Message-Id") {
				t.Errorf("the same mail has the ids %s and %s", again.Header.Get("Message-Id"), m.Header.Get("Message-Id"))
			}
			mails[m.To] = m
		}
		a.press(t, mails["alice@example.com"].Link(t, "/auth/mail/verify"))
		a.press(t, mails["bob@example.com"].Link(t, "/auth/mail/invitation"), "username", "bob", "password", passwordOf("bob"), "again", passwordOf("bob"))
		a.login(t, "alice", passwordOf("alice"))
		a.login(t, "bob", passwordOf("bob"))
		eventually(t, "nothing waits any more", func() bool {
			return a.metric(t, "authly_mail_queued") == 0 && a.metric(t, "authly_mail_sent_total") > 0
		})
	})
}

// metric reads a number from /metrics.
func (a *authly) metric(t *testing.T, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + a.address["server.ops_address"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// Nobody learns from the time of an answer whether an address has an account. The two are asked about in turns that chance
// chooses, and medians are compared, so that a busy machine slows both alike; a machine that does not, gets another try.
func TestSecurityForgottenTiming(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		t.Parallel()
		a := start(t, storeURL, protectedEcho, "AUTHLY_LIMITS_MAIL={requests: 0, per: 1m}")
		a.register(t, a.login(t, "admin", adminPassword), "alice", passwordOf("alice"))
		var known, unknown time.Duration
		for range 4 {
			known, unknown = a.timeForgotten(t, 25)
			if ratio := float64(known) / float64(unknown); ratio > 0.95 && ratio < 1.05 {
				return
			}
		}
		t.Errorf("an address that is known takes %v, and one that is not %v", known, unknown)
	})
}

// timeForgotten returns the medians of how long so many requests about alice and about nobody take.
func (a *authly) timeForgotten(t *testing.T, n int) (known, unknown time.Duration) {
	t.Helper()
	took := map[bool][]time.Duration{}
	for i := range n {
		for _, j := range rand.Perm(2) {
			address, isKnown := fmt.Sprintf("nobody%d@example.com", i), j == 0
			if isKnown {
				address = "alice@example.com"
			}
			began := time.Now()
			a.must(t, 202, "POST", "/auth/password/forgot", "", `{"email":"`+address+`"}`)
			took[isKnown] = append(took[isKnown], time.Since(began))
		}
	}
	return median(took[true]), median(took[false])
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
