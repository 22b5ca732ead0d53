package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func reuseCases() []promise {
	return []promise{
		{"reuse/ends the family", "whoever uses a spent token, one of two has stolen it, and neither may go on", reuseEnds},
		{"reuse/three in a moment", "the order of rotations must not hang on the clock", threeInAMoment},
		{"reuse/refused otherwise", "a token that is bad for another reason is no sign of theft", noReuse},
		{"reuse/fifty at once", "a stolen refresh token used beside the owner must not give two living sessions", fiftyAtOnce},
		{"reuse/after a restart", "what was spent stays spent", reuseAfterRestart},
		{"grace/returns the same pair", "a lost answer or two open tabs must log nobody out", graceReturns},
		{"grace/its bounds", "grace is for who spent the token, for a moment, and only until the successor is used", graceBounds},
		{"grace/fifty at once", "fifty tabs that wake at one moment go on with one pair", fiftyInGrace},
		{"grace/no pair to return", "what was purged cannot be returned, and is no theft either", gracePurged},
	}
}

// family is a session whose refresh token was rotated.
type family struct {
	user                authn.User
	access, spent       authn.Token // of the login
	next, nextRefresh   authn.Token
	other, otherRefresh authn.Token // of another session of the user
}

func newFamily(t *testing.T, s Store, name string) family {
	t.Helper()
	f := family{user: add(t, s, person(name))}
	f.access, f.spent = login(t, s, f.user)
	f.other, f.otherRefresh = login(t, s, f.user)
	f.next, f.nextRefresh = pairOf(f.user.ID, f.spent.SessionID)
	must(t, rotate(t, s, f.spent.JTI, f.spent.Hash, f.next, f.nextRefresh, now))
	return f
}

// use uses the spent token once more.
func (f family) use(t *testing.T, s Store, change func(*authn.Rotation)) (access, refresh authn.Token, err error) {
	t.Helper()
	r := authn.Rotation{JTI: f.spent.JTI, Hash: f.spent.Hash, UserAgent: f.nextRefresh.UserAgent, Act: By(now.Add(time.Second))}
	r.Access, r.Refresh = pairOf(f.user.ID, f.spent.SessionID)
	if change != nil {
		change(&r)
	}
	access, refresh, err = s.RotateRefresh(t.Context(), r)
	for _, token := range []authn.Token{r.Access, r.Refresh} {
		want(t, "a token that was asked for", liveness(t, s, token, now), authn.ErrTokenNotFound)
	}
	return access, refresh, err
}

// lives fails unless the session of the family lives, or has ended with all its tokens. The other session lives.
func (f family) lives(t *testing.T, s Store, what string, lives bool) {
	t.Helper()
	answer := error(nil)
	if !lives {
		answer = authn.ErrTokenSpent
	}
	for _, token := range []authn.Token{f.access, f.next} {
		want(t, what+": a token of the session", liveness(t, s, token, now), answer)
	}
	session, err := s.SessionByID(t.Context(), f.user.ID, f.spent.SessionID)
	must(t, err)
	equal(t, what+": the session has no end", session.EndedAt.IsZero(), lives)
	for _, token := range []authn.Token{f.other, f.otherRefresh} {
		want(t, what+": a token of the other session", liveness(t, s, token, now), nil)
	}
}

