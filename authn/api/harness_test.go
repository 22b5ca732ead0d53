package api_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/store"
)

// goodPassword is the password of every user that a test makes and does not say otherwise about.
const goodPassword = "correct horse"

// loginOrigin is where browsers see Authly, and allowedOrigin the one other from which they may use cookies.
const (
	loginOrigin   = "https://login.example.com"
	allowedOrigin = "https://app.example.com"
)

// requestID is the id under which every request of a test runs.
const requestID = "0123456789abcdef"

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// syncBuffer is a log that a test reads while a server writes it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// options are what tests set differently.
type options struct {
	prefix             string
	publicURL          string
	algorithm          string // of access tokens; empty: EdDSA
	closedRegistration bool
	noVerification     bool
	noCurrentPassword  bool
	limit              authn.Limit
	bodyTimeout        time.Duration
	refreshSecret      string // signs refresh tokens; empty: a managed key
	sessions           authn.SessionPolicy
	confirmEmail       bool
	mailLimit          authn.Limit
	rememberFor        time.Duration
	pairLimit          authn.Limit
	registrationLimit  authn.Limit
}

// server is the API on a real socket, over a real store.
type server struct {
	*httptest.Server
	opts     options
	host     string // that requests are for; empty: that of the public URL
	config   api.Config
	store    *store.Store
	api      *api.API
	logins   *authn.Logins
	accounts *authn.Accounts
	outbox   *authn.Outbox
	mailbox  mailbox
	trail    *authn.Trail
	clock    *clock
	log      *syncBuffer
	last     atomic.Pointer[headers.Exchange] // of the latest request
	contract *contract
}

