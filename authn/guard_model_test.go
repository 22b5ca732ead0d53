package authn_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// guessed is what ought to be true of one account, told from the times at which attempts failed.
type guessed struct {
	policy    authn.LockoutPolicy
	failures  []time.Time // since the last lock or clean start
	last      time.Time   // failure, of before the lock too
	locked    time.Time   // until when; zero: never
	locks     int         // in a row
	byNetwork map[string][]time.Time
	byClient  map[string]*guessed  // what known clients have used of their own
	noted     map[string]time.Time // when it was noted that somebody signed in, by client
}

func newGuessed(p authn.LockoutPolicy) *guessed {
	return &guessed{policy: p, byNetwork: map[string][]time.Time{}, byClient: map[string]*guessed{}, noted: map[string]time.Time{}}
}

// streak is how many of the times are in a row: each less than gap behind the one before, and now behind the last.
func streak(times []time.Time, gap time.Duration, now time.Time) (n int) {
	for i := len(times) - 1; i >= 0 && now.Sub(times[i]) < gap; i-- {
		n, now = n+1, times[i]
	}
	return n
}

// fail notes a failure, and locks if that is one too many in a row.
func (g *guessed) fail(gap time.Duration, now time.Time) {
	if now.Sub(g.last) >= g.policy.MaxDuration && now.Sub(g.locked) >= g.policy.MaxDuration {
		g.locks = 0
	}
	g.failures, g.last = append(g.failures, now), now
	if streak(g.failures, gap, now) < g.policy.Failures {
		return
	}
	long := g.policy.Duration
	for range g.locks {
		long = min(2*long, g.policy.MaxDuration)
	}
	g.failures, g.locks, g.locked = nil, g.locks+1, now.Add(long)
}

// waits is how long who has failed at these times has to wait.
func (g *guessed) waits(times []time.Time, now time.Time) time.Duration {
	n := streak(times, max(g.policy.Duration, g.policy.MaxDelay), now)
	if n < 3 {
		return 0
	}
	return max(times[len(times)-1].Add(min(time.Second<<(n-3), g.policy.MaxDelay)).Sub(now), 0)
}

// try says what becomes of an attempt: how long anybody from there would have to wait, whether that is a lock, and whether
// the password is looked at.
func (g *guessed) try(network, client string, now time.Time) (wait time.Duration, locked, evaluated, spared bool) {
	wait, locked = g.waits(g.byNetwork[network], now), now.Before(g.locked)
	if locked {
		wait = max(wait, g.locked.Sub(now))
	}
	gap := max(g.policy.Duration, g.policy.MaxDelay)
	if noted, ok := g.noted[client]; ok && now.Sub(noted) < 30*24*time.Hour {
		own := g.byClient[client]
		if own == nil {
			own = newGuessed(g.policy)
			g.byClient[client] = own
		}
		if !now.Before(own.locked) && own.waits(own.failures, now) == 0 {
			own.fail(gap, now)
			spared = wait > 0
		}
	}
	if wait == 0 {
		g.fail(g.policy.Duration, now)
		g.byNetwork[network] = append(g.byNetwork[network], now)
	}
	return wait, locked, wait == 0 || spared, spared
}

// succeed makes the clean start that a right password makes.
func (g *guessed) succeed(network, client string, spared bool, now time.Time) {
	delete(g.byClient, client)
	if !spared {
		g.failures, g.last, g.locked, g.locks = nil, time.Time{}, time.Time{}, 0
		delete(g.byNetwork, network)
	}
	if now.Sub(g.noted[client]) >= 12*time.Hour {
		g.noted[client] = now
	}
}

// guessers is the real thing beside the model: two replicas on one database.
type guessers struct {
	prefix   string // of every name: runs share a database
	minds    []*mind
	clock    *clock
	policy   authn.LockoutPolicy
	accounts map[string]*guessed // by name
	users    map[string]authn.User
}

// onGuessedDatabase runs a test on the database of the URL, whose accounts are to have names that begin with a text of their
// own.
func onGuessedDatabase(t *testing.T, url string, test func(t *rapid.T, db *store.Store, name string)) {
	useModelChecks(t)
	db, err := store.Open(t.Context(), url, store.Options{MaxConnections: 4, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		test(r, db, fmt.Sprintf("run%d", runs))
	})
}

func sqliteURL(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "authly.db") }

func newGuessers(t *rapid.T, db *store.Store, prefix string, o options) *guessers {
	g := &guessers{
		prefix: prefix, clock: &clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, policy: o.lockout,
		accounts: map[string]*guessed{}, users: map[string]authn.User{},
	}
	for range 2 {
		g.minds = append(g.minds, newMindAt(t, db, g.clock, o))
	}
	for _, base := range []string{"alice", "bob", "nobody"} {
		g.accounts[prefix+base] = newGuessed(o.lockout)
		if base != "nobody" {
			g.users[prefix+base] = g.minds[0].user(t, prefix+base)
		}
	}
	return g
}

