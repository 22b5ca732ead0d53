package authn_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// modelChecks is how many sequences of acts an ordinary run tries for each database and number of replicas. More are tried
// with -rapid.checks, longer ones with -rapid.steps:
//
//	go test ./authn -run TestModel -rapid.checks=2000 -rapid.steps=60 -timeout=0
const modelChecks = "20"

// Whatever is done, in whatever order, on whichever replica: what the model says is dead is refused by every replica that has
// read the feed, and what it says is alive passes.
func TestModel(t *testing.T) {
	useModelChecks(t)
	passwords := newPasswords(t, authn.PasswordsConfig{Algorithm: authn.Bcrypt, BcryptCost: 4, MinLength: 8})
	for database, url := range map[string]string{
		"SQLite": "sqlite://" + filepath.Join(t.TempDir(), "authly.db"), "PostgreSQL": storetest.PostgresURL(t),
	} {
		open := func(now func() time.Time) (*store.Store, error) {
			return store.Open(t.Context(), url, store.Options{MaxConnections: 4, Log: slog.New(slog.DiscardHandler), Now: now})
		}
		runs := atomic.Int64{}
		for _, replicas := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, replicas %d", database, replicas), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					c := newCluster(t, fmt.Sprintf("run%d", runs.Add(1)), open, replicas, passwords)
					t.Repeat(c.actions())
					c.finish(t)
				})
			})
		}
	}
}

// useModelChecks sets the number of checks for this test, unless somebody has asked for another.
func useModelChecks(t *testing.T) {
	_, asked := os.LookupEnv("RAPID_CHECKS")
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if asked {
		return
	}
	value := flag.Lookup("rapid.checks").Value
	before := value.String()
	t.Cleanup(func() { _ = value.Set(before) })
	if err := value.Set(modelChecks); err != nil {
		t.Fatal(err)
	}
}

// actions are what can happen; what matters more stands there more than once.
func (c *cluster) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"login": c.login, "login again": c.login, "login with a former password": c.loginBadly,
		"refresh": c.someRefresh, "refresh, then once more": c.refreshTwice, "refresh in two tabs": c.refreshTwice,
		"logout": c.logout, "logout of the session": c.logoutSession, "end a session": c.endSession, "end the others": c.endOthers,
		"disable": c.disable, "enable": c.enable, "delete": c.delete, "register": c.register,
		"roles": c.roles, "rename": c.rename, "new password by an administrator": c.givePassword, "own new password": c.changePassword,
		"revoke an access token": c.revokeAccess, "revoke another access token": c.revokeAccess, "revoke a refresh token": c.revokeRefresh,
		"restart": c.restart, "a moment passes": c.moment, "time passes": c.time, "the clock is set back": c.setBack,
		"sweep": c.sweep, "purge": c.purgeAll, "look": c.look, "look again": c.look,
		"": func(t *rapid.T) { // after each; but a replica may also hear of many things at once
			c.recall(t)
			if rapid.Bool().Draw(t, "glance") {
				c.glance(t)
			}
		},
	}
}

// finish looks at everything, and at last uses every refresh token, the latest first.
func (c *cluster) finish(t *rapid.T) {
	c.look(t)
	for _, s := range c.sessions {
		for i := range s.pairs {
			c.refreshPair(t, c.nodes[0], s.pairs[len(s.pairs)-1-i], from)
		}
	}
	c.look(t)
}

func (c *cluster) login(t *rapid.T) {
	u := c.someUser(t)
	c.loginWith(t, u, u.password)
}

func (c *cluster) loginBadly(t *rapid.T) { c.loginWith(t, c.someUser(t), "former password") }

