package authn_test

import (
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func TestLimiterRefillsWithTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limiter := authn.NewLimiter(authn.Limit{Requests: 5, Per: time.Minute}, func() time.Time { return now })
	for i := range 5 {
		if err := limiter.Spend(t.Context(), "key"); err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
	}
	refusal, ok := errors.AsType[*authn.Error](limiter.Spend(t.Context(), "key"))
	if !ok || refusal.RetryAfter != 12*time.Second || refusal.Limits[0].Limit.Requests != 5 {
		t.Fatalf("the sixth: %+v, want a refusal for 12 seconds", refusal)
	}
	now = now.Add(11 * time.Second)
	if limiter.Spend(t.Context(), "key") == nil {
		t.Error("allowed a second too early: a refusal must not spend, nor a wait refill too fast")
	}
	now = now.Add(time.Second)
	if err := limiter.Spend(t.Context(), "key"); err != nil {
		t.Errorf("after the time it told: %v", err)
	}
}

func TestLimiterStaysBoundedAndFair(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limiter := authn.NewLimiter(authn.Limit{Requests: 1, Per: time.Minute}, func() time.Time { return now })
	for i := range 1_000_000 {
		if err := limiter.Spend(t.Context(), strconv.Itoa(i)); err != nil {
			t.Fatalf("first request of key %d: %v", i, err)
		}
	}
	if keys := limiter.Keys(); keys > 200_000 {
		t.Errorf("a million keys leave %d in the table", keys)
	}
	if limiter.Spend(t.Context(), "999999") == nil {
		t.Error("the latest key was forgotten")
	}
}

func TestNoLimitIsNil(t *testing.T) {
	for _, limit := range []authn.Limit{{}, {Requests: 5}, {Per: time.Minute}} {
		limiter := authn.NewLimiter(limit, time.Now)
		for range 100 {
			if err := limiter.Spend(t.Context(), "key"); err != nil {
				t.Errorf("%+v limits: %v", limit, err)
			}
		}
	}
}

func TestClientNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := authn.ClientNetwork(netip.MustParseAddr(addr)); got != want {
			t.Errorf("ClientNetwork(%s) = %s, want %s", addr, got, want)
		}
	}
	if got := authn.ClientNetwork(netip.Addr{}); got != "unknown" {
		t.Errorf("unknown address: %s", got)
	}
}