func reuseEnds(t *testing.T, db Database) {
	s := db.open(t)
	f := newFamily(t, s, "alice")
	_, spent, err := s.TokenOwner(t.Context(), authn.RefreshToken, f.nextRefresh.JTI, f.nextRefresh.Hash, now)
	must(t, err)
	equal(t, "the successor of a token that is not spent", spent.Successor, "")
	cursor := here(t, s)
	access, refresh, err := f.use(t, s, nil)
	want(t, "the spent token", err, authn.ErrTokenReused)
	equal(t, "the pair beside the error", []authn.Token{access, refresh}, []authn.Token{{}, {}})
	f.lives(t, s, "after the reuse", false)
	want(t, "the successor", liveness(t, s, f.nextRefresh, now), authn.ErrTokenSpent)
	ended := authn.Change{Kind: authn.SessionEnded, UserID: f.user.ID, SessionID: f.spent.SessionID, At: now.Add(time.Second)}
	expect(t, s, &cursor, "a reuse", ended)
	_, _, err = f.use(t, s, nil)
	want(t, "the spent token once more", err, authn.ErrTokenSpent) // it has been told
	next, nextRefresh := pairOf(f.user.ID, f.spent.SessionID)
	want(t, "the successor's use", rotate(t, s, f.nextRefresh.JTI, f.nextRefresh.Hash, next, nextRefresh, now), authn.ErrTokenSpent)
	expect(t, s, &cursor, "the use of tokens of a session that has ended")
}

func threeInAMoment(t *testing.T, db Database) {
	s := db.open(t)
	for used := range 3 {
		u := add(t, s, person(fmt.Sprintf("user%d", used)))
		_, refresh := login(t, s, u)
		chain := []authn.Token{refresh}
		for range 3 {
			next, nextRefresh := pairOf(u.ID, refresh.SessionID)
			must(t, rotate(t, s, chain[len(chain)-1].JTI, chain[len(chain)-1].Hash, next, nextRefresh, now))
			chain = append(chain, nextRefresh)
		}
		next, nextRefresh := pairOf(u.ID, refresh.SessionID)
		access, kept, err := s.RotateRefresh(t.Context(), authn.Rotation{
			JTI: chain[used].JTI, Hash: chain[used].Hash, UserAgent: refresh.UserAgent, Access: next, Refresh: nextRefresh,
			Grace: time.Minute, Act: By(now),
		})
		if used == 2 { // only the last but one has a successor that is unused
			must(t, err)
			equal(t, "the refresh token returned", kept.JTI, chain[3].JTI)
			must(t, liveness(t, s, access, now))
			continue
		}
		want(t, fmt.Sprintf("token %d of the chain", used), err, authn.ErrTokenReused)
		want(t, "the newest token", liveness(t, s, chain[3], now), authn.ErrTokenSpent)
	}
}

func noReuse(t *testing.T, db Database) {
	s := db.open(t)
	f := newFamily(t, s, "alice")
	bob := add(t, s, person("bob"))
	for _, c := range []struct {
		name   string
		change func(*authn.Rotation)
		answer error
	}{
		{"another hash", func(r *authn.Rotation) { r.Hash = f.access.Hash }, authn.ErrTokenNotFound},
		{"the access token", func(r *authn.Rotation) { r.JTI, r.Hash = f.access.JTI, f.access.Hash }, authn.ErrTokenNotFound},
		{"another user's successors", func(r *authn.Rotation) { r.Access, r.Refresh = pairOf(bob.ID, f.spent.SessionID) }, authn.ErrTokenNotFound},
		{"another session's", func(r *authn.Rotation) { r.Access, r.Refresh = pairOf(f.user.ID, f.other.SessionID) }, authn.ErrTokenNotFound},
		{"expired", func(r *authn.Rotation) { r.Act.At = f.spent.ExpiresAt }, authn.ErrTokenSpent},
		{"over by the policy", func(r *authn.Rotation) { r.Policy.MaxLifetime = time.Second }, authn.ErrTokenSpent},
	} {
		for _, grace := range []time.Duration{0, 1000 * time.Hour} {
			cursor := here(t, s)
			_, _, err := f.use(t, s, func(r *authn.Rotation) { r.Grace = grace; c.change(r) })
			want(t, c.name, err, c.answer)
			f.lives(t, s, c.name, true)
			expect(t, s, &cursor, c.name)
		}
	}
	_, err := s.UpdateUser(t.Context(), f.user.ID, authn.UserChange{Active: ptr(false), Act: By(now)})
	must(t, err)
	_, _, err = f.use(t, s, nil)
	want(t, "of a disabled user", err, authn.ErrUserInactive)
	_, err = s.UpdateUser(t.Context(), f.user.ID, authn.UserChange{Active: ptr(true), Act: By(now)})
	must(t, err)
	f.lives(t, s, "after the user was disabled for a while", true)
	_, _, err = f.use(t, s, nil)
	want(t, "the same done wrongly", err, authn.ErrTokenReused)
	must(t, s.DeleteUser(t.Context(), f.user.ID, By(now)))
	_, _, err = f.use(t, s, nil)
	want(t, "of a deleted user", err, authn.ErrUserNotFound)
}

