package authn_test

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// run has the replica follow the feed until the test ends or the returned function is called.
func (r *replica) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { r.follower.Run(ctx) })
	stop = func() { cancel(); work.Wait() }
	t.Cleanup(stop)
	return stop
}

func open(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

func awaitEnd(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the watch is never told")
	}
}

// until polls what no channel tells.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// session logs a user in and returns who they are then.
func (m *mind) session(t *testing.T, name string) *authn.Identity {
	t.Helper()
	caller, err := m.logins.Authenticate(t.Context(), bearer(m.login(t, name).Access))
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

func (r *replica) watch(t *testing.T, who *authn.Identity) <-chan struct{} {
	t.Helper()
	ended, stop := watch(r.follower, who)
	t.Cleanup(stop)
	return ended
}

// watch returns a channel that is closed when the session ends. To be told twice is a panic.
func watch(f *authn.Follower, who *authn.Identity) (<-chan struct{}, func()) {
	ended := make(chan struct{})
	return ended, f.Watch(who, func() { close(ended) })
}

func someone(session, user uuid.UUID) *authn.Identity {
	return &authn.Identity{SessionID: session, UserID: user, JTI: uuid.NewString()}
}

func TestWatchTellsOfTheEnd(t *testing.T) {
	update := func(m *mind, id uuid.UUID, u authn.AccountUpdate) error {
		_, err := m.accounts.Update(t.Context(), authn.Operator(), id, u, from)
		return err
	}
	for name, end := range map[string]func(m *mind, who *authn.Identity) error{
		"session ended": func(m *mind, who *authn.Identity) error {
			_, err := m.store.EndSession(t.Context(), who.UserID, who.SessionID, storetest.By(m.clock.Now()))
			return err
		},
		"logout": func(m *mind, who *authn.Identity) error { _, err := m.logins.Logout(t.Context(), who); return err },
		"disabled": func(m *mind, who *authn.Identity) error {
			return update(m, who.UserID, authn.AccountUpdate{Active: ptr(false)})
		},
		"deleted": func(m *mind, who *authn.Identity) error {
			return m.accounts.Delete(t.Context(), authn.Operator(), who.UserID)
		},
		"password changed": func(m *mind, who *authn.Identity) error {
			return update(m, who.UserID, authn.AccountUpdate{Password: ptr("another password")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{})
			for _, name := range []string{"root", "alice", "bob"} {
				m.user(t, name)
			}
			alice, bob := m.session(t, "alice"), m.session(t, "bob")
			r := m.replica(t)
			r.run(t)
			first, second, bystander := r.watch(t, alice), r.watch(t, alice), r.watch(t, bob)
			if !open(first) || !open(second) {
				t.Fatal("ended before anything happened")
			}
			if err := end(m, alice); err != nil {
				t.Fatal(err)
			}
			awaitEnd(t, first)
			awaitEnd(t, second)
			awaitEnd(t, r.watch(t, alice)) // who asks later learns of it too
			if !open(bystander) {
				t.Error("somebody else's watch has ended")
			}
			if sessions, users, doubted := r.follower.Watched(); sessions != 1 || users != 1 || doubted != 0 {
				t.Errorf("%d sessions, %d users, %d doubted are kept for one watch", sessions, users, doubted)
			}
		})
	}
}

// Ending one session leaves the user's others alone.
func TestWatchIsOfOneSession(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	desk, phone := m.session(t, "alice"), m.session(t, "alice")
	r := m.replica(t)
	onDesk, onPhone := r.watch(t, desk), r.watch(t, phone)
	if _, err := m.store.EndSession(t.Context(), desk.UserID, desk.SessionID, storetest.By(m.clock.Now())); err != nil {
		t.Fatal(err)
	}
	r.load(t)
	awaitEnd(t, onDesk)
	if !open(onPhone) {
		t.Error("the other session's watch has ended")
	}
}

// What changes who somebody is, and not whether they may come in, ends nothing; and it is looked up once for all who watch.
func TestWatchOutlivesChanges(t *testing.T) {
	m := newMind(t, options{})
	user := m.user(t, "alice")
	alice := m.session(t, "alice")
	r := m.replica(t)
	r.run(t)
	var watches []<-chan struct{}
	for range 100 {
		watches = append(watches, r.watch(t, alice))
	}
	for i, u := range []authn.AccountUpdate{{Roles: &[]string{"staff"}}, {Email: ptr("a@example.com")}} {
		if _, err := m.accounts.Update(t.Context(), authn.Operator(), user.ID, u, from); err != nil {
			t.Fatal(err)
		}
		until(t, "the user is looked at", func() bool { return r.store.users.Load() == int32(i+1) })
		until(t, "the verdict is there", func() bool { _, _, doubted := r.follower.Watched(); return doubted == 0 })
	}
	watches = append(watches, r.watch(t, alice)) // one that begins when the change is known
	if err := m.store.EndToken(t.Context(), "one access token", storetest.By(m.clock.Now())); err != nil {
		t.Fatal(err)
	}
	r.load(t)
	for i, ended := range watches {
		if !open(ended) {
			t.Fatalf("watch %d has ended", i)
		}
	}
	if users := r.store.users.Load(); users != 2 {
		t.Errorf("two changes made %d reads", users)
	}
}

// unjudged is a feed of one change of a user, without the end of their sessions that comes with it in life.
type unjudged struct {
	authn.Feed
	mu      sync.Mutex
	pending []authn.Change
	at      int64
}

func (f *unjudged) Changes(_ context.Context, after authn.Cursor) ([]authn.Change, authn.Cursor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changes := f.pending
	f.pending = nil
	f.at++
	return changes, authn.Cursor{Position: f.at, Epoch: "one"}, nil
}

func (f *unjudged) change(id uuid.UUID, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, authn.Change{Kind: authn.UserChanged, UserID: id, At: at})
}

