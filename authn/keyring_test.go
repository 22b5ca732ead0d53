package authn_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// kidOf is the kid that a token names.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := parsed.Header["kid"].(string)
	return id
}

// managed looks after the keys of m from elsewhere, as authly key does.
func (m *mind) managed(t *testing.T, o options) *authn.ManagedKeys {
	t.Helper()
	keys, err := authn.NewManagedKeys(keysOf(m.store, m.clock, o))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (m *mind) passes(t *testing.T, what, token string, want bool) {
	t.Helper()
	_, err := m.logins.Authenticate(t.Context(), authn.Credentials{Kind: authn.BearerCredential, Token: token})
	if passes := err == nil; passes != want {
		t.Errorf("%s: passes %v, want %v (%v)", what, passes, want, err)
	}
}

func (m *mind) refreshes(t *testing.T, what, token string, want bool) {
	t.Helper()
	if _, err := m.logins.Refresh(t.Context(), token, from); (err == nil) != want {
		t.Errorf("%s: refreshes %v, want %v (%v)", what, err == nil, want, err)
	}
}

// rotor is three replicas with clocks that differ, on one database, and what they have signed.
type rotor struct {
	clock    *clock
	replicas []*mind
	clocks   []*clock
	issued   []issued
}

type issued struct {
	kind    authn.TokenKind
	text    string
	expires time.Time
}

const rotateEvery = time.Hour

func newRotor(t *testing.T, db *store.Store, skews []time.Duration) *rotor {
	t.Helper()
	r := &rotor{clock: &clock{now: time.Now().Truncate(time.Second)}}
	for i, skew := range skews {
		c := &clock{now: r.clock.now.Add(skew)}
		m := newMindAt(t, db, c, options{rotateEvery: rotateEvery, unverified: true})
		if i == 0 {
			m.user(t, "alice")
		}
		r.replicas, r.clocks = append(r.replicas, m), append(r.clocks, c)
	}
	return r
}

func (r *rotor) advance(d time.Duration) {
	r.clock.advance(d)
	for _, c := range r.clocks {
		c.advance(d)
	}
}

// A token that any replica has signed passes at every replica for as long as it lives, whatever happens to keys meanwhile: in
// time, by an operator, with clocks that differ, and with replicas that look at the store late.
func TestRotationRefusesNobody(t *testing.T) {
	path := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		db := openAt(t, path, runs)
		defer db.Close()
		skew := rapid.Custom(func(rt *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(-2500, 2500).Draw(rt, "ms")) * time.Millisecond
		})
		r := newRotor(t, db, []time.Duration{0, skew.Draw(rt, "second"), skew.Draw(rt, "third")})
		for range rapid.IntRange(3, 15).Draw(rt, "steps") {
			i := rapid.IntRange(0, 2).Draw(rt, "replica")
			m := r.replicas[i]
			switch rapid.SampledFrom([]string{"wait", "wait", "login", "login", "operator", "purge", "restart"}).Draw(rt, "step") {
			case "wait":
				r.wait(rt, rapid.IntRange(1, 90).Draw(rt, "minutes"))
			case "login":
				pair := m.login(t, "alice")
				r.issued = append(r.issued,
					issued{authn.AccessToken, pair.Access, r.clock.now.Add(30 * time.Minute)},
					issued{authn.RefreshToken, pair.Refresh, r.clock.now.Add(7 * 24 * time.Hour)})
			case "operator":
				now := rapid.Bool().Draw(rt, "now")
				purpose := rapid.SampledFrom([]authn.KeyPurpose{authn.SignAccess, authn.SignRefresh}).Draw(rt, "purpose")
				if _, err := m.managed(t, options{rotateEvery: rotateEvery}).Rotate(t.Context(), authn.Operator(), purpose, now); err != nil {
					rt.Fatal(err)
				}
			case "restart": // as all replicas are in turn when the configuration has changed
				algorithm := rapid.SampledFrom([]string{"EdDSA", "ES256", "HS256"}).Draw(rt, "algorithm")
				m.withKeys(t, keysOf(db, m.clock, options{rotateEvery: rotateEvery, algorithm: algorithm}))
			case "purge":
				if _, err := m.keys.Purge(t.Context()); err != nil {
					rt.Fatal(err)
				}
			}
			r.check(rt)
		}
	})
}