// start builds a server over the database of the URL.
func start(t *testing.T, url string, opts options) *server {
	t.Helper()
	s := &server{opts: opts, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if s.store, err = store.Open(t.Context(), url, store.Options{MaxConnections: 4, Audited: authn.LogEvents(log)}); err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	keys, err := authn.NewKeyRing(t.Context(), authn.KeyRingConfig{
		Store: s.store, Algorithm: opts.algorithm,
		RefreshSecret: []byte(opts.refreshSecret), Now: s.clock.Now,
	})
	if err != nil {
		t.Fatalf("make the keys: %v", err)
	}
	passwords, err := authn.NewPasswords(authn.PasswordsConfig{Algorithm: authn.Bcrypt, BcryptCost: 4, MinLength: 8})
	if err != nil {
		t.Fatalf("make the passwords: %v", err)
	}
	s.trail = authn.NewTrail(authn.TrailConfig{Store: s.store, Now: s.clock.Now, Log: log})
	s.logins = authn.NewLogins(authn.LoginsConfig{
		Trail: s.trail,
		Store: s.store, Keys: keys, Passwords: passwords, Issuer: "http://login.example.com", Audience: "authly",
		AccessTTL: 30 * time.Minute, RefreshTTL: 168 * time.Hour, Leeway: 5 * time.Second,
		Sessions: opts.sessions, RememberFor: opts.rememberFor, RequireVerification: !opts.noVerification, Lockout: authn.LockoutPolicy{Failures: 5, Duration: 5 * time.Minute},
		Limit: opts.limit, PairLimit: opts.pairLimit, Now: s.clock.Now, Log: log,
	})
	mails := authn.NewMails(authn.MailsConfig{
		Store: s.store, Keep: time.Hour, Limit: opts.mailLimit, ConfirmEmail: opts.confirmEmail, Now: s.clock.Now, Log: log,
		Lifetimes: authn.MailLifetimes{Verification: time.Hour, EmailChange: time.Hour, PasswordReset: time.Hour, Invitation: time.Hour},
	})
	s.outbox = authn.NewOutbox(authn.OutboxConfig{Mails: mails, Sender: &s.mailbox, Timeout: time.Minute, Now: s.clock.Now, Log: log})
	s.accounts = authn.NewAccounts(authn.AccountsConfig{
		Store: s.store, Logins: s.logins, Passwords: passwords, Mails: mails, OpenRegistration: !opts.closedRegistration,
		RequireCurrentPassword: !opts.noCurrentPassword, Limit: opts.registrationLimit, Now: s.clock.Now, Log: log,
	})
	sameOrigin, err := headers.NewSameOrigin(loginOrigin, headers.CORSConfig{
		AllowedOrigins: []string{allowedOrigin}, AllowedMethods: []string{"POST"}, AllowCredentials: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.config = api.Config{
		Cookie: headers.NewSessionCookie(true, ""), Domains: headers.NewCookieDomains([]string{"example.net"}), SameOrigin: sameOrigin,
		Logins: s.logins, Accounts: s.accounts, Keys: keys, Store: s.store,
		Sessions: authn.NewSessions(authn.SessionsConfig{Store: s.store, Policy: opts.sessions, Now: s.clock.Now, Log: log}),
		Clients:  authn.NewClients(passwords, nil, s.trail, clients(t, passwords)),
		Trail:    s.trail,
		Prefix:   opts.prefix, PublicURL: opts.publicURL, Version: "1.2.3", BodyTimeout: opts.bodyTimeout, Now: s.clock.Now, Log: log,
	}
	s.api, err = api.New(s.config)
	if err != nil {
		t.Fatalf("make the API: %v", err)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.contract = loadContract(t, s.api, opts.prefix)
	return s
}

// clientID and clientSecret are those of the one registered client. Both mean something in a form and in Basic, so that
// whoever forgets an encoding is found out.
const (
	clientID     = "app:one +%41"
	clientSecret = "s€cret: 100%+ &=x"
)

func clients(t *testing.T, passwords *authn.Passwords) []authn.RegisteredClient {
	t.Helper()
	prepared, err := passwords.Prepare("secret", clientSecret)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := passwords.Hash(t.Context(), authn.Client{}, prepared)
	if err != nil {
		t.Fatal(err)
	}
	return []authn.RegisteredClient{{ID: clientID, SecretHash: hash}}
}

// home is the host of the public URL; empty: there is none.
func (o options) home() string {
	_, host, _ := strings.Cut(o.publicURL, "://")
	return host
}

// serve does what the root of the program does: it gives the request an exchange.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	x := &headers.Exchange{ID: requestID, Origin: headers.Origin{Client: netip.MustParseAddr("192.0.2.1"), Host: cmp.Or(s.host, s.opts.home())}}
	s.last.Store(x)
	s.api.ServeHTTP(w, r.WithContext(headers.WithExchange(r.Context(), x)))
}

// answer is a response, read to its end.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// request is what a test sends; the zero values are left out.
type request struct {
	method, path string
	token        string
	contentType  string // of a body; empty: application/json
	body         string
	header       http.Header
}

// do sends a request and holds the answer against the description.
func (s *server) do(t *testing.T, req request) answer {
	t.Helper()
	var body io.Reader
	if req.body != "" {
		body = strings.NewReader(req.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), req.method, s.URL+s.opts.prefix+req.path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", req.method, req.path, err)
	}
	for name, values := range req.header {
		r.Header[name] = values
	}
	if req.token != "" {
		r.Header.Set("Authorization", "Bearer "+req.token)
	}
	if body != nil && r.Header.Get("Content-Type") == "" {
		kind := req.contentType
		if kind == "" {
			kind = "application/json"
		}
		r.Header.Set("Content-Type", kind)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", req.method, req.path, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", req.method, req.path, err)
	}
	a := answer{t, resp.StatusCode, resp.Header, got}
	s.contract.check(t, r, a)
	return a
}

// call is do with the parts that most tests need.
func (s *server) call(t *testing.T, method, path, token, body string) answer {
	t.Helper()
	return s.do(t, request{method: method, path: path, token: token, body: body})
}

// want fails the test unless the answer has the status.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d; the body is %s", a.status, status, a.body)
	}
	return a
}

