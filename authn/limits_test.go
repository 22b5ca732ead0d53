package authn_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// backend is a place where limits are shared that does what a test says.
type backend struct {
	asked atomic.Int32
	take  func(ctx context.Context, key string) (authn.Level, bool, error)
}

func (b *backend) Take(ctx context.Context, key string, _ authn.Limit, _ int) (authn.Level, bool, error) {
	b.asked.Add(1)
	return b.take(ctx, key)
}

var two = authn.Limit{Requests: 2, Per: time.Minute}

// While the backend is away every replica counts for itself, asks seldom, and says so once.
func TestSharedLimitsFallBackAndComeBack(t *testing.T) {
	clock := &clock{now: time.Unix(1_800_000_000, 0)}
	var lines bytes.Buffer
	away := errors.New("connection refused")
	shared := &backend{take: func(context.Context, string) (authn.Level, bool, error) { return authn.Level{}, false, away }}
	limits := authn.NewLimits(authn.LimitsConfig{
		Shared: shared, Salt: []byte("salt"), Pause: time.Second, Now: clock.Now, Log: slog.New(slog.NewTextHandler(&lines, nil)),
	})
	limiter := limits.Limiter("test", two)
	if !limits.Shared() {
		t.Error("before anything was asked limits are not shared")
	}
	spend := func() error { return limiter.Spend(t.Context(), "key") }
	for i := range 5 {
		if err := spend(); (err != nil) != (i >= 2) {
			t.Errorf("request %d, counted in memory: %v", i+1, err)
		}
	}
	if n := shared.asked.Load(); n != 1 || limits.Shared() {
		t.Errorf("the backend was asked %d times in a pause, shared: %v", n, limits.Shared())
	}
	clock.advance(time.Second)
	for range 5 {
		_ = spend()
	}
	if n := shared.asked.Load(); n != 2 {
		t.Errorf("the backend was asked %d times in two pauses", n)
	}
	var keys []string
	shared.take = func(_ context.Context, key string) (authn.Level, bool, error) {
		keys = append(keys, key)
		return authn.Level{Remaining: 1}, true, nil
	}
	clock.advance(time.Second)
	for range 5 {
		if err := spend(); err != nil {
			t.Errorf("counted by the backend, which has come back: %v", err)
		}
	}
	if !limits.Shared() || len(keys) != 5 || !strings.HasPrefix(keys[0], "authly:test:") || strings.Contains(keys[0], ":key") || len(keys[0]) > 128 {
		t.Errorf("shared: %v, by %q", limits.Shared(), keys)
	}
	if got := lines.String(); strings.Count(got, "not shared") != 1 || strings.Count(got, "shared again") != 1 {
		t.Errorf("the log: %s", got)
	}
}

// A backend that does not answer holds up one request for a moment and no other one.
func TestSlowSharedLimitsHoldNobodyUp(t *testing.T) {
	clock := &clock{now: time.Unix(1_800_000_000, 0)}
	var deadlines atomic.Int32
	shared := &backend{take: func(ctx context.Context, _ string) (authn.Level, bool, error) {
		if at, ok := ctx.Deadline(); ok && time.Until(at) <= time.Second {
			deadlines.Add(1)
		}
		<-ctx.Done()
		return authn.Level{}, false, ctx.Err()
	}}
	limits := authn.NewLimits(authn.LimitsConfig{
		Shared: shared, Salt: []byte("salt"), Wait: 10 * time.Millisecond, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	limiter := limits.Limiter("test", authn.Limit{Requests: 1000, Per: time.Minute})
	for range 100 {
		if err := limiter.Spend(t.Context(), "key"); err != nil {
			t.Error(err)
		}
	}
	if shared.asked.Load() != 1 || deadlines.Load() != 1 {
		t.Errorf("asked %d times, with a deadline %d times", shared.asked.Load(), deadlines.Load())
	}
	clock.advance(time.Hour)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	if err := limiter.Spend(gone, "key"); err != nil || limits.Shared() {
		t.Errorf("a client that hung up: %v, shared: %v", err, limits.Shared())
	}
}

// What is refused takes nothing from the limits behind it, and what it has to wait for is the longest of all.
func TestNarrowLimitsGuardWideOnes(t *testing.T) {
	m := newMind(t, options{limit: authn.Limit{Requests: 100, Per: time.Minute}, failures: 1000, login: func(c *authn.LoginsConfig) {
		c.PairLimit, c.OverallLimit = authn.Limit{Requests: 1, Per: time.Minute}, authn.Limit{Requests: 2, Per: time.Hour}
	}})
	m.user(t, "alice")
	m.user(t, "bob")
	m.login(t, "alice")
	for range 50 {
		_, err := m.logins.Login(t.Context(), "alice", password, from)
		refusal, _ := errors.AsType[*authn.Error](err)
		if refusal == nil || refusal.Code != authn.CodeRateLimited || refusal.RetryAfter != time.Minute || len(refusal.Limits) != 2 {
			t.Fatalf("alice once more: %+v", refusal)
		}
	}
	m.login(t, "bob")
	_, err := m.logins.Login(t.Context(), "alice", password, from)
	if refusal, _ := errors.AsType[*authn.Error](err); refusal == nil || refusal.RetryAfter != 30*time.Minute {
		t.Errorf("alice, when nothing is left for anybody: %+v", refusal)
	}
}