// That a key was revoked takes effect when the follower hears of it, and not only when the ring looks at the store.
func TestRevokedKeyIsPublishedNoMore(t *testing.T) {
	m := newMind(t, options{unverified: true})
	m.user(t, "alice")
	follower := authn.NewFollower(authn.FollowerConfig{
		Feed: m.store, Users: m.store, TokenLife: time.Hour, PollEvery: time.Second, MaxStaleness: time.Second,
		Now: m.clock.Now, Elapsed: m.clock.Elapsed, Log: discard(), KeyChanged: m.keys.Heed,
	})
	access := m.login(t, "alice").Access
	id := kidOf(t, access)
	published := func() bool {
		return slices.ContainsFunc(m.keys.PublicKeys(), func(key authn.JWK) bool { return key["kid"] == id })
	}
	if !published() || m.logins.Verify(authn.AccessToken, access) != nil {
		t.Fatal("the key is none")
	}
	if _, _, err := m.managed(t, options{}).Revoke(t.Context(), authn.Operator(), id); err != nil {
		t.Fatal(err)
	}
	if err := follower.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if published() || m.logins.Verify(authn.AccessToken, access) == nil {
		t.Error("the revoked key is published or verifies")
	}
}

// A replica whose configuration is the one of before, and which has not looked since its key was removed by another one, signs
// with no key that is not there.
func TestNobodySignsWithARemovedKey(t *testing.T) {
	r := newRotor(t, openAt(t, t.TempDir(), 1), []time.Duration{0, 0})
	changed, before := r.replicas[0], r.replicas[1]
	changed.withKeys(t, keysOf(changed.store, changed.clock, options{rotateEvery: rotateEvery, algorithm: "ES256"}))
	r.advance(31 * 24 * time.Hour) // the last key of an algorithm stays for a month
	if removed, err := changed.keys.Purge(t.Context()); err != nil || removed != 1 {
		t.Fatal(removed, err)
	}
	if err := changed.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	pair := before.login(t, "alice")
	changed.passes(t, "a token of the replica with the configuration of before", pair.Access, true)
	changed.refreshes(t, "a token of that replica", pair.Refresh, true)
}

// wait lets minutes pass, in each of which one replica looks at the store. One that cannot look can sign nobody in either.
func (r *rotor) wait(rt *rapid.T, minutes int) {
	for i := range minutes {
		r.advance(time.Minute)
		if err := r.replicas[i%len(r.replicas)].keys.Follow(rt.Context()); err != nil {
			rt.Fatal(err)
		}
	}
}

func (r *rotor) check(rt *rapid.T) {
	for _, token := range r.issued {
		if r.clock.now.Add(5 * time.Second).After(token.expires) {
			continue // by some clock it has expired
		}
		for i, m := range r.replicas {
			if err := m.logins.Verify(token.kind, token.text); err != nil {
				rt.Fatalf("replica %d refuses a living %s token: %v", i, token.kind, err)
			}
		}
	}
}

