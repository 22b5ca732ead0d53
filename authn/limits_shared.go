package authn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
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

// errNotShared is why limits are counted in memory.
var errNotShared = Refuse(CodeUnavailable, "Limits are not shared")

// spendShared is spend where replicas count together. All that one request asks for has to be answered in one time.
func spendShared(ctx context.Context, n int, spendings []spending) ([]Level, int, error) {
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
	levels, refused, err := trySpendings(n, spendings, func(one spending, n int) (Level, bool, error) {
		level, taken, err := s.cfg.Shared.Take(bounded, s.key(one.limiter.name, one.key), one.limiter.limit, n)
		level.Name, level.Limit = one.limiter.name, one.limiter.limit
		return level, taken, err
	})
	if err == nil || ctx.Err() == nil { // that a client hung up says nothing about the backend
		s.answered(err)
	}
	return levels, refused, err
}
