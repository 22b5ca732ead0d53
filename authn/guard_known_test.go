package authn_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
)

var grown = authn.LockoutPolicy{Failures: 5, Duration: 5 * time.Minute, MaxDuration: time.Hour, MaxDelay: 30 * time.Second}

// guesses sends n wrong passwords, each from a network of its own, and counts the answers by their code.
func guesses(t *testing.T, m *mind, name string, n int) map[authn.Code]int {
	t.Helper()
	answers := map[authn.Code]int{}
	for i := range n {
		client := authn.Client{Address: netip.AddrFrom4([4]byte{198, 18, byte(i), 1}), UserAgent: "bot"}
		_, err := m.logins.Login(t.Context(), name, "wrong password", client)
		answers[code(t, err)]++
	}
	return answers
}

// One guess from each of a hundred networks locks the account for strangers, and its owner comes in from where they always do.
func TestLockDoesNotKeepTheOwnerOut(t *testing.T) {
	m := newMind(t, options{lockout: grown, limit: authn.Limit{Requests: 60, Per: time.Minute}})
	m.user(t, "alice")
	m.login(t, "alice")
	for _, name := range []string{"alice", "nobody"} {
		answers := guesses(t, m, name, 100)
		if answers[authn.CodeInvalidGrant] != 5 || answers[authn.CodeLocked] < 50 || answers[authn.CodeRateLimited] < 40 {
			t.Errorf("guesses at %s: %v", name, answers)
		}
	}
	for range 10 { // and each time, though the limit of the name is spent
		m.login(t, "alice")
	}
	for what, client := range map[string]authn.Client{
		"another agent":   {Address: from.Address, UserAgent: "another"},
		"another network": {Address: netip.MustParseAddr("203.0.113.1"), UserAgent: from.UserAgent},
	} {
		if _, err := m.logins.Login(t.Context(), "alice", password, client); code(t, err) != authn.CodeRateLimited {
			t.Errorf("the right password from %s: %v", what, err)
		}
	}
	m.clock.advance(time.Minute)
	if _, err := m.logins.Login(t.Context(), "alice", password, authn.Client{UserAgent: "test"}); code(t, err) != authn.CodeLocked {
		t.Errorf("from an unknown address: %v", err)
	}
	sibling := authn.Client{Address: netip.MustParseAddr("192.0.2.201"), UserAgent: from.UserAgent} // the same /24
	if _, err := m.logins.Login(t.Context(), "alice", password, sibling); err != nil {
		t.Errorf("from the next address: %v", err)
	}
	guesses(t, m, "alice", 100) // they never end
	m.clock.advance(31 * 24 * time.Hour)
	guesses(t, m, "alice", 100)
	if _, err := m.logins.Login(t.Context(), "alice", password, from); code(t, err) != authn.CodeRateLimited {
		t.Errorf("from where nobody came for a month: %v", err)
	}
}

// Who sits in an owner's network and pretends to have their browser has a share of guesses like anybody else, and no more.
func TestFakedAgentHasNoMoreThanItsShare(t *testing.T) {
	m := newMind(t, options{lockout: authn.LockoutPolicy{Failures: 5, Duration: 5 * time.Minute, MaxDuration: time.Hour}})
	alice := m.user(t, "alice")
	m.login(t, "alice")
	guesses(t, m, "alice", 5)
	for range 40 {
		if _, err := m.logins.Login(t.Context(), "alice", "wrong password", from); code(t, err) != authn.CodeLocked {
			t.Fatal(err)
		}
	}
	if _, err := m.logins.Login(t.Context(), "alice", password, from); code(t, err) != authn.CodeLocked {
		t.Errorf("the right password, when the share is used up: %v", err)
	}
	if _, err := m.accounts.Unlock(t.Context(), authn.Operator(), alice.ID); err != nil {
		t.Fatal(err)
	}
	m.login(t, "alice")
}

