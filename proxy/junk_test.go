package proxy_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// countingStore counts what a check of a credential asks the store for.
type countingStore struct {
	authn.LoginStore
	reads atomic.Int32
}

func (c *countingStore) CookieOwner(
	ctx context.Context, hash string, p authn.SessionPolicy, now time.Time,
) (authn.User, authn.Session, authn.Cookie, error) {
	c.reads.Add(1)
	return c.LoginStore.CookieOwner(ctx, hash, p, now)
}

func (c *countingStore) TokenOwner(ctx context.Context, kind authn.TokenKind, jti string, hash []byte, now time.Time) (authn.User, authn.Token, error) {
	c.reads.Add(1)
	return c.LoginStore.TokenOwner(ctx, kind, jti, hash, now)
}

func (c *countingStore) UserByID(ctx context.Context, id uuid.UUID) (authn.User, error) {
	c.reads.Add(1)
	return c.LoginStore.UserByID(ctx, id)
}

// known are the people of a real store, and the cookie of one of them.
func known(t *testing.T) (*authn.Checker, *countingStore, authn.BrowserCookie) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), store.Options{MaxConnections: 4, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	passwords, err := authn.NewPasswords(authn.PasswordsConfig{Algorithm: authn.Bcrypt, BcryptCost: 4, MinLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := authn.NewKeyRing(t.Context(), authn.KeyRingConfig{Store: db, AccessLife: time.Hour, RefreshLife: time.Hour, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	counting := &countingStore{LoginStore: db}
	key, err := db.Salt(t.Context(), "cookies")
	if err != nil {
		t.Fatal(err)
	}
	logins := authn.NewLogins(authn.LoginsConfig{
		Store: counting, Keys: keys, Passwords: passwords, Issuer: loginPage, Audience: "authly", CookieKey: key,
		AccessTTL: time.Hour, RefreshTTL: time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	prepared, err := passwords.Prepare("password", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := passwords.Hash(t.Context(), authn.Client{}, prepared)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Microsecond)
	alice := authn.User{
		ID: uuid.New(), Username: "alice", Email: "alice@example.com", EmailKey: "alice@example.com", PasswordHash: hash,
		Active: true, Verified: true, CreatedAt: now, UpdatedAt: now,
	}
	if err := db.CreateUser(t.Context(), alice, storetest.By(now)); err != nil {
		t.Fatal(err)
	}
	given, err := logins.LoginBrowser(t.Context(), "alice", "correct horse", false, "", authn.Client{})
	if err != nil {
		t.Fatal(err)
	}
	follower := authn.NewFollower(authn.FollowerConfig{
		Feed: db, Users: db, TokenLife: time.Hour, PollEvery: time.Second, MaxStaleness: time.Hour, Log: slog.New(slog.DiscardHandler),
		Now: time.Now, Elapsed: func() time.Duration { return 0 },
	})
	if err := follower.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return authn.NewChecker(logins, follower), counting, given
}

// What nobody was ever given costs the store nothing, whether it looks like a cookie or like a token; a good cookie is looked up once.
func TestJunkCostsNoRead(t *testing.T) {
	checker, counting, given := known(t)
	random, check := given.Value[:43], given.Value[43:]
	other := strings.Repeat("A", 43)
	if random[0] == 'A' {
		other = strings.Repeat("B", 43)
	}
	counting.reads.Store(0)
	all := entrancesFor(t, checker)
	for _, e := range all {
		for name, line := range map[string]string{
			"a value of the right form":        "Cookie: __Host-authly=" + strings.Repeat("A", 54),
			"the check of another value":       "Cookie: __Host-authly=" + other + check,
			"a value without its check":        "Cookie: __Host-authly=" + random,
			"a value with its check cut":       "Cookie: __Host-authly=" + given.Value[:53],
			"a value and a check in its place": "Cookie: __Host-authly=" + check + random,
			"a token":                          "Authorization: Bearer eyJhbGciOiJFZERTQSJ9.e30." + strings.Repeat("A", 86),
		} {
			if a := e.ask(t, "GET", "/app/x", line); a.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %s: %d", e.name, name, a.StatusCode)
			}
		}
	}
	if n := counting.reads.Load(); n != 0 {
		t.Errorf("the store was asked %d times about junk", n)
	}
	for _, e := range all {
		if a := e.ask(t, "GET", "/app/x", "Cookie: __Host-authly="+given.Value); a.StatusCode != http.StatusOK {
			t.Errorf("%s: a good cookie: %d", e.name, a.StatusCode)
		}
	}
	if n := counting.reads.Load(); n != 1 {
		t.Errorf("the store was asked %d times about a good cookie", n)
	}
}
