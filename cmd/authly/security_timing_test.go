package main_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// timed is a kind of login that fails, and how long it took each time.
type timed struct {
	name     func(round int) string
	password string
	status   int
	took     []time.Duration
}

// timedRounds is how often each kind is tried: 60 times, which makes 540 samples in all, or as AUTHLY_TEST_TIMING says. More of them
// see smaller differences; CONTRIBUTING says how to ask for them.
func timedRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("AUTHLY_TEST_TIMING")
	if text == "" {
		return 60
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 10 {
		t.Fatalf("AUTHLY_TEST_TIMING must be a number of at least 10, not %q", text)
	}
	return n
}

// The time of a refusal tells no more than its status: a name that does not exist takes as long as a wrong password, whether the
// account is disabled, unverified or has an old and cheaper hash, and however long the password is; while they are locked, a name
// that exists takes as long as one that does not. What is compared is how often one kind took longer than another: whatever
// disturbs the machine disturbs all alike, for in each round they come in another order.
func TestSecurityLoginTiming(t *testing.T) {
	storeURL, rounds := sqliteURL(t), timedRounds(t)
	g := guard(t, storeURL, "lockout: {failures: 3, duration: 1h}", "AUTHLY_PASSWORDS_BCRYPT_COST=6")
	fillTimed(t, storeURL, rounds)
	of := func(prefix string) func(int) string {
		return func(round int) string { return fmt.Sprint(prefix, round) }
	}
	kinds := map[string]*timed{
		"wrong":          {name: of("fresh")},
		"wrong, old":     {name: of("old")},
		"unknown":        {name: of("nobody")},
		"unknown email":  {name: func(round int) string { return fmt.Sprintf("nobody%d@example.com", round) }},
		"disabled":       {name: of("disabled")},
		"unverified":     {name: of("unverified")},
		"too long":       {name: of("long"), password: strings.Repeat("x", 73)},
		"locked":         {name: func(int) string { return "victim" }, status: http.StatusTooManyRequests},
		"locked unknown": {name: func(int) string { return "no victim" }, status: http.StatusTooManyRequests},
	}
	for _, name := range []string{"victim", "no victim"} {
		for range 3 {
			g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody(name, "not this one"))
		}
	}
	names := slices.Sorted(maps.Keys(kinds))
	for round := range rounds {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			k := kinds[name]
			body := loginBody(k.name(round), max(k.password, "not this one"))
			began := time.Now()
			g.must(t, max(k.status, http.StatusUnauthorized), "POST", "/auth/token", "", body)
			k.took = append(k.took, time.Since(began))
		}
	}
	for name, k := range kinds {
		other := "wrong"
		if k.status != 0 {
			other = "locked"
		}
		t.Run("CVE-2026-32595 time of "+name, func(t *testing.T) {
			if name == other {
				return
			}
			// By chance alone it comes to that once in a million runs; without a hash the one takes longer always, or never.
			often, p := longer(k.took, kinds[other].took), chance(k.took, kinds[other].took)
			if t.Logf("%s takes longer than %s in %.3f of all pairs: P = %.3g", name, other, often, p); p < 1e-6 {
				t.Errorf("the time of %s tells it from %s", name, other)
			}
		})
	}
	if p := chance(kinds["wrong"].took, kinds["locked"].took); p > 1e-6 {
		t.Errorf("P = %.3g that a password which is hashed takes as long as one which is not: the test sees nothing", p)
	}
}

// longer is in how many of all pairs the first takes longer (the statistic of Mann and Whitney).
func longer(a, b []time.Duration) float64 {
	n := 0
	for _, x := range a {
		for _, y := range b {
			if x > y {
				n++
			}
		}
	}
	return float64(n) / float64(len(a)*len(b))
}

// chance is how likely two kinds that take as long as each other differ by as much as these do (the P value of the test of Mann and
// Whitney, two-sided, by its approximation with the normal distribution).
func chance(a, b []time.Duration) float64 {
	n, m := float64(len(a)), float64(len(b))
	deviation := math.Sqrt((n + m + 1) / (12 * n * m))
	return math.Erfc(math.Abs(longer(a, b)-0.5) / deviation / math.Sqrt2)
}

// fillTimed makes users of each kind, one for each round: each is tried but once.
func fillTimed(t *testing.T, storeURL string, rounds int) {
	t.Helper()
	disk, err := store.Open(t.Context(), storeURL, store.Options{MaxConnections: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	hashes := map[int]string{}
	for _, cost := range []int{4, 6} {
		hash, err := bcrypt.GenerateFromPassword([]byte("the right password"), cost)
		if err != nil {
			t.Fatal(err)
		}
		hashes[cost] = string(hash)
	}
	add := func(name string, cost int, active, verified bool) {
		now := time.Now().Truncate(time.Microsecond)
		err := disk.CreateUser(t.Context(), authn.User{
			ID: uuid.New(), Username: name, Email: name + "@example.com", EmailKey: name + "@example.com", PasswordHash: hashes[cost],
			Active: active, Verified: verified, Roles: []string{}, CreatedAt: now, UpdatedAt: now,
		}, storetest.By(now))
		if err != nil {
			t.Fatal(err)
		}
	}
	add("victim", 6, true, true)
	for round := range rounds {
		add(fmt.Sprint("fresh", round), 6, true, true)
		add(fmt.Sprint("old", round), 4, true, true)
		add(fmt.Sprint("disabled", round), 6, false, true)
		add(fmt.Sprint("unverified", round), 6, true, false)
		add(fmt.Sprint("long", round), 6, true, true)
	}
}
