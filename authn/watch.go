package authn

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// watch is somebody who wants to know when the right of who was let in ends.
type watch struct {
	who   *Identity
	ended func()
	out   bool // told or given up: it is in no index any more

	ofSession, ofUser, ofToken links // to the others of the same session, user and token
}

// links are the neighbours of a watch in a list.
type links struct{ previous, next *watch }

// watches are all that there are, by what can end them. A watch is in every index until it is told or given up, and so is
// told once. Its lock is its own, and is taken after the Follower's if both are.
type watches struct {
	mu        sync.Mutex
	bySession watchIndex[uuid.UUID]
	byUser    watchIndex[uuid.UUID]
	byToken   watchIndex[string]     // by jti
	doubted   map[uuid.UUID]struct{} // watched users who have changed and were not looked at since
	look      chan struct{}          // somebody is doubted
}

// watchIndex finds the watches of an id: a list, whose links lie in the watches themselves. Every request to an application
// is watched for a moment, and that should cost it no more than an entry in a map.
type watchIndex[ID comparable] struct {
	first map[ID]*watch
	links func(*watch) *links
}

func newWatchIndex[ID comparable](in func(*watch) *links) watchIndex[ID] {
	return watchIndex[ID]{first: map[ID]*watch{}, links: in}
}

func (i watchIndex[ID]) add(id ID, w *watch) {
	next := i.first[id]
	*i.links(w) = links{next: next}
	if next != nil {
		i.links(next).previous = w
	}
	i.first[id] = w
}

func (i watchIndex[ID]) remove(id ID, w *watch) {
	l := i.links(w)
	switch {
	case l.previous != nil:
		i.links(l.previous).next = l.next
	case l.next != nil:
		i.first[id] = l.next
	default:
		delete(i.first, id)
	}
	if l.next != nil {
		i.links(l.next).previous = l.previous
	}
	*l = links{}
}

func newWatches() watches {
	return watches{
		bySession: newWatchIndex[uuid.UUID](func(w *watch) *links { return &w.ofSession }),
		byUser:    newWatchIndex[uuid.UUID](func(w *watch) *links { return &w.ofUser }),
		byToken:   newWatchIndex[string](func(w *watch) *links { return &w.ofToken }),
		doubted:   map[uuid.UUID]struct{}{}, look: make(chan struct{}, 1),
	}
}

// Watch has ended called once, in a goroutine of its own, when the right of who was let in ends: when the session ends, when
// its user is deleted or disabled, or when the very token or the key that signed it is taken back; at once if that is known
// already. That the token expires does not count, and neither do other changes of the user, such as of their roles: a session
// outlives those. The caller calls stop when the answer is of no interest any more. stop may be called more than once, and
// does not wait: ended may just have begun.
//
// What is told here is late by as much as the Follower is behind the feed. If it was away for so long that changes may have
// gone from there, or the feed begins anew, all are told: whoever may come back comes back. That a user has changed says only that it may
// be time: Run looks at the user in the background, once for all who watch, and again until the store answers.
func (f *Follower) Watch(who *Identity, ended func()) (stop func()) {
	w := &watch{who: who, ended: ended}
	// It is added before it is looked for: a change that comes between is told by whoever takes it in.
	f.watches.add(w)
	f.mu.RLock()
	over := f.hasEnded(who.SessionID, who.JTI, who.KeyID, who.SealedBy)
	changed := f.users[who.UserID]
	doubted := changed != nil && !changed.loaded
	if changed != nil && changed.loaded {
		over = over || changed.gone || !changed.user.Active
	}
	f.mu.RUnlock()
	switch {
	case over:
		f.watches.end(w)
	case doubted:
		f.watches.doubt(who.UserID)
	}
	return func() { f.watches.remove(w) }
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
			user, err := f.latest(ctx, id)
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
			for s.bySession.first[c.SessionID] != nil {
				s.endLocked(s.bySession.first[c.SessionID])
			}
		case TokenEnded:
			for s.byToken.first[c.JTI] != nil {
				s.endLocked(s.byToken.first[c.JTI])
			}
		case KeyEnded:
			s.endKeyLocked(c.KeyID)
		case UserChanged:
			s.doubtLocked(c.UserID)
		}
	}
	s.wakeLocked()
}

// endKeyLocked goes through all: there is no index for what hardly ever happens.
func (s *watches) endKeyLocked(id string) {
	for _, w := range s.byToken.first {
		for w != nil {
			next := w.ofToken.next
			if w.who.KeyID == id || w.who.SealedBy == id {
				s.endLocked(w)
			}
			w = next
		}
	}
}

func (s *watches) add(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bySession.add(w.who.SessionID, w)
	s.byUser.add(w.who.UserID, w)
	s.byToken.add(w.who.JTI, w)
}

func (s *watches) remove(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(w)
}

func (s *watches) removeLocked(w *watch) {
	if w.out {
		return
	}
	w.out = true
	s.bySession.remove(w.who.SessionID, w)
	s.byUser.remove(w.who.UserID, w)
	s.byToken.remove(w.who.JTI, w)
	if s.byUser.first[w.who.UserID] == nil {
		delete(s.doubted, w.who.UserID)
	}
}

func (s *watches) end(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(w)
}

// endLocked tells one that is still there. Nobody is waited for, so that the lock may be held.
func (s *watches) endLocked(w *watch) {
	if !w.out {
		s.removeLocked(w)
		go w.ended()
	}
}

func (s *watches) endUser(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.byUser.first[id] != nil {
		s.endLocked(s.byUser.first[id])
	}
}

func (s *watches) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.byToken.first {
		for w != nil {
			next := w.ofToken.next
			s.endLocked(w)
			w = next
		}
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
	if s.byUser.first[id] != nil {
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