func fiftyAtOnce(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	_, refresh := login(t, stores[0], u)
	cursor := here(t, stores[0])
	const n = 50
	successors := make([][2]authn.Token, n)
	errs := atOnce(n, func(i int) error {
		successors[i][0], successors[i][1] = pairOf(u.ID, refresh.SessionID)
		return rotate(t, stores[i%2], refresh.JTI, refresh.Hash, successors[i][0], successors[i][1], now)
	})
	equal(t, "the number of refreshes that succeeded", tally(t, errs, authn.ErrTokenReused, authn.ErrTokenSpent), 1)
	equal(t, "the number of thefts reported", count(errs, authn.ErrTokenReused), 1)
	for i, err := range errs {
		for _, token := range successors[i] {
			answer := authn.ErrTokenNotFound
			if err == nil {
				answer = authn.ErrTokenSpent // it lived until the second use
			}
			want(t, "a successor", liveness(t, stores[0], token, now), answer)
		}
	}
	expect(t, stores[0], &cursor, "fifty uses",
		authn.Change{Kind: authn.SessionEnded, UserID: u.ID, SessionID: refresh.SessionID, At: now})
}

func reuseAfterRestart(t *testing.T, db Database) {
	before, err := db(t.Context())
	must(t, err)
	f := newFamily(t, before, "alice")
	must(t, before.Close())
	s := db.open(t)
	f.lives(t, s, "after the restart", true)
	_, _, err = f.use(t, s, func(r *authn.Rotation) { r.Act.At = now.Add(-24 * time.Hour) }) // and the clock was set back
	want(t, "the spent token", err, authn.ErrTokenReused)
	f.lives(t, s, "after the reuse", false)
}

func graceReturns(t *testing.T, db Database) {
	stores := db.replicas(t)
	f := newFamily(t, stores[0], "alice")
	cursor := here(t, stores[0])
	for i, at := range []time.Duration{0, time.Second, 10*time.Second - time.Microsecond, -time.Second} { // or a clock is behind
		access, refresh, err := f.use(t, stores[i%2], func(r *authn.Rotation) { r.Grace, r.Act.At = 10*time.Second, now.Add(at) })
		must(t, err)
		equal(t, "the access token", access, f.next)
		equal(t, "the refresh token", refresh, f.nextRefresh)
	}
	f.lives(t, stores[0], "after the grace", true)
	must(t, liveness(t, stores[0], f.nextRefresh, now))
	expect(t, stores[0], &cursor, "uses within the grace")
	next, nextRefresh := pairOf(f.user.ID, f.spent.SessionID)
	access, refresh, err := stores[1].RotateRefresh(t.Context(), authn.Rotation{
		JTI: f.nextRefresh.JTI, Hash: f.nextRefresh.Hash, UserAgent: "another", Access: next, Refresh: nextRefresh,
		Grace: 10 * time.Second, Act: By(now.Add(5 * time.Second)),
	})
	must(t, err) // who got the pair may use it
	equal(t, "the successors that were kept", []authn.Token{access, refresh}, []authn.Token{next, nextRefresh})
}

