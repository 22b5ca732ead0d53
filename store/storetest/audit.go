package storetest

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func auditCases() []promise {
	return []promise{
		{"audit/every act", "what changes must be in the trail, with who, from where and when", everyAct},
		{"audit/no act forgotten", "a new method must either write its event or be said to need none", noActForgotten},
		{"audit/an act that fails", "the trail must not tell of what was not done", failedActs},
		{"audit/an act of nobody", "a change for which nobody answers must not happen", actsOfNobody},
		{"audit/recorded", "refusals must come back as they were told", recorded},
		{"audit/strange texts", "nobody may prevent a change, or their own traces, by a strange user agent", strangeTexts},
		{"audit/filters", "who looks for one thing must not find another, nor miss it", eventFilters},
		{"audit/pages", "who reads page by page while events arrive must miss none and get none twice", eventPages},
		{"audit/counts", "what is shown of a day must be what happened in it, floods too", countEvents},
		{"audit/purge", "what is old goes, in batches, and nothing else", purgeEvents},
	}
}

// someone is an act with everything that an event tells.
func someone(at time.Time) authn.Act {
	return authn.Act{
		By: authn.Actor{Kind: authn.ActorUser, ID: uuid.NewString()}, Session: uuid.New(), At: at,
		From: authn.Client{Address: netip.MustParseAddr("192.0.2.7"), UserAgent: "test/1", RequestID: "request-7"},
	}
}

// setting is what an act finds before it.
type setting struct {
	s               Store
	n               int // of all settings, to make names of
	user            authn.User
	access, refresh authn.Token
	key             authn.Key // the last one
}

func newSetting(t *testing.T, s Store, n int, lastKey string) setting {
	w := setting{s: s, n: n, user: add(t, s, person(fmt.Sprintf("user%d", n))), key: newKey(2*n+1, authn.SignAccess, "EdDSA")}
	w.access, w.refresh = login(t, s, w.user)
	w.user.LastLogin = now
	addKey(t, s, w.key, lastKey)
	return w
}

func (w setting) name(what string) *string { return ptr(fmt.Sprintf("%s%d@example.com", what, w.n)) }

func (w setting) nextKey() authn.Key { return newKey(2*w.n+2, authn.SignAccess, "EdDSA") }

// act is a way to call a method that takes an Act, and the events that it must write.
type act struct {
	name, method string
	do           func(t *testing.T, w setting, by authn.Act) error
	kinds        []authn.EventKind
}

