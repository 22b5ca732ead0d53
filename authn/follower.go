package authn

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// keepSlack is added to the time for which a change is remembered: for a token that was being signed, with what was true
// before, while the change was made, for clocks that differ, and for clocks that are set back. See setBack for those that are
// set back further.
const keepSlack = 15 * time.Minute

// forgetEvery is how often the memory is gone through for what can be forgotten. Checks wait meanwhile.
const forgetEvery = 30 * time.Second

// heedWithin bounds how long an act waits for its own change to be in memory.
const heedWithin = 2 * time.Second

// FollowerConfig is what a Follower needs; every field but the last two is required.
type FollowerConfig struct {
	Feed         Feed
	Users        UserStore
	TokenLife    time.Duration // the longest that an access token can live, leeway included
	PollEvery    time.Duration // between two looks at the feed if nothing wakes the follower
	MaxStaleness time.Duration // after which what is in memory is no longer trusted; 0: it never is
	Now          func() time.Time
	Elapsed      func() time.Duration // by a clock that is never set, since any time
	Log          *slog.Logger
	ObserveLag   func(time.Duration) // from commit to effect, by the clocks of two replicas; nil: not told
	KeyChanged   func(Change)        // is told of changes of keys when they are in memory, such as KeyRing.Heed; nil: not told
}

// Follower keeps in memory what has ended or changed lately, by following the feed of changes, so that the check of a token
// needs no read of the store: a token that was signed by Authly, has not expired and is not concerned by anything that the
// Follower knows, is as good as on the day it was issued.
//
// That holds only while the Follower knows that it has read the feed to its end. Fresh says so. An entry leaves when the
// last token that it could concern has expired; what is in memory is thus bounded by what ends in the life of a token.
//
// Looks at the feed take turns and are numbered. One that began after a change was committed has it in memory when it is
// done; Heed sees to it that a replica knows of its own changes before it answers for them.
type Follower struct {
	cfg  FollowerConfig
	wake chan struct{}

	turn      chan struct{} // held by the look that is under way
	begun     atomic.Uint64 // the number of the latest look
	done      atomic.Uint64 // the number of the latest look that succeeded
	doubted   atomic.Uint64 // a look must have a higher number than this for the memory to be trusted
	confirmed atomic.Int64  // when the look that succeeded began; this and all durations below are of Elapsed
	wall      atomic.Int64  // the same by Now, in nanoseconds since 1970
	distrust  atomic.Int64  // until then the memory is not trusted, since the clock was set back or the feed began anew

	mu       sync.RWMutex
	sessions map[uuid.UUID]time.Duration // ended, and when that can be forgotten
	tokens   map[string]time.Duration    // the same, by jti
	keys     map[string]time.Duration    // the same, by kid
	users    map[uuid.UUID]*changedUser
	cursor   Cursor
	swept    time.Duration // when what nobody needs was forgotten
	zero     time.Time     // what the clock says Elapsed began at

	watches watches // of sessions, by those whose streams should end with them
}

// changedUser is a user who is no longer as tokens say, made anew by each change. The user is read from the store when
// somebody asks, once; the others wait for that.
type changedUser struct {
	forget  time.Duration
	at      time.Time     // of the latest change, by the clock of who made it
	reading chan struct{} // held by who reads
	loaded  bool          // user and gone hold
	user    User
	gone    bool
}

// NewFollower returns a Follower that knows nothing yet: call Load, then Run.
func NewFollower(cfg FollowerConfig) *Follower {
	return &Follower{
		cfg: cfg, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		sessions: map[uuid.UUID]time.Duration{}, tokens: map[string]time.Duration{}, keys: map[string]time.Duration{},
		users: map[uuid.UUID]*changedUser{}, watches: newWatches(),
	}
}

// Load reads the feed to its end: when it returns nil, all that was committed before it was called is in memory. Callers who
// wait for each other share one look. A replica is ready only after its first success.
func (f *Follower) Load(ctx context.Context) error {
	before := f.begun.Load()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.done.Load() > before {
		return nil
	}
	return f.look(ctx, f.begun.Add(1))
}

func (f *Follower) look(ctx context.Context, number uint64) error {
	asOf, wall := f.cfg.Elapsed(), f.cfg.Now()
	f.mu.RLock()
	cursor := f.cursor
	f.mu.RUnlock()
	changes, next, err := f.cfg.Feed.Changes(ctx, cursor)
	reset := errors.Is(err, ErrFeedReset)
	if reset {
		// Another database, or an older copy of this one. What is remembered stays: it is dead here too, or has never lived.
		// But there may be tokens that this database does not know, and nothing in its feed tells of them.
		f.cfg.Log.WarnContext(ctx, "the feed of changes begins anew: the store is asked about every token until those of before have expired")
		f.distrustUntil(asOf + f.cfg.TokenLife + keepSlack)
		cursor = Cursor{}
		changes, next, err = f.cfg.Feed.Changes(ctx, cursor)
	}
	if err != nil {
		return err
	}
	live := cursor != Cursor{}
	f.apply(changes, next, asOf, live)
	f.watches.tell(changes)
	if reset || live && asOf-time.Duration(f.confirmed.Load()) > f.cfg.TokenLife+keepSlack {
		f.watches.endAll() // what ended them may have gone from the feed before it was read
	}
	f.tellOfKeys(changes)
	f.setBack(asOf)
	f.confirmed.Store(int64(asOf))
	f.wall.Store(wall.UnixNano())
	f.done.Store(number)
	return nil
}

