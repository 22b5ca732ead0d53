package authn_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// watched is a store whose reads are counted and can be made to fail, as a lost database does.
type watched struct {
	authn.LoginStore
	authn.Feed
	down   atomic.Bool
	tokens atomic.Int32 // asked for by token
	users  atomic.Int32 // asked for by id
	looks  atomic.Int32 // at the feed

	cookies atomic.Int32 // asked for by cookie

	hold chan struct{} // if not nil, what is asked waits until it is closed
}

func (w *watched) TokenOwner(ctx context.Context, kind authn.TokenKind, jti string, hash []byte, now time.Time) (authn.User, authn.Token, error) {
	w.tokens.Add(1)
	if w.down.Load() {
		return authn.User{}, authn.Token{}, authn.ErrUnavailable
	}
	return w.LoginStore.TokenOwner(ctx, kind, jti, hash, now)
}

func (w *watched) CookieOwner(
	ctx context.Context, hash string, p authn.SessionPolicy, now time.Time,
) (authn.User, authn.Session, authn.Cookie, error) {
	w.cookies.Add(1)
	if w.down.Load() {
		return authn.User{}, authn.Session{}, authn.Cookie{}, authn.ErrUnavailable
	}
	return w.LoginStore.CookieOwner(ctx, hash, p, now)
}

func (w *watched) UserByID(ctx context.Context, id uuid.UUID) (authn.User, error) {
	w.users.Add(1)
	w.wait()
	if w.down.Load() {
		return authn.User{}, authn.ErrUnavailable
	}
	return w.LoginStore.UserByID(ctx, id)
}

func (w *watched) Changes(ctx context.Context, after authn.Cursor) ([]authn.Change, authn.Cursor, error) {
	w.looks.Add(1)
	w.wait()
	if w.down.Load() {
		return nil, after, authn.ErrUnavailable
	}
	return w.Feed.Changes(ctx, after)
}

func (w *watched) wait() {
	if w.hold != nil {
		<-w.hold
	}
}

// replica is another Authly on the same store: it knows of what ends only by the feed.
type replica struct {
	store    *watched
	follower *authn.Follower
	checker  *authn.Checker
	lags     atomic.Int32
}

