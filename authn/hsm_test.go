package authn_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/descoped/authly/authn"
)

// Keys in an HSM sign, verify everywhere, and are published like others; the store has no private one.
func TestKeysInHSM(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256", "PS256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			h := newSoftHSM()
			o := options{algorithm: algorithm, hsm: h, unverified: true, assertions: true}
			m := newMind(t, o)
			m.user(t, "alice")
			pair := m.login(t, "alice")
			m.passes(t, "signed in the HSM", pair.Access, true)
			m.refreshes(t, "its refresh token", pair.Refresh, true)
			without := newMindAt(t, m.store, m.clock, options{algorithm: algorithm, unverified: true, assertions: true})
			without.passes(t, "at a replica without an HSM", pair.Access, true)
			verifiesElsewhere(t, m, pair.Access, algorithm)

			stored, err := m.store.ListKeys(t.Context())
			if err != nil || len(stored) != 3 || len(h.holds()) != 2 {
				t.Fatalf("%d keys in the store, %d in the HSM, %v", len(stored), len(h.holds()), err)
			}
			for _, key := range stored {
				_, err := x509.ParsePKIXPublicKey(key.Material)
				if isPublic := err == nil; isPublic != (key.Purpose != authn.SignRefresh) {
					t.Errorf("the key for %s is public alone: %v", key.Purpose, isPublic)
				}
			}
			_, err = without.logins.Login(t.Context(), "alice", password, from)
			wantUnavailable(t, "signing without the HSM", err)
		})
	}
}

// verifiesElsewhere checks a token as an application does that has the public keys, with another library.
func verifiesElsewhere(t *testing.T, m *mind, token, algorithm string) {
	t.Helper()
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err == nil {
		_, err = signed.Verify(m.publishedKey(t, kidOf(t, token)))
	}
	if err != nil {
		t.Errorf("by another library: %v", err)
	}
}

func wantUnavailable(t *testing.T, what string, err error) {
	t.Helper()
	if got := code(t, err); got != authn.CodeUnavailable {
		t.Errorf("%s: %q, want unavailable", what, got)
	}
}

// A slow HSM holds up who signs in, and nobody else.
func TestSlowHSM(t *testing.T) {
	h := newSoftHSM()
	m := newMind(t, options{algorithm: "ES256", hsm: h, unverified: true})
	m.user(t, "alice")
	pair := m.login(t, "alice")
	replica := m.replica(t)
	h.answers.Lock()
	before := h.asked.Load()
	var logins sync.WaitGroup
	for range 4 {
		logins.Go(func() {
			if _, err := m.logins.Login(t.Context(), "alice", password, from); err != nil {
				t.Errorf("a login that waited: %v", err)
			}
		})
	}
	for deadline := time.Now().Add(20 * time.Second); h.asked.Load() < before+4; {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits for the HSM")
		}
	}
	for range 500 { // each of which would wait for ever if it asked
		if _, refusal := replica.check(t, pair.Access); refusal != "" {
			t.Fatal(refusal)
		}
		if err := m.logins.Verify(authn.RefreshToken, pair.Refresh); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.keys.Load(t.Context()); err != nil {
		t.Errorf("looking at the store: %v", err)
	}
	if len(m.keys.PublicKeys()) != 1 || h.asked.Load() != before+4 {
		t.Errorf("%d public keys; asked %d times", len(m.keys.PublicKeys()), h.asked.Load()-before)
	}
	h.answers.Unlock()
	logins.Wait()
}

// While the HSM is away tokens are checked, nobody is signed in, and nothing is lost.
func TestHSMAway(t *testing.T) {
	h := newSoftHSM()
	m := newMind(t, options{algorithm: "ES256", hsm: h, unverified: true, assertions: true, grace: time.Minute})
	m.user(t, "alice")
	spent, pair := m.login(t, "alice"), m.login(t, "alice")
	if _, err := m.logins.Refresh(t.Context(), spent.Refresh, from); err != nil {
		t.Fatal(err)
	}
	h.away.Store(true)
	_, err := m.logins.Login(t.Context(), "alice", password, from)
	wantUnavailable(t, "a login", err)
	_, err = m.logins.Refresh(t.Context(), pair.Refresh, from)
	wantUnavailable(t, "a refresh", err)
	_, err = m.logins.Refresh(t.Context(), spent.Refresh, from)
	wantUnavailable(t, "a refresh again within the grace", err)
	m.passes(t, "a token", pair.Access, true)
	_, err = m.asserter().Assert("wiki", caller(), "GET", "app.example.com")
	wantUnavailable(t, "an assertion", err)
	if err := m.keys.Load(t.Context()); err != nil {
		t.Errorf("looking at the store: %v", err)
	}
	if restarted, err := authn.NewKeyRing(t.Context(), keysOf(m.store, m.clock, options{algorithm: "ES256", hsm: h})); err != nil || len(restarted.PublicKeys()) == 0 {
		t.Errorf("the keys of a replica that starts: %v", err)
	}
	h.away.Store(false)
	assert(t, m.asserter(), "wiki", caller(), "GET", "app.example.com")
	m.refreshes(t, "the same refresh token", pair.Refresh, true)
	m.refreshes(t, "the spent one within the grace", spent.Refresh, true)
}

