package authn_test

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// The times that the model lives by, short enough for a clock that takes small and large steps to meet them all.
const (
	modelAccessTTL  = 10 * time.Minute
	modelRefreshTTL = 4 * time.Hour
	modelLeeway     = 5 * time.Second

	// modelSetBack is how far a clock goes back at most: further than an access token lives after what is remembered of its end
	// would have been forgotten by that clock.
	modelSetBack = 8 * time.Minute
)

// model is what ought to be true of users, sessions and tokens, without databases, replicas or signatures. It is told what
// happens, by the same clock, and says what must come of it.
type model struct {
	grace    time.Duration
	policy   authn.SessionPolicy
	high     time.Time // the latest time that there ever was
	acting   int       // the replica that does what is done
	users    []*modelUser
	sessions []*modelSession
}

type modelUser struct {
	label                 int
	id                    uuid.UUID
	name, email, password string
	active, admin, gone   bool
	roles                 []string
}

type modelSession struct {
	label         int
	id            uuid.UUID
	user          *modelUser
	created, seen time.Time
	expires       time.Time // the last of its tokens, or its end
	ended, purged bool
	endedBy       int          // the replica that did it
	pairs         []*modelPair // each the successor of one before
}

// modelPair is what a login or a refresh returns.
type modelPair struct {
	session         *modelSession
	access, refresh modelToken
	next            *modelPair // that followed when the refresh token was spent
	spentAt         time.Time
	spentBy         string
}

type modelToken struct {
	text            string
	issued, expires time.Time // whole seconds
	revoked         bool      // alone
	revokedBy       int       // the replica that did it
	purged          bool
}

// readable reports whether a replica that has not seen the token before takes it for one.
func (k *modelToken) readable(now time.Time) bool {
	return now.Before(k.expires.Add(modelLeeway)) && !now.Add(modelLeeway).Before(k.issued)
}

// dead reports whether a token of the session was taken away, by whatever somebody did.
func (s *modelSession) dead(k *modelToken) bool {
	return s.ended || k.revoked || s.user.gone || !s.user.active
}

// kept reports whether the store knows the token as a living one.
func (s *modelSession) kept(k *modelToken, now time.Time) bool {
	return !s.dead(k) && !k.purged && now.Before(k.expires)
}

// within reports whether the session's time is not over.
func (m *model) within(s *modelSession, now time.Time) bool {
	return m.policy.Lives(authn.Session{CreatedAt: s.created, LastSeenAt: s.seen}, now)
}

// living returns the sessions that a user is shown, the latest login first.
func (m *model) living(u *modelUser, now time.Time) []*modelSession {
	living := []*modelSession{}
	for _, s := range m.sessions {
		if s.user == u && !u.gone && !s.ended && !s.purged && s.expires.After(now) && m.within(s, now) {
			living = append(living, s)
		}
	}
	slices.SortFunc(living, func(a, b *modelSession) int { return b.created.Compare(a.created) })
	return living
}

// login says what comes of the right or a wrong password, and makes room for the session that begins.
func (m *model) login(u *modelUser, password string, now time.Time) authn.Code {
	living := m.living(u, now)
	switch {
	case u.gone || password != u.password:
		return authn.CodeInvalidGrant
	case !u.active:
		return authn.CodeAccountInactive
	case m.policy.MaxPerUser == 0 || len(living) < m.policy.MaxPerUser:
		return ""
	case !m.policy.EvictOldest:
		return authn.CodeTooManySessions
	}
	for _, s := range living[m.policy.MaxPerUser-1:] {
		m.end(s, now)
	}
	return ""
}

// began adds a session.
func (m *model) began(u *modelUser, id uuid.UUID, tokens authn.Tokens, now time.Time) *modelSession {
	s := &modelSession{label: len(m.sessions) + 1, id: id, user: u, created: now}
	m.sessions = append(m.sessions, s)
	m.issued(s, tokens, now)
	return s
}

// issued adds a pair to a session, which is seen by it.
func (m *model) issued(s *modelSession, tokens authn.Tokens, now time.Time) *modelPair {
	token := func(text string, ttl time.Duration) modelToken {
		issued := now.Truncate(time.Second)
		expires := issued.Add(ttl)
		if last := s.created.Add(m.policy.MaxLifetime).Truncate(time.Second); m.policy.MaxLifetime > 0 && last.Before(expires) {
			expires = last
		}
		s.expires = later(s.expires, expires)
		return modelToken{text: text, issued: issued, expires: expires}
	}
	p := &modelPair{session: s, access: token(tokens.Access, modelAccessTTL), refresh: token(tokens.Refresh, modelRefreshTTL)}
	s.seen = later(s.seen, now)
	s.pairs = append(s.pairs, p)
	return p
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// What the use of a refresh token must come to.
const (
	refreshRefused = "refused"
	refreshReused  = "refused, and its session ended"
	refreshAgain   = "the same successors again"
	refreshNew     = "new successors"
)

func (m *model) refresh(p *modelPair, agent string, now time.Time) string {
	s, next := p.session, p.next
	switch {
	case !p.refresh.readable(now), !s.kept(&p.refresh, now), s.purged, !m.within(s, now):
		return refreshRefused
	case next == nil:
		return refreshNew
	case now.Sub(p.spentAt).Abs() >= m.grace, agent != p.spentBy, next.refresh.purged, next.next != nil:
		m.end(s, now)
		return refreshReused
	case next.access.purged:
		return refreshRefused
	}
	return refreshAgain
}

// end ends a session with all its tokens.
func (m *model) end(s *modelSession, now time.Time) {
	if s.ended {
		return
	}
	s.ended, s.endedBy = true, m.acting
	if s.expires.After(now) {
		s.expires = now
	}
}

// endAll ends the sessions of a user but for keep, and returns how many living tokens that takes.
func (m *model) endAll(u *modelUser, keep *modelSession, now time.Time) (tokens int) {
	for _, s := range m.sessions {
		if s.user != u || s == keep {
			continue
		}
		for _, p := range s.pairs {
			if s.kept(&p.access, now) {
				tokens++
			}
			if s.kept(&p.refresh, now) && p.next == nil {
				tokens++
			}
		}
		m.end(s, now)
	}
	return tokens
}

// expire ends what has expired.
func (m *model) expire(now time.Time) {
	for _, s := range m.sessions {
		if !m.within(s, now) {
			m.end(s, now)
		}
	}
}

// purge forgets what nobody needs.
func (m *model) purge(now time.Time) {
	for _, s := range m.sessions {
		for _, p := range s.pairs {
			for _, k := range []*modelToken{&p.access, &p.refresh} {
				k.purged = k.purged || k.expires.Before(now)
			}
		}
		s.purged = s.purged || s.expires.Before(now.Add(-modelAccessTTL))
	}
}

// sessionByID returns the model of a session, nil if there is none.
func (m *model) sessionByID(id uuid.UUID) *modelSession {
	for _, s := range m.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}
