package authn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
)

// opener opens a database that exists, as a replica does at its start.
type opener func(now func() time.Time) (*store.Store, error)

// cluster is the real thing beside the model: replicas that share one database and nothing else.
type cluster struct {
	model
	open      opener
	name      string // of this run, part of every username: runs share a database
	passwords *authn.Passwords
	clock     *clock
	nodes     []*node
}

// node is one replica.
type node struct {
	label    int
	store    *store.Store
	logins   *authn.Logins
	accounts *authn.Accounts
	sessions *authn.Sessions
	follower *authn.Follower
	checker  *authn.Checker

	// What the model says that the checker has noted: it writes that a session is in use with the next flush.
	noted map[string]time.Time    // by token
	seen  map[uuid.UUID]time.Time // by session

	over map[string]bool // tokens that this replica has seen expired
}

func newCluster(t *rapid.T, name string, open opener, replicas int, passwords *authn.Passwords) *cluster {
	c := &cluster{
		open: open, name: name, passwords: passwords,
		clock: &clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	c.grace = rapid.SampledFrom([]time.Duration{0, 30 * time.Second}).Draw(t, "grace")
	c.policy = rapid.SampledFrom([]authn.SessionPolicy{
		{}, {MaxPerUser: 2, EvictOldest: true}, {MaxPerUser: 2}, {IdleTimeout: 5 * time.Minute}, {IdleTimeout: time.Hour},
		{MaxLifetime: 90 * time.Minute}, {IdleTimeout: time.Hour, MaxLifetime: 3 * time.Hour, MaxPerUser: 3, EvictOldest: true},
	}).Draw(t, "policy")
	c.nodes = make([]*node, replicas)
	t.Cleanup(c.stop)
	for i := range c.nodes {
		c.start(t, i)
	}
	// Somebody stays an administrator, whatever happens to the others.
	_, err := c.nodes[0].accounts.Create(t.Context(), authn.Operator(), authn.NewAccount{
		Registration: authn.Registration{Username: name + ".root", Email: name + ".root@example.com", Password: password}, Admin: true,
	})
	must(t, err)
	for range 2 {
		c.register(t)
	}
	return c
}

// start makes a replica anew, as its process would: nothing is left of what the one before had in memory.
func (c *cluster) start(t *rapid.T, i int) {
	if c.nodes[i] != nil {
		must(t, c.nodes[i].store.Close())
	}
	db, err := c.open(c.clock.Now)
	must(t, err)
	n := &node{label: i + 1, store: db, noted: map[string]time.Time{}, seen: map[uuid.UUID]time.Time{}, over: map[string]bool{}}
	c.nodes[i] = n
	log := slog.New(slog.DiscardHandler)
	keys, err := authn.NewKeyRing(t.Context(), authn.KeyRingConfig{Store: db, Now: c.clock.Now})
	must(t, err)
	n.logins = authn.NewLogins(authn.LoginsConfig{
		Store: db, Keys: keys, Passwords: c.passwords, Issuer: "https://login.example.com", Audience: "authly",
		AccessTTL: modelAccessTTL, RefreshTTL: modelRefreshTTL, RefreshGrace: c.grace, Leeway: modelLeeway, Sessions: c.policy,
		Lockout: authn.LockoutPolicy{Failures: 1 << 20, Duration: time.Minute}, Now: c.clock.Now, Log: log,
	})
	n.accounts = authn.NewAccounts(authn.AccountsConfig{
		Store: db, Logins: n.logins, Passwords: c.passwords, RequireCurrentPassword: true, Now: c.clock.Now, Log: log,
	})
	n.sessions = authn.NewSessions(authn.SessionsConfig{Store: db, Policy: c.policy, Now: c.clock.Now, Log: log})
	n.follower = authn.NewFollower(authn.FollowerConfig{
		Feed: db, Users: db, TokenLife: modelAccessTTL + modelLeeway, PollEvery: time.Second, MaxStaleness: 10 * time.Second,
		Now: c.clock.Now, Elapsed: c.clock.Elapsed, Log: log,
	})
	db.Tell(n.follower.Heed)
	n.checker = authn.NewChecker(n.logins, n.follower)
	must(t, n.follower.Load(t.Context()))
}

// stop leaves the database as small as it was: the changes of a run concern nobody after it.
func (c *cluster) stop() {
	for i, n := range c.nodes {
		if n == nil {
			continue
		}
		if i == 0 {
			_, _ = n.store.PurgeChanges(context.Background(), c.clock.Now().Add(time.Hour))
		}
		_ = n.store.Close()
	}
}

// tick lets a little time pass, so that no two acts are at one time, and returns what time it is.
func (c *cluster) tick() time.Time {
	c.clock.advance(time.Millisecond)
	for slices.ContainsFunc(c.sessions, func(s *modelSession) bool { return s.created.Equal(c.clock.Now()) }) {
		c.clock.advance(time.Millisecond) // a time that was here before
	}
	c.high = later(c.high, c.clock.Now())
	return c.clock.Now()
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected: %v", err)
	}
}