// Whoever does not know a password sees the same of an account that exists and is used from where they are, and of a name
// that nobody has: the same answers, the same times to wait.
func TestNamesThatNobodyHasAreGuessedAtAlike(t *testing.T) {
	onGuessedDatabase(t, sqliteURL(t), func(t *rapid.T, db *store.Store, name string) {
		limited := options{lockout: drawPolicy(t), limit: authn.Limit{Requests: 4, Per: 20 * time.Second}, login: func(c *authn.LoginsConfig) {
			c.PairLimit, c.OverallLimit = authn.Limit{Requests: 3, Per: 5 * time.Second}, authn.Limit{Requests: 9, Per: 30 * time.Second}
		}}
		clock := &clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
		there, nowhere := newMindAt(t, db, clock, limited), newMindAt(t, db, clock, limited)
		there.user(t, name)
		for _, m := range []*mind{there, nowhere} { // the same is spent of both
			outcome(m.logins.CheckPassword(t.Context(), name, password, from))
		}
		clock.advance(24 * time.Hour)
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) { clock.advance(drawPause(t)) },
			"guess": func(t *rapid.T) {
				client := drawClient(t)
				if rapid.Bool().Draw(t, "from the owner's place") {
					client = from
				}
				exists := outcome(there.logins.CheckPassword(t.Context(), name, "wrong password", client))
				missing := outcome(nowhere.logins.CheckPassword(t.Context(), "no"+name, "wrong password", client))
				if exists != missing {
					t.Fatalf("from %v: %q, of a name that nobody has %q", client, exists, missing)
				}
			},
		})
	})
}

// Whatever has refused an attempt: who comes again exactly when told is let in with the right password.
func TestRetryAfterIsEnough(t *testing.T) {
	onGuessedDatabase(t, sqliteURL(t), func(t *rapid.T, db *store.Store, name string) {
		draw := func(what string) authn.Limit {
			return rapid.SampledFrom([]authn.Limit{
				{}, {Requests: 1, Per: 7 * time.Second}, {Requests: 3, Per: 10 * time.Second}, {Requests: 7, Per: time.Minute},
			}).Draw(t, what)
		}
		limited := options{lockout: drawPolicy(t), limit: draw("login"), login: func(c *authn.LoginsConfig) {
			c.PairLimit, c.SprayingLimit, c.OverallLimit = draw("pair"), draw("spraying"), draw("overall")
		}}
		clock := &clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
		m := newMindAt(t, db, clock, limited)
		m.user(t, name)
		t.Repeat(map[string]func(*rapid.T){
			"a moment passes": func(t *rapid.T) {
				clock.advance(time.Duration(rapid.IntRange(0, int(3*time.Second)).Draw(t, "pause")))
			},
			"guess": func(t *rapid.T) {
				typed, client := rapid.SampledFrom([]string{name, "no" + name}).Draw(t, "name"), drawClient(t)
				refusal, refused := errors.AsType[*authn.Error](m.logins.CheckPassword(t.Context(), typed, "wrong password", client))
				if !refused || refusal.RetryAfter == 0 {
					return
				}
				clock.advance((refusal.RetryAfter + time.Second - 1).Truncate(time.Second))
				want := authn.CodeInvalidGrant
				if typed == name {
					want = ""
				}
				if got := outcome(m.logins.CheckPassword(t.Context(), typed, password, client)); got != "" && got != string(want)+" 0s" {
					t.Fatalf("%v later: %q, after %v", refusal.RetryAfter, got, refusal)
				}
			},
		})
	})
}

// Guesses sent side by side are counted before they are looked at, wherever they come from.
func TestParallelGuessesAreEvaluatedOneAfterTheOther(t *testing.T) {
	for name, tt := range map[string]struct {
		networks, most int
		agent          string
	}{
		"from one network":                {1, 3, "bot"},
		"from fifty networks":             {50, 5, "bot"},
		"from the owner's, during a lock": {1, 3, from.UserAgent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMind(t, options{lockout: grown})
			alice := m.user(t, "alice")
			address := [4]byte{198, 51, 0, 7}
			if tt.agent == from.UserAgent {
				m.login(t, "alice")
				guesses(t, m, "alice", 5)
				address = from.Address.As4()
			}
			var evaluated atomic.Int32
			var work sync.WaitGroup
			for i := range 50 {
				work.Go(func() {
					client := authn.Client{Address: netip.AddrFrom4([4]byte{address[0], address[1], address[2] + byte(i%tt.networks), 7}), UserAgent: tt.agent}
					if _, err := m.logins.Login(t.Context(), "alice", "wrong password", client); code(t, err) == authn.CodeInvalidGrant {
						evaluated.Add(1)
					}
				})
			}
			work.Wait()
			got := int(evaluated.Load())
			if tt.agent == from.UserAgent { // a spared attempt cannot be told by its answer
				own, _, _, err := m.store.AttemptsOf(t.Context(), authn.AttemptAt(alice.ID, from))
				if err != nil {
					t.Fatal(err)
				}
				got += own.Client.Failures
			}
			if got != tt.most {
				t.Errorf("%d passwords were looked at, want %d", got, tt.most)
			}
		})
	}
}

