package authn_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// alone is a mind with one replica that is told of its own changes, as a server is.
func alone(t *testing.T) (*mind, *replica) {
	t.Helper()
	m := newMind(t, options{})
	m.user(t, "alice")
	r := m.replica(t)
	m.store.Tell(r.follower.Heed)
	return m, r
}

func (m *mind) logout(t *testing.T, access string) {
	t.Helper()
	caller, err := m.logins.Authenticate(t.Context(), bearer(access))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.logins.Logout(t.Context(), caller); err != nil {
		t.Fatal(err)
	}
}

// What a replica has answered for is in effect on it, without anything having to happen in between.
func TestOwnChangesAreKnownAtOnce(t *testing.T) {
	m, r := alone(t)
	access := m.login(t, "alice").Access
	if _, refusal := r.check(t, access); refusal != "" {
		t.Fatal(refusal)
	}
	m.logout(t, access)
	if _, refusal := r.check(t, access); refusal != authn.CodeInvalidCredentials {
		t.Errorf("after the logout: %q", refusal)
	}
	if r.store.tokens.Load() != 0 {
		t.Error("the store was asked: it was not memory that knew")
	}
}

// An act that finds done what it was to do, because another replica was first, has it in effect here all the same.
func TestWhatOthersDidFirst(t *testing.T) {
	for name, act := range map[string]func(s *store.Store, who *authn.Identity, now time.Time) error{
		"session": func(s *store.Store, who *authn.Identity, now time.Time) error {
			_, err := s.EndSession(t.Context(), who.UserID, who.SessionID, storetest.By(now))
			return err
		},
		"logout": func(s *store.Store, who *authn.Identity, now time.Time) error {
			_, err := s.EndSessions(t.Context(), who.UserID, uuid.Nil, storetest.By(now))
			return err
		},
		"token": func(s *store.Store, who *authn.Identity, now time.Time) error {
			return s.EndToken(t.Context(), who.JTI, storetest.By(now))
		},
		"disabled": func(s *store.Store, who *authn.Identity, now time.Time) error {
			_, err := s.UpdateUser(t.Context(), who.UserID, authn.UserChange{Active: ptr(false), EndSessions: true, Act: storetest.By(now)})
			return err
		},
		"deleted": func(s *store.Store, who *authn.Identity, now time.Time) error {
			return s.DeleteUser(t.Context(), who.UserID, storetest.By(now))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, r := alone(t)
			other, err := store.Open(t.Context(), "sqlite://"+m.store.File(), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			access := m.login(t, "alice").Access
			caller, refusal := r.check(t, access)
			if refusal != "" {
				t.Fatal(refusal)
			}
			if err := act(other, caller, m.clock.Now()); err != nil {
				t.Fatal(err)
			}
			if err := act(m.store, caller, m.clock.Now()); err != nil && !errors.Is(err, authn.ErrSessionNotFound) &&
				!errors.Is(err, authn.ErrUserNotFound) {
				t.Fatal(err)
			}
			if _, refusal := r.check(t, access); refusal != authn.CodeInvalidCredentials {
				t.Errorf("the act was answered: %q", refusal)
			}
		})
	}
}

// If the change cannot be read back, memory is not trusted until it can.
func TestOwnChangesThatCannotBeReadBack(t *testing.T) {
	m, r := alone(t)
	access, other := m.login(t, "alice").Access, m.login(t, "alice").Access
	caller, err := m.logins.Authenticate(t.Context(), bearer(access))
	if err != nil {
		t.Fatal(err)
	}
	r.store.down.Store(true)
	if _, err := m.store.EndSession(t.Context(), caller.UserID, caller.SessionID, storetest.By(m.clock.Now())); err != nil {
		t.Fatal(err)
	}
	if _, refusal := r.check(t, other); refusal != authn.CodeUnavailable {
		t.Errorf("memory is trusted although it lacks what was done: %q", refusal)
	}
	r.store.down.Store(false)
	for what, want := range map[string]authn.Code{access: authn.CodeInvalidCredentials, other: ""} {
		if _, refusal := r.check(t, what); refusal != want {
			t.Errorf("the store answers: %q, want %q", refusal, want)
		}
	}
	if r.store.tokens.Load() == 0 {
		t.Error("the store was not asked")
	}
	r.load(t)
	asked := r.store.tokens.Load()
	for what, want := range map[string]authn.Code{access: authn.CodeInvalidCredentials, other: ""} {
		if _, refusal := r.check(t, what); refusal != want {
			t.Errorf("the feed was read: %q, want %q", refusal, want)
		}
	}
	if r.store.tokens.Load() != asked {
		t.Error("memory is still not trusted")
	}
}

// A look at the feed that was under way before a change says nothing of it.
func TestLooksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMind(t, options{})
		r := m.replica(t)
		r.store.hold = make(chan struct{})
		before := r.store.looks.Load()
		var work sync.WaitGroup
		look := func() {
			if err := r.follower.Load(t.Context()); err != nil {
				t.Error(err)
			}
		}
		work.Go(look)
		synctest.Wait() // it is under way
		for range 50 {
			work.Go(look)
		}
		synctest.Wait()
		close(r.store.hold)
		work.Wait()
		if looks := r.store.looks.Load() - before; looks != 2 {
			t.Errorf("%d looks for one caller and then fifty, want 2", looks)
		}
	})
}