func (c *cluster) loginWith(t *rapid.T, u *modelUser, password string) {
	n, now := c.someNode(t), c.tick()
	if i := slices.IndexFunc(c.users, func(o *modelUser) bool { return !o.gone && o.name == u.name }); i >= 0 {
		u = c.users[i] // somebody else has the name now
	}
	tokens, err := n.logins.Login(t.Context(), u.name, password, from)
	code := c.model.login(u, password, now)
	want(t, fmt.Sprintf("login of user %d", u.label), err, code)
	if code != "" {
		return
	}
	identity, err := n.logins.Authenticate(t.Context(), bearer(tokens.Access))
	must(t, err)
	c.compare(t, identity, c.began(u, identity.SessionID, tokens, now))
}

func (c *cluster) someRefresh(t *rapid.T) {
	client := from
	if rapid.Bool().Draw(t, "another program") {
		client.UserAgent = "other"
	}
	c.refreshPair(t, c.someNode(t), c.somePair(t), client)
}

// refreshTwice is what two tabs do, or a client that did not hear the answer.
func (c *cluster) refreshTwice(t *rapid.T) {
	p := c.somePair(t)
	c.refreshPair(t, c.someNode(t), p, from)
	c.refreshPair(t, c.someNode(t), p, from)
}

func (c *cluster) refreshPair(t *rapid.T, n *node, p *modelPair, client authn.Client) {
	now := c.tick()
	tokens, err := n.logins.Refresh(t.Context(), p.refresh.text, client)
	outcome := c.refresh(p, client.UserAgent, now)
	switch what := fmt.Sprintf("refresh of session %d", p.session.label); outcome {
	case refreshNew:
		want(t, what, err, "")
		p.spentAt, p.spentBy = now, client.UserAgent
		p.next = c.issued(p.session, tokens, now)
	case refreshAgain:
		want(t, what+" in grace", err, "")
		if tokens.Access != p.next.access.text || tokens.Refresh != p.next.refresh.text {
			t.Fatalf("%s in grace: another pair", what)
		}
	default:
		code := authn.CodeInvalidGrant
		if now.Add(modelLeeway).Before(p.refresh.issued) {
			code = authn.CodeInvalidRequest // it is from the future
		}
		want(t, what+" that must be "+outcome, err, code)
	}
}

func (c *cluster) logout(t *rapid.T) {
	n, p, now := c.someNode(t), c.somePair(t), c.tick()
	caller := c.caller(t, n, p)
	if caller == nil {
		return
	}
	tokens, err := n.logins.Logout(t.Context(), caller)
	must(t, err)
	if ended := c.endAll(p.session.user, nil, now); tokens != ended {
		t.Fatalf("the logout of user %d took %d living tokens, want %d", p.session.user.label, tokens, ended)
	}
}

func (c *cluster) logoutSession(t *rapid.T) {
	n, p, now := c.someNode(t), c.somePair(t), c.tick()
	if caller := c.caller(t, n, p); caller != nil {
		_, err := n.sessions.EndOwn(t.Context(), caller)
		must(t, err)
		c.end(p.session, now)
	}
}

// endSession has a session ended by whoever has a token, or the operator. Somebody else's session is not there.
func (c *cluster) endSession(t *rapid.T) {
	n, p, s, now := c.someNode(t), c.somePair(t), c.someSession(t), c.tick()
	caller := c.caller(t, n, p)
	if caller == nil || rapid.Bool().Draw(t, "by the operator") {
		caller = authn.Operator()
	}
	may := caller.Admin || caller.UserID == s.user.id
	err := n.sessions.End(t.Context(), caller, s.user.id, s.id)
	if !may || s.ended || s.purged || s.user.gone {
		want(t, "the end of a session that is not there", err, authn.CodeNotFound)
		return
	}
	want(t, fmt.Sprintf("the end of session %d", s.label), err, "")
	c.end(s, now)
}

func (c *cluster) endOthers(t *rapid.T) {
	n, p, now := c.someNode(t), c.somePair(t), c.tick()
	if caller := c.caller(t, n, p); caller != nil {
		tokens, err := n.sessions.EndAll(t.Context(), caller, caller.UserID)
		must(t, err)
		if ended := c.endAll(p.session.user, p.session, now); tokens != ended {
			t.Fatalf("the end of all sessions but %d took %d living tokens, want %d", p.session.label, tokens, ended)
		}
	}
}