func (m *mind) replica(t testing.TB) *replica {
	t.Helper()
	r := &replica{store: &watched{LoginStore: m.store, Feed: m.store}}
	logins := authn.NewLogins(authn.LoginsConfig{
		Store: r.store, Keys: m.keys, Passwords: m.passwords, Issuer: "https://login.example.com", Audience: "authly",
		AccessTTL: 30 * time.Minute, RefreshTTL: 7 * 24 * time.Hour, Leeway: 5 * time.Second, Sessions: m.config.Sessions,
		Now: m.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	r.follower = authn.NewFollower(authn.FollowerConfig{
		Feed: r.store, Users: r.store, TokenLife: 30*time.Minute + 5*time.Second, PollEvery: time.Second,
		MaxStaleness: 10 * time.Second, Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: slog.New(slog.DiscardHandler),
		ObserveLag: func(time.Duration) { r.lags.Add(1) },
	})
	r.checker = authn.NewChecker(logins, r.follower)
	r.load(t)
	return r
}

func (r *replica) load(t testing.TB) {
	t.Helper()
	if err := r.follower.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *replica) check(t *testing.T, access string) (*authn.Identity, authn.Code) {
	t.Helper()
	identity, err := r.checker.Authenticate(t.Context(), bearer(access))
	return identity, code(t, err)
}

func TestCheckCostsNoRead(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	access := m.login(t, "alice").Access
	r := m.replica(t)
	for range 100 {
		if identity, refusal := r.check(t, access); refusal != "" || identity.Username != "alice" {
			t.Fatalf("%v, %s", identity, refusal)
		}
	}
	if tokens, users := r.store.tokens.Load(), r.store.users.Load(); tokens+users != 0 {
		t.Errorf("100 checks asked the store %d times for tokens, %d times for users", tokens, users)
	}
}

// Whatever takes access away on one replica takes it away on the other, once that has read the feed.
func TestEveryEndIsFollowed(t *testing.T) {
	type world struct {
		m      *mind
		user   authn.User
		caller *authn.Identity
		tokens authn.Tokens
	}
	update := func(w world, u authn.AccountUpdate) error {
		_, err := w.m.accounts.Update(t.Context(), authn.Operator(), w.user.ID, u, from)
		return err
	}
	for name, end := range map[string]func(w world) error{
		"logout": func(w world) error { _, err := w.m.logins.Logout(t.Context(), w.caller); return err },
		"session ended": func(w world) error {
			_, err := w.m.store.EndSession(t.Context(), w.user.ID, w.caller.SessionID, storetest.By(w.m.clock.Now()))
			return err
		},
		"disabled":         func(w world) error { return update(w, authn.AccountUpdate{Active: ptr(false)}) },
		"password changed": func(w world) error { return update(w, authn.AccountUpdate{Password: ptr("another password")}) },
		"deleted":          func(w world) error { return w.m.accounts.Delete(t.Context(), authn.Operator(), w.user.ID) },
		"token revoked":    func(w world) error { return w.m.logins.Revoke(t.Context(), "billing", w.tokens.Access, from) },
		"family revoked":   func(w world) error { return w.m.logins.Revoke(t.Context(), "billing", w.tokens.Refresh, from) },
		"refresh token reused": func(w world) error {
			if _, err := w.m.logins.Refresh(t.Context(), w.tokens.Refresh, from); err != nil {
				return err
			}
			if _, err := w.m.logins.Refresh(t.Context(), w.tokens.Refresh, from); err == nil {
				return errors.New("a spent token is good")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{})
			m.user(t, "root")
			w := world{m: m, user: m.user(t, "alice"), tokens: m.login(t, "alice")}
			m.user(t, "bob")
			bystander := m.login(t, "bob").Access
			r, late := m.replica(t), m.replica(t)
			var err error
			if w.caller, err = m.logins.Authenticate(t.Context(), bearer(w.tokens.Access)); err != nil {
				t.Fatal(err)
			}
			if _, refusal := r.check(t, w.tokens.Access); refusal != "" {
				t.Fatalf("before: %s", refusal)
			}
			if err := end(w); err != nil {
				t.Fatal(err)
			}
			r.load(t)
			if _, refusal := r.check(t, w.tokens.Access); refusal != authn.CodeInvalidCredentials {
				t.Errorf("after: %q, want a refusal", refusal)
			}
			if _, refusal := r.check(t, bystander); refusal != "" {
				t.Errorf("somebody else: %s", refusal)
			}
			if r.lags.Load() == 0 {
				t.Error("no lag was observed")
			}
			// A replica that was away, and one that starts, know it too.
			m.clock.advance(time.Minute)
			for which, other := range map[string]*replica{"away": late, "started": m.replica(t)} {
				other.load(t)
				if _, refusal := other.check(t, w.tokens.Access); refusal != authn.CodeInvalidCredentials {
					t.Errorf("the replica that was %s: %q, want a refusal", which, refusal)
				}
			}
		})
	}
}

// The headers carry what is true now, not what the token says, and the user is read once.
func TestChangedUserIsReadOnce(t *testing.T) {
	m := newMind(t, options{})
	user := m.user(t, "alice")
	access := m.login(t, "alice").Access
	r := m.replica(t)
	for i, roles := range [][]string{{"staff"}, {"staff", "admin"}, {}} {
		if _, err := m.accounts.Update(t.Context(), authn.Operator(), user.ID, authn.AccountUpdate{Roles: &roles}, from); err != nil {
			t.Fatal(err)
		}
		r.load(t)
		for range 50 {
			identity, refusal := r.check(t, access)
			if refusal != "" || len(identity.Roles) != len(roles) {
				t.Fatalf("change %d: %+v, %s", i, identity, refusal)
			}
		}
		if users := r.store.users.Load(); users != int32(i+1) {
			t.Errorf("change %d: the user was read %d times in all", i, users)
		}
	}
}

func TestStaleMemoryIsNotTrusted(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	access := m.login(t, "alice").Access
	r := m.replica(t)
	r.store.down.Store(true)
	if err := r.follower.Load(t.Context()); !errors.Is(err, authn.ErrUnavailable) {
		t.Fatalf("following a feed that is away: %v", err)
	}
	m.clock.advance(9 * time.Second)
	if _, refusal := r.check(t, access); refusal != "" {
		t.Errorf("within the bound: %s", refusal)
	}
	m.clock.advance(2 * time.Second)
	if _, refusal := r.check(t, access); refusal != authn.CodeUnavailable {
		t.Errorf("beyond the bound, store away: %q, want %s", refusal, authn.CodeUnavailable)
	}
	cred := bearer(access)
	cred.StaleRoute = "assets" // as the gate does for a route that says so
	if identity, err := r.checker.Authenticate(t.Context(), cred); err != nil || identity.Username != "alice" {
		t.Errorf("a route that allows it: %v, %v", identity, err)
	}
	r.store.down.Store(false)
	if _, refusal := r.check(t, access); refusal != "" || r.store.tokens.Load() == 0 {
		t.Errorf("beyond the bound, store back: %q after %d questions", refusal, r.store.tokens.Load())
	}
	caller, err := m.logins.Authenticate(t.Context(), bearer(access))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.logins.Logout(t.Context(), caller); err != nil {
		t.Fatal(err)
	}
	if _, refusal := r.check(t, access); refusal != authn.CodeInvalidCredentials {
		t.Errorf("beyond the bound, after a logout that was not followed: %q", refusal)
	}
	if _, err := r.checker.Authenticate(t.Context(), cred); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("the same where stale is allowed, and the store answers: %v", err)
	}
}