// Of fifty requests of a user who has just changed, one reads the store.
func TestChangedUserIsReadByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMind(t, options{})
		user := m.user(t, "alice")
		access := m.login(t, "alice").Access
		r := m.replica(t)
		if _, err := m.accounts.Update(t.Context(), authn.Operator(), user.ID, authn.AccountUpdate{Roles: &[]string{"staff"}}, from); err != nil {
			t.Fatal(err)
		}
		r.load(t)
		r.store.hold = make(chan struct{})
		var work sync.WaitGroup
		for range 50 {
			work.Go(func() {
				identity, err := r.checker.Authenticate(t.Context(), bearer(access))
				if err != nil || len(identity.Roles) != 1 {
					t.Errorf("%+v, %v", identity, err)
				}
			})
		}
		synctest.Wait()
		close(r.store.hold)
		work.Wait()
		if reads := r.store.users.Load(); reads != 1 {
			t.Errorf("the user was read %d times", reads)
		}
	})
}

// A clock that goes back further than memory reaches could revive what was forgotten: the store is asked until it cannot.
func TestClockSetBack(t *testing.T) {
	m, r := alone(t)
	dead := m.login(t, "alice").Access
	m.logout(t, dead)
	living := m.login(t, "alice").Access
	back := 2 * time.Hour
	m.clock.advance(back)
	r.load(t)
	if remembered := r.follower.Sizes(); remembered != (authn.FollowerSizes{}) {
		t.Fatalf("%+v is remembered", remembered)
	}
	m.clock.advance(-back)
	r.load(t)
	for _, passed := range []time.Duration{0, 20 * time.Minute} {
		m.clock.advance(passed)
		r.load(t)
		if _, refusal := r.check(t, dead); refusal != authn.CodeInvalidCredentials {
			t.Errorf("%v later, the token of before the logout: %q", passed, refusal)
		}
		if _, refusal := r.check(t, living); refusal != "" {
			t.Errorf("%v later, a living token: %s", passed, refusal)
		}
	}
	if r.follower.Fresh() {
		t.Error("memory is trusted")
	}
	m.clock.advance(back + 46*time.Minute)
	r.load(t)
	if !r.follower.Fresh() {
		t.Error("memory is not trusted when all that could be forgotten has expired")
	}
}

// While a machine sleeps, only the clock on its wall goes on.
func TestMachineSlept(t *testing.T) {
	m, r := alone(t)
	access := m.login(t, "alice").Access
	caller, refusal := r.check(t, access)
	if refusal != "" {
		t.Fatal(refusal)
	}
	m.store.Tell(func(context.Context) {}) // it is another replica that ends the session, meanwhile
	if _, err := m.logins.Logout(t.Context(), caller); err != nil {
		t.Fatal(err)
	}
	m.clock.sleep(time.Minute)
	if _, refusal := r.check(t, access); refusal != authn.CodeInvalidCredentials || r.follower.Fresh() || r.follower.Age() < time.Minute {
		t.Errorf("it woke up and has not looked: %q, fresh %v, age %v", refusal, r.follower.Fresh(), r.follower.Age())
	}
	r.load(t)
	if !r.follower.Fresh() {
		t.Error("it has looked, and memory is not trusted")
	}
}

// A route may let tokens pass that nobody can vouch for. The log says so, loudly and with the route's name.
func TestStaleRoute(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	access := m.login(t, "alice").Access
	r := m.replica(t)
	var log bytes.Buffer
	gate := authn.NewGate(authn.GateConfig{
		Authenticator: r.logged(m, &log), Now: m.clock.Now,
		Routes: []authn.Route{
			{Name: "pictures", Paths: []string{"/pictures/*"}, Access: authn.AllowAuthenticated, AllowStale: true},
			{Name: "open", Paths: []string{"/open/*"}, Access: authn.AllowPublic, AllowStale: true},
			{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowAuthenticated},
		},
	})
	decide := func(path, token string) (authn.Verdict, *authn.Identity) {
		d := gate.Decide(t.Context(), authn.Request{Method: "GET", Host: "a", RawPath: path, Credentials: bearer(token)})
		return d.Verdict, d.Identity
	}
	for _, path := range []string{"/pictures/a", "/open/a", "/a"} {
		if verdict, identity := decide(path, access); verdict != authn.Allow || identity == nil {
			t.Errorf("%s before: %v, %v", path, verdict, identity)
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
	r.store.down.Store(true)
	m.clock.advance(11 * time.Second)
	for path, want := range map[string]authn.Verdict{"/pictures/a": authn.Allow, "/open/a": authn.Allow, "/a": authn.Deny} {
		if verdict, identity := decide(path, access); verdict != want || (identity != nil) != (want == authn.Allow) {
			t.Errorf("%s: %v, %v, want %v", path, verdict, identity, want)
		}
	}
	if verdict, _ := decide("/pictures/a", access[:len(access)-4]+"AAAA"); verdict != authn.Challenge {
		t.Errorf("a forged token: %v", verdict)
	}
	for _, want := range []string{"STALE TOKEN ALLOWED", "route=pictures", "route=open"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, &log)
		}
	}
}

// logged is the replica's checker with a log.
func (r *replica) logged(m *mind, log *bytes.Buffer) *authn.Checker {
	return authn.NewChecker(authn.NewLogins(authn.LoginsConfig{
		Store: r.store, Keys: m.keys, Passwords: m.passwords, Issuer: "https://login.example.com", Audience: "authly",
		AccessTTL: 30 * time.Minute, RefreshTTL: 7 * 24 * time.Hour, Leeway: 5 * time.Second,
		Now: m.clock.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
	}), r.follower)
}
