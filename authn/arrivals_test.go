package authn_test

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// atlas knows the places of some networks.
type atlas map[netip.Prefix]authn.Place

func (a atlas) Locate(addr netip.Addr) authn.Place {
	for network, place := range a {
		if network.Contains(addr.Unmap()) {
			return place
		}
	}
	return authn.Place{}
}

func world() atlas {
	return atlas{
		netip.MustParsePrefix("192.0.2.0/24"):    oslo,
		netip.MustParsePrefix("198.51.100.0/24"): bergen,
		netip.MustParsePrefix("203.0.113.0/24"):  sydney,
	}
}

// told receives what users are told.
type told chan authn.SignInNotice

func (n told) NoticeOfSignIn(_ context.Context, _ authn.User, notice authn.SignInNotice) error {
	n <- notice
	return nil
}

// wantNone fails if somebody is told something. Everything that was to be told has been: see comparing.settle.
func (n told) wantNone(t *testing.T, when string) {
	t.Helper()
	select {
	case notice := <-n:
		t.Errorf("%s: told of %+v", when, notice)
	default:
	}
}

// comparing is a mind that compares sign-ins.
type comparing struct {
	*mind
	told   told
	settle func() // returns when all that was to be told has been; nobody is told anything after
}

// newComparing builds one on a database. The users' password is password.
func newComparing(t *testing.T, url string, notifyAbove, denyAbove float64) *comparing {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{MaxConnections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	m := newMindOn(t, db, options{})
	w := &comparing{mind: m, told: make(told, 100)}
	w.compare(t, notifyAbove, denyAbove)
	return w
}

// compare has m compare anew, by other bounds.
func (w *comparing) compare(t *testing.T, notifyAbove, denyAbove float64) {
	t.Helper()
	arrivals := authn.NewArrivals(authn.ArrivalsConfig{
		Store: w.store, Geography: world(), Notifier: w.told, NotifyAbove: notifyAbove, DenyAbove: denyAbove,
		Now: w.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { arrivals.Run(ctx); close(done) }()
	w.settle = func() { stop(); <-done }
	t.Cleanup(w.settle)
	w.config.Arrivals = arrivals
	w.logins = authn.NewLogins(w.config)
}

func client(address, agent string) authn.Client {
	c := authn.Client{UserAgent: agent}
	if address != "" {
		c.Address = netip.MustParseAddr(address)
	}
	return c
}

var (
	home   = client("192.0.2.7", firefox)
	abroad = client("203.0.113.9", "curl/8.0")
)

// settled signs in once from home and lets a day pass.
func (w *comparing) settled(t *testing.T, name string) {
	t.Helper()
	if _, err := w.logins.Login(t.Context(), name, password, home); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(24 * time.Hour)
}

// onBoth runs a test on a new database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.PostgresURL(t)) })
}

func TestUsersAreToldOfUnusualSignIns(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		w := newComparing(t, url, 0.5, 1)
		alice, bob := w.user(t, "alice"), w.user(t, "bob")
		w.settled(t, "alice")
		at := w.clock.Now().UTC()
		for _, from := range []authn.Client{home, abroad, abroad, client("::ffff:192.0.2.8", firefox)} {
			if _, err := w.logins.Login(t.Context(), "alice", password, from); err != nil {
				t.Fatal(err)
			}
			w.clock.advance(time.Hour * 24)
		}
		if _, err := w.logins.Login(t.Context(), "bob", password, abroad); err != nil {
			t.Fatal(err)
		}
		w.settle()
		notice := <-w.told
		w.told.wantNone(t, "the second time, or of the first sign-in ever")
		if notice.Denied || notice.Device != "curl" || notice.Place != "Sydney, AU" || notice.Address != "203.0.113.9" ||
			!notice.At.Equal(at.Add(24*time.Hour)) || notice.Risk.Value <= 0.5 ||
			!slices.Equal(notice.Risk.Reasons, []authn.Signal{authn.NewCountry, authn.NewDevice, authn.NewNetwork, authn.Unfamiliar}) {
			t.Errorf("told of %+v", notice)
		}
		for user, want := range map[uuid.UUID]int{alice.ID: 5, bob.ID: 1} {
			if history, err := w.store.Arrivals(t.Context(), user, authn.Vector{}); err != nil || len(history) != want {
				t.Errorf("a history of %d, error %v; want %d", len(history), err, want)
			}
		}
	})
}