func graceBounds(t *testing.T, db Database) {
	s := db.open(t)
	grace := func(r *authn.Rotation) { r.Grace = 10 * time.Second }
	for _, c := range []struct {
		name   string
		before func(f family) // happens between the rotation and the second use
		change func(*authn.Rotation)
	}{
		{"no grace", nil, func(r *authn.Rotation) { r.Grace = 0 }},
		{"its end", nil, func(r *authn.Rotation) { r.Act.At = now.Add(10 * time.Second) }},
		{"long after", nil, func(r *authn.Rotation) { r.Act.At = now.Add(time.Hour) }},
		{"long before", nil, func(r *authn.Rotation) { r.Act.At = now.Add(-10 * time.Second) }},
		{"another user agent", nil, func(r *authn.Rotation) { r.UserAgent += "x" }},
		{"no user agent", nil, func(r *authn.Rotation) { r.UserAgent = "" }},
		{"a successor that was used", func(f family) {
			next, nextRefresh := pairOf(f.user.ID, f.spent.SessionID)
			must(t, rotate(t, s, f.nextRefresh.JTI, f.nextRefresh.Hash, next, nextRefresh, now))
		}, grace},
	} {
		f := newFamily(t, s, c.name)
		if c.before != nil {
			c.before(f)
		}
		_, _, err := f.use(t, s, func(r *authn.Rotation) { grace(r); c.change(r) })
		want(t, c.name, err, authn.ErrTokenReused)
		f.lives(t, s, c.name, false)
	}
	f := newFamily(t, s, "ended")
	_, err := s.EndSession(t.Context(), f.user.ID, f.spent.SessionID, By(now))
	must(t, err)
	_, _, err = f.use(t, s, grace)
	want(t, "a session that has ended", err, authn.ErrTokenSpent)
}

func fiftyInGrace(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	_, refresh := login(t, stores[0], u)
	const n = 50
	asked, got := make([][2]authn.Token, n), make([][2]authn.Token, n)
	errs := atOnce(n, func(i int) (err error) {
		asked[i][0], asked[i][1] = pairOf(u.ID, refresh.SessionID)
		got[i][0], got[i][1], err = stores[i%2].RotateRefresh(t.Context(), authn.Rotation{
			JTI: refresh.JTI, Hash: refresh.Hash, UserAgent: "browser", Access: asked[i][0], Refresh: asked[i][1],
			Grace: time.Minute, Act: By(now.Add(time.Duration(i%5) * time.Second)),
		})
		return err
	})
	equal(t, "the number of refreshes that succeeded", tally(t, errs), n)
	kept := 0
	for i := range n {
		equal(t, "the pair", got[i], got[0])
		if asked[i][1].JTI != got[0][1].JTI {
			want(t, "a pair that was not kept", liveness(t, stores[0], asked[i][1], now), authn.ErrTokenNotFound)
			continue
		}
		kept++
	}
	equal(t, "the number of pairs that were kept", kept, 1)
	for _, token := range got[0] {
		must(t, liveness(t, stores[0], token, now))
	}
}

func gracePurged(t *testing.T, db Database) {
	s := db.open(t)
	f := newFamily(t, s, "alice")
	at := f.next.ExpiresAt.Add(time.Microsecond)
	n, err := s.PurgeTokens(t.Context(), at)
	must(t, err)
	equal(t, "the purged access tokens", n, 3)
	_, _, err = f.use(t, s, func(r *authn.Rotation) { r.Grace, r.Act.At = 2*time.Hour, at })
	want(t, "within a grace that outlives access tokens", err, authn.ErrTokenSpent)
	must(t, liveness(t, s, f.nextRefresh, at))
	session, err := s.SessionByID(t.Context(), f.user.ID, f.spent.SessionID)
	must(t, err)
	equal(t, "the session", session, sessionOf(f.spent, now))
}

// count returns how many of the errors are the answer.
func count(errs []error, answer error) (n int) {
	for _, err := range errs {
		if errors.Is(err, answer) {
			n++
		}
	}
	return n
}