func acts() []act {
	update := func(name string, kinds []authn.EventKind, change func(w setting, c *authn.UserChange)) act {
		return act{name, "UpdateUser", func(t *testing.T, w setting, by authn.Act) error {
			c := authn.UserChange{Act: by}
			change(w, &c)
			_, err := w.s.UpdateUser(t.Context(), w.user.ID, c)
			return err
		}, kinds}
	}
	one := func(kinds ...authn.EventKind) []authn.EventKind { return kinds }
	return []act{
		{"a user", "CreateUser", func(t *testing.T, w setting, by authn.Act) error {
			return w.s.CreateUser(t.Context(), person(*w.name("new")), by)
		}, one(authn.EventUserCreated)},
		{"a deletion", "DeleteUser", func(t *testing.T, w setting, by authn.Act) error {
			return w.s.DeleteUser(t.Context(), w.user.ID, by)
		}, one(authn.EventUserDeleted)},
		update("another name", one(authn.EventUserChanged), func(w setting, c *authn.UserChange) { c.Username = w.name("renamed") }),
		update("another address", one(authn.EventEmailChanged), func(w setting, c *authn.UserChange) {
			c.Email, c.EmailKey = w.name("new"), w.name("new")
		}),
		update("another address that is verified", one(authn.EventEmailChanged, authn.EventUserVerified), func(w setting, c *authn.UserChange) {
			c.Email, c.EmailKey, c.Verified = w.name("new"), w.name("new"), ptr(true)
		}),
		update("not verified", one(authn.EventUserChanged), func(_ setting, c *authn.UserChange) { c.Verified = ptr(false) }),
		update("another password", one(authn.EventPasswordChanged), func(w setting, c *authn.UserChange) {
			c.PasswordHash, c.EndSessions = ptr("$2b$12$other"), true
		}),
		update("roles", one(authn.EventRolesChanged), func(_ setting, c *authn.UserChange) { c.Roles = &[]string{"owner"} }),
		update("an administrator", one(authn.EventRolesChanged), func(_ setting, c *authn.UserChange) { c.Admin = ptr(true) }),
		update("disabled", one(authn.EventUserDisabled), func(_ setting, c *authn.UserChange) { c.Active, c.EndSessions = ptr(false), true }),
		update("sessions alone", one(authn.EventSessionRevoked), func(_ setting, c *authn.UserChange) { c.EndSessions = true }),
		update("everything", one(authn.EventUserChanged, authn.EventEmailChanged, authn.EventPasswordChanged, authn.EventRolesChanged,
			authn.EventUserDisabled), func(w setting, c *authn.UserChange) {
			c.Username, c.Email, c.EmailKey = w.name("renamed"), w.name("new"), w.name("new")
			c.PasswordHash, c.Admin, c.Active, c.EndSessions = ptr("$2b$12$other"), ptr(true), ptr(false), true
		}),
		update("nothing", nil, func(w setting, c *authn.UserChange) { c.Username, c.Active = &w.user.Username, ptr(true) }),
		update("a login noted", nil, func(_ setting, c *authn.UserChange) { c.LastLogin = &now }),
		{"a login", "BeginSession", func(t *testing.T, w setting, by authn.Act) error {
			access, refresh := pair(w.user)
			return w.s.BeginSession(t.Context(), sessionOf(refresh, now), access, refresh, hash, authn.SessionPolicy{}, by)
		}, one(authn.EventLogin)},
		{"a login too many", "BeginSession", func(t *testing.T, w setting, by authn.Act) error {
			access, refresh := pair(w.user)
			policy := authn.SessionPolicy{MaxPerUser: 1, EvictOldest: true}
			return w.s.BeginSession(t.Context(), sessionOf(refresh, now), access, refresh, hash, policy, by)
		}, one(authn.EventSessionRevoked, authn.EventLogin)},
		{"a login of a browser", "BeginCookieSession", func(t *testing.T, w setting, by authn.Act) error {
			session := authn.Session{ID: uuid.New(), UserID: w.user.ID, CreatedAt: now, LastSeenAt: now}
			return w.s.BeginCookieSession(t.Context(), session, cookieOf(session, now), hash, authn.SessionPolicy{}, by)
		}, one(authn.EventLogin)},
		{"a refresh", "RotateRefresh", func(t *testing.T, w setting, by authn.Act) error { return w.rotate(t, by) }, nil},
		{"a refresh token used twice", "RotateRefresh", func(t *testing.T, w setting, by authn.Act) error {
			must(t, w.rotate(t, by))
			want(t, "the second use", w.rotate(t, by), authn.ErrTokenReused)
			return nil
		}, one(authn.EventRefreshReused)},
		{"a session of somebody", "EndSession", func(t *testing.T, w setting, by authn.Act) error {
			_, err := w.s.EndSession(t.Context(), w.user.ID, w.access.SessionID, by)
			return err
		}, one(authn.EventSessionRevoked)},
		{"the own session", "EndSession", func(t *testing.T, w setting, by authn.Act) error {
			by.Session = w.access.SessionID
			_, err := w.s.EndSession(t.Context(), w.user.ID, w.access.SessionID, by)
			return err
		}, one(authn.EventLogout)},
		{"all sessions", "EndSessions", func(t *testing.T, w setting, by authn.Act) error {
			_, err := w.s.EndSessions(t.Context(), w.user.ID, uuid.Nil, by)
			return err
		}, one(authn.EventSessionRevoked)},
		{"no sessions", "EndSessions", func(t *testing.T, w setting, by authn.Act) error {
			_, err := w.s.EndSessions(t.Context(), w.user.ID, w.access.SessionID, by)
			return err
		}, nil},
		{"a token", "EndToken", func(t *testing.T, w setting, by authn.Act) error {
			return w.s.EndToken(t.Context(), w.access.JTI, by)
		}, one(authn.EventTokenRevoked)},
		{"an unlock", "Unlock", func(t *testing.T, w setting, by authn.Act) error {
			failTimes(t, w.s, *w.name("account"), 1, now)
			return w.s.Unlock(t.Context(), *w.name("account"), w.user.ID, by)
		}, one(authn.EventUnlocked)},
		{"an unlock of what is not locked", "Unlock", func(t *testing.T, w setting, by authn.Act) error {
			return w.s.Unlock(t.Context(), *w.name("account"), w.user.ID, by)
		}, nil},
		{"a key", "AddKey", func(t *testing.T, w setting, by authn.Act) error {
			_, err := w.s.AddKey(t.Context(), w.nextKey(), w.key.ID, by)
			return err
		}, one(authn.EventKeyAdded)},
		{"a key that another replica has made", "AddKey", func(t *testing.T, w setting, by authn.Act) error {
			_, err := w.s.AddKey(t.Context(), w.nextKey(), "", by)
			return err
		}, nil},
		{"a key that is revoked", "RevokeKey", func(t *testing.T, w setting, by authn.Act) error {
			successor := w.nextKey()
			_, err := w.s.RevokeKey(t.Context(), w.key.ID, &successor, by)
			return err
		}, one(authn.EventKeyRevoked, authn.EventKeyAdded)},
		{"a key that is sealed", "SealKey", func(t *testing.T, w setting, by authn.Act) error {
			key := w.key
			key.Sealing = "another"
			return w.s.SealKey(t.Context(), key, w.key.Sealing, by)
		}, one(authn.EventKeySealed)},
		{"a data key", "AddDataKey", func(t *testing.T, w setting, by authn.Act) error {
			_, err := w.s.AddDataKey(t.Context(), newDataKey(w.n+1), w.lastDataKey(t).ID, by)
			return err
		}, one(authn.EventDataKeyAdded)},
		{"a data key that another replica has made", "AddDataKey", func(t *testing.T, w setting, by authn.Act) error {
			_, err := w.s.AddDataKey(t.Context(), newDataKey(w.n+1), "another", by)
			return err
		}, nil},
		{"another master key", "ReplaceMaster", func(t *testing.T, w setting, by authn.Act) error {
			next := newDataKey(w.n + 1)
			next.Master = "hsm:keys"
			return w.s.ReplaceMaster(t.Context(), rewrapped(w.lastDataKey(t)), next, newDataKey(0).Master, by)
		}, one(authn.EventMasterKeyReplaced, authn.EventDataKeyAdded)},
		{"a master key that is lost", "AbandonDataKeys", func(t *testing.T, w setting, by authn.Act) error {
			keep := []string{w.key.Sealing, "another"}
			return w.s.AbandonDataKeys(t.Context(), w.lastDataKey(t).Master, keep, newDataKey(w.n+1), by)
		}, one(authn.EventMasterKeyReplaced, authn.EventDataKeyAdded)},
	}
}