// hangingUp ends the context of an attempt once that is counted, as a client that hangs up while it waits for a processor.
type hangingUp struct {
	*store.Store
	hangUp context.CancelFunc
}

func (h *hangingUp) CountAttempt(ctx context.Context, a authn.Attempt, p authn.LockoutPolicy, now time.Time) (authn.Ruling, error) {
	defer h.hangUp()
	return h.Store.CountAttempt(ctx, a, p, now)
}

// Nobody has failed whose password was not looked at.
func TestAttemptsWithoutAnswerAreTakenBack(t *testing.T) {
	m := newMind(t, options{lockout: grown})
	hanging := &hangingUp{Store: m.store}
	m.config.Store = hanging
	logins := authn.NewLogins(m.config)
	var back int
	for i := range 30 { // whether the processor or the end of the context comes first is chance
		name := fmt.Sprintf("alice%d", i)
		u := m.user(t, name)
		ctx, hangUp := context.WithCancel(t.Context())
		hanging.hangUp = hangUp
		err := logins.CheckPassword(ctx, name, "wrong password", from)
		own, _, _, readErr := m.store.AttemptsOf(t.Context(), authn.AttemptAt(u.ID, from))
		if readErr != nil {
			t.Fatal(readErr)
		}
		failures := 1
		if code(t, err) == authn.CodeUnavailable {
			back, failures = back+1, 0
		}
		if own.Account.Failures != failures || own.Network.Failures != failures {
			t.Errorf("%v leaves %+v", err, own)
		}
	}
	if back == 0 {
		t.Error("no attempt was interrupted")
	}
}

// What is taken back is what was counted: not a failure of a client whose own lock kept it from being counted for that. Else who
// hangs up in time could take the lock of a client away that they pretend to be.
func TestOnlyWhatWasCountedIsTakenBack(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	p := authn.LockoutPolicy{Failures: 2, Duration: time.Minute}
	known := authn.Attempt{Account: "a", Known: true}
	locked := authn.Counter{Failures: 2, LastFailure: now.Add(-time.Second), LockedUntil: now.Add(time.Minute), Locks: 1}
	for name, tt := range map[string]struct{ client, counted int }{"a client that may": {0, 1}, "a client that is locked": {2, 2}} {
		c := authn.Counters{}
		if tt.client > 0 {
			c.Client = locked
		}
		before := c.Client
		r := p.Rule(&c, known, now)
		if !r.Evaluate(known) || c.Account.Failures != 1 || c.Client.Failures != tt.counted {
			t.Fatalf("%s: %+v leaves %+v", name, r, c)
		}
		p.TakeBack(&c, r)
		if c.Account.Failures != 0 || c.Client.Failures != before.Failures || c.Client.LockedUntil != before.LockedUntil {
			t.Errorf("%s: taken back %+v", name, c)
		}
	}
}

