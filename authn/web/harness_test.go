package web_test

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/store"
)

const (
	password  = "correct horse"
	publicURL = "https://login.example.com"
	prefix    = "/api/v1"
	elsewhere = "https://app.example.com" // where people may be sent back to
)

// often is as often as anybody may register, or ask for a mail.
var often = authn.Limit{Requests: 20, Per: time.Minute}

// site is the pages on a real socket, over a real store, and what was mailed.
type site struct {
	*httptest.Server
	pages    *web.Pages
	file     string // of the database
	db       *store.Store
	logins   *authn.Logins
	accounts *authn.Accounts
	sessions *authn.Sessions
	trail    *authn.Trail
	ring     *authn.KeyRing
	outbox   *authn.Outbox
	mailed   chan authn.Mail
	config   web.Config // of the pages

	settings func(*authn.LoginsConfig, *authn.AccountsConfig) // changes what is as it is for most tests; nil: nothing
}

func (s *site) Send(_ context.Context, m authn.Mail) error {
	s.mailed <- m
	return nil
}

// open starts the pages. Each change is made to their configuration before.
func open(t testing.TB, changes ...func(*web.Config)) *site {
	t.Helper()
	return openWith(t, nil, changes...)
}

// openWith is open with other settings of what the pages stand on.
func openWith(t testing.TB, settings func(*authn.LoginsConfig, *authn.AccountsConfig), changes ...func(*web.Config)) *site {
	t.Helper()
	file := filepath.Join(t.TempDir(), "authly.db")
	db, err := store.Open(t.Context(), "sqlite://"+file, store.Options{MaxConnections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &site{file: file, db: db, mailed: make(chan authn.Mail, 10), settings: settings}
	cfg := s.build(t)
	for _, change := range changes {
		change(&cfg)
	}
	s.config = cfg
	if s.pages, err = web.New(cfg); err != nil {
		t.Fatal(err)
	}
	before := s.pages.Before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as the root of the program does
		x := &headers.Exchange{Origin: headers.Origin{Scheme: "https", Host: cmp.Or(r.Header.Get("Test-Host"), strings.TrimPrefix(publicURL, "https://"))}}
		before.ServeHTTP(w, r.WithContext(headers.WithExchange(r.Context(), x)))
	}))
	t.Cleanup(s.Close)
	run, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.outbox.Run(run); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return s
}

// build makes what the pages stand on.
func (s *site) build(t testing.TB) web.Config {
	t.Helper()
	passwords, err := authn.NewPasswords(authn.PasswordsConfig{Algorithm: authn.Bcrypt, BcryptCost: 4, MinLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	keys, err := authn.NewKeyRing(t.Context(), authn.KeyRingConfig{
		Store: s.db, RefreshSecret: []byte(strings.Repeat("refresh-", 8)),
		AccessLife: time.Minute, RefreshLife: time.Hour, Now: time.Now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.ring = keys
	hour := authn.MailLifetimes{Verification: time.Hour, EmailChange: time.Hour, PasswordReset: time.Hour, Invitation: time.Hour}
	mails := authn.NewMails(authn.MailsConfig{Store: s.db, Lifetimes: hour, Keep: time.Hour, Limit: often, ConfirmEmail: true, Now: time.Now, Log: log})
	policy := authn.SessionPolicy{IdleTimeout: time.Hour, MaxLifetime: 24 * time.Hour}
	s.outbox = authn.NewOutbox(authn.OutboxConfig{Mails: mails, Sender: s, Timeout: time.Minute, Now: time.Now, Log: log})
	s.trail = authn.NewTrail(authn.TrailConfig{Store: s.db, Now: time.Now, Log: log})
	logins := authn.LoginsConfig{
		Store: s.db, Keys: keys, Passwords: passwords, Trail: s.trail, Issuer: publicURL, Audience: "authly", AccessTTL: time.Minute, RefreshTTL: time.Hour,
		Sessions: policy, RememberFor: 48 * time.Hour, RequireVerification: true, Now: time.Now, Log: log,
		Lockout: authn.LockoutPolicy{Failures: 5, Duration: 5 * time.Minute, MaxDuration: time.Hour},
	}
	accounts := authn.AccountsConfig{
		Store: s.db, Passwords: passwords, Mails: mails, OpenRegistration: true, RequireCurrentPassword: true, Limit: often, Now: time.Now, Log: log,
	}
	if s.settings != nil {
		s.settings(&logins, &accounts)
	}
	s.logins = authn.NewLogins(logins)
	accounts.Logins = s.logins
	s.accounts = authn.NewAccounts(accounts)
	s.sessions = authn.NewSessions(authn.SessionsConfig{Store: s.db, Policy: policy, Now: time.Now, Log: log})
	gate := authn.NewGate(authn.GateConfig{Routes: routesOfTests(), Authenticator: s.logins, Now: time.Now})
	return web.Config{
		Trail: s.trail, Explainer: authn.NewExplainer(gate, s.accounts), Keys: keys,
		Owns:   func(path string) bool { return strings.HasPrefix(path+"/", prefix+"/auth/") },
		Logins: s.logins, Sessions: s.sessions, Accounts: s.accounts, Cookie: headers.NewSessionCookie(true, ""),
		PublicURL: publicURL, Prefix: prefix, StatusOf: api.StatusOf, Now: time.Now, Log: log, MayRemember: true,
		Accept: func(address string) (string, string, bool) {
			return address, elsewhere, strings.HasPrefix(address, elsewhere+"/") || strings.HasPrefix(address, publicURL+prefix+"/")
		},
	}
}

// user makes a verified user, an administrator if asked for, whose password is password.
func (s *site) user(t testing.TB, name string, admin bool) authn.User {
	t.Helper()
	user, err := s.accounts.Create(t.Context(), authn.Operator(), authn.NewAccount{
		Registration: authn.Registration{Username: name, Email: name + "@example.com", Password: password}, Verified: true, Admin: admin,
	})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// signIn signs somebody in at the page and returns the Cookie header of their browser.
func (s *site) signIn(t testing.TB, name string) string {
	t.Helper()
	a := s.ask(t, "POST", prefix+web.SignInPath, url.Values{"username": {name}, "password": {password}})
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || a.status != http.StatusSeeOther {
		t.Fatalf("%s cannot sign in: %d %v\n%s", name, a.status, a.header, a.body)
	}
	return cookie.Name + "=" + cookie.Value
}

// token waits for the mail of a kind and returns its token.
func (s *site) token(t testing.TB, kind authn.MailKind) string {
	t.Helper()
	for {
		select {
		case m := <-s.mailed:
			if m.Kind == kind {
				return m.Token
			}
		case <-time.After(time.Minute):
			t.Fatalf("no %s was mailed", kind)
		}
	}
}

// answer is a page as it was answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request, with a form if there is one.
func (s *site) ask(t testing.TB, method, path string, form url.Values, header ...string) answer {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content)}
}

// says fails unless the answer has the status and the text.
func (a answer) says(t testing.TB, status int, text string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Errorf("%d, want %d and %q in\n%s", a.status, status, text, a.body)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	policy := a.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "form-action 'self'") {
		t.Errorf("Content-Security-Policy %q", policy)
	}
}
