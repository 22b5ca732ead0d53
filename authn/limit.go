package authn

import (
	"container/list"
	"context"
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limit is a rate: Requests in Per, all of which may come at once. The zero value is no limit.
type Limit struct {
	Requests int
	Per      time.Duration
}

// Level is how the bucket of one key stands.
type Level struct {
	Name      string // of the limit
	Limit     Limit
	Remaining int           // requests that may come at once
	Wait      time.Duration // until one may come; 0: now
}

// How much a Limiter remembers. A key that has been idle for the limit's whole period has a full bucket again, so that
// forgetting it loses nothing; only a flood of more keys than this within one period makes it forget one that counts, the
// longest unused first.
const (
	limiterShards       = 64
	limiterKeysPerShard = 2048
)

// Limiter holds a token bucket for each key: in a table whose size is bounded, or where replicas share it, see Limits. It is
// safe for use by many goroutines; a nil Limiter limits nothing.
type Limiter struct {
	name   string
	limit  Limit
	now    func() time.Time
	shared *sharing // nil: the table alone
	seed   maphash.Seed
	shards [limiterShards]limiterShard
}

type limiterShard struct {
	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  list.List // of *bucket, most recently used first
}

type bucket struct {
	key    string
	tokens *rate.Limiter
}

// NewLimiter returns a Limiter that counts in memory, nil if the limit is none.
func NewLimiter(limit Limit, now func() time.Time) *Limiter {
	return newLimiter("default", limit, now, nil)
}

func newLimiter(name string, limit Limit, now func() time.Time, shared *sharing) *Limiter {
	if limit.Requests <= 0 || limit.Per <= 0 {
		return nil
	}
	return &Limiter{name: name, limit: limit, now: now, shared: shared, seed: maphash.MakeSeed()}
}

// Spend takes one token from the key's bucket. If there is none it returns a CodeRateLimited error that says when there
// will be one, and takes nothing.
func (l *Limiter) Spend(ctx context.Context, key string) error {
	return l.ask(ctx, 1, key)
}

// Look returns the error that Spend would, and takes nothing.
func (l *Limiter) Look(ctx context.Context, key string) error {
	return l.ask(ctx, 0, key)
}

func (l *Limiter) ask(ctx context.Context, n int, key string) error {
	levels, refused := spendOrLook(ctx, n, []spending{{l, key}})
	if refused < 0 {
		return nil
	}
	return rateLimited(levels)
}

func rateLimited(levels []Level) *Error {
	return &Error{Code: CodeRateLimited, Detail: "Rate limit exceeded", RetryAfter: longestWait(levels), Limits: levels}
}

func longestWait(levels []Level) (wait time.Duration) {
	for _, level := range levels {
		wait = max(wait, level.Wait)
	}
	return wait
}

// take takes n tokens from the key's bucket in memory, 0 or 1, if they are there, and says how it stands then.
func (l *Limiter) take(key string, n int) (Level, bool) {
	shard := &l.shards[maphash.String(l.seed, key)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	now := l.now()
	tokens := shard.bucket(key, l.limit)
	taken := tokens.AllowN(now, n)
	left := tokens.TokensAt(now)
	level := Level{Name: l.name, Limit: l.limit, Remaining: max(int(left), 0)}
	if left < 1 {
		level.Wait = time.Duration(math.Ceil((1 - left) / float64(tokens.Limit()) * float64(time.Second)))
	}
	return level, taken
}

// bucket returns the key's bucket, making it and forgetting the longest unused one if need be.
func (s *limiterShard) bucket(key string, limit Limit) *rate.Limiter {
	if e, ok := s.buckets[key]; ok {
		s.recent.MoveToFront(e)
		return e.Value.(*bucket).tokens
	}
	if s.buckets == nil {
		s.buckets = make(map[string]*list.Element)
	}
	if len(s.buckets) >= limiterKeysPerShard {
		oldest := s.recent.Back()
		s.recent.Remove(oldest)
		delete(s.buckets, oldest.Value.(*bucket).key)
	}
	perSecond := rate.Limit(float64(limit.Requests) / limit.Per.Seconds())
	b := &bucket{key: key, tokens: rate.NewLimiter(perSecond, limit.Requests)}
	s.buckets[key] = s.recent.PushFront(b)
	return b.tokens
}

// ClientNetwork is the key under which a client address is limited: the address itself in IPv4, its /64 in IPv6, where one
// subscriber has at least that many addresses. All addresses that are not known share one key.
func ClientNetwork(addr netip.Addr) string {
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	return networkOf(addr, 0)
}

// networkOf is the network that an address is in: of so many bits in IPv4, a /64 in IPv6.
func networkOf(addr netip.Addr, bits4 int) string {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = bits4
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || !addr.IsValid() {
		return "unknown"
	}
	return prefix.String()
}

// Keys returns how many keys the table holds at present.
func (l *Limiter) Keys() int {
	n := 0
	for i := range l.shards {
		l.shards[i].mu.Lock()
		n += len(l.shards[i].buckets)
		l.shards[i].mu.Unlock()
	}
	return n
}
