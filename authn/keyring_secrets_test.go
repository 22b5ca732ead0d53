package authn_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

const thirdSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func secretsOf(access, refresh, previous, previousRefresh string) authn.KeySecrets {
	return authn.KeySecrets{
		Secret: []byte(access), RefreshSecret: []byte(refresh), PreviousSecret: []byte(previous), PreviousRefreshSecret: []byte(previousRefresh),
	}
}

func (m *mind) replace(t *testing.T, s authn.KeySecrets) {
	t.Helper()
	if err := m.keys.ReplaceSecrets(s); err != nil {
		t.Fatal(err)
	}
}

// New secrets sign at once, and those of before verify for as long as what they have signed can live, whether they are named as
// previous ones or not, also across looks at the store; then they are forgotten.
func TestReplaceSecrets(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: anotherSecret})
	m.user(t, "alice")
	first := m.login(t, "alice")
	m.replace(t, secretsOf(anotherSecret, goodSecret, "", ""))
	second := m.login(t, "alice")
	if kidOf(t, first.Access) == kidOf(t, second.Access) || kidOf(t, first.Refresh) == kidOf(t, second.Refresh) {
		t.Fatal("the secrets of before sign")
	}
	m.replace(t, secretsOf(thirdSecret, goodSecret, anotherSecret, ""))
	third := m.login(t, "alice")
	if kidOf(t, third.Access) == kidOf(t, second.Access) || kidOf(t, third.Refresh) != kidOf(t, second.Refresh) {
		t.Error("another secret than the one that is given signs")
	}
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string]authn.Tokens{"replaced twice": first, "previous": second, "in use": third} {
		m.passes(t, what, pair.Access, true)
		m.refreshes(t, what, pair.Refresh, true)
	}
	verifying := func(want int) {
		t.Helper()
		if ids := m.keys.VerifyingIDs(authn.SignAccess); len(ids) != want {
			t.Errorf("%d keys verify access tokens, want %d", len(ids), want)
		}
	}
	verifying(3)
	m.clock.advance(30*time.Minute + 6*time.Second)
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifying(2) // the one that is configured as the previous one is not for Authly to forget
	if ids := m.keys.VerifyingIDs(authn.SignRefresh); len(ids) != 2 {
		t.Errorf("%d keys verify refresh tokens, which live longer, want 2", len(ids))
	}
	m.clock.advance(8 * 24 * time.Hour)
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ids := m.keys.VerifyingIDs(authn.SignRefresh); len(ids) != 1 {
		t.Errorf("%d keys verify refresh tokens, want 1", len(ids))
	}
}

// Back to a secret of before, or the same again: it signs, once.
func TestReplaceSecretsAndBack(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: anotherSecret})
	m.user(t, "alice")
	first := m.login(t, "alice")
	m.replace(t, secretsOf(thirdSecret, anotherSecret, "", ""))
	m.replace(t, secretsOf(goodSecret, anotherSecret, "", ""))
	m.replace(t, secretsOf(goodSecret, anotherSecret, "", ""))
	if pair := m.login(t, "alice"); kidOf(t, pair.Access) != kidOf(t, first.Access) {
		t.Error("it does not sign")
	}
	m.passes(t, "signed by it", first.Access, true)
	if ids := m.keys.VerifyingIDs(authn.SignAccess); len(ids) != 2 {
		t.Errorf("%d keys verify, want 2", len(ids))
	}
}

// Managed keys are not touched, and a secret neither takes their place nor gives it to them: then nothing changes at all.
func TestReplaceSecretsRefuses(t *testing.T) {
	for _, test := range []struct {
		name      string
		before    options
		after     authn.KeySecrets
		want      string
		algorithm string
	}{
		{"both", options{secret: goodSecret, refresh: anotherSecret}, secretsOf(thirdSecret, goodSecret, "", ""), "", "HS256"},
		{"access gone", options{secret: goodSecret, refresh: anotherSecret}, secretsOf("", goodSecret, "", ""), "access", "HS256"},
		{"refresh gone", options{secret: goodSecret, refresh: anotherSecret}, secretsOf(thirdSecret, "", "", ""), "refresh", "HS256"},
		{"refresh new", options{secret: goodSecret}, secretsOf(thirdSecret, goodSecret, "", ""), "refresh", "HS256"},
		{"access new", options{algorithm: "HS256"}, secretsOf(goodSecret, "", "", ""), "access", "HS256"},
		{"access beside managed refresh", options{secret: goodSecret}, secretsOf(thirdSecret, "", "", ""), "", "HS256"},
		{"refresh beside asymmetric access", options{algorithm: "EdDSA", secret: goodSecret, refresh: anotherSecret}, secretsOf(thirdSecret, goodSecret, "", ""), "", "EdDSA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMind(t, test.before)
			m.user(t, "alice")
			before := m.login(t, "alice")
			err := m.keys.ReplaceSecrets(test.after)
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			after := m.login(t, "alice")
			same := kidOf(t, before.Access) == kidOf(t, after.Access) && kidOf(t, before.Refresh) == kidOf(t, after.Refresh)
			if same != (test.want != "") || m.keys.Algorithm() != test.algorithm {
				t.Errorf("the same keys sign: %v", same)
			}
			m.passes(t, "of before", before.Access, true)
			m.refreshes(t, "of before", before.Refresh, true)
			m.passes(t, "of now", after.Access, true)
		})
	}
}

// Nobody is refused while secrets are replaced.
func TestReplaceSecretsWhileSigning(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: anotherSecret})
	m.user(t, "alice")
	var all sync.WaitGroup
	pairs := make([]authn.Tokens, 4)
	for i := range pairs {
		pair := m.login(t, "alice")
		all.Go(func() {
			for range 20 {
				m.passes(t, "signed a moment ago", pair.Access, true)
				next, err := m.logins.Refresh(t.Context(), pair.Refresh, from)
				if err != nil {
					t.Errorf("refresh: %v", err)
					return
				}
				pair = next
			}
			pairs[i] = pair
		})
	}
	for _, secret := range slices.Repeat([]string{thirdSecret, goodSecret, anotherSecret}, 10) {
		m.replace(t, secretsOf(secret, secret, "", ""))
		if err := m.keys.Load(t.Context()); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	for _, pair := range pairs {
		m.passes(t, "at the end", pair.Access, true)
	}
}

// Other clients take the place of those that there were, and what was right for a client of before is not right for its successor.
func TestReplaceClients(t *testing.T) {
	m := newMind(t, options{})
	p := m.passwords
	hash := func(secret string) string {
		hash, err := p.Hash(t.Context(), authn.Client{}, secret)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	c := authn.NewClients(p, nil, m.trailOf(), []authn.RegisteredClient{{ID: "app", SecretHash: hash("the first secret")}, {ID: "old", SecretHash: hash("the old one")}})
	is := func(id, secret string, want authn.Code) {
		t.Helper()
		wantCode(t, id, c.Authenticate(t.Context(), id, secret, from), want)
	}
	is("app", "the first secret", "")
	is("old", "the old one", "")
	c.Replace([]authn.RegisteredClient{{ID: "app", SecretHash: hash("the second secret")}, {ID: "new", SecretHash: hash("the new one")}})
	is("app", "the first secret", authn.CodeInvalidClient)
	is("old", "the old one", authn.CodeInvalidClient)
	is("app", "the second secret", "")
	is("new", "the new one", "")
}