// Whether a user may come in is asked until the store answers, and nothing ends before.
func TestWatchAsksUntilAnswered(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "root")
	user := m.user(t, "alice")
	alice := m.session(t, "alice")
	r := m.replica(t)
	feed := &unjudged{Feed: m.store}
	r.follower = authn.NewFollower(authn.FollowerConfig{
		Feed: feed, Users: r.store, TokenLife: time.Hour, PollEvery: 20 * time.Millisecond, MaxStaleness: 10 * time.Second,
		Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: slog.New(slog.DiscardHandler),
	})
	r.load(t)
	r.run(t)
	early := r.watch(t, alice)
	if _, err := m.accounts.Update(t.Context(), authn.Operator(), user.ID, authn.AccountUpdate{Active: ptr(false)}, from); err != nil {
		t.Fatal(err)
	}
	r.store.down.Store(true)
	feed.change(user.ID, m.clock.Now())
	until(t, "the store is asked again", func() bool { return r.store.users.Load() >= 2 })
	late := r.watch(t, alice)
	if !open(early) || !open(late) {
		t.Error("ended without an answer of the store")
	}
	r.store.down.Store(false)
	awaitEnd(t, early)
	awaitEnd(t, late)
	awaitEnd(t, r.watch(t, alice)) // that they are disabled is known now
}

// A watch that begins when a change is known, and nobody has looked yet, has somebody look.
func TestWatchOfAChangedUser(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "root")
	user := m.user(t, "alice")
	alice := m.session(t, "alice")
	r := m.replica(t)
	feed := &unjudged{Feed: m.store}
	r.follower = authn.NewFollower(authn.FollowerConfig{
		Feed: feed, Users: r.store, TokenLife: time.Hour, PollEvery: time.Hour, MaxStaleness: 10 * time.Second,
		Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: slog.New(slog.DiscardHandler),
	})
	r.load(t)
	if _, err := m.accounts.Update(t.Context(), authn.Operator(), user.ID, authn.AccountUpdate{Active: ptr(false)}, from); err != nil {
		t.Fatal(err)
	}
	feed.change(user.ID, m.clock.Now())
	r.load(t)
	ended := r.watch(t, alice)
	if !open(ended) || r.store.users.Load() != 0 {
		t.Fatal("the store was asked where requests wait")
	}
	r.run(t)
	awaitEnd(t, ended)
}