// A key that was stolen is revoked whether the HSM is there or not, and is destroyed there as soon as it is.
func TestRevokedInHSM(t *testing.T) {
	h := newSoftHSM()
	o := options{algorithm: "ES256", hsm: h, unverified: true}
	m := newMind(t, o)
	other := newMindAt(t, m.store, m.clock, o)
	m.user(t, "alice")
	first := kidOf(t, m.login(t, "alice").Access)
	_, successor, err := m.managed(t, o).Revoke(t.Context(), authn.Operator(), first)
	if err != nil || successor == nil || slices.Contains(h.holds(), first) {
		t.Fatalf("successor %v, the HSM holds %v, %v", successor, h.holds(), err)
	}
	if signs := kidOf(t, other.login(t, "alice").Access); signs != successor.ID { // it has not heard of anything
		t.Errorf("%s signs, want %s", signs, successor.ID)
	}
	h.away.Store(true)
	if _, none, err := m.managed(t, o).Revoke(t.Context(), authn.Operator(), successor.ID); err != nil || none != nil {
		t.Fatalf("revoking while the HSM is away: successor %v, %v", none, err)
	}
	m.clock.advance(30 * 24 * time.Hour)
	if _, err := m.store.PurgeTokens(t.Context(), m.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := m.managed(t, o).Purge(t.Context()); n != 0 || !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("purged %d keys while the HSM is away, %v", n, err)
	}
	h.away.Store(false)
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	third := kidOf(t, m.login(t, "alice").Access)
	if n, err := m.managed(t, o).Purge(t.Context()); n < 2 || err != nil {
		t.Errorf("purged %d keys, %v", n, err)
	}
	if held := h.holds(); !slices.Equal(held, []string{third}) {
		t.Errorf("the HSM holds %v, want %s alone", held, third)
	}
}

// Keys in the HSM are replaced on schedule, and what is over is destroyed.
func TestRotationInHSM(t *testing.T) {
	h := newSoftHSM()
	o := options{algorithm: "ES256", hsm: h, unverified: true, rotateEvery: rotateEvery}
	m := newMind(t, o)
	m.user(t, "alice")
	signed := map[string]bool{}
	for range 10 {
		signed[kidOf(t, m.login(t, "alice").Access)] = true
		m.clock.advance(rotateEvery)
		if err := m.keys.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.clock.advance(authn.PublishAhead)
		if err := m.keys.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := m.store.PurgeTokens(t.Context(), m.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := m.keys.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if held := h.holds(); len(signed) != 10 || len(held) > 3 {
		t.Errorf("%d keys have signed, %d are in the HSM", len(signed), len(held))
	}
	h.away.Store(true)
	m.clock.advance(rotateEvery)
	if err := m.keys.Follow(t.Context()); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("rotating while the HSM is away: %v", err)
	}
	h.away.Store(false)
	if err := m.keys.Follow(t.Context()); err != nil {
		t.Errorf("rotating when it is back: %v", err)
	}
}

// Of replicas that make a key at once one succeeds, and the keys of the others do not stay in the HSM.
func TestKeysInHSMAreMadeOnce(t *testing.T) {
	h := newSoftHSM()
	o := options{algorithm: "ES256", hsm: h, unverified: true, rotateEvery: rotateEvery}
	m := newMind(t, o)
	replicas := []*mind{m, newMindAt(t, m.store, m.clock, o), newMindAt(t, m.store, m.clock, o)}
	for range 3 {
		m.clock.advance(rotateEvery)
		var all sync.WaitGroup
		for _, r := range replicas {
			all.Go(func() {
				if err := r.keys.Follow(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if held := h.holds(); len(held) != 4 {
		t.Errorf("%d keys in the HSM, want the first and three more", len(held))
	}
}

// Who configures an HSM has the next key in it; who takes it away again has another one at once. Nobody is logged out.
func TestSettle(t *testing.T) {
	h := newSoftHSM()
	o := options{algorithm: "ES256", unverified: true, assertions: true}
	m := newMind(t, o)
	m.user(t, "alice")
	before := m.login(t, "alice")
	settled := func(hsm authn.HSM) *mind {
		t.Helper()
		o.hsm = hsm
		moved := newMindAt(t, m.store, m.clock, o)
		for range 2 { // the second time there is nothing to do
			if err := moved.keys.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return moved
	}
	in := settled(h)
	if held := h.holds(); len(held) != 2 || len(in.keys.PublicKeys()) != 4 {
		t.Fatalf("%d keys in the HSM, %d are published", len(held), len(in.keys.PublicKeys()))
	}
	if id := kidOf(t, in.login(t, "alice").Access); id != kidOf(t, before.Access) {
		t.Error("the next key signs before everybody can know it")
	}
	m.clock.advance(authn.PublishAhead + time.Second)
	inside := in.login(t, "alice")
	if !slices.Contains(h.holds(), kidOf(t, inside.Access)) {
		t.Error("the key that signs is not in the HSM")
	}
	in.passes(t, "a token of before", before.Access, true)

	out := settled(nil)
	outside := out.login(t, "alice")
	if slices.Contains(h.holds(), kidOf(t, outside.Access)) {
		t.Error("the key that signs is in the HSM")
	}
	for what, pair := range map[string]authn.Tokens{"of before": before, "of the HSM": inside, "of after": outside} {
		out.passes(t, "a token "+what, pair.Access, true)
		out.refreshes(t, "a refresh token "+what, pair.Refresh, true)
	}
}