func drawPolicy(t *rapid.T) authn.LockoutPolicy {
	return rapid.SampledFrom([]authn.LockoutPolicy{
		{Failures: 5, Duration: 5 * time.Minute, MaxDuration: time.Hour, MaxDelay: 30 * time.Second},
		{Failures: 7, Duration: 10 * time.Second, MaxDuration: 35 * time.Second, MaxDelay: 4 * time.Second},
		{Failures: 4, Duration: time.Second, MaxDuration: time.Second, MaxDelay: time.Minute},
		{Failures: 2, Duration: time.Minute, MaxDuration: time.Hour},
	}).Draw(t, "policy")
}

// clients are two in one network, told apart by their agents, one in that network with another address, and one elsewhere.
func drawClient(t *rapid.T) authn.Client {
	return rapid.SampledFrom([]authn.Client{
		{Address: netip.MustParseAddr("192.0.2.7"), UserAgent: "one"}, {Address: netip.MustParseAddr("192.0.2.7"), UserAgent: "two"},
		{Address: netip.MustParseAddr("192.0.2.99"), UserAgent: "one"}, {Address: netip.MustParseAddr("2001:db8::7"), UserAgent: "one"},
	}).Draw(t, "client")
}

// network is where a client is, and place a client as accounts know it.
func placeOf(from authn.Client) (network, client string) {
	network = "192.0.2"
	if from.Address.Is6() {
		network = "2001:db8"
	}
	return network, network + from.UserAgent
}

func drawPause(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{
		0, 0, time.Second, 2 * time.Second, 4 * time.Second, 9 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
		time.Hour, 13 * time.Hour, 31 * 24 * time.Hour,
	}).Draw(t, "pause")
}

// attempt tries one password and fails unless what comes of it is what the model says.
func (g *guessers) attempt(t *rapid.T) {
	base := rapid.SampledFrom([]string{"alice", "bob", "nobody"}).Draw(t, "account")
	from, right := drawClient(t), rapid.IntRange(0, 3).Draw(t, "right") == 0
	m := rapid.SampledFrom(g.minds).Draw(t, "replica")
	typed := map[bool]string{true: password, false: "wrong password"}[right]
	network, client := placeOf(from)
	name, now := g.prefix+base, g.clock.Now()
	account := g.accounts[name]
	_, exists := g.users[name]
	wait, locked, evaluated, spared := account.try(network, client, now)
	want := fmt.Sprintf("%s %v", authn.CodeInvalidGrant, time.Duration(0))
	switch {
	case evaluated && right && exists:
		want = ""
		account.succeed(network, client, spared, now)
	case locked:
		want = fmt.Sprintf("%s %v", authn.CodeLocked, wait)
	case wait > 0:
		want = fmt.Sprintf("%s %v", authn.CodeDelayed, wait)
	}
	spelt := name
	if exists {
		spelt = rapid.SampledFrom(spellings(name)).Draw(t, "spelling")
	}
	if got := outcome(m.logins.CheckPassword(t.Context(), spelt, typed, from)); got != want {
		t.Fatalf("%s with %q from %v: %q, want %q", spelt, typed, from, got, want)
	}
}

// spellings are what people type for one name.
func spellings(name string) []string {
	return []string{name, "R" + name[1:], "ｒ" + name[1:], name + "@example.com", "R" + name[1:] + "@Example.COM"}
}

// outcome is an error as a client sees it.
func outcome(err error) string {
	if err == nil {
		return ""
	}
	refusal := authn.Fault(err)
	return fmt.Sprintf("%s %v", refusal.Code, refusal.RetryAfter)
}

// Whatever is tried on whatever replica in whatever order: what is looked at, and how long who has to wait, is what the model
// says.
func TestGuardModel(t *testing.T) {
	for database, url := range map[string]string{"SQLite": sqliteURL(t), "PostgreSQL": storetest.PostgresURL(t)} {
		t.Run(database, func(t *testing.T) { onGuessedDatabase(t, url, guardModel) })
	}
}

func guardModel(t *rapid.T, db *store.Store, name string) {
	g := newGuessers(t, db, name, options{lockout: drawPolicy(t)})
	t.Repeat(map[string]func(*rapid.T){
		"attempt": g.attempt, "another attempt": g.attempt, "one more attempt": g.attempt, "yet another attempt": g.attempt,
		"time passes": func(t *rapid.T) { g.clock.advance(drawPause(t)) },
		"purge": func(t *rapid.T) {
			_, err := g.minds[0].logins.Guard().Purge(t.Context())
			must(t, err)
		},
		"unlock": func(t *rapid.T) {
			u := g.users[name+"alice"]
			_, err := g.minds[0].accounts.Unlock(t.Context(), authn.Operator(), u.ID)
			must(t, err)
			noted := g.accounts[u.Username].noted
			g.accounts[u.Username] = newGuessed(g.policy)
			g.accounts[u.Username].noted = noted
		},
	})
}
