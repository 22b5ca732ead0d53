package authn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"
)

// SharedLimits is a place where replicas count together.
type SharedLimits interface {
	// Take takes n tokens from the bucket of a key, 0 or 1, if they are there, and says how it stands then; Name and Limit of
	// the level are the caller's. An error says that this is not known. Keys are of at most 128 bytes and say nothing about
	// who they are of.
	Take(ctx context.Context, key string, limit Limit, n int) (level Level, taken bool, err error)
}

// How long requests wait for SharedLimits, and how long they leave it alone after it did not answer.
const (
	sharedTimeout = 250 * time.Millisecond
	sharedPause   = 5 * time.Second
)

// LimitsConfig is what Limits needs. Now is required.
type LimitsConfig struct {
	Shared SharedLimits  // nil: every replica counts for itself, in memory
	Salt   []byte        // required with Shared, and the same on all replicas: keys are hashed with it
	Wait   time.Duration // for Shared, of one request; 0: 250 ms
	Pause  time.Duration // in which Shared is not asked after it failed; 0: 5 s
	Now    func() time.Time
	Log    *slog.Logger // required with Shared
}

// Limits makes Limiters that count in one place. While the shared place does not answer, each of them counts in memory: an
// outage makes limits as many times as wide as there are replicas, and refuses nobody.
type Limits struct {
	now     func() time.Time
	sharing *sharing
}

// NewLimits returns a Limits.
func NewLimits(cfg LimitsConfig) *Limits {
	l := &Limits{now: cfg.Now}
	if cfg.Shared == nil {
		return l
	}
	if cfg.Wait <= 0 {
		cfg.Wait = sharedTimeout
	}
	if cfg.Pause <= 0 {
		cfg.Pause = sharedPause
	}
	l.sharing = &sharing{cfg: cfg}
	return l
}

// limitsOr is l, or counts in memory if that is nil.
func limitsOr(l *Limits, now func() time.Time) *Limits {
	if l == nil {
		return NewLimits(LimitsConfig{Now: now})
	}
	return l
}

// Limiter returns a Limiter, nil if the limit is none. The name tells limits apart, for clients and where they are shared:
// it is given once.
func (l *Limits) Limiter(name string, limit Limit) *Limiter {
	return newLimiter(name, limit, l.now, l.sharing)
}

// Shared reports whether requests are counted together with other replicas at present.
func (l *Limits) Shared() bool { return l.sharing != nil && l.sharing.answers() }

// sharing asks a SharedLimits, and leaves it alone for a while when it does not answer: then one request at a time finds out
// whether it does again, and no other one waits.
type sharing struct {
	cfg LimitsConfig

	mu    sync.Mutex
	away  bool
	again time.Time // while away: when to ask next
}

func (s *sharing) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.away
}

// ask reports whether to ask.
func (s *sharing) ask() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.away && now.Before(s.again) {
		return false
	}
	s.again = now.Add(s.cfg.Pause) // whoever else comes meanwhile does not, if it is away
	return true
}

// answered notes the outcome of asking, and says so once when it is another than before.
func (s *sharing) answered(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.away
	s.away = err != nil
	switch {
	case s.away:
		s.again = s.cfg.Now().Add(s.cfg.Pause)
		if !was {
			s.cfg.Log.Warn("limits are not shared: the backend does not answer, this replica counts for itself", "error", err)
		}
	case was:
		s.cfg.Log.Info("limits are shared again")
	}
}

// key hides what a limit is counted by from whoever can read the shared place.
func (s *sharing) key(name, key string) string {
	mac := hmac.New(sha256.New, s.cfg.Salt)
	mac.Write([]byte(name + "\x00" + key))
	return "authly:" + name + ":" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// spending is a token to be taken.
type spending struct {
	limiter *Limiter // nil: no limit
	key     string
}

// spend takes a token from each bucket, in this order, up to the first that has none, and tells how all of them stand then:
// who comes back when the longest wait is over finds a token in each. refused is the place of the one that had none in what
// was given; -1: there is none. The buckets behind it are left as they are, so that who is refused by a narrow limit takes
// nothing from others in a wide one.
func spend(ctx context.Context, spendings ...spending) (levels []Level, refused int) {
	levels, refused, err := spendShared(ctx, spendings)
	if err != nil {
		levels, refused, _ = trySpendings(spendings, func(s spending, n int) (Level, bool, error) {
			level, taken := s.limiter.take(s.key, n)
			return level, taken, nil
		})
	}
	return levels, refused
}

// errNotShared is why limits are counted in memory.
var errNotShared = Refuse(CodeUnavailable, "Limits are not shared")

// spendShared is spend where replicas count together. All that one request asks for has to be answered in one time.
func spendShared(ctx context.Context, spendings []spending) ([]Level, int, error) {
	var s *sharing
	for _, one := range spendings {
		if one.limiter != nil {
			s = one.limiter.shared
		}
	}
	if s == nil || !s.ask() {
		return nil, 0, errNotShared
	}
	bounded, cancel := context.WithTimeout(ctx, s.cfg.Wait)
	defer cancel()
	levels, refused, err := trySpendings(spendings, func(one spending, n int) (Level, bool, error) {
		level, taken, err := s.cfg.Shared.Take(bounded, s.key(one.limiter.name, one.key), one.limiter.limit, n)
		level.Name, level.Limit = one.limiter.name, one.limiter.limit
		return level, taken, err
	})
	if err == nil || ctx.Err() == nil { // that a client hung up says nothing about the backend
		s.answered(err)
	}
	return levels, refused, err
}

// trySpendings does what spend says, wherever the buckets are.
func trySpendings(
	spendings []spending, take func(s spending, n int) (Level, bool, error),
) (levels []Level, refused int, err error) {
	refused = -1
	for i, one := range spendings {
		if one.limiter == nil {
			continue
		}
		n := 1
		if refused >= 0 {
			n = 0
		}
		level, taken, err := take(one, n)
		if err != nil {
			return nil, 0, err
		}
		if !taken && refused < 0 {
			refused = i
		}
		levels = append(levels, level)
	}
	return levels, refused, nil
}
