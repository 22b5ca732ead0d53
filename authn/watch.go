package authn

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// watch is somebody who wants to know when a session ends.
type watch struct {
	session, user uuid.UUID
	ended         chan struct{}
}

// watches are all that there are, by what can end them. A watch is in both indexes until it is told or given up, and so is
// closed once. Its lock is its own, and is taken after the Follower's if both are.
type watches struct {
	mu        sync.Mutex
	bySession watchIndex
	byUser    watchIndex
	doubted   map[uuid.UUID]struct{} // watched users who have changed and were not looked at since
	look      chan struct{}          // somebody is doubted
}

type watchIndex map[uuid.UUID]map[*watch]struct{}

func (i watchIndex) add(id uuid.UUID, w *watch) {
	if i[id] == nil {
		i[id] = map[*watch]struct{}{}
	}
	i[id][w] = struct{}{}
}

func (i watchIndex) remove(id uuid.UUID, w *watch) {
	delete(i[id], w)
	if len(i[id]) == 0 {
		delete(i, id)
	}
}

func newWatches() watches {
	return watches{bySession: watchIndex{}, byUser: watchIndex{}, doubted: map[uuid.UUID]struct{}{}, look: make(chan struct{}, 1)}
}

// Watch returns a channel that is closed when the session ends, or when its user is deleted or disabled; at once if that is
// known already. Other changes of the user, such as of their roles, do not close it, and neither does the end of a single
// token or of a key: a session outlives those. The caller calls stop when the answer is of no interest any more, after which
// the channel may stay open for ever. stop may be called more than once.
//
// What is closed here is late by as much as the Follower is behind the feed. That a user has changed says only that it may
// be time: Run looks at the user in the background, once for all who watch, and again until the store answers.
func (f *Follower) Watch(session, user uuid.UUID) (ended <-chan struct{}, stop func()) {
	w := &watch{session: session, user: user, ended: make(chan struct{})}
	// It is added before it is looked for: a change that comes between is told by whoever takes it in.
	f.watches.add(w)
	f.mu.RLock()
	_, over := f.sessions[session]
	changed := f.users[user]
	doubted := changed != nil && !changed.loaded
	if changed != nil && changed.loaded {
		over = over || changed.gone || !changed.user.Active
	}
	f.mu.RUnlock()
	switch {
	case over:
		f.watches.end(w)
	case doubted:
		f.watches.doubt(user)
	}
	return w.ended, func() { f.watches.remove(w) }
}

// judge looks at watched users who have changed, until ctx ends.
func (f *Follower) judge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.watches.look:
		}
		for _, id := range f.watches.takeDoubted() {
			user, err := f.user(ctx, id)
			switch {
			case errors.Is(err, ErrUserNotFound) || err == nil && !user.Active:
				f.watches.endUser(id)
			case err != nil:
				f.watches.putBack(id) // until the feed is looked at again
			}
		}
	}
}

// tell ends the watches that changes concern, and wakes judge for those that they may concern. It is called when the
// Follower knows the changes, and without its lock.
func (s *watches) tell(changes []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		switch c.Kind {
		case SessionEnded:
			for w := range s.bySession[c.SessionID] {
				s.endLocked(w)
			}
		case UserChanged:
			s.doubtLocked(c.UserID)
		}
	}
	s.wakeLocked()
}

func (s *watches) add(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bySession.add(w.session, w)
	s.byUser.add(w.user, w)
}

func (s *watches) remove(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(w)
}

func (s *watches) removeLocked(w *watch) {
	s.bySession.remove(w.session, w)
	s.byUser.remove(w.user, w)
	if s.byUser[w.user] == nil {
		delete(s.doubted, w.user)
	}
}

func (s *watches) end(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(w)
}

// endLocked tells one that is still there. Closing a channel waits for nobody, so that the lock may be held.
func (s *watches) endLocked(w *watch) {
	if _, there := s.bySession[w.session][w]; there {
		s.removeLocked(w)
		close(w.ended)
	}
}

func (s *watches) endUser(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.byUser[id] {
		s.endLocked(w)
	}
}

// doubt has a user looked at; putBack does so when judge is woken the next time.
func (s *watches) doubt(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubtLocked(id)
	s.wakeLocked()
}

func (s *watches) putBack(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubtLocked(id)
}

func (s *watches) doubtLocked(id uuid.UUID) {
	if s.byUser[id] != nil {
		s.doubted[id] = struct{}{}
	}
}

func (s *watches) wakeLocked() {
	if len(s.doubted) == 0 {
		return
	}
	select {
	case s.look <- struct{}{}:
	default: // it will look anyway
	}
}

// takeDoubted returns who is doubted and forgets it: who changes from now on is doubted anew.
func (s *watches) takeDoubted() []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := slices.Collect(maps.Keys(s.doubted))
	clear(s.doubted)
	return taken
}