// A clock that is set back prolongs neither a lock nor a delay, and the next failure counts on.
func TestClockSetBackKeepsNobodyOut(t *testing.T) {
	p := authn.LockoutPolicy{Failures: 4, Duration: time.Minute, MaxDelay: 30 * time.Second}
	attempt := authn.Attempt{Account: "a", Network: "n"}
	for failures, wait := range map[int]time.Duration{3: time.Second, 4: time.Minute} {
		now, c := time.Unix(1_800_000_000, 0), authn.Counters{}
		for range failures {
			r := p.Rule(&c, attempt, now)
			now = now.Add(r.Wait)
			if r.Wait > 0 {
				p.Rule(&c, attempt, now)
			}
		}
		if r := p.Rule(&c, attempt, now); r.Wait <= 0 {
			t.Fatalf("after %d failures: %+v, want a wait of about %v", failures, r, wait)
		}
		before := c
		if r := p.Rule(&c, attempt, now.Add(-30*time.Second)); r.Wait <= 0 {
			t.Errorf("by a clock that is a little behind: %+v", r)
		}
		c = before
		if r := p.Rule(&c, attempt, now.Add(-2*time.Hour)); !r.Evaluate(attempt) || c.Account.Failures != failures+1 {
			t.Errorf("two hours back after %d failures: %+v, %+v", failures, r, c.Account)
		}
		if r := p.Rule(&c, attempt, now.Add(-2*time.Hour)); r.Wait <= 0 {
			t.Errorf("and once more: %+v", r)
		}
	}
}

// Locks grow, and a sign-in or a quiet time makes the next one a first one.
func TestLocksGrow(t *testing.T) {
	m := newMind(t, options{lockout: authn.LockoutPolicy{Failures: 2, Duration: time.Minute, MaxDuration: 5 * time.Minute}})
	m.user(t, "alice")
	lock := func() time.Duration {
		guesses(t, m, "alice", 2)
		stranger := authn.Client{Address: from.Address, UserAgent: "another"}
		_, err := m.logins.Login(t.Context(), "alice", password, stranger)
		if code(t, err) != authn.CodeLocked {
			t.Fatal(err)
		}
		wait := err.(*authn.Error).RetryAfter
		m.clock.advance(wait)
		return wait
	}
	var got []time.Duration
	for range 4 {
		got = append(got, lock())
	}
	m.clock.advance(4 * time.Minute) // too little
	got = append(got, lock())
	m.clock.advance(5 * time.Minute)
	got = append(got, lock(), lock())
	m.login(t, "alice")
	got = append(got, lock())
	guesses(t, m, "alice", 2)
	m.login(t, "alice") // past the lock, which it leaves alone
	m.clock.advance(2 * time.Minute)
	got = append(got, lock())
	want := []time.Duration{1, 2, 4, 5, 5, 1, 2, 1, 4}
	for i := range want {
		want[i] *= time.Minute
	}
	if !slices.Equal(got, want) {
		t.Errorf("locks of %v, want %v", got, want)
	}
}

// While a lock holds, an attempt from where somebody signs in costs a comparison whoever's account it is: that a known client
// is let through to the password cannot be told by the time that a wrong one takes. From elsewhere it costs none.
func TestSparedAttemptsTakeAsLongAsOthers(t *testing.T) {
	m := newMind(t, options{
		lockout: authn.LockoutPolicy{Failures: 1000, Duration: time.Minute}, passwords: authn.PasswordsConfig{Algorithm: authn.Bcrypt, BcryptCost: 8, MinLength: 8},
		login: func(c *authn.LoginsConfig) { c.Limit = authn.Limit{Requests: 1, Per: time.Hour} },
	})
	m.user(t, "alice")
	m.user(t, "bob")
	m.login(t, "alice")
	took := map[string]time.Duration{}
	for i := range 12 {
		sibling := authn.Client{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + 4*i)}), UserAgent: from.UserAgent}
		for j, name := range []string{"alice", "bob", "nobody", "elsewhere"} {
			client := sibling
			client.Address = netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + 4*i + j)}) // an address that has not spent its limit
			if name == "elsewhere" {
				client.UserAgent = "another"
			}
			began := time.Now()
			_, err := m.logins.Login(t.Context(), name, "wrong password", client)
			if i == 0 {
				continue // it spends the limit of the name
			}
			if code(t, err) != authn.CodeRateLimited {
				t.Fatalf("%s: %v", name, err)
			}
			if took[name] = min(time.Since(began), cmp.Or(took[name], time.Hour)); took[name] == 0 {
				t.Fatal("no time has passed")
			}
		}
	}
	for name, least := range took {
		ratio := float64(least) / float64(took["alice"])
		if elsewhere := name == "elsewhere"; elsewhere != (ratio < 0.5) || ratio > 2 {
			t.Errorf("%s: at least %v, the known client %v", name, least, took["alice"])
		}
	}
}
