package authn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// browse signs alice's browser in.
func (m *mind) browse(t *testing.T, name string, remember bool, held string) authn.BrowserCookie {
	t.Helper()
	given, err := m.logins.LoginBrowser(t.Context(), name, password, remember, held, authn.Client{UserAgent: "Browser"})
	if err != nil {
		t.Fatal(err)
	}
	return given
}

func (m *mind) whose(t *testing.T, value string) (*authn.Identity, authn.Code) {
	t.Helper()
	identity, err := m.logins.Authenticate(t.Context(), cookie(value))
	return identity, code(t, err)
}

func rememberFor(d time.Duration) func(*authn.LoginsConfig) {
	return func(c *authn.LoginsConfig) { c.RememberFor = d }
}

func TestBrowserLogin(t *testing.T) {
	m := newMind(t, options{login: rememberFor(48 * time.Hour), policy: authn.SessionPolicy{MaxLifetime: 72 * time.Hour}})
	alice := m.user(t, "alice")
	given, again := m.browse(t, "alice", false, ""), m.browse(t, "alice@example.com", true, "")
	if given.Value == again.Value || !authn.IsCookieValue(given.Value) || !authn.IsCookieValue(again.Value) {
		t.Errorf("values %q and %q", given.Value, again.Value)
	}
	if given.Keep || !again.Keep || !given.ExpiresAt.Equal(m.clock.Now().Add(72*time.Hour)) || !again.ExpiresAt.Equal(m.clock.Now().Add(48*time.Hour)) {
		t.Errorf("%v %v, %v %v", given.Keep, given.ExpiresAt, again.Keep, again.ExpiresAt)
	}
	who, refusal := m.whose(t, given.Value)
	if refusal != "" || who.UserID != alice.ID || who.Cookie == nil || strings.Contains(who.JTI, given.Value) {
		t.Fatalf("%+v %s", who, refusal)
	}
	if sessions, err := m.store.ListSessions(t.Context(), alice.ID, authn.SessionPolicy{}, m.clock.Now()); err != nil || len(sessions) != 2 ||
		!sessions[0].Remembered && !sessions[1].Remembered {
		t.Errorf("sessions %+v %v", sessions, err)
	}
	if _, refusal := m.whose(t, m.logins.NewCookieValue()); refusal != authn.CodeInvalidCredentials {
		t.Errorf("a cookie of nobody: %s", refusal)
	}
	if _, err := m.logins.Authenticate(t.Context(), bearer(given.Value)); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("a cookie as a token: %v", err)
	}
	if _, refusal := m.whose(t, m.login(t, "alice").Access); refusal != authn.CodeInvalidCredentials {
		t.Errorf("a token as a cookie: %s", refusal)
	}
	if _, err := m.logins.LoginBrowser(t.Context(), "alice", "wrong", false, again.Value, authn.Client{}); code(t, err) != authn.CodeInvalidGrant {
		t.Errorf("a wrong password: %v", err)
	}
	if _, refusal := m.whose(t, again.Value); refusal != "" {
		t.Errorf("a failure ended the session that was there: %s", refusal)
	}
}

// A browser that signs in anew, perhaps as somebody else, has no way back to its session of before: that ends.
func TestBrowserLoginEndsWhatItHeld(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	m.user(t, "bob")
	first := m.browse(t, "alice", false, "")
	elsewhere := m.browse(t, "alice", false, "")
	second := m.browse(t, "bob", false, first.Value)
	if _, refusal := m.whose(t, first.Value); refusal != authn.CodeInvalidCredentials {
		t.Errorf("the session of before: %s", refusal)
	}
	for who, value := range map[string]string{"alice": elsewhere.Value, "bob": second.Value} {
		if identity, refusal := m.whose(t, value); refusal != "" || identity.Username != who {
			t.Errorf("%s: %v %s", who, identity, refusal)
		}
	}
	for _, chosen := range []string{"chosen", m.logins.NewCookieValue(), first.Value} { // a value that somebody has planted before
		if given := m.browse(t, "alice", false, chosen); given.Value == chosen {
			t.Error("a value that was there before the login")
		}
	}
	if given := m.browse(t, "alice", true, ""); given.Keep {
		t.Error("somebody is remembered where nobody is to be")
	}
}