func TestSessionsSayWhereTheyBegan(t *testing.T) {
	w := newComparing(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), 1, 1)
	alice := w.user(t, "alice")
	for _, from := range []authn.Client{home, client("10.0.0.1", ""), client("::ffff:203.0.113.1", firefox)} {
		if _, err := w.logins.Login(t.Context(), "alice", password, from); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(time.Minute)
	}
	sessions, err := w.store.ListSessions(t.Context(), alice.ID, authn.SessionPolicy{}, w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, s := range sessions {
		places = append(places, authn.PlaceName(s.City, s.Country))
	}
	if !slices.Equal(places, []string{"Sydney, AU", "", "Oslo, NO"}) {
		t.Errorf("places %q", places)
	}
	if history, err := w.store.Arrivals(t.Context(), alice.ID, authn.Vector{}); err != nil || len(history) != 0 {
		t.Errorf("a history of %d is kept, error %v, though nothing is compared", len(history), err)
	}
}

// A sign-in that is refused for its risk is a wrong password in every way: to who tries, and to the account's counters.
func TestRiskySignInsAreRefusedLikeWrongPasswords(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		w := newComparing(t, url, 0.5, 0.6)
		alice, bob := w.user(t, "alice"), w.user(t, "bob")
		w.settled(t, "bob")
		w.settled(t, "alice")

		last := authn.Code("")
		for i := range 8 {
			_, wrong := w.logins.Login(t.Context(), "bob", "wrong password", abroad)
			_, denied := w.logins.Login(t.Context(), "alice", password, abroad)
			if diff := cmp.Diff(wrong, denied); diff != "" || denied == nil {
				t.Errorf("attempt %d: a wrong password and a refusal are told apart (-wrong +denied):\n%s", i+1, diff)
			}
			last = code(t, denied)
		}
		if last == authn.CodeInvalidGrant {
			t.Error("eight refusals lock nothing")
		}
		for _, user := range []authn.User{alice, bob} {
			if _, err := w.accounts.Unlock(t.Context(), authn.Operator(), user.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := w.logins.Login(t.Context(), user.Username, password, home); err != nil {
				t.Errorf("%s at home: %v", user.Username, err)
			}
		}
		w.settle()
		notice := <-w.told
		w.told.wantNone(t, "the second time within the hour, or of a wrong password")
		if !notice.Denied || notice.Place != "Sydney, AU" || notice.Risk.Value <= 0.6 {
			t.Errorf("told of %+v", notice)
		}
		sessions, err := w.store.ListSessions(t.Context(), alice.ID, authn.SessionPolicy{}, w.clock.Now())
		if err != nil || len(sessions) != 2 {
			t.Errorf("%d sessions, error %v; want those from home alone", len(sessions), err)
		}
		history, err := w.store.Arrivals(t.Context(), alice.ID, authn.Vector{})
		if err != nil || len(history) != 2 {
			t.Errorf("a history of %d, error %v: a refused sign-in makes the next one usual", len(history), err)
		}
	})
}