// setBack finds out whether the clock was set back, further than the memory reaches. Tokens that had expired may then live
// again, and what ended them be forgotten: until the last of them has expired once more, the store is asked.
func (f *Follower) setBack(now time.Duration) {
	zero := f.cfg.Now().Round(0).Add(-now)
	f.mu.Lock()
	back := f.zero.Sub(zero)
	if f.zero.IsZero() || back < 0 || back > keepSlack/2 {
		f.zero = zero
	}
	f.mu.Unlock()
	if back <= keepSlack/2 {
		return
	}
	f.distrustUntil(now + back + f.cfg.TokenLife + keepSlack)
	f.cfg.Log.Warn("the clock was set back: the store is asked about every token until those of before have expired",
		"by", back.String())
}

// distrustUntil has the store asked until then, or longer if that is so already. It is called by one look at a time.
func (f *Follower) distrustUntil(then time.Duration) {
	f.distrust.Store(max(f.distrust.Load(), int64(then)))
}

// Heed is called when an act of this replica has been committed, before it is answered, and returns when what the act changed
// is in effect here. If the feed does not answer, then nothing that is in memory is trusted until it does: a logout that was
// answered is a logout, at least on the replica that has answered it.
func (f *Follower) Heed(ctx context.Context) {
	before := f.begun.Load()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heedWithin)
	defer cancel()
	err := f.Load(ctx)
	if err == nil {
		return
	}
	for {
		doubted := f.doubted.Load()
		if doubted >= before || f.doubted.CompareAndSwap(doubted, before) {
			break
		}
	}
	f.cfg.Log.WarnContext(ctx, "a change is made but could not be read back: the store is asked until it can", "error", err)
}

// Run follows the feed until ctx ends: whenever it is woken, and every PollEvery.
func (f *Follower) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { f.listen(ctx) })
	work.Go(func() { f.judge(ctx) })
	defer work.Wait()
	ticker := time.NewTicker(f.cfg.PollEvery)
	defer ticker.Stop()
	var told feedState
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-f.wake:
		}
		f.tell(ctx, &told, f.Load(ctx))
	}
}

