package limit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/limit"
	"github.com/descoped/authly/store/storetest"
)

// open returns a server that is closed when the test ends.
func open(t *testing.T, address string) *limit.Server {
	t.Helper()
	s, err := limit.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// limiter is that of a replica.
func limiter(t *testing.T, address string, l authn.Limit) (*authn.Limits, *authn.Limiter) {
	t.Helper()
	limits := authn.NewLimits(authn.LimitsConfig{
		Shared: open(t, address), Salt: []byte("salt"), Pause: time.Millisecond, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	return limits, limits.Limiter("test", l)
}

// until asks again and again, and fails if that does not become true in time.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	poll, deadline := time.NewTicker(time.Millisecond), time.After(30*time.Second)
	defer poll.Stop()
	for !is() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s: not in half a minute", what)
		}
	}
}

// spent counts how many of n simultaneous requests two replicas let through.
func spent(t *testing.T, key string, n int, replicas ...*authn.Limiter) int {
	t.Helper()
	var through atomic.Int32
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if replicas[i%len(replicas)].Spend(t.Context(), key) == nil {
				through.Add(1)
			}
		})
	}
	all.Wait()
	return int(through.Load())
}

func TestReplicasCountTogether(t *testing.T) {
	server := storetest.StartRedis(t)
	l := authn.Limit{Requests: 10, Per: time.Hour}
	one, first := limiter(t, server.Address, l)
	_, second := limiter(t, server.Address, l)
	spent(t, "warm", 60, first, second) // as many connections: one that is too slow to be made is counted by its replica alone
	if n := spent(t, "a", 60, first, second); n != 10 || !one.Shared() {
		t.Errorf("%d requests were let through, want 10, shared: %v", n, one.Shared())
	}
	if n := spent(t, "b", 5, first, second); n != 5 {
		t.Errorf("%d requests of another key were let through, want 5", n)
	}

	// What the server knows says nothing, and does not stay.
	options, err := redis.ParseURL(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatalf("keys %q, error %v", keys, err)
	}
	for _, key := range keys {
		if ttl, err := client.TTL(t.Context(), key).Result(); err != nil || ttl <= 0 || ttl > l.Per+time.Second {
			t.Errorf("%s lives for %v, error %v", key, ttl, err)
		}
		if !strings.HasPrefix(key, "rate:authly:test:") || len(key) != len("rate:authly:test:")+32 {
			t.Errorf("the key %q", key)
		}
	}

	// The server dies: each replica counts for itself, at once. It comes back, and they count together.
	server.Kill(t)
	if n := spent(t, "c", 60, first, second); n != 20 || one.Shared() {
		t.Errorf("without a server %d requests were let through, want 20, shared: %v", n, one.Shared())
	}
	server.Start(t)
	until(t, "the server is used again", func() bool { return first.Spend(t.Context(), "d") == nil && one.Shared() })
	until(t, "the other replica uses it again", func() bool { _ = second.Spend(t.Context(), "e"); return second.Spend(t.Context(), "f") == nil })
	if n := spent(t, "g", 60, first, second); n != 10 {
		t.Errorf("after the server came back %d requests were let through, want 10", n)
	}
}

// A server that is there and does not answer, or one that takes no connections, holds nobody up.
func TestFrozenServer(t *testing.T) {
	server := storetest.StartRedis(t)
	limits := authn.NewLimits(authn.LimitsConfig{
		Shared: open(t, server.Address), Salt: []byte("salt"), Wait: 50 * time.Millisecond, Pause: time.Hour, Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
	})
	l := limits.Limiter("test", authn.Limit{Requests: 1000, Per: time.Hour})
	if err := l.Spend(t.Context(), "a"); err != nil || !limits.Shared() {
		t.Fatalf("%v, shared: %v", err, limits.Shared())
	}
	server.Freeze(t)
	began := time.Now()
	for range 500 {
		if err := l.Spend(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took > 10*time.Second || limits.Shared() {
		t.Errorf("500 requests took %v, shared: %v", took, limits.Shared())
	}
	server.Thaw(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, taken, err := open(t, server.Address).Take(ctx, "b", authn.Limit{Requests: 1, Per: time.Hour}, 1); err != nil || !taken {
		t.Errorf("after it woke up: %v, %v", taken, err)
	}
}

// What a level says holds by the server's clock: who waits so long finds a token.
func TestLevels(t *testing.T) {
	s, l := open(t, storetest.StartRedis(t).Address), authn.Limit{Requests: 2, Per: 200 * time.Millisecond}
	take := func(n int) (authn.Level, bool) {
		t.Helper()
		level, taken, err := s.Take(t.Context(), "key", authn.Limit{Requests: 2, Per: time.Hour}, n)
		if err != nil {
			t.Fatal(err)
		}
		return level, taken
	}
	if level, taken := take(1); !taken || level.Remaining != 1 || level.Wait != 0 {
		t.Errorf("the first: %+v %v", level, taken)
	}
	if level, taken := take(1); !taken || level.Remaining != 0 || level.Wait < 29*time.Minute || level.Wait > 30*time.Minute {
		t.Errorf("the second: %+v %v", level, taken)
	}
	for _, n := range []int{1, 0} {
		level, taken := take(n)
		if taken != (n == 0) || level.Remaining != 0 || level.Wait < 29*time.Minute || level.Wait > 30*time.Minute {
			t.Errorf("%d more: %+v %v", n, level, taken)
		}
	}
	for round := range 3 {
		for {
			level, taken, err := s.Take(t.Context(), "quick", l, 1)
			if err != nil {
				t.Fatal(err)
			}
			if taken {
				continue
			}
			wait := time.NewTimer(level.Wait)
			<-wait.C
			if _, taken, err = s.Take(t.Context(), "quick", l, 1); err != nil || !taken {
				t.Errorf("round %d, after %v: %v, %v", round, level.Wait, taken, err)
			}
			break
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "redis", "http://:hunter2@h", "redis://:hunter2@h:port", "redis://:hunter2%zz@h"} {
		if _, err := limit.Open(address); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
	server := storetest.StartRedis(t)
	numbered := open(t, server.Address+"/1")
	if _, taken, err := numbered.Take(t.Context(), "key", authn.Limit{Requests: 1, Per: time.Hour}, 1); err != nil || !taken {
		t.Errorf("with a database: %v", err)
	}
	other := open(t, strings.Replace(server.Address, "redis://:", "redis://:hunter2", 1))
	if _, _, err := other.Take(t.Context(), "key", authn.Limit{Requests: 1, Per: time.Hour}, 1); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// Whoever comes again after so many whole seconds as Retry-After says is let through, by the server's clock as well.
func TestRetryAfterHolds(t *testing.T) {
	address := storetest.StartRedis(t).Address
	for name, l := range map[string]authn.Limit{
		"one": {Requests: 1, Per: time.Second}, "three": {Requests: 3, Per: 2 * time.Second}, "seven": {Requests: 7, Per: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits, one := limiter(t, address, l)
			for {
				refusal, refused := errors.AsType[*authn.Error](one.Spend(t.Context(), name))
				if !refused {
					continue
				}
				wait := time.NewTimer((refusal.RetryAfter + time.Second - 1) / time.Second * time.Second)
				<-wait.C
				if err := one.Spend(t.Context(), name); err != nil || !limits.Shared() {
					t.Errorf("after %v: %v, shared: %v", refusal.RetryAfter, err, limits.Shared())
				}
				return
			}
		})
	}
}
