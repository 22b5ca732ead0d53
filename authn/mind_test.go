package authn_test

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
)

// mind is the whole of authn on a real store, with a clock that the test moves.
type mind struct {
	store     *store.Store
	keys      *authn.KeyRing
	passwords *authn.Passwords
	logins    *authn.Logins
	accounts  *authn.Accounts
	clock     *clock
	config    authn.LoginsConfig
}

type clock struct {
	mu     sync.Mutex
	now    time.Time
	passed time.Duration // since the beginning; setting the clock back does not undo it
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
	c.passed += max(d, 0)
}

// sleep lets time pass as it does for a machine that sleeps.
func (c *clock) sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Elapsed is what a clock says that is never set.
func (c *clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed
}

// options are what tests change of the ordinary configuration.
type options struct {
	algorithm  string
	secret     string
	refresh    string
	limit      authn.Limit
	failures   int
	lockout    authn.LockoutPolicy // instead of failures
	login      func(*authn.LoginsConfig)
	unverified bool // logins do not need a verified address
	passwords  authn.PasswordsConfig
	grace      time.Duration
	encrypted  []string
	assertions bool
	handovers  bool
	policy     authn.SessionPolicy

	previous, previousRefresh string
	rotateEvery               time.Duration
	hsm                       authn.HSM
	sealer                    authn.Sealer // of the keys; nil: they are kept as they are
}

const (
	goodSecret    = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	anotherSecret = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

func newMind(t testing.TB, o options) *mind {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), store.Options{MaxConnections: 4, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return newMindOn(t, db, o)
}

func newMindOn(t testing.TB, db *store.Store, o options) *mind {
	t.Helper()
	return newMindAt(t, db, &clock{now: time.Now().Truncate(time.Microsecond)}, o)
}

// keysOf is the configuration of keys.
func keysOf(db *store.Store, clock *clock, o options) authn.KeyRingConfig {
	return authn.KeyRingConfig{
		Store: db, Algorithm: o.algorithm, Secret: []byte(o.secret), RefreshSecret: []byte(o.refresh),
		PreviousSecret: []byte(o.previous), PreviousRefreshSecret: []byte(o.previousRefresh),
		AccessLife: 30*time.Minute + 5*time.Second, RefreshLife: 7*24*time.Hour + 5*time.Second, RotateEvery: o.rotateEvery,
		Assertions: o.assertions, Handovers: o.handovers, EncryptedClaims: len(o.encrypted) > 0, HSM: o.hsm, Sealer: o.sealer, Now: clock.Now,
	}
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

func newMindAt(t tester, db *store.Store, clock *clock, o options) *mind {
	t.Helper()
	m := &mind{store: db, clock: clock}
	if o.passwords.Algorithm == "" {
		o.passwords = authn.PasswordsConfig{Algorithm: authn.Bcrypt, BcryptCost: 4, MinLength: 8}
	}
	if o.failures == 0 {
		o.failures = 5
	}
	if o.lockout.Failures == 0 {
		o.lockout = authn.LockoutPolicy{Failures: o.failures, Duration: 5 * time.Minute}
	}
	var err error
	if m.passwords, err = authn.NewPasswords(o.passwords); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	m.config = authn.LoginsConfig{
		Store: db, Passwords: m.passwords, Issuer: "https://login.example.com", Audience: "authly",
		AccessTTL: 30 * time.Minute, RefreshTTL: 7 * 24 * time.Hour, Leeway: 5 * time.Second,
		RequireVerification: !o.unverified,
		RefreshGrace:        o.grace,
		EncryptedClaims:     o.encrypted,
		Sessions:            o.policy,
		Lockout:             o.lockout,
		Limit:               o.limit, Now: m.clock.Now, Log: log,
	}
	if o.login != nil {
		o.login(&m.config)
	}
	m.withKeys(t, keysOf(db, clock, o))
	m.accounts = authn.NewAccounts(authn.AccountsConfig{
		Store: db, Logins: m.logins, Passwords: m.passwords, OpenRegistration: true, RequireCurrentPassword: true,
		Now: m.clock.Now, Log: log,
	})
	return m
}

// withKeys gives m other keys.
func (m *mind) withKeys(t tester, cfg authn.KeyRingConfig) {
	t.Helper()
	var err error
	if m.keys, err = authn.NewKeyRing(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	m.config.Keys = m.keys
	m.logins = authn.NewLogins(m.config)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

var from = authn.Client{Address: netip.MustParseAddr("192.0.2.7"), UserAgent: "test"}

const password = "correct horse"

// user makes a verified user whose password is password.
func (m *mind) user(t tester, name string) authn.User {
	t.Helper()
	u, err := m.accounts.Create(t.Context(), authn.Operator(), authn.NewAccount{
		Registration: authn.Registration{Username: name, Email: name + "@example.com", Password: password}, Verified: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (m *mind) login(t tester, name string) authn.Tokens {
	t.Helper()
	tokens, err := m.logins.Login(t.Context(), name, password, from)
	if err != nil {
		t.Fatalf("login of %s: %v", name, err)
	}
	return tokens
}

// code is the code of an error that authn returned, empty for none.
func code(t *testing.T, err error) authn.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	refusal, ok := err.(*authn.Error)
	if !ok {
		t.Fatalf("%v is a %T, want an *authn.Error", err, err)
	}
	return refusal.Code
}