// listen is told by the store when there is something new. Without it, as behind a connection pooler, polling does.
func (f *Follower) listen(ctx context.Context) {
	told := false
	for ctx.Err() == nil {
		err := f.cfg.Feed.Wake(ctx, f.Wake)
		if err != nil && ctx.Err() == nil && !told {
			told = true
			f.cfg.Log.WarnContext(ctx, "no notifications of changes, polling instead", "error", err, "every", f.cfg.PollEvery.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(f.cfg.PollEvery):
		}
	}
}

// Wake makes the follower look at the feed now.
func (f *Follower) Wake() {
	select {
	case f.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// apply takes changes into memory. live tells changes that were just made from those of the past. How long one is remembered
// is counted from now, and not from when it was made: a clock that is set forward and back forgets nothing, also when it was
// ahead at the start.
func (f *Follower) apply(changes []Change, next Cursor, now time.Duration, live bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursor = next
	forget := now + f.cfg.TokenLife + keepSlack
	for _, c := range changes {
		if live && f.cfg.ObserveLag != nil && !f.knows(c) {
			f.cfg.ObserveLag(max(0, f.cfg.Now().Sub(c.At)))
		}
		switch c.Kind {
		case SessionEnded:
			f.sessions[c.SessionID] = forget
		case TokenEnded:
			f.tokens[c.JTI] = forget
		case KeyEnded:
			f.keys[c.KeyID] = forget
		case UserChanged:
			f.changeUser(c, forget)
		}
	}
	if now-f.swept >= forgetEvery {
		f.swept = now
		f.forget(now)
	}
}

// knows reports whether a change was taken before, for the lag alone: the feed may return one twice.
func (f *Follower) knows(c Change) (known bool) {
	switch c.Kind {
	case SessionEnded:
		_, known = f.sessions[c.SessionID]
	case TokenEnded:
		_, known = f.tokens[c.JTI]
	case KeyEnded:
		_, known = f.keys[c.KeyID]
	case UserChanged:
		u := f.users[c.UserID]
		known = u != nil && !u.at.Before(c.At)
	}
	return known
}

func (f *Follower) changeUser(c Change, forget time.Duration) {
	changed := &changedUser{forget: forget, at: c.At, reading: make(chan struct{}, 1)}
	if before := f.users[c.UserID]; before != nil && before.at.After(c.At) {
		changed.at = before.at
	}
	f.users[c.UserID] = changed
}

// forget drops what no living token can be concerned by.
func (f *Follower) forget(now time.Duration) {
	maps.DeleteFunc(f.sessions, func(_ uuid.UUID, at time.Duration) bool { return at < now })
	maps.DeleteFunc(f.tokens, func(_ string, at time.Duration) bool { return at < now })
	maps.DeleteFunc(f.keys, func(_ string, at time.Duration) bool { return at < now })
	maps.DeleteFunc(f.users, func(_ uuid.UUID, u *changedUser) bool { return u.forget < now })
}

// Fresh reports whether the feed was read to its end recently enough to be trusted.
func (f *Follower) Fresh() bool { return f.isFresh(f.cfg.Now()) }

// isFresh is Fresh for who knows what Now says.
func (f *Follower) isFresh(wall time.Time) bool {
	now := f.cfg.Elapsed()
	return f.done.Load() > f.doubted.Load() && f.sinceConfirmed(now, wall) < f.cfg.MaxStaleness &&
		now >= time.Duration(f.distrust.Load())
}

// sinceConfirmed is by the clock that says more: the one that is never set stands still while the machine sleeps.
func (f *Follower) sinceConfirmed(now time.Duration, wall time.Time) time.Duration {
	return max(now-time.Duration(f.confirmed.Load()), wall.Sub(time.Unix(0, f.wall.Load())))
}

// Age is the time since the feed was last read to its end; very long before the first time.
func (f *Follower) Age() time.Duration {
	if f.done.Load() == 0 {
		return 1<<63 - 1
	}
	return f.sinceConfirmed(f.cfg.Elapsed(), f.cfg.Now())
}

// FollowerSizes counts what is in memory.
type FollowerSizes struct {
	Sessions, Tokens, Keys int // that have ended
	Users                  int // who have changed
}

// Sizes is how many entries are in memory.
func (f *Follower) Sizes() FollowerSizes {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return FollowerSizes{Sessions: len(f.sessions), Tokens: len(f.tokens), Keys: len(f.keys), Users: len(f.users)}
}

// check holds a verified access token against what is remembered. It reports whether the token still lives, and returns how
// the user has changed since it may have been issued; nil: not.
func (f *Follower) check(v *verified) (lives bool, changed *changedUser) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.hasEnded(v.session, v.jti, v.keyID, v.sealedBy) {
		return false, nil
	}
	return true, f.users[v.userID]
}

// isOutlivedBy reports whether a token was given a longer life than what ends it is remembered for: by a configuration of
// before, or of another replica.
func (f *Follower) isOutlivedBy(v *verified) bool { return v.expires.Sub(v.issued) > f.cfg.TokenLife }

// hasEnded reports whether a session, a token of it or one of the token's keys is remembered to have ended. The lock is held.
func (f *Follower) hasEnded(session uuid.UUID, jti, keyID, sealedBy string) bool {
	if _, ended := f.sessions[session]; ended {
		return true
	}
	if _, ended := f.tokens[jti]; ended {
		return true
	}
	if _, ended := f.keys[keyID]; ended {
		return true
	}
	_, ended := f.keys[sealedBy]
	return ended
}

// user returns a user as they are since a change, reading the store if nobody has. ErrUserNotFound if they are gone.
func (f *Follower) user(ctx context.Context, id uuid.UUID, changed *changedUser) (User, error) {
	if user, known, err := f.loaded(changed); known {
		return user, err
	}
	select {
	case changed.reading <- struct{}{}:
		defer func() { <-changed.reading }()
	case <-ctx.Done():
		return User{}, ctx.Err()
	}
	if user, known, err := f.loaded(changed); known {
		return user, err
	}
	user, err := f.cfg.Users.UserByID(ctx, id)
	if err == nil || errors.Is(err, ErrUserNotFound) {
		f.mu.Lock()
		defer f.mu.Unlock()
		changed.loaded, changed.user, changed.gone = true, user, err != nil
	}
	return user, err
}

// latest returns a user as they now are.
func (f *Follower) latest(ctx context.Context, id uuid.UUID) (User, error) {
	f.mu.RLock()
	changed := f.users[id]
	f.mu.RUnlock()
	if changed == nil {
		return f.cfg.Users.UserByID(ctx, id) // the change was forgotten just now
	}
	return f.user(ctx, id, changed)
}

// loaded returns a changed user if somebody has read them since the change.
func (f *Follower) loaded(changed *changedUser) (user User, known bool, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if changed.gone {
		err = ErrUserNotFound
	}
	return changed.user, changed.loaded, err
}

// tellOfKeys passes on what concerns keys.
func (f *Follower) tellOfKeys(changes []Change) {
	for _, c := range changes {
		if f.cfg.KeyChanged != nil && (c.Kind == KeyEnded || c.Kind == KeyAdded) {
			f.cfg.KeyChanged(c)
		}
	}
}
