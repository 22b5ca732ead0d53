package authn_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// Mails that wait and were not sealed, or are sealed as they would not be any more, are sealed anew, all of them, and arrive; those
// that cannot be opened stay as they are for who can.
func TestMailsAreSealedAnew(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		with := func(sealer authn.Sealer) *post {
			return withMail(t, m, func(c *authn.MailsConfig, _ *authn.AccountsConfig) { c.Sealer = sealer })
		}
		const many = 230 // more than are read at once
		open, other, now := with(nil), with(testSealer("another")), with(testSealer("master"))
		for range many {
			open.notice(t)
		}
		other.notice(t)
		now.notice(t)
		if err := now.mails.Reseal(t.Context()); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for after := uuid.Nil; ; {
			mails, err := m.store.WaitingMails(t.Context(), after, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(mails) == 0 {
				break
			}
			for _, q := range mails {
				count[q.Sealing]++
				if bytes.Contains(q.Body, []byte("username")) {
					t.Errorf("the body is as it was: %q", q.Body)
				}
			}
			after = mails[len(mails)-1].ID
		}
		if count["master"] != many+1 || count["another"] != 1 || len(count) != 2 {
			t.Errorf("sealed with: %v", count)
		}
		now.outbox.Drain(t.Context())
		if n := len(now.box.kept); n != many+1 {
			t.Errorf("%d mails arrived", n)
		}
		m.clock.advance(time.Minute)
		other.expect(t, map[authn.MailKind]string{authn.MailNewSignIn: "alice@example.com"})
	})
}