// update changes a user as the operator and reports whether they exist.
func (c *cluster) update(t *rapid.T, u *modelUser, change authn.AccountUpdate) bool {
	n := c.someNode(t)
	c.tick()
	_, err := n.accounts.Update(t.Context(), authn.Operator(), u.id, change, from)
	if u.gone {
		want(t, "a change of a user who is gone", err, authn.CodeNotFound)
		return false
	}
	must(t, err)
	return true
}

func (c *cluster) disable(t *rapid.T) {
	u := c.someUser(t)
	if c.update(t, u, authn.AccountUpdate{Active: ptr(false)}) {
		c.endAll(u, nil, c.clock.Now())
		u.active = false
	}
}

func (c *cluster) enable(t *rapid.T) {
	if u := c.someUser(t); c.update(t, u, authn.AccountUpdate{Active: ptr(true)}) {
		u.active = true
	}
}

func (c *cluster) roles(t *rapid.T) {
	u := c.someUser(t)
	roles := rapid.SampledFrom([][]string{{}, {"staff"}, {"admin", "staff"}}).Draw(t, "roles")
	admin := rapid.Bool().Draw(t, "admin")
	if c.update(t, u, authn.AccountUpdate{Roles: &roles, Admin: &admin}) {
		u.roles, u.admin = roles, admin
	}
}

func (c *cluster) rename(t *rapid.T) {
	u := c.someUser(t)
	name := fmt.Sprintf("%s.%d.at.%d", c.name, u.label, c.tick().UnixMilli())
	email := name + "@example.com"
	if c.update(t, u, authn.AccountUpdate{Username: &name, Email: &email}) {
		u.name, u.email = name, email
	}
}

func (c *cluster) givePassword(t *rapid.T) {
	u := c.someUser(t)
	password := fmt.Sprintf("given at %d", c.clock.Now().UnixMilli())
	if c.update(t, u, authn.AccountUpdate{Password: &password}) {
		c.endAll(u, nil, c.clock.Now())
		u.password = password
	}
}

// changePassword keeps the session that does it.
func (c *cluster) changePassword(t *rapid.T) {
	n, p, now := c.someNode(t), c.somePair(t), c.tick()
	u, caller := p.session.user, c.caller(t, n, p)
	if caller == nil {
		return
	}
	current, password := u.password, fmt.Sprintf("chosen at %d", now.UnixMilli())
	wrong := rapid.Bool().Draw(t, "wrong")
	if wrong {
		current = "former password"
	}
	_, err := n.accounts.Update(t.Context(), caller, u.id, authn.AccountUpdate{Password: &password, CurrentPassword: &current}, from)
	if wrong {
		want(t, "a new password with a wrong one", err, authn.CodeForbidden)
		return
	}
	must(t, err)
	c.endAll(u, p.session, now)
	u.password = password
}

// delete removes a user, with all sessions.
func (c *cluster) delete(t *rapid.T) {
	n, u, now := c.someNode(t), c.someUser(t), c.tick()
	err := n.accounts.Delete(t.Context(), authn.Operator(), u.id)
	if u.gone {
		want(t, "the deletion of a user who is gone", err, authn.CodeNotFound)
		return
	}
	must(t, err)
	c.endAll(u, nil, now)
	u.gone = true
}

