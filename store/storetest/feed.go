package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func feedCases() []promise {
	return []promise{
		{"feed/each act", "what ends or changes access must be told to replicas, and what does not must not cost them a read", eachAct},
		{"feed/each field", "a name or role that is another must be told, and a password or a login is nobody's business", eachFieldTold},
		{"feed/an act that fails", "what did not happen must not be told", nothingTold},
		{"feed/goes on", "a replica that was away reads what it has missed, and each replica reads for itself", feedGoesOn},
		{"feed/misses nothing", "while many write, who reads must see every change", missesNothing},
		{"feed/another database", "after a fail-over to an older copy, a replica must notice that it knows nothing", anotherFeed},
		{"feed/purge", "old entries go, and a reader goes on all the same", purgeChanges},
		{"feed/purge what tokens need", "what ends or changes a token is told for as long as the token lives, however long that is", purgeNeeded},
		{"feed/wakes", "an effect at once needs somebody who tells, on this replica and on the others", wakes},
	}
}

// here returns the cursor behind everything.
func here(t *testing.T, s Store) authn.Cursor {
	t.Helper()
	_, cursor, err := s.Changes(t.Context(), authn.Cursor{})
	must(t, err)
	return cursor
}

// expect fails unless exactly these changes, in any order, were made since the cursor, which it moves.
func expect(t *testing.T, s Store, cursor *authn.Cursor, what string, changes ...authn.Change) {
	t.Helper()
	got, next, err := s.Changes(t.Context(), *cursor)
	must(t, err)
	*cursor = next
	equal(t, "the changes by "+what, sorted(got), sorted(changes))
}