// lastDataKey is the one that seals; without an id if there is none.
func (w setting) lastDataKey(t *testing.T) (last authn.DataKey) {
	t.Helper()
	keys, err := w.s.ListDataKeys(t.Context())
	must(t, err)
	if len(keys) > 0 {
		last = keys[len(keys)-1]
	}
	return last
}

func (w setting) rotate(t *testing.T, by authn.Act) error {
	access, refresh := pairOf(w.user.ID, w.refresh.SessionID)
	_, _, err := w.s.RotateRefresh(t.Context(), authn.Rotation{
		JTI: w.refresh.JTI, Hash: w.refresh.Hash, Access: access, Refresh: refresh, Act: by,
	})
	return err
}

// trail returns all events in the order in which they were written.
func trail(t *testing.T, s Store) []authn.Event {
	t.Helper()
	events, err := s.ListEvents(t.Context(), authn.EventFilter{}, authn.EventPlace{}, 1000)
	must(t, err)
	slices.SortFunc(events, func(a, b authn.Event) int { return cmp.Compare(a.ID, b.ID) })
	return events
}

func everyAct(t *testing.T, db Database) {
	s := db.open(t)
	added, err := s.CreateFirstUser(t.Context(), administrator("first"), someone(now))
	must(t, err)
	equal(t, "whether the first user was added", added, true)
	written(t, "the first start", trail(t, s), someone(now), authn.EventUserCreated)
	last := ""
	for i, a := range acts() {
		w := newSetting(t, s, i, last)
		last = w.key.ID
		before := len(trail(t, s))
		by := someone(now.Add(time.Hour))
		must(t, a.do(t, w, by))
		written(t, a.name, trail(t, s)[before:], by, a.kinds...)
		if keys, err := s.ListKeys(t.Context()); err == nil && keys[len(keys)-1].RevokedAt.IsZero() {
			last = keys[len(keys)-1].ID
		}
	}
}

