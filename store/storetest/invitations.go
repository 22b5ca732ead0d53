package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func invitationCases() []promise {
	return []promise{
		{"invitations/listed", "an administrator must see who can still make an account, and nobody else's tokens", invitationsListed},
		{"invitations/withdrawn", "who is not wanted any more must not come in by a mail of before", invitationsWithdrawn},
	}
}

// invitedAt keeps an invitation to NAME@example.com and returns its token.
func invitedAt(t *testing.T, s Store, name string, at time.Time) authn.MailToken {
	t.Helper()
	p, _ := mailed(authn.MailInvitation, authn.User{Email: name + "@example.com", EmailKey: name + "@example.com"})
	p.Token.Username, p.Token.Roles = name, []string{"staff"}
	p.Token.CreatedAt, p.Token.ExpiresAt = at, at.Add(24*time.Hour)
	must(t, s.Post(t.Context(), []authn.Posting{p}))
	return *p.Token
}

func invitationsListed(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	sent(t, s, authn.MailPasswordReset, alice)
	first, second := invitedAt(t, s, "first", now), invitedAt(t, s, "second", now.Add(time.Minute))
	invitedAt(t, s, "over", now.Add(-24*time.Hour))
	listed := func(skip, limit int) (all []authn.MailToken) {
		t.Helper()
		all, err := s.ListInvitations(t.Context(), now, skip, limit)
		must(t, err)
		return all
	}
	equal(t, "the invitations", listed(0, 10), []authn.MailToken{second, first})
	equal(t, "the first of them", listed(0, 1), []authn.MailToken{second})
	equal(t, "the second", listed(1, 1), []authn.MailToken{first})
	equal(t, "what is behind them", len(listed(2, 10)), 0)
}

func invitationsWithdrawn(t *testing.T, db Database) {
	s := db.open(t)
	by := someone(now)
	gone, stays, over := invitedAt(t, s, "gone", now), invitedAt(t, s, "stays", now), invitedAt(t, s, "over", now.Add(-24*time.Hour))
	reset := sent(t, s, authn.MailPasswordReset, add(t, s, person("alice")))
	for what, id := range map[string]uuid.UUID{
		"nobody's": uuid.New(), "one that is over": over.ID(), "another token": authn.MailToken{Hash: reset}.ID(),
	} {
		want(t, what, s.WithdrawInvitation(t.Context(), id, by), authn.ErrTokenNotFound)
	}
	if s.WithdrawInvitation(t.Context(), gone.ID(), authn.Act{At: now}) == nil {
		t.Error("an invitation was withdrawn by nobody")
	}
	before := len(trail(t, s))
	queue, err := s.MailQueue(t.Context())
	must(t, err)
	must(t, s.WithdrawInvitation(t.Context(), gone.ID(), by))
	written(t, "the withdrawal", trail(t, s)[before:], by, authn.EventInvitationWithdrawn)
	want(t, "the second time", s.WithdrawInvitation(t.Context(), gone.ID(), by), authn.ErrTokenNotFound)
	want(t, "the invitation", s.CreateUserByToken(t.Context(), gone.Hash, person("guest"), by), authn.ErrTokenNotFound)
	after, err := s.MailQueue(t.Context())
	must(t, err)
	equal(t, "the mails that wait", after.Waiting, queue.Waiting-1)
	must(t, s.CreateUserByToken(t.Context(), stays.Hash, person("guest"), by))
	_, err = s.MailToken(t.Context(), authn.MailPasswordReset, reset, now)
	must(t, err)
}
