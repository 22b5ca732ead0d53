package authn

import (
	"container/list"
	"hash/maphash"
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

// How much a Limiter remembers. A key that has been idle for the limit's whole period has a full bucket again, so that
// forgetting it loses nothing; only a flood of more keys than this within one period makes it forget one that counts, the
// longest unused first.
const (
	limiterShards       = 64
	limiterKeysPerShard = 2048
)

// Limiter holds a token bucket for each key, in a table whose size is bounded. It is safe for use by many goroutines; a nil
// Limiter limits nothing.
type Limiter struct {
	limit  Limit
	now    func() time.Time
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

// NewLimiter returns a Limiter for the limit, nil if that is none.
func NewLimiter(limit Limit, now func() time.Time) *Limiter {
	if limit.Requests <= 0 || limit.Per <= 0 {
		return nil
	}
	return &Limiter{limit: limit, now: now, seed: maphash.MakeSeed()}
}

// Spend takes one token from the key's bucket. If there is none it returns a CodeRateLimited error that says when there
// will be one, and takes nothing.
func (l *Limiter) Spend(key string) error {
	if l == nil {
		return nil
	}
	shard := &l.shards[maphash.String(l.seed, key)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()

	now := l.now()
	reservation := shard.bucket(key, l.limit).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	reservation.CancelAt(now)
	return &Error{Code: CodeRateLimited, Detail: "Rate limit exceeded", RetryAfter: wait, Limit: l.limit}
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
	addr = addr.Unmap().WithZone("")
	switch {
	case !addr.IsValid():
		return "unknown"
	case addr.Is4():
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
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