// written fails unless these are the events of an act by somebody.
func written(t *testing.T, what string, events []authn.Event, by authn.Act, kinds ...authn.EventKind) {
	t.Helper()
	var got []authn.EventKind
	for _, e := range events {
		got = append(got, e.Kind)
		equal(t, what+": when", e.At, by.At)
		equal(t, what+": how many", e.Count, 1)
		equal(t, what+": from where", e.From.Address.String()+e.From.UserAgent+e.From.RequestID, "192.0.2.7test/1request-7")
		equal(t, what+": who", e.Actor.Kind, by.By.Kind)
		equal(t, what+": whether it was done", e.Outcome == authn.Success, e.Kind != authn.EventRefreshReused)
	}
	equal(t, "the events of "+what, got, kinds)
}

// quiet are the methods that change nothing of security, or by which only time does what was to be expected of it.
var quiet = strings.Fields(`UserByID UserByUsername UserByEmailKey ListUsers ListUsersAfter Usernames PasswordSchemes TokenOwner CookieOwner
	PurgeTokens SessionByID ListSessions Arrivals EndExpiredSessions SeeSessions PurgeSessions AttemptsOf CountAttempt TakeBackAttempt
	ForgetAttempts RememberClient PurgeAttempts SearchUsers SearchSessions AccountCounters
	ListKeys PurgeKeys Installation ListDataKeys PurgeDataKeys Sealings Scrub RecordEvents ListEvents CountEvents PurgeEvents
	KeepHandover TakeHandover DropHandover PurgeHandovers
	PersonalSessions PersonalTokens PersonalMails PersonalLinks PersonalClients`)

func noActForgotten(t *testing.T, _ Database) {
	tested := []string{"CreateFirstUser"}
	for _, a := range acts() {
		tested = append(tested, a.method)
	}
	for _, one := range []reflect.Type{reflect.TypeFor[authn.LoginStore](), reflect.TypeFor[authn.KeyStore](), reflect.TypeFor[authn.DataKeyStore]()} {
		for method := range one.Methods() {
			if takesAct(method.Type) == slices.Contains(quiet, method.Name) {
				t.Errorf("%s: must take an act, or be named as one that needs none", method.Name)
			}
			if takesAct(method.Type) && !slices.Contains(tested, method.Name) {
				t.Errorf("%s: no case says which events it writes", method.Name)
			}
		}
	}
}

