package authn_test

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// Secrets of clients are not guessed at without a bound, side by side neither, whether there is such a client or not. What others
// guess, and what the same network has, do not count against a secret that was right before.
func TestGuessedClientSecrets(t *testing.T) {
	p, clock := newPasswords(t, cheapBcrypt), &clock{now: time.Unix(1_800_000_000, 0)}
	hash, err := p.Hash(t.Context(), authn.Client{}, "the secret of app")
	if err != nil {
		t.Fatal(err)
	}
	guesser := authn.Client{Address: netip.MustParseAddr("203.0.113.7")}
	for _, guessed := range []string{"app", "nobody"} {
		failed := authn.NewLimiter(authn.Limit{Requests: 3, Per: time.Minute}, clock.Now)
		m := newMind(t, options{})
		trail := m.trailOf()
		c := authn.NewClients(p, failed, trail, []authn.RegisteredClient{{ID: "app", SecretHash: hash}, {ID: "other", SecretHash: hash}})
		wantCode(t, "the right secret", c.Authenticate(t.Context(), "app", "the secret of app", guesser), "")
		var wrong, limited atomic.Int32
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				switch code(t, c.Authenticate(t.Context(), guessed, "a guess", guesser)) {
				case authn.CodeInvalidClient:
					wrong.Add(1)
				case authn.CodeRateLimited:
					limited.Add(1)
				}
			})
		}
		all.Wait()
		if wrong.Load() != 3 || limited.Load() != 9 {
			t.Errorf("%s: %d guesses were looked at and %d were not, want 3 and 9", guessed, wrong.Load(), limited.Load())
		}
		wantCode(t, "a right guess after that", c.Authenticate(t.Context(), "other", "the secret of app", guesser), authn.CodeRateLimited)
		wantCode(t, "from elsewhere", c.Authenticate(t.Context(), "other", "the secret of app", from), "")
		wantCode(t, "what is remembered", c.Authenticate(t.Context(), "app", "the secret of app", guesser), "")
		trail.Flush(t.Context(), true)
		refused := map[string]int{}
		for _, e := range m.events(t, authn.EventClientRefused) {
			refused[e.Reason+" "+e.Details[authn.DetailClient]] += e.Count
		}
		named := strings.Replace(guessed, "nobody", "", 1) // an id that no client has may be a secret
		want := map[string]int{"invalid_client " + named: 3, "rate_limited " + named: 9}
		want["rate_limited other"]++ // the right guess
		if diff := cmp.Diff(want, refused); diff != "" {
			t.Errorf("%s: the trail counts (-want +got):\n%s", guessed, diff)
		}
		clock.advance(20 * time.Second)
		wantCode(t, "later", c.Authenticate(t.Context(), guessed, "a guess", guesser), authn.CodeInvalidClient)
	}
}