// Who wants to change their password from an unusual place has a session already, and is not refused.
func TestRiskIsOfSignInsAlone(t *testing.T) {
	w := newComparing(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), 0, 0)
	w.accounts = authn.NewAccounts(authn.AccountsConfig{
		Store: w.store, Logins: w.logins, Passwords: w.passwords, RequireCurrentPassword: true,
		Now: w.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	alice := w.user(t, "alice")
	w.settled(t, "alice")
	current, next := password, "another horse"
	caller := &authn.Identity{UserID: alice.ID}
	update := authn.AccountUpdate{Password: &next, CurrentPassword: &current}
	if _, err := w.accounts.Update(t.Context(), caller, alice.ID, update, abroad); err != nil {
		t.Errorf("the change: %v", err)
	}
	if _, err := w.logins.Login(t.Context(), "alice", next, abroad); err == nil {
		t.Error("the sign-in from there is not refused")
	}
}

// The history of an account is asked for only when a password is about to be looked at; never for a token.
func TestTokensPayNothingForRisk(t *testing.T) {
	w := newComparing(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), 0.5, 0.9)
	w.user(t, "alice")
	tokens, err := w.logins.Login(t.Context(), "alice", password, home)
	if err != nil {
		t.Fatal(err)
	}
	asked := &askedStore{Store: w.store}
	w.config.Arrivals = authn.NewArrivals(authn.ArrivalsConfig{
		Store: asked, NotifyAbove: 0.5, DenyAbove: 0.9, Now: w.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	w.logins = authn.NewLogins(w.config)
	for name, act := range map[string]func() error{
		"a check":   func() error { _, err := w.logins.Authenticate(t.Context(), bearer(tokens.Access)); return err },
		"a refresh": func() error { _, err := w.logins.Refresh(t.Context(), tokens.Refresh, abroad); return err },
	} {
		if err := act(); err != nil || asked.times != 0 {
			t.Errorf("%s: error %v, %d questions", name, err, asked.times)
		}
	}
	if _, err := w.logins.Login(t.Context(), "alice", password, home); err != nil || asked.times != 1 {
		t.Errorf("a login: error %v, %d questions, want 1", err, asked.times)
	}
	if _, err := w.logins.Login(t.Context(), "nobody", password, home); err == nil || asked.times != 1 {
		t.Errorf("a name that does not exist: error %v, %d questions, want none more", err, asked.times)
	}
}

type askedStore struct {
	*store.Store
	times int
	err   error
}

func (s *askedStore) Arrivals(ctx context.Context, userID uuid.UUID, near authn.Vector) ([]authn.Arrival, error) {
	s.times++
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Arrivals(ctx, userID, near)
}

// Where it cannot be found out how risky a sign-in is, it is not let pass; and a wrong password is still one.
func TestRiskThatIsNotKnown(t *testing.T) {
	w := newComparing(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), 0.5, 0.9)
	w.user(t, "alice")
	w.config.Arrivals = authn.NewArrivals(authn.ArrivalsConfig{
		Store: &askedStore{Store: w.store, err: authn.ErrUnavailable}, NotifyAbove: 0.5, DenyAbove: 0.9,
		Now: w.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	w.logins = authn.NewLogins(w.config)
	if _, err := w.logins.Login(t.Context(), "alice", password, home); code(t, err) != authn.CodeUnavailable {
		t.Errorf("right password: %v", err)
	}
	if _, err := w.logins.Login(t.Context(), "alice", "wrong password", home); code(t, err) != authn.CodeInvalidGrant {
		t.Errorf("wrong password: %v", err)
	}
}

// What the log says of a sign-in is enough to look into it, and holds no secret.
func TestUnusualSignInsAreLogged(t *testing.T) {
	w := newComparing(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), 0.5, 1)
	alice := w.user(t, "alice")
	w.settled(t, "alice")
	var log strings.Builder
	arrivals := authn.NewArrivals(authn.ArrivalsConfig{
		Store: w.store, Geography: world(), NotifyAbove: 0.5, DenyAbove: 1, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	w.config.Arrivals = arrivals
	w.logins = authn.NewLogins(w.config)
	if _, err := w.logins.Login(t.Context(), "alice", password, abroad); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	arrivals.Run(ctx) // tells what waits, also when it is told to stop
	for _, want := range []string{
		"event=unusual_sign_in", "user_id=" + alice.ID.String(), "client=203.0.113.9", "device=curl", `place="Sydney, AU"`,
		`reasons="[new_country new_device new_network unfamiliar]"`, "denied=false", "risk=0.",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &log)
		}
	}
	if strings.Contains(log.String(), password) {
		t.Error("the password is in the log")
	}
}

// Whoever tries a right password from too far away learns what they learn of a wrong one. The trail tells the difference, also of
// those that come while a lock holds.
func TestTrailTellsOfRisk(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		w := newComparing(t, url, 0.5, 0.6)
		alice := w.user(t, "alice")
		w.settled(t, "alice")
		trail := w.trailOf()
		w.config.Trail = trail
		w.logins = authn.NewLogins(w.config)
		told := map[string]int{}
		for i := range 7 {
			given := password
			if i == 0 {
				given = "wrong password"
			}
			_, err := w.logins.Login(t.Context(), "alice", given, abroad)
			told[string(code(t, err))]++
		}
		trail.Flush(t.Context(), true)
		reasons := map[string]int{}
		for _, e := range w.events(t, authn.EventLoginFailed) {
			reasons[e.Reason] += e.Count
			risk, err := strconv.ParseFloat(e.Details[authn.DetailRisk], 64)
			signals := strings.Split(e.Details[authn.DetailRiskReasons], ",")
			switch {
			case e.Reason != "risk" && e.Details[authn.DetailRisk] != "", e.Subject != alice.ID, e.From.Address != abroad.Address:
				t.Errorf("a failure: %+v", e)
			case e.Reason == "risk" && (err != nil || risk <= 0.6 || risk > 1 || !slices.Contains(signals, string(authn.NewCountry))):
				t.Errorf("the risk is %q, the reasons %q", e.Details[authn.DetailRisk], signals)
			}
		}
		if diff := cmp.Diff(map[string]int{"invalid_grant": 5, "account_locked": 2}, told); diff != "" {
			t.Errorf("who tries is told (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"invalid_grant": 1, "risk": 4, "account_locked": 2}, reasons); diff != "" {
			t.Errorf("the trail says (-want +got):\n%s", diff)
		}
	})
}