// refusal is the code of an error of authn; any other error is a failure.
func refusal(t *rapid.T, err error) authn.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*authn.Error](err)
	if !ok || e.Code == authn.CodeInternal || e.Code == authn.CodeUnavailable {
		t.Fatalf("unexpected: %v", err)
	}
	return e.Code
}

// want fails if an act did not come to what the model says.
func want(t *rapid.T, what string, got error, code authn.Code) {
	t.Helper()
	if refused := refusal(t, got); refused != code {
		t.Fatalf("%s: got %q, want %q", what, refused, code)
	}
}

// someNode, someUser, someSession and somePair draw; the latest is the simplest. Most draws are of what still lives: there is
// more to get wrong.
func (c *cluster) someNode(t *rapid.T) *node {
	n := c.nodes[rapid.IntRange(0, len(c.nodes)-1).Draw(t, "replica")]
	c.acting = n.label
	return n
}

func (c *cluster) someUser(t *rapid.T) *modelUser {
	return fromEnd(t, mostly(t, c.users, func(u *modelUser) bool { return u.active && !u.gone }), "user", 3)
}

func (c *cluster) someSession(t *rapid.T) *modelSession {
	if len(c.sessions) == 0 {
		t.Skip("nobody has logged in")
	}
	return fromEnd(t, mostly(t, c.sessions, func(s *modelSession) bool { return c.within(s, c.clock.Now()) && !s.ended }), "session", 6)
}

// mostly returns three times out of four only those that are good, if there are any.
func mostly[T any](t *rapid.T, all []T, good func(T) bool) []T {
	if rapid.IntRange(0, 3).Draw(t, "any") == 3 {
		return all
	}
	some := slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !good(v) })
	if len(some) == 0 {
		return all
	}
	return some
}

func (c *cluster) somePair(t *rapid.T) *modelPair {
	return fromEnd(t, c.someSession(t).pairs, "pair", 3)
}

func fromEnd[T any](t *rapid.T, all []T, label string, most int) T {
	return all[len(all)-1-rapid.IntRange(0, min(len(all), most)-1).Draw(t, label)]
}

// caller authenticates with an access token as an endpoint does, and holds the answer against the model: here it is exact,
// because the store is asked. nil: the token is no good.
func (c *cluster) caller(t *rapid.T, n *node, p *modelPair) *authn.Identity {
	now := c.clock.Now()
	identity, err := n.logins.Authenticate(t.Context(), bearer(p.access.text))
	lives := p.access.readable(now) && p.session.kept(&p.access, now)
	if !lives {
		want(t, fmt.Sprintf("replica %d asks the store about a dead token of session %d", n.label, p.session.label), err,
			authn.CodeInvalidCredentials)
		return nil
	}
	want(t, fmt.Sprintf("replica %d asks the store about a living token of session %d", n.label, p.session.label), err, "")
	c.compare(t, identity, p.session)
	if identity.Admin != p.session.user.admin {
		t.Fatalf("user %d is an administrator: %v", p.session.user.label, identity.Admin)
	}
	return identity
}