// Who changes their own password keeps the session under another value; all others end, those of other browsers included.
func TestPasswordChangeRenewsTheCookie(t *testing.T) {
	m := newMind(t, options{})
	alice := m.user(t, "alice")
	mine, other := m.browse(t, "alice", false, ""), m.browse(t, "alice", false, "")
	caller, _ := m.whose(t, mine.Value)
	changed, current := "another good password", password
	update := authn.AccountUpdate{Password: &changed, CurrentPassword: &current}
	given := m.accounts.RenewCookie(caller, alice.ID, &update)
	if given == nil || given.Keep || !given.ExpiresAt.Equal(caller.Cookie.ExpiresAt) || m.accounts.RenewCookie(caller, alice.ID, &authn.AccountUpdate{}) != nil {
		t.Fatalf("given %+v", given)
	}
	if m.accounts.RenewCookie(caller, uuid.New(), &authn.AccountUpdate{Password: &changed}) != nil ||
		m.accounts.RenewCookie(&authn.Identity{UserID: alice.ID}, alice.ID, &authn.AccountUpdate{Password: &changed}) != nil {
		t.Error("a cookie for somebody else's password, or in place of none")
	}
	next := given.Value
	if _, err := m.accounts.Update(t.Context(), caller, alice.ID, update, authn.Client{}); err != nil {
		t.Fatal(err)
	}
	for what, value := range map[string]string{"the old value": mine.Value, "the other browser": other.Value} {
		if _, refusal := m.whose(t, value); refusal != authn.CodeInvalidCredentials {
			t.Errorf("%s: %s", what, refusal)
		}
	}
	if now, refusal := m.whose(t, next); refusal != "" || now.SessionID != caller.SessionID || !now.Cookie.ExpiresAt.Equal(caller.Cookie.ExpiresAt) {
		t.Errorf("the new value: %+v %s", now, refusal)
	}
}

func TestCookieEndsByIdlenessAndAge(t *testing.T) {
	m := newMind(t, options{login: rememberFor(30 * time.Hour), policy: authn.SessionPolicy{IdleTimeout: time.Hour, MaxLifetime: 48 * time.Hour}})
	m.user(t, "alice")
	usual, kept := m.browse(t, "alice", false, ""), m.browse(t, "alice", true, "")
	for range 5 { // each use, on Authly's own pages too, counts as being seen
		m.clock.advance(50 * time.Minute)
		if _, refusal := m.whose(t, usual.Value); refusal != "" {
			t.Fatalf("in use: %s", refusal)
		}
	}
	m.clock.advance(61 * time.Minute)
	if _, refusal := m.whose(t, usual.Value); refusal != authn.CodeInvalidCredentials {
		t.Errorf("idle: %s", refusal)
	}
	if _, refusal := m.whose(t, kept.Value); refusal != "" {
		t.Errorf("idle and remembered: %s", refusal)
	}
	m.clock.advance(30 * time.Hour)
	if _, refusal := m.whose(t, kept.Value); refusal != authn.CodeInvalidCredentials {
		t.Errorf("remembered for long enough: %s", refusal)
	}
}

// askedBy is a check by a replica.
func (r *replica) askedBy(t *testing.T, value string) (*authn.Identity, authn.Code) {
	t.Helper()
	identity, err := r.checker.Authenticate(t.Context(), cookie(value))
	return identity, code(t, err)
}

func TestCookieCheckCostsOneRead(t *testing.T) {
	m := newMind(t, options{policy: authn.SessionPolicy{IdleTimeout: 2 * time.Hour}})
	m.user(t, "alice")
	given := m.browse(t, "alice", false, "")
	r := m.replica(t)
	check := func(reads int32) {
		t.Helper()
		for range 100 {
			if identity, refusal := r.askedBy(t, given.Value); refusal != "" || identity.Username != "alice" || identity.Admin {
				t.Fatalf("%v, %s", identity, refusal)
			}
		}
		if got := r.store.cookies.Load(); got != reads || r.store.tokens.Load()+r.store.users.Load() != 0 {
			t.Fatalf("the store was asked %d times, want %d", got, reads)
		}
	}
	check(1)
	for range 29 { // for as long as an access token lives
		m.clock.advance(time.Minute)
		r.load(t)
		check(1)
	}
	m.clock.advance(time.Minute + 5*time.Second)
	r.load(t)
	check(2)
	if _, err := r.checker.Authenticate(t.Context(), bearer(given.Value)); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("a cookie that is remembered, as a token: %v", err)
	}
	m.clock.advance(time.Minute) // nobody has looked at the feed
	if _, refusal := r.askedBy(t, given.Value); refusal != "" || r.store.cookies.Load() != 3 {
		t.Errorf("memory that is not fresh: %s after %d reads", refusal, r.store.cookies.Load())
	}
	r.store.down.Store(true)
	if _, refusal := r.askedBy(t, given.Value); refusal != authn.CodeUnavailable {
		t.Errorf("memory that is not fresh, and no store: %s", refusal)
	}
}