// problem is an error as a client reads it.
type problem struct {
	Type, Title      string
	Status           int
	Detail, Code     string
	Field            string
	RequestID        string `json:"request_id"`
	Error            string
	ErrorDescription string `json:"error_description"`
}

// refused fails the test unless the answer is a problem with this status and detail, and returns it.
func (a answer) refused(status int, detail string) problem {
	a.t.Helper()
	p := a.problem(status)
	if p.Detail != detail {
		a.t.Fatalf("detail %q, want %q", p.Detail, detail)
	}
	return p
}

// problem fails the test unless the answer is a problem of the status, well made in everything that all problems share.
func (a answer) problem(status int) problem {
	a.t.Helper()
	a.want(status)
	var p problem
	if err := json.Unmarshal(a.body, &p, json.MatchCaseInsensitiveNames(true)); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("Content-Type %q, want application/problem+json", got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("Cache-Control %q, want no-store", got)
	}
	if p.Type != "about:blank" || p.Status != status || p.Title != http.StatusText(status) || p.RequestID != requestID {
		a.t.Errorf("type %q, title %q, status %d, request_id %q do not belong to a problem of %d",
			p.Type, p.Title, p.Status, p.RequestID, status)
	}
	challenge := a.header.Get("WWW-Authenticate")
	want := ""
	switch {
	case p.Code == string(authn.CodeInvalidClient):
		want = `Basic realm="authly"`
	case status == http.StatusUnauthorized:
		want = `Bearer realm="authly"`
	}
	if challenge, _, _ := strings.Cut(challenge, ","); challenge != want {
		a.t.Errorf("WWW-Authenticate %q on status %d, want %q", challenge, status, want)
	}
	return p
}

// into reads the answer's JSON.
func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v, json.RejectUnknownMembers(true)); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
}

// tokens is the answer to a grant.
type tokens struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
}

// user is a user as clients see one.
type user struct {
	ID         string   `json:"id"`
	Username   string   `json:"username"`
	Email      string   `json:"email"`
	CreatedAt  string   `json:"created_at"`
	UpdatedAt  string   `json:"updated_at"`
	LastLogin  *string  `json:"last_login"`
	IsActive   bool     `json:"is_active"`
	IsVerified bool     `json:"is_verified"`
	IsAdmin    bool     `json:"is_admin"`
	Roles      []string `json:"roles"`
}

// add makes a verified user with goodPassword.
func (s *server) add(t *testing.T, name string, roles ...string) authn.User {
	t.Helper()
	return s.create(t, authn.NewAccount{
		Registration: authn.Registration{Username: name, Email: name + "@example.com", Password: goodPassword},
		Verified:     true, Roles: roles,
	})
}

// addAdmin makes an administrator with goodPassword.
func (s *server) addAdmin(t *testing.T, name string) authn.User {
	t.Helper()
	return s.create(t, authn.NewAccount{
		Registration: authn.Registration{Username: name, Email: name + "@example.com", Password: goodPassword},
		Verified:     true, Admin: true,
	})
}

func (s *server) create(t *testing.T, n authn.NewAccount) authn.User {
	t.Helper()
	u, err := s.accounts.Create(context.Background(), authn.Operator(), n)
	if err != nil {
		t.Fatalf("create %s: %v", n.Username, err)
	}
	return u
}

// login logs a user with goodPassword in.
func (s *server) login(t *testing.T, name string) tokens {
	t.Helper()
	var got tokens
	s.call(t, "POST", "/auth/token", "", grantOf(name, goodPassword)).want(200).into(&got)
	return got
}

// grantOf is the body of a login.
func grantOf(name, password string) string {
	return object("grant_type", "password", "username", name, "password", password)
}

// refreshOf is the body of a refresh.
func refreshOf(token string) string {
	return object("grant_type", "refresh_token", "refresh_token", token)
}

// object writes a JSON object of names and strings in turn.
func object(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	body, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return string(body)
}