// In the course of time a key is published, signs, verifies and is gone; there are never more than are of use.
func TestRotationOnSchedule(t *testing.T) {
	db := openAt(t, t.TempDir(), 0)
	defer db.Close()
	r := newRotor(t, db, []time.Duration{0, time.Second, -time.Second})
	ids, published := map[string]bool{}, map[string]time.Time{}
	for range 24 * 60 / 5 {
		r.advance(5 * time.Minute)
		for _, m := range r.replicas {
			if err := m.keys.Follow(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		keys := r.replicas[2].keys.PublicKeys()
		if len(keys) > 3 {
			t.Fatalf("%d keys are published", len(keys))
		}
		for _, key := range keys {
			if _, known := published[key["kid"]]; !known {
				published[key["kid"]] = r.clock.now
			}
		}
		signs := kidOf(t, r.replicas[0].login(t, "alice").Access)
		if since, ok := published[signs]; !ok || !ids[signs] && len(ids) > 0 && r.clock.now.Sub(since) < authn.PublishAhead {
			t.Fatalf("key %s signs at %v and was published at %v", signs, r.clock.now, since)
		}
		ids[signs] = true
		if _, err := r.replicas[1].keys.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) < 23 || len(ids) > 25 {
		t.Errorf("%d keys signed in a day, want one an hour", len(ids))
	}
	views, err := r.replicas[0].managed(t, options{rotateEvery: rotateEvery}).List(t.Context(), authn.Operator())
	if err != nil {
		t.Fatal(err)
	}
	states := map[authn.KeyPurpose]map[authn.KeyState]int{authn.SignAccess: {}, authn.SignRefresh: {}}
	for _, v := range views {
		states[v.Purpose][v.State]++
	}
	if states[authn.SignAccess][authn.KeyActive] != 1 || states[authn.SignRefresh][authn.KeyActive] != 1 ||
		states[authn.SignAccess][authn.KeyRetired] > 2 || states[authn.SignRefresh][authn.KeyRetired] < 20 {
		t.Errorf("keys by purpose and state: %v", states) // refresh tokens live for a week, and so do their keys
	}
}

// What a revoked key has signed is dead at once where the store is asked, and where the feed was heard; a login works.
func TestRevokedKey(t *testing.T) {
	for _, purpose := range []authn.KeyPurpose{authn.SignAccess, authn.SignRefresh} {
		t.Run(string(purpose), func(t *testing.T) {
			m := newMind(t, options{})
			other := newMindAt(t, m.store, m.clock, options{})
			m.user(t, "alice")
			pair, kept := m.login(t, "alice"), other.login(t, "alice")
			stolen := map[authn.KeyPurpose]string{authn.SignAccess: pair.Access, authn.SignRefresh: pair.Refresh}[purpose]
			_, successor, err := m.managed(t, options{}).Revoke(t.Context(), authn.Operator(), kidOf(t, stolen))
			if err != nil || successor == nil || successor.State != authn.KeyActive {
				t.Fatalf("revoking: %+v, %v", successor, err)
			}
			access := purpose == authn.SignAccess
			m.passes(t, "access, before the replica has heard", pair.Access, !access)
			m.refreshes(t, "refresh, before the replica has heard", pair.Refresh, access)

			next := other.login(t, "alice") // this one has not heard either, and signs with the new key nevertheless
			if id := kidOf(t, map[bool]string{true: next.Access, false: next.Refresh}[access]); id != successor.ID {
				t.Errorf("signed with %s, want %s", id, successor.ID)
			}
			m.passes(t, "the new access token at the other replica", next.Access, true)
			m.refreshes(t, "the new refresh token at the other replica", next.Refresh, true)

			m.keys.Heed(authn.Change{Kind: authn.KeyEnded, KeyID: kidOf(t, stolen)})
			if err := m.logins.Verify(authn.TokenKind(purpose), stolen); err == nil {
				t.Error("the replica that has heard verifies the token")
			}
			m.refreshes(t, "a refresh token of the same key", kept.Refresh, access)
		})
	}
}

// A replica that has only heard of the end of a key, and cannot ask the store, refuses what the key has signed.
func TestHeedWithoutStore(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	pair := m.login(t, "alice")
	if err := m.logins.Verify(authn.AccessToken, pair.Access); err != nil {
		t.Fatal(err)
	}
	m.store.Close()
	m.keys.Heed(authn.Change{Kind: authn.KeyEnded, KeyID: kidOf(t, pair.Access)})
	if err := m.logins.Verify(authn.AccessToken, pair.Access); err == nil {
		t.Error("it still passes")
	}
	if err := m.logins.Verify(authn.RefreshToken, pair.Refresh); err != nil {
		t.Errorf("a token of another key is refused: %v", err)
	}
	if len(m.keys.PublicKeys()) != 0 {
		t.Error("the revoked key is published")
	}
}

// A token of a key that a replica has never seen may be good: while the store does not answer nobody says that it is not.
func TestUnknownKeyWithoutStore(t *testing.T) {
	m := newMind(t, options{})
	other := newMindAt(t, openAt(t, t.TempDir(), 0), m.clock, options{})
	other.user(t, "alice")
	m.user(t, "alice")
	foreign := other.login(t, "alice")
	m.passes(t, "a token of another database", foreign.Access, false)
	m.refreshes(t, "its refresh token", foreign.Refresh, false)
	if err := m.logins.Revoke(t.Context(), "billing", foreign.Access, from); err != nil {
		t.Errorf("revoking it: %v", err)
	}
	own := m.login(t, "alice")
	m.store.Close()
	for what, act := range map[string]func(tokens authn.Tokens) error{
		"authenticate": func(tokens authn.Tokens) error {
			_, err := m.logins.Authenticate(t.Context(), authn.Credentials{Kind: authn.BearerCredential, Token: tokens.Access})
			return err
		},
		"refresh": func(tokens authn.Tokens) error {
			_, err := m.logins.Refresh(t.Context(), tokens.Refresh, from)
			return err
		},
		"introspect": func(tokens authn.Tokens) error {
			_, err := m.logins.Introspect(t.Context(), tokens.Access)
			return err
		},
		"revoke":         func(tokens authn.Tokens) error { return m.logins.Revoke(t.Context(), "billing", tokens.Access, from) },
		"revoke refresh": func(tokens authn.Tokens) error { return m.logins.Revoke(t.Context(), "billing", tokens.Refresh, from) },
	} {
		for whose, tokens := range map[string]authn.Tokens{"foreign": foreign, "own": own} {
			if got := code(t, act(tokens)); got != authn.CodeUnavailable {
				t.Errorf("%s, %s: %q, want unavailable", what, whose, got)
			}
		}
	}
	nobodys := strings.Replace(decoded(t, strings.Split(own.Access, ".")[0]), kidOf(t, own.Access), "nobody", 1)
	m.passes(t, "a token that cannot be Authly's", encoded(nobodys)+own.Access[strings.IndexByte(own.Access, '.'):], false)
	if err := m.logins.Revoke(t.Context(), "billing", "x.y.z", from); err != nil {
		t.Errorf("revoking what is no token: %v", err)
	}
}

// A next key that is revoked never signs, and the present one goes on.
func TestRevokedBeforeItSigned(t *testing.T) {
	m := newMind(t, options{unverified: true})
	m.user(t, "alice")
	managed, first := m.managed(t, options{}), m.login(t, "alice")
	next, err := managed.Rotate(t.Context(), authn.Operator(), authn.SignAccess, false)
	if err != nil || next.State != authn.KeyNext {
		t.Fatalf("%+v, %v", next, err)
	}
	if again, err := managed.Rotate(t.Context(), authn.Operator(), authn.SignAccess, false); err != nil || again.ID != next.ID {
		t.Errorf("a second one waits: %+v, %v", again, err)
	}
	if _, successor, err := managed.Revoke(t.Context(), authn.Operator(), next.ID); err != nil || successor != nil {
		t.Fatalf("%+v, %v", successor, err)
	}
	m.clock.advance(2 * authn.PublishAhead)
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if id := kidOf(t, m.login(t, "alice").Access); id != kidOf(t, first.Access) {
		t.Errorf("key %s signs", id)
	}
	m.passes(t, "a token of before", first.Access, true)
	m.clock.advance(30 * 24 * time.Hour)
	if n, err := managed.Purge(t.Context()); err != nil || n != 1 {
		t.Errorf("%d keys purged, %v", n, err)
	}
}

// The algorithm can be changed, and from keys to secrets and back, and everybody stays signed in.
func TestKeysOfBeforeVerify(t *testing.T) {
	db := openAt(t, t.TempDir(), 0)
	defer db.Close()
	clock := &clock{now: time.Now().Truncate(time.Microsecond)}
	var pairs []authn.Tokens
	for i, o := range []options{
		{algorithm: "EdDSA"}, {algorithm: "RS256"}, {algorithm: "ES256"}, {algorithm: "HS512"}, {algorithm: "PS256"},
		{algorithm: "HS256", secret: goodSecret, refresh: anotherSecret},
		{algorithm: "EdDSA", previous: goodSecret, previousRefresh: anotherSecret},
		{secret: anotherSecret, refresh: goodSecret, previous: goodSecret, previousRefresh: anotherSecret},
	} {
		o.unverified = true
		m := newMindAt(t, db, clock, o)
		if i == 0 {
			m.user(t, "alice")
		}
		pairs = append(pairs, m.login(t, "alice"))
		for j, pair := range pairs {
			m.passes(t, "access token "+string(rune('0'+j)), pair.Access, true)
			if err := m.logins.Verify(authn.RefreshToken, pair.Refresh); err != nil {
				t.Errorf("refresh token %d with configuration %d: %v", j, i, err)
			}
			for kind, text := range map[authn.TokenKind]string{authn.AccessToken: pair.Refresh, authn.RefreshToken: pair.Access} {
				if m.logins.Verify(kind, text) == nil {
					t.Errorf("a token passes as one of the other kind")
				}
			}
		}
	}
	bare := newMindAt(t, db, clock, options{secret: goodSecret + "x", refresh: anotherSecret + "x"})
	last := len(pairs) - 1
	bare.passes(t, "a token of a secret that was replaced without a previous one", pairs[last].Access, false)
	bare.refreshes(t, "its refresh token", pairs[last].Refresh, false)
	clock.advance(30 * 24 * time.Hour)
	if _, err := db.PurgeTokens(t.Context(), clock.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := bare.keys.Purge(t.Context()); err != nil || n < 6 {
		t.Errorf("%d keys of before were purged, %v", n, err)
	}
}

// Whoever makes kids up costs the store a look in half a second at most, and no time of those whose keys are known.
func TestUnknownKeysCostLittle(t *testing.T) {
	m := newMind(t, options{})
	m.user(t, "alice")
	good := m.login(t, "alice").Access
	counting := &countingKeys{KeyStore: m.store}
	cfg := keysOf(m.store, m.clock, options{})
	cfg.Store = counting
	m.withKeys(t, cfg)
	before := counting.lists()
	header, rest, _ := strings.Cut(good, ".")
	forged := encoded(strings.Replace(decoded(t, header), kidOf(t, good), "0123456789abcdef", 1)) + "." + rest
	begun := time.Now()
	var all sync.WaitGroup
	for range 70 {
		all.Go(func() {
			for range 3 {
				if m.logins.Verify(authn.AccessToken, forged) == nil {
					t.Error("an unknown key verifies")
				}
			}
			if err := m.logins.Verify(authn.AccessToken, good); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	most := int(time.Since(begun)/(500*time.Millisecond)) + 2
	if looks := counting.lists() - before; looks < 1 || looks > most {
		t.Errorf("210 unknown keys cost %d looks, want 1 to %d", looks, most)
	}
	before = counting.lists()
	for _, id := range []string{"", "own", "0123456789ABCDEF", "0123456789abcde", "../../etc/passwd", strings.Repeat("0", 64)} {
		if m.logins.Verify(authn.AccessToken, encoded(strings.Replace(decoded(t, header), kidOf(t, good), id, 1))+"."+rest) == nil {
			t.Errorf("kid %q verifies", id)
		}
	}
	if looks := counting.lists() - before; looks != 0 {
		t.Errorf("kids that can be nobody's cost %d looks", looks)
	}
}

// countingKeys counts how often the store is looked at.
type countingKeys struct {
	authn.KeyStore
	mu    sync.Mutex
	count int
}

func (c *countingKeys) lists() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *countingKeys) ListKeys(ctx context.Context) ([]authn.Key, error) {
	c.mu.Lock()
	c.count++
	c.mu.Unlock()
	return c.KeyStore.ListKeys(ctx)
}

// Keys that cannot be opened stop the start, and nothing is made in their place.
func TestSealedKeys(t *testing.T) {
	db := openAt(t, t.TempDir(), 0)
	defer db.Close()
	clock := &clock{now: time.Now().Truncate(time.Microsecond)}
	first := newMindAt(t, db, clock, options{unverified: true}) // not sealed, as before there was anything to seal with
	first.user(t, "alice")
	pair := first.login(t, "alice")

	cfg := keysOf(db, clock, options{})
	cfg.Sealer = testSealer("one")
	ring, err := authn.NewKeyRing(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, err := db.ListKeys(t.Context())
	if err != nil || len(stored) != 2 {
		t.Fatalf("%d keys, %v", len(stored), err)
	}
	for _, key := range stored {
		if key.Sealing != "one" {
			t.Errorf("key %s is sealed with %q", key.ID, key.Sealing)
		}
	}
	again, err := authn.NewKeyRing(t.Context(), cfg)
	if err != nil || len(again.PublicKeys()) != 1 || again.PublicKeys()[0]["kid"] != kidOf(t, pair.Access) {
		t.Fatalf("after a restart: %v", err)
	}
	for name, sealer := range map[string]authn.Sealer{"another": testSealer("two"), "none": nil} {
		cfg.Sealer = sealer
		for _, algorithm := range []string{"EdDSA", "RS256"} { // with RS256 a key is missing, too
			cfg.Algorithm = algorithm
			if _, err := authn.NewKeyRing(t.Context(), cfg); !errors.Is(err, authn.ErrKeySealed) {
				t.Errorf("%s, %s: %v", name, algorithm, err)
			}
		}
	}
	if after, err := db.ListKeys(t.Context()); err != nil || len(after) != len(stored) {
		t.Errorf("%d keys, %v", len(after), err)
	}
	keysAreNotSealedWithAnother(t, db, cfg, again)
}

// Who cannot open the keys that are there makes none that nobody else can open. Keys are revoked all the same, and who serves
// makes another one.
func keysAreNotSealedWithAnother(t *testing.T, db *store.Store, cfg authn.KeyRingConfig, serving *authn.KeyRing) {
	t.Helper()
	cfg.Algorithm = "EdDSA"
	for name, sealer := range map[string]authn.Sealer{"another": testSealer("two"), "none": nil} {
		cfg.Sealer = sealer
		managed, err := authn.NewManagedKeys(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := managed.Rotate(t.Context(), authn.Operator(), authn.SignAccess, true); !errors.Is(err, authn.ErrKeySealed) {
			t.Errorf("%s: rotating: %v", name, err)
		}
		signed := serving.PublicKeys()[0]["kid"]
		if _, successor, err := managed.Revoke(t.Context(), authn.Operator(), signed); err != nil || successor != nil {
			t.Errorf("%s: revoking: %v, successor %v", name, err, successor)
		}
		if err := serving.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if public := serving.PublicKeys(); len(public) != 1 || public[0]["kid"] == signed {
			t.Errorf("%s: who serves has %v", name, public)
		}
		all, err := db.ListKeys(t.Context())
		for _, key := range all {
			if err != nil || key.RevokedAt.IsZero() && key.Sealing != "one" {
				t.Errorf("%s: key %s is sealed with %q, %v", name, key.ID, key.Sealing, err)
			}
		}
	}
	cfg.Sealer = testSealer("one")
	managed, err := authn.NewManagedKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := managed.Rotate(t.Context(), authn.Operator(), authn.SignAccess, true); err != nil {
		t.Errorf("with the right one: %v", err)
	}
}

// testSealer seals by turning bytes round and putting what they belong to before them.
type testSealer string

func (s testSealer) Seal(_ context.Context, material []byte, at authn.Cell) ([]byte, string, error) {
	sealed := []byte(at.Bound() + "|")
	for _, b := range material {
		sealed = append(sealed, ^b)
	}
	return sealed, string(s), nil
}

func (s testSealer) Open(_ context.Context, sealed []byte, sealing string, at authn.Cell) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(sealed), at.Bound()+"|")
	if !ok || sealing != string(s) {
		return nil, fmt.Errorf("%w: not sealed by this one, or for another key", authn.ErrNoMasterKey)
	}
	material := []byte(rest)
	for i := range material {
		material[i] = ^material[i]
	}
	return material, nil
}

func (s testSealer) Current(sealing string) bool { return sealing == string(s) }

// Run replaces keys, on SQLite and PostgreSQL, with three replicas that do so at once.
func TestReplicasRotateOnce(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "sqlite://" + t.TempDir() + "/authly.db", "postgres": storetest.PostgresURL(t)} {
		t.Run(name, func(t *testing.T) {
			clock := &clock{now: time.Now().Truncate(time.Second)}
			var replicas []*mind
			for range 3 {
				db, err := store.Open(t.Context(), url, store.Options{MaxConnections: 4})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				replicas = append(replicas, newMindAt(t, db, clock, options{rotateEvery: rotateEvery}))
			}
			for range 5 {
				clock.advance(rotateEvery)
				var all sync.WaitGroup
				for _, m := range replicas {
					for range 4 {
						all.Go(func() {
							if err := m.keys.Follow(t.Context()); err != nil {
								t.Error(err)
							}
						})
					}
				}
				all.Wait()
			}
			keys, err := replicas[0].store.ListKeys(t.Context())
			if err != nil || len(keys) != 12 {
				t.Errorf("%d keys after five rotations of two purposes, want 12 (%v)", len(keys), err)
			}
		})
	}
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func decoded(t *testing.T, segment string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func openAt(t *testing.T, folder string, number int) *store.Store {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite://"+folder+"/authly"+string(rune('a'+number%26))+time.Now().Format("150405.000000000")+".db",
		store.Options{MaxConnections: 4, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return db
}