func sorted(changes []authn.Change) []authn.Change {
	all := append([]authn.Change{}, changes...)
	slices.SortFunc(all, func(a, b authn.Change) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

func sessionEnd(session authn.Session, at time.Time) authn.Change {
	return authn.Change{Kind: authn.SessionEnded, UserID: session.UserID, SessionID: session.ID, At: at}
}

func eachAct(t *testing.T, db Database) {
	s := db.open(t)
	at := now.Add(time.Minute)
	cursor := here(t, s)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	var sessions []authn.Session
	for i := range 4 {
		session, refresh := loginAt(t, s, alice, now.Add(time.Duration(i)*time.Second))
		next, nextRefresh := pairOf(alice.ID, session.ID)
		must(t, rotate(t, s, refresh.JTI, refresh.Hash, next, nextRefresh, now))
		sessions = append(sessions, session)
	}
	access, refresh := login(t, s, alice)
	must(t, s.SeeSessions(t.Context(), map[uuid.UUID]time.Time{sessions[0].ID: at}, authn.SessionPolicy{}))
	expect(t, s, &cursor, "logins and refreshes")

	must(t, s.EndToken(t.Context(), access.JTI, By(at)))
	must(t, s.EndToken(t.Context(), access.JTI, By(at)))
	must(t, s.EndToken(t.Context(), refresh.JTI, By(at)))
	expect(t, s, &cursor, "the end of a token", authn.Change{Kind: authn.TokenEnded, JTI: access.JTI, At: at})
	_, err := s.EndSession(t.Context(), alice.ID, access.SessionID, By(at))
	must(t, err)
	expect(t, s, &cursor, "the end of a session", sessionEnd(sessionOf(access, now), at))
	p := authn.SessionPolicy{MaxPerUser: 4, EvictOldest: true}
	evicting, _, err := beginUnder(t, s, alice, p, at)
	must(t, err)
	expect(t, s, &cursor, "a login that evicts", sessionEnd(sessions[0], at))
	_, err = s.EndExpiredSessions(t.Context(), authn.SessionPolicy{MaxLifetime: time.Minute}, now.Add(time.Minute+time.Second))
	must(t, err)
	expect(t, s, &cursor, "a sweep", sessionEnd(sessions[1], at.Add(time.Second)))
	_, err = s.EndSessions(t.Context(), alice.ID, evicting.ID, By(at))
	must(t, err)
	expect(t, s, &cursor, "the end of all others", sessionEnd(sessions[2], at), sessionEnd(sessions[3], at))

	change := authn.UserChange{PasswordHash: ptr("$2b$12$new"), EndSessions: true, Act: By(at)}
	_, err = s.UpdateUser(t.Context(), alice.ID, change)
	must(t, err)
	expect(t, s, &cursor, "a password change", sessionEnd(evicting, at))
	_, err = s.UpdateUser(t.Context(), bob.ID, authn.UserChange{Active: ptr(false), EndSessions: true, Act: By(at)})
	must(t, err)
	expect(t, s, &cursor, "the disabling of who has no session", authn.Change{Kind: authn.UserChanged, UserID: bob.ID, At: at})
	alice.PasswordHash = "$2b$12$new"
	last, _ := loginAt(t, s, alice, at)
	must(t, s.DeleteUser(t.Context(), alice.ID, By(now)))
	deletion, cursor, err := s.Changes(t.Context(), cursor)
	must(t, err)
	for i := range deletion { // which is told no time
		if deletion[i].At.IsZero() {
			t.Error("the deletion has no time")
		}
		deletion[i].At = at
	}
	equal(t, "the changes by a deletion", sorted(deletion),
		sorted([]authn.Change{sessionEnd(last, at), {Kind: authn.UserChanged, UserID: alice.ID, At: at}}))
	_, err = s.PurgeTokens(t.Context(), at.Add(1000*time.Hour))
	must(t, err)
	_, err = s.PurgeSessions(t.Context(), at.Add(1000*time.Hour))
	must(t, err)
	expect(t, s, &cursor, "a purge")
}

func eachFieldTold(t *testing.T, db Database) {
	s := db.open(t)
	add(t, s, administrator("root")) // so that others may stop being one
	u := add(t, s, person("alice"))
	cursor := here(t, s)
	for i, f := range fieldChanges() {
		f.change.Act = By(now.Add(time.Duration(i+1) * time.Minute))
		told := []authn.Change{{Kind: authn.UserChanged, UserID: u.ID, At: f.change.Act.At}}
		if f.name == "password" || f.name == "last login" {
			told = nil
		}
		_, err := s.UpdateUser(t.Context(), u.ID, f.change)
		must(t, err)
		expect(t, s, &cursor, f.name, told...)
		_, err = s.UpdateUser(t.Context(), u.ID, f.change)
		must(t, err)
		expect(t, s, &cursor, f.name+", which changes nothing")
	}
}

func nothingTold(t *testing.T, db Database) {
	s := db.open(t)
	root := add(t, s, administrator("root"))
	u := add(t, s, person("alice"))
	session, refresh := loginAt(t, s, u, now)
	loginAt(t, s, root, now)
	cursor := here(t, s)
	for name, c := range map[string]struct {
		id     uuid.UUID
		change authn.UserChange
		answer error
	}{
		"a stale change":         {u.ID, authn.UserChange{Admin: ptr(true), EndSessions: true, IfPasswordHash: ptr("$2b$12$x"), Act: By(now)}, authn.ErrStale},
		"a taken name":           {u.ID, authn.UserChange{Username: ptr("root"), EndSessions: true, Act: By(now)}, authn.ErrUsernameTaken},
		"a taken address":        {u.ID, authn.UserChange{Email: ptr("x"), EmailKey: &root.EmailKey, EndSessions: true, Act: By(now)}, authn.ErrEmailTaken},
		"an unknown user":        {uuid.New(), authn.UserChange{Active: ptr(false), EndSessions: true, Act: By(now)}, authn.ErrUserNotFound},
		"the last administrator": {root.ID, authn.UserChange{Admin: ptr(false), EndSessions: true, Act: By(now)}, authn.ErrLastAdministrator},
	} {
		_, err := s.UpdateUser(t.Context(), c.id, c.change)
		want(t, name, err, c.answer)
	}
	want(t, "the deletion of the last administrator", s.DeleteUser(t.Context(), root.ID, By(now)), authn.ErrLastAdministrator)
	want(t, "the deletion of nobody", s.DeleteUser(t.Context(), uuid.New(), By(now)), authn.ErrUserNotFound)
	_, _, err := beginUnder(t, s, u, authn.SessionPolicy{MaxPerUser: 1}, now)
	want(t, "a login too many", err, authn.ErrTooManySessions)
	_, access, next := sessionAt(u, now)
	err = s.BeginSession(t.Context(), session, access, next, hash, authn.SessionPolicy{MaxPerUser: 1, EvictOldest: true}, By(now))
	if err == nil {
		t.Error("a session began with tokens of another")
	}
	_, err = s.EndSession(t.Context(), root.ID, session.ID, By(now))
	want(t, "the end of another user's session", err, authn.ErrSessionNotFound)
	expect(t, s, &cursor, "acts that fail")
	must(t, liveness(t, s, refresh, now))
	must(t, s.EndToken(t.Context(), access.JTI, By(now)))
	_, err = s.EndSessions(t.Context(), u.ID, session.ID, By(now))
	must(t, err)
	_, err = s.EndSessions(t.Context(), uuid.New(), uuid.Nil, By(now))
	must(t, err)
	expect(t, s, &cursor, "acts that find nothing to end")
}

func feedGoesOn(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	start := here(t, stores[0])
	if start == (authn.Cursor{}) {
		t.Error("the cursor behind an empty feed is the zero cursor: a reader could not tell the past from the present")
	}
	late := start
	var all []authn.Change
	for i := range 5 {
		session, _ := loginAt(t, stores[i%2], u, now)
		_, err := stores[i%2].EndSession(t.Context(), u.ID, session.ID, By(now))
		must(t, err)
		change := sessionEnd(session, now)
		expect(t, stores[1-i%2], &start, "one act", change)
		expect(t, stores[i%2], &start, "nobody")
		all = append(all, change)
	}
	expect(t, stores[0], &late, "all acts", all...)
	must(t, stores[0].Ping(t.Context()))
	again := db.open(t) // a restart
	expect(t, again, &start, "nobody")
	var zero authn.Cursor
	expect(t, again, &zero, "all acts", all...)
}

func missesNothing(t *testing.T, db Database) {
	stores := db.replicas(t)
	reader := db.open(t)
	u := add(t, stores[0], person("alice"))
	other := add(t, stores[0], person("bob"))
	cursor := here(t, reader)
	const writers, rounds = 6, 15
	written := make([][]authn.Change, writers)
	finished := make(chan []error, 1)
	go func() {
		finished <- atOnce(writers, func(i int) error {
			owner := []authn.User{u, other}[i%2]
			for range rounds {
				session, access, refresh := sessionAt(owner, now)
				if err := stores[i%2].BeginSession(t.Context(), session, access, refresh, hash, authn.SessionPolicy{}, By(now)); err != nil {
					return err
				}
				if _, err := stores[i/2%2].EndSession(t.Context(), owner.ID, session.ID, By(now)); err != nil {
					return err
				}
				written[i] = append(written[i], sessionEnd(session, now))
			}
			return nil
		})
	}()
	seen := map[authn.Change]int{}
	read := func() {
		changes, next, err := reader.Changes(t.Context(), cursor)
		must(t, err)
		cursor = next
		for _, c := range changes {
			seen[c]++
		}
	}
	var errs []error
	for errs == nil {
		read()
		select {
		case errs = <-finished:
		default:
		}
	}
	read()
	equal(t, "the number of writers without error", tally(t, errs), writers)
	for _, c := range slices.Concat(written...) {
		if seen[c] == 0 {
			t.Errorf("a change was missed: %+v", c)
		}
		delete(seen, c)
	}
	equal(t, "the changes that nobody made", len(seen), 0)
}

func anotherFeed(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	session, _ := loginAt(t, s, u, now)
	_, err := s.EndSession(t.Context(), u.ID, session.ID, By(now))
	must(t, err)
	good := here(t, s)
	for name, change := range map[string]func(*authn.Cursor){
		"of another database":         func(c *authn.Cursor) { c.Epoch = "another" },
		"without an epoch":            func(c *authn.Cursor) { c.Epoch = "" },
		"ahead of the database":       func(c *authn.Cursor) { c.Position += 1000 },
		"of an entry that is another": func(c *authn.Cursor) { c.Seen = "1" + c.Seen },
		"that is damaged":             func(c *authn.Cursor) { c.Seen = "'; --" },
	} {
		cursor := good
		change(&cursor)
		changes, next, err := s.Changes(t.Context(), cursor)
		want(t, "a cursor "+name, err, authn.ErrFeedReset)
		equal(t, "what comes with the error", len(changes), 0)
		equal(t, "the cursor beside the error", next, authn.Cursor{})
	}
	expect(t, s, &good, "nobody")
	var zero authn.Cursor
	expect(t, s, &zero, "the act", sessionEnd(session, now))
}

func purgeChanges(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	var sessions []authn.Session
	for i := range 3 {
		session, _ := loginAt(t, s, u, now)
		_, err := s.EndSession(t.Context(), u.ID, session.ID, By(now.Add(time.Duration(i)*time.Second)))
		must(t, err)
		sessions = append(sessions, session)
	}
	cursor := here(t, s)
	purge := func(before time.Time) int {
		n, err := s.PurgeChanges(t.Context(), before)
		must(t, err)
		return n
	}
	equal(t, "purged while their tokens could live", purge(now.Add(time.Minute)), 0)
	_, err := s.PurgeTokens(t.Context(), now.Add(365*24*time.Hour))
	must(t, err)
	equal(t, "purged before anything", purge(now), 0)
	equal(t, "purged after the first", purge(now.Add(time.Microsecond)), 1)
	var zero authn.Cursor
	expect(t, s, &zero, "what is left", sessionEnd(sessions[1], now.Add(time.Second)), sessionEnd(sessions[2], now.Add(2*time.Second)))
	equal(t, "purged after all", purge(now.Add(time.Hour)), 2)
	expect(t, s, &cursor, "nobody") // the reader goes on, although the entry that it saw last is gone
	session, _ := loginAt(t, s, u, now)
	_, err = s.EndSession(t.Context(), u.ID, session.ID, By(now))
	must(t, err)
	expect(t, s, &cursor, "an act after the purge", sessionEnd(session, now))
	expect(t, db.open(t), &zero, "an act after the purge", sessionEnd(session, now))
}

func purgeNeeded(t *testing.T, db Database) {
	s := db.open(t)
	needed := map[string]func(u authn.User, access authn.Token, at time.Time) error{
		"session": func(u authn.User, access authn.Token, at time.Time) error {
			_, err := s.EndSession(t.Context(), u.ID, access.SessionID, By(at))
			return err
		},
		"token": func(_ authn.User, access authn.Token, at time.Time) error {
			return s.EndToken(t.Context(), access.JTI, By(at))
		},
		"user": func(u authn.User, _ authn.Token, at time.Time) error {
			_, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{Roles: &[]string{"staff"}, Act: By(at)})
			return err
		},
	}
	at := now.Add(time.Minute)
	var expires time.Time
	for name, change := range needed {
		u := add(t, s, person(name))
		session, access, refresh := sessionAt(u, now)
		must(t, s.BeginSession(t.Context(), session, access, refresh, u.PasswordHash, authn.SessionPolicy{}, By(now)))
		must(t, change(u, access, at))
		expires = access.ExpiresAt
	}
	unneeded := add(t, s, person("late"))
	_, err := s.UpdateUser(t.Context(), unneeded.ID, authn.UserChange{Roles: &[]string{"staff"}, Act: By(now)})
	must(t, err)
	loginAt(t, s, unneeded, at) // knows of it
	purge := func(before time.Time) int {
		n, err := s.PurgeChanges(t.Context(), before)
		must(t, err)
		return n
	}
	equal(t, "purged a moment before the tokens expire", purge(expires.Add(-time.Microsecond)), 1)
	equal(t, "purged when they have expired", purge(expires), len(needed))
}

func wakes(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	woken := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- stores[0].Wake(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()
	deadline := time.After(30 * time.Second)
	await := func(what string, done func() bool) { // done is asked only after somebody was woken
		t.Helper()
		for again := true; again; again = !done() {
			select {
			case <-woken:
			case err := <-ended:
				t.Fatalf("nobody listens: %v", err)
			case <-deadline:
				t.Fatalf("not woken by %s", what)
			}
		}
	}
	await("itself, when it begins to listen", func() bool { return true })
	cursor := here(t, stores[0])
	for i := range 6 {
		session, _ := loginAt(t, stores[i%2], u, now)
		_, err := stores[i%2].EndSession(t.Context(), u.ID, session.ID, By(now))
		must(t, err)
		await(fmt.Sprintf("replica %d", i%2), func() bool {
			changes, next, err := stores[0].Changes(t.Context(), cursor)
			must(t, err)
			cursor = next
			return len(changes) > 0
		})
	}
	cancel()
	select {
	case err := <-ended:
		want(t, "who no longer listens", err, context.Canceled)
	case <-deadline:
		t.Fatal("who no longer listens does not return")
	}
	want(t, "listening after the end", stores[0].Wake(ctx, func() { t.Error("woken after the end") }), context.Canceled)
}