// compare holds an identity against the model.
func (c *cluster) compare(t *rapid.T, got *authn.Identity, s *modelSession) {
	u := s.user
	if got.UserID != u.id || got.SessionID != s.id || got.Username != u.name || got.Email != u.email || !slices.Equal(got.Roles, u.roles) {
		t.Fatalf("the identity of session %d of user %d is not as it should be: right session %v, right name %v, roles %q, want %q",
			s.label, u.label, got.SessionID == s.id, got.Username == u.name && got.Email == u.email, got.Roles, u.roles)
	}
}

// recall asks replicas, without letting them read the feed, about what they have ended themselves: they know at once.
func (c *cluster) recall(t *rapid.T) {
	for _, s := range c.sessions {
		for _, p := range s.pairs {
			for _, n := range c.nodes {
				if s.ended && s.endedBy == n.label || p.access.revokedBy == n.label {
					c.check(t, n, p)
				}
			}
		}
	}
}

// glance lets every replica read the feed, and then holds what their memories say against the model.
func (c *cluster) glance(t *rapid.T) {
	c.tick()
	for _, n := range c.nodes {
		must(t, n.follower.Load(t.Context()))
	}
	for _, n := range c.nodes {
		for _, s := range c.sessions {
			for _, p := range s.pairs {
				c.check(t, n, p)
			}
		}
	}
}

// look holds everything that can be seen from outside against the model.
func (c *cluster) look(t *rapid.T) {
	c.glance(t)
	asked := c.someNode(t)
	for _, s := range c.sessions {
		for _, p := range s.pairs {
			c.caller(t, asked, p)
			c.introspect(t, asked, p)
		}
	}
	for _, u := range c.users {
		c.list(t, asked, u)
	}
}

// check asks a replica's memory about an access token. What is dead is refused and what lives passes. In between are tokens
// that would have expired if the clock had not been set back, those of a session that nobody has yet found out to be over, and
// those that come from the future: for them either is right.
func (c *cluster) check(t *rapid.T, n *node, p *modelPair) {
	now, s, k := c.clock.Now(), p.session, &p.access
	defer func() { n.over[k.text] = n.over[k.text] || !now.Before(k.expires) }()
	identity, err := n.checker.Authenticate(t.Context(), bearer(k.text))
	switch refused := refusal(t, err); {
	case refused == "" && (s.dead(k) || n.over[k.text] || !now.Before(k.expires)):
		t.Fatalf("replica %d lets a dead token of session %d pass", n.label, s.label)
	case refused != "" && !s.dead(k) && k.readable(now) && c.high.Before(k.expires) && c.within(s, now):
		t.Fatalf("replica %d refuses a living token of session %d: %s", n.label, s.label, refused)
	case refused == "":
		c.compare(t, identity, s)
		if last, ok := n.noted[k.text]; !ok || now.Sub(last) >= time.Minute {
			n.noted[k.text], n.seen[s.id] = now, now
		}
	}
}

// introspect asks about both tokens of a pair as a client does. It changes nothing, and so can be asked about all.
func (c *cluster) introspect(t *rapid.T, n *node, p *modelPair) {
	now, s := c.clock.Now(), p.session
	for kind, k := range map[authn.TokenKind]*modelToken{authn.AccessToken: &p.access, authn.RefreshToken: &p.refresh} {
		lives := k.readable(now) && s.kept(k, now) && (kind == authn.AccessToken || p.next == nil)
		told, err := n.logins.Introspect(t.Context(), k.text)
		must(t, err)
		if told.Active != lives {
			t.Fatalf("replica %d says of the %s token of session %d: active %v, want %v", n.label, kind, s.label, told.Active, lives)
		}
	}
}

// list holds the sessions that a user is shown against the model.
func (c *cluster) list(t *rapid.T, n *node, u *modelUser) {
	if u.gone {
		return
	}
	views, err := n.sessions.List(t.Context(), authn.Operator(), u.id)
	must(t, err)
	got, should := []int{}, []int{}
	for _, v := range views {
		got = append(got, c.sessionByID(v.ID).label)
	}
	for _, s := range c.living(u, c.clock.Now()) {
		should = append(should, s.label)
	}
	if !slices.Equal(got, should) {
		t.Fatalf("replica %d lists the sessions %v of user %d, want %v", n.label, got, u.label, should)
	}
}