// A replica that could not follow for longer than it may trust itself ends streams when it learns of it.
func TestWatchAfterStaleness(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	alice := m.session(t, "alice")
	r := m.replica(t)
	ended := r.watch(t, alice)
	r.store.down.Store(true)
	if _, err := m.logins.Logout(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	m.clock.advance(time.Minute)
	if err := r.follower.Load(t.Context()); err == nil || r.follower.Fresh() {
		t.Fatal("the feed is there")
	}
	if !open(ended) {
		t.Error("ended before anybody could know")
	}
	r.store.down.Store(false)
	r.load(t)
	awaitEnd(t, ended)
}

// Changes do not stay in the feed for ever. Who has missed some cannot tell which sessions have ended.
func TestWatchAfterMissedChanges(t *testing.T) {
	for name, c := range map[string]struct {
		away  time.Duration
		reset bool
		ends  bool
	}{
		"away for a while":   {away: 44 * time.Minute},
		"away for too long":  {away: 46 * time.Minute, ends: true},
		"the feed was reset": {reset: true, ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{})
			m.user(t, "alice")
			alice := m.session(t, "alice")
			r := m.replica(t)
			r.load(t)
			first, second := r.watch(t, alice), r.watch(t, alice)
			if c.reset {
				r.store.Feed = restored{m.store}
			}
			m.clock.advance(c.away)
			r.load(t)
			if c.ends {
				awaitEnd(t, first)
				awaitEnd(t, second)
			}
			if sessions, users, _ := r.follower.Watched(); (sessions+users == 0) != c.ends {
				t.Errorf("%d sessions and %d users are watched", sessions, users)
			}
			again := r.watch(t, alice)
			r.load(t)
			if !open(again) {
				t.Error("who came back has to go again")
			}
		})
	}
}

// Of a thousand watches half are told, at once; those that are given up, before or after, leave nothing behind.
func TestThousandWatches(t *testing.T) {
	m := newMind(t, options{})
	before := runtime.NumGoroutine()
	feed := &unjudged{Feed: m.store}
	f := authn.NewFollower(authn.FollowerConfig{
		Feed: feed, Users: m.store, TokenLife: time.Hour, PollEvery: time.Hour, MaxStaleness: 10 * time.Second, Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: slog.New(slog.DiscardHandler),
	})
	type one struct {
		session, user uuid.UUID
		ended         <-chan struct{}
		stop          func()
	}
	all := make([]one, 1000)
	for i := range all {
		all[i].session, all[i].user = uuid.New(), uuid.New()
		all[i].ended, all[i].stop = watch(f, someone(all[i].session, all[i].user))
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines wait with the watches", now-before)
	}
	feed.mu.Lock()
	for i := 0; i < len(all); i += 2 {
		feed.pending = append(feed.pending, authn.Change{Kind: authn.SessionEnded, SessionID: all[i].session, At: m.clock.Now()})
	}
	feed.mu.Unlock()
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(all); i += 2 {
		awaitEnd(t, all[i].ended)
	}
	for i := 1; i < len(all); i += 2 {
		if !open(all[i].ended) {
			t.Fatalf("watch %d has ended", i)
		}
	}
	if sessions, users, _ := f.Watched(); sessions != 500 || users != 500 {
		t.Errorf("%d sessions and %d users are kept for 500 watches", sessions, users)
	}
	for _, w := range all {
		w.stop()
		w.stop()
	}
	if sessions, users, doubted := f.Watched(); sessions+users+doubted != 0 {
		t.Errorf("%d sessions, %d users, %d doubted are kept for nobody", sessions, users, doubted)
	}
}