// takesAct reports whether a method is told whose act it is, by itself or in what it is told to do.
func takesAct(method reflect.Type) bool {
	act := reflect.TypeFor[authn.Act]()
	for in := range method.Ins() {
		if in == act {
			return true
		}
		if in.Kind() == reflect.Struct {
			if f, ok := in.FieldByName("Act"); ok && f.Type == act {
				return true
			}
		}
	}
	return false
}

func failedActs(t *testing.T, db Database) {
	s := db.open(t)
	w := newSetting(t, s, 0, "")
	must(t, s.EndToken(t.Context(), w.access.JTI, By(now)))
	before := trail(t, s)
	by := someone(now)
	want(t, "a taken name", s.CreateUser(t.Context(), person(w.user.Username), by), authn.ErrUsernameTaken)
	stranger := uuid.New()
	want(t, "nobody's deletion", s.DeleteUser(t.Context(), stranger, by), authn.ErrUserNotFound)
	_, err := s.UpdateUser(t.Context(), stranger, authn.UserChange{Act: by})
	want(t, "nobody's change", err, authn.ErrUserNotFound)
	_, err = s.UpdateUser(t.Context(), w.user.ID, authn.UserChange{Admin: ptr(true), IfPasswordHash: ptr("another"), Act: by})
	want(t, "a stale change", err, authn.ErrStale)
	admin := add(t, s, administrator("root"))
	_, err = s.UpdateUser(t.Context(), admin.ID, authn.UserChange{Username: &w.user.Username, Act: by})
	want(t, "a change to a taken name", err, authn.ErrUsernameTaken)
	before = append(before, trail(t, s)[len(before):]...) // of the administrator
	want(t, "the last administrator", s.DeleteUser(t.Context(), admin.ID, by), authn.ErrLastAdministrator)
	_, err = s.EndSession(t.Context(), w.user.ID, stranger, by)
	want(t, "no session", err, authn.ErrSessionNotFound)
	must(t, s.EndToken(t.Context(), w.access.JTI, by)) // has ended
	access, refresh := pair(w.user)
	policy := authn.SessionPolicy{MaxPerUser: 1}
	err = s.BeginSession(t.Context(), sessionOf(refresh, now), access, refresh, hash, policy, by)
	want(t, "a session too many", err, authn.ErrTooManySessions)
	err = s.BeginSession(t.Context(), sessionOf(refresh, now), access, refresh, "another hash", authn.SessionPolicy{}, by)
	want(t, "an old password", err, authn.ErrStale)
	access.KeyID, access.KeyKept = "gone", true
	err = s.BeginSession(t.Context(), sessionOf(refresh, now), access, refresh, hash, authn.SessionPolicy{MaxPerUser: 1, EvictOldest: true}, by)
	want(t, "a login that was rolled back after it had ended another one", err, authn.ErrKeyRevoked)
	_, err = s.RevokeKey(t.Context(), "unknown", nil, by)
	want(t, "no key", err, authn.ErrKeyNotFound)
	equal(t, "the trail after acts that failed", trail(t, s), before)
}

func actsOfNobody(t *testing.T, db Database) {
	s := db.open(t)
	add(t, s, administrator("root"))
	last := ""
	for i, a := range acts() {
		w := newSetting(t, s, i, last)
		before := len(trail(t, s))
		for what, by := range map[string]authn.Act{"an act of nobody": {At: now}, "an act at no time": {By: By(now).By}} {
			if a.kinds == nil || a.method == "Unlock" || a.name == "a refresh token used twice" || a.name == "the own session" {
				continue // writes nothing, or is more than one act
			}
			if err := a.do(t, w, by); err == nil {
				t.Errorf("%s: %s was done", what, a.name)
			}
		}
		stored(t, s, w.user)
		must(t, liveness(t, s, w.access, now))
		equal(t, "the number of events after acts of nobody", len(trail(t, s)), before)
		last = w.key.ID
	}
}