// Whatever ends a session, or gives it another cookie, is followed by other replicas as it is for tokens.
func TestEveryEndOfACookieIsFollowed(t *testing.T) {
	for name, act := range map[string]func(t *testing.T, m *mind, who *authn.Identity) error{
		"logout": func(t *testing.T, m *mind, who *authn.Identity) error {
			_, err := m.logins.Logout(t.Context(), who)
			return err
		},
		"end of the session": func(t *testing.T, m *mind, who *authn.Identity) error {
			_, err := m.store.EndSession(t.Context(), who.UserID, who.SessionID, storetest.By(m.clock.Now()))
			return err
		},
		"disabled": func(t *testing.T, m *mind, who *authn.Identity) error {
			_, err := m.store.UpdateUser(t.Context(), who.UserID, authn.UserChange{Active: ptr(false), EndSessions: true, Act: storetest.By(m.clock.Now())})
			return err
		},
		"disabled, sessions left": func(t *testing.T, m *mind, who *authn.Identity) error {
			_, err := m.store.UpdateUser(t.Context(), who.UserID, authn.UserChange{Active: ptr(false), Act: storetest.By(m.clock.Now())})
			return err
		},
		"deleted": func(t *testing.T, m *mind, who *authn.Identity) error {
			return m.store.DeleteUser(t.Context(), who.UserID, storetest.By(m.clock.Now()))
		},
		"other roles": func(t *testing.T, m *mind, who *authn.Identity) error {
			_, err := m.store.UpdateUser(t.Context(), who.UserID, authn.UserChange{Roles: &[]string{"boss"}, Act: storetest.By(m.clock.Now())})
			return err
		},
		"another value": func(t *testing.T, m *mind, who *authn.Identity) error {
			_, err := m.store.UpdateUser(t.Context(), who.UserID, authn.UserChange{
				KeepSession: who.SessionID, KeepCookie: strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", ""), Act: storetest.By(m.clock.Now()),
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{})
			m.user(t, "alice")
			m.user(t, "bob")
			given, others := m.browse(t, "alice", false, ""), m.browse(t, "bob", false, "")
			r := m.replica(t)
			for _, value := range []string{given.Value, others.Value} {
				if _, refusal := r.askedBy(t, value); refusal != "" {
					t.Fatal(refusal)
				}
			}
			who, _ := m.whose(t, given.Value)
			if err := act(t, m, who); err != nil {
				t.Fatal(err)
			}
			r.load(t)
			if _, refusal := r.askedBy(t, given.Value); refusal != authn.CodeInvalidCredentials {
				t.Errorf("%s", refusal)
			}
			if _, refusal := r.askedBy(t, others.Value); refusal != "" {
				t.Errorf("of somebody else: %s", refusal)
			}
		})
	}
}

// What a replica remembers of a cookie is not good for longer than the session would be without being used.
func TestRememberedCookieGoesIdle(t *testing.T) {
	m := newMind(t, options{policy: authn.SessionPolicy{IdleTimeout: 10 * time.Minute}})
	m.user(t, "alice")
	given := m.browse(t, "alice", false, "")
	r := m.replica(t)
	if _, refusal := r.askedBy(t, given.Value); refusal != "" {
		t.Fatal(refusal)
	}
	m.clock.advance(9 * time.Minute)
	r.load(t)
	if _, refusal := r.askedBy(t, given.Value); refusal != "" || r.store.cookies.Load() != 1 {
		t.Fatalf("%s after %d reads", refusal, r.store.cookies.Load())
	}
	if err := r.checker.FlushSeen(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.clock.advance(9 * time.Minute)
	r.load(t)
	if _, refusal := r.askedBy(t, given.Value); refusal != "" {
		t.Fatalf("in use: %s", refusal)
	}
	m.clock.advance(11 * time.Minute)
	r.load(t)
	if _, refusal := r.askedBy(t, given.Value); refusal != authn.CodeInvalidCredentials {
		t.Errorf("idle: %s", refusal)
	}
	m.clock.advance(-11 * time.Minute)
	r.load(t)
	r.store.down.Store(true)
	if _, refusal := r.askedBy(t, given.Value); refusal == "" {
		t.Error("a clock that is set back has revived it without asking")
	}
}