// register adds a user, with the name of one who is gone if there is one.
func (c *cluster) register(t *rapid.T) {
	if len(c.users) >= 5 {
		t.Skip("there are enough")
	}
	n := c.someNode(t)
	c.tick()
	u := &modelUser{label: len(c.users) + 1, password: password, active: true, roles: []string{}}
	u.name = fmt.Sprintf("%s.%d", c.name, u.label)
	for _, o := range c.users {
		taken := slices.ContainsFunc(c.users, func(other *modelUser) bool { return !other.gone && other.name == o.name })
		if o.gone && !taken {
			u.name = o.name
		}
	}
	u.email = u.name + "@example.com"
	made, err := n.accounts.Create(t.Context(), authn.Operator(), authn.NewAccount{
		Registration: authn.Registration{Username: u.name, Email: u.email, Password: u.password}, Verified: true,
	})
	must(t, err)
	u.id = made.ID
	c.users = append(c.users, u)
}

func (c *cluster) revokeAccess(t *rapid.T) {
	n, p, now := c.someNode(t), c.somePair(t), c.tick()
	must(t, n.logins.Revoke(t.Context(), "billing", p.access.text, from))
	if p.access.readable(now) && !p.access.purged {
		p.access.revoked, p.access.revokedBy = true, n.label
	}
}

// revokeRefresh ends the session, also by a token that was spent.
func (c *cluster) revokeRefresh(t *rapid.T) {
	n, p, now := c.someNode(t), c.somePair(t), c.tick()
	must(t, n.logins.Revoke(t.Context(), "billing", p.refresh.text, from))
	if p.refresh.readable(now) && !p.session.purged {
		c.end(p.session, now)
	}
}

// restart starts a replica again. If it was stopped with care it has noted who was seen; if it was killed it has not.
func (c *cluster) restart(t *rapid.T) {
	n := c.someNode(t)
	if !rapid.Bool().Draw(t, "killed") {
		c.flush(t, n)
	}
	c.tick()
	c.start(t, n.label-1)
}

func (c *cluster) moment(t *rapid.T) {
	c.clock.advance(time.Duration(rapid.IntRange(1, 15_000).Draw(t, "milliseconds")) * time.Millisecond)
	c.tick()
}

func (c *cluster) time(t *rapid.T) {
	c.clock.advance(rapid.SampledFrom([]time.Duration{
		29 * time.Second, 31 * time.Second, 70 * time.Second, 4 * time.Minute, 6 * time.Minute, modelAccessTTL + 3*time.Second,
		modelAccessTTL + 6*time.Second, modelAccessTTL + 70*time.Second, 61 * time.Minute, 91 * time.Minute, modelRefreshTTL + 10*time.Second,
	}).Draw(t, "duration"))
	c.tick()
}

// setBack sets the clock back, but not further than is within reason.
func (c *cluster) setBack(t *rapid.T) {
	back := time.Duration(rapid.IntRange(1, int(modelSetBack/time.Millisecond)).Draw(t, "milliseconds")) * time.Millisecond
	most := modelSetBack - c.high.Sub(c.clock.Now())
	c.clock.advance(-min(back, most))
	c.tick()
}

func (c *cluster) flush(t *rapid.T, n *node) {
	must(t, n.checker.FlushSeen(t.Context()))
	for id, at := range n.seen {
		s := c.sessionByID(id)
		if c.within(&modelSession{created: s.created, seen: s.seen}, at) { // else it was over when it was seen
			s.seen = later(s.seen, at)
		}
	}
	n.seen = map[uuid.UUID]time.Time{}
}

// sweep and purgeAll are the housekeeping of a replica.
func (c *cluster) sweep(t *rapid.T) {
	n := c.someNode(t)
	now := c.tick()
	c.flush(t, n)
	_, err := n.sessions.Expire(t.Context())
	must(t, err)
	c.expire(now)
}

func (c *cluster) purgeAll(t *rapid.T) {
	n, now := c.someNode(t), c.tick()
	_, err := n.store.PurgeTokens(t.Context(), now)
	must(t, err)
	_, err = n.store.PurgeSessions(t.Context(), now.Add(-modelAccessTTL))
	must(t, err)
	_, err = n.store.PurgeChanges(t.Context(), now.Add(-modelAccessTTL-time.Hour))
	must(t, err)
	c.purge(now)
}