// An end that comes while a watch begins is never missed.
func TestWatchMissesNoEnd(t *testing.T) {
	m := newMind(t, options{})
	feed := &unjudged{Feed: m.store}
	f := authn.NewFollower(authn.FollowerConfig{
		Feed: feed, Users: m.store, TokenLife: time.Hour, PollEvery: time.Hour, MaxStaleness: 10 * time.Second, Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: slog.New(slog.DiscardHandler),
	})
	for range 500 {
		session, user := uuid.New(), uuid.New()
		feed.mu.Lock()
		feed.pending = []authn.Change{{Kind: authn.SessionEnded, SessionID: session, At: m.clock.Now()}}
		feed.mu.Unlock()
		var both sync.WaitGroup
		var ended <-chan struct{}
		both.Go(func() { ended, _ = watch(f, someone(session, user)) })
		if err := f.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		both.Wait()
		awaitEnd(t, ended)
	}
}

// Whoever gives up in between, those before and behind in the list of the session are told.
func TestWatchesOfOneSession(t *testing.T) {
	m := newMind(t, options{})
	feed := &unjudged{Feed: m.store}
	f := authn.NewFollower(authn.FollowerConfig{
		Feed: feed, Users: m.store, TokenLife: time.Hour, PollEvery: time.Hour, MaxStaleness: 10 * time.Second, Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: slog.New(slog.DiscardHandler),
	})
	user := uuid.New()
	for given := range 1 << 4 { // those whose bit is set give up
		session := uuid.New()
		var ended [4]<-chan struct{}
		var stop [4]func()
		for i := range ended {
			ended[i], stop[i] = watch(f, someone(session, user))
		}
		for i := range ended {
			if given&(1<<i) != 0 {
				stop[i]()
			}
		}
		feed.mu.Lock()
		feed.pending = []authn.Change{{Kind: authn.SessionEnded, SessionID: session, At: m.clock.Now()}}
		feed.mu.Unlock()
		if err := f.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range ended {
			if given&(1<<i) == 0 {
				awaitEnd(t, ended[i])
			} else if !open(ended[i]) {
				t.Errorf("%04b: one that had given up was told", given)
			}
		}
	}
	if sessions, users, _ := f.Watched(); sessions != 0 || users != 0 {
		t.Errorf("%d sessions, %d users are kept for nobody", sessions, users)
	}
}

// A token that was taken back, and a key that was, end what was let in by them, and nothing else of the session.
func TestWatchIsOfOneToken(t *testing.T) {
	m := newMind(t, options{})
	feed := &unjudged{Feed: m.store}
	f := authn.NewFollower(authn.FollowerConfig{
		Feed: feed, Users: m.store, TokenLife: time.Hour, PollEvery: time.Hour, MaxStaleness: 10 * time.Second, Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: slog.New(slog.DiscardHandler),
	})
	session, user := uuid.New(), uuid.New()
	by := func(jti, key string) *authn.Identity {
		return &authn.Identity{SessionID: session, UserID: user, JTI: jti, KeyID: key}
	}
	tell := func(c authn.Change) {
		c.At = m.clock.Now()
		feed.mu.Lock()
		feed.pending = []authn.Change{c}
		feed.mu.Unlock()
		if err := f.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stolen, _ := watch(f, by("stolen", "new"))
	again, _ := watch(f, by("stolen", "new"))
	good, stop := watch(f, by("good", "new"))
	old, _ := watch(f, by("good", "old"))
	older, _ := watch(f, by("other", "old"))
	tell(authn.Change{Kind: authn.TokenEnded, JTI: "stolen"})
	awaitEnd(t, stolen)
	awaitEnd(t, again)
	late, _ := watch(f, by("stolen", "new"))
	awaitEnd(t, late)
	if !open(old) || !open(older) {
		t.Error("ended with another token")
	}
	tell(authn.Change{Kind: authn.KeyEnded, KeyID: "old"})
	awaitEnd(t, old)
	awaitEnd(t, older)
	late, _ = watch(f, by("another", "old"))
	awaitEnd(t, late)
	sealed := by("sealed", "new")
	sealed.SealedBy = "seal"
	opened, _ := watch(f, sealed)
	tell(authn.Change{Kind: authn.KeyEnded, KeyID: "seal"})
	awaitEnd(t, opened)
	if !open(good) {
		t.Error("ended with another key")
	}
	stop()
	if sessions, users, _ := f.Watched(); sessions != 0 || users != 0 {
		t.Errorf("%d sessions or tokens, %d users are kept for nobody", sessions, users)
	}
}