// What is remembered is verified no more, but still expires, to the second, and a clock that is set back revives nothing.
func TestRememberedTokensExpire(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	tokens := m.login(t, "alice")
	r := m.replica(t)
	if _, refusal := r.check(t, tokens.Access); refusal != "" {
		t.Fatal(refusal)
	}
	for name, bad := range mutations(tokens.Access) {
		if _, refusal := r.check(t, bad); refusal != authn.CodeInvalidCredentials {
			t.Errorf("%s: %q", name, refusal)
		}
	}
	m.clock.advance(30*time.Minute - time.Second)
	r.load(t)
	if _, refusal := r.check(t, tokens.Access); refusal != "" {
		t.Errorf("a second before its expiry: %q", refusal)
	}
	m.clock.advance(time.Second)
	if _, refusal := r.check(t, tokens.Access); refusal != authn.CodeInvalidCredentials {
		t.Errorf("expired: %q", refusal)
	}
	unseen := m.replica(t) // it sees the token for the first time when that has expired
	if _, refusal := unseen.check(t, tokens.Access); refusal != authn.CodeInvalidCredentials {
		t.Errorf("expired, seen for the first time: %q", refusal)
	}
	m.clock.advance(-5 * time.Minute)
	for which, r := range map[string]*replica{"seen before": r, "seen expired": unseen} {
		if _, refusal := r.check(t, tokens.Access); refusal != authn.CodeInvalidCredentials {
			t.Errorf("the clock set back, %s: %q", which, refusal)
		}
	}
	if _, refusal := r.check(t, m.login(t, "alice").Access); refusal != "" {
		t.Errorf("a token of now: %s", refusal)
	}
}

func TestMemoryForgetsWhatNoTokenNeeds(t *testing.T) {
	m := newMind(t, options{limit: authn.Limit{}})
	user := m.user(t, "alice")
	r := m.replica(t)
	for range 20 {
		m.login(t, "alice")
	}
	if _, err := m.store.EndSessions(t.Context(), user.ID, uuid.Nil, storetest.By(m.clock.Now())); err != nil {
		t.Fatal(err)
	}
	r.load(t)
	if remembered := r.follower.Sizes().Sessions; remembered != 20 {
		t.Errorf("%d ended sessions are remembered, want 20", remembered)
	}
	m.clock.advance(46 * time.Minute)
	r.load(t)
	if remembered := r.follower.Sizes(); remembered != (authn.FollowerSizes{}) {
		t.Errorf("%+v is remembered when nobody needs it", remembered)
	}
}

func TestSeenSessionsAreWrittenInBatches(t *testing.T) {
	m := newMind(t, options{})
	user := m.user(t, "alice")
	access := m.login(t, "alice").Access
	r := m.replica(t)
	began := m.clock.Now()
	lastSeen := func() time.Time {
		sessions, err := m.store.ListSessions(t.Context(), user.ID, authn.SessionPolicy{}, m.clock.Now())
		if err != nil || len(sessions) != 1 {
			t.Fatalf("%d sessions, %v", len(sessions), err)
		}
		return sessions[0].LastSeenAt
	}
	m.clock.advance(2 * time.Minute)
	r.load(t)
	for range 10 {
		r.check(t, access)
	}
	if seen := lastSeen(); !seen.Equal(began) {
		t.Errorf("a check wrote: last seen %v after the login", seen.Sub(began))
	}
	if err := r.checker.FlushSeen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen := lastSeen(); !seen.Equal(m.clock.Now()) {
		t.Errorf("last seen %v after the login, want 2m", seen.Sub(began))
	}
}
