package main_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
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

const timedRounds = 60

// The time of a refusal tells no more than its status: a name that does not exist takes as long as a wrong password, whether the
// account is disabled, unverified or has an old and cheaper hash, and however long the password is; while they are locked, a name
// that exists takes as long as one that does not. What is compared is how often one kind took longer than another: whatever
// disturbs the machine disturbs all alike, for in each round they come in another order.
func TestSecurityLoginTiming(t *testing.T) {
	storeURL := sqliteURL(t)
	g := guard(t, storeURL, "lockout: {failures: 3, duration: 1h}", "AUTHLY_PASSWORDS_BCRYPT_COST=6")
	fillTimed(t, storeURL)
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
	for round := range timedRounds {
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
			// By chance alone it would be beyond these once in a million runs; without a hash it is 0 or 1.
			if often := longer(k.took, kinds[other].took); name != other && (often < 0.24 || often > 0.76) {
				t.Errorf("%s takes longer than %s in %.2f of all pairs", name, other, often)
			}
		})
	}
	if often := longer(kinds["wrong"].took, kinds["locked"].took); often < 0.6 {
		t.Errorf("a password that is hashed takes longer than one that is not in %.2f of all pairs: the test sees nothing", often)
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

// fillTimed makes users of each kind, one for each round: each is tried but once.
func fillTimed(t *testing.T, storeURL string) {
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
	for round := range timedRounds {
		add(fmt.Sprint("fresh", round), 6, true, true)
		add(fmt.Sprint("old", round), 4, true, true)
		add(fmt.Sprint("disabled", round), 6, false, true)
		add(fmt.Sprint("unverified", round), 6, true, false)
		add(fmt.Sprint("long", round), 6, true, true)
	}
}
