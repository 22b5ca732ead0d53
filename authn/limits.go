package authn

import (
	"context"
	"log/slog"
	"slices"
	"time"
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
	return spendOrLook(ctx, 1, spendings)
}

// spendOrLook is spend of n tokens from each bucket, 1 or 0: then none is taken, and who would be refused is told.
func spendOrLook(ctx context.Context, n int, spendings []spending) (levels []Level, refused int) {
	levels, refused, err := spendShared(ctx, n, spendings)
	if err != nil {
		levels, refused, _ = trySpendings(n, spendings, func(s spending, n int) (Level, bool, error) {
			level, taken := s.limiter.take(s.key, n)
			return level, taken, nil
		})
	}
	return levels, refused
}

// told leaves out the levels of limits that count by what strangers may ask about, such as a name, while there are tokens: how many
// would tell them that somebody has just used it, and so that it exists. That there is none they find out by asking.
func told(levels []Level, open ...*Limiter) []Level {
	return slices.DeleteFunc(slices.Clone(levels), func(level Level) bool {
		return level.Wait <= 0 && slices.ContainsFunc(open, func(l *Limiter) bool { return l != nil && l.name == level.Name })
	})
}

// of is the levels of these limits.
func of(levels []Level, limiters ...*Limiter) []Level {
	return slices.DeleteFunc(slices.Clone(levels), func(level Level) bool {
		return !slices.ContainsFunc(limiters, func(l *Limiter) bool { return l != nil && l.name == level.Name })
	})
}

// trySpendings does what spendOrLook says, wherever the buckets are.
func trySpendings(
	most int, spendings []spending, take func(s spending, n int) (Level, bool, error),
) (levels []Level, refused int, err error) {
	refused = -1
	for i, one := range spendings {
		if one.limiter == nil {
			continue
		}
		n := most
		if refused >= 0 {
			n = 0
		}
		level, taken, err := take(one, n)
		if err != nil {
			return nil, 0, err
		}
		if refused < 0 && (!taken || most == 0 && level.Wait > 0) {
			refused = i
		}
		levels = append(levels, level)
	}
	return levels, refused, nil
}
