package authn_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// An administrator has a user mailed a link and does not see it. The old password works until it is used.
func TestMailReset(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, nil)
		root, alice := p.admin(t, "root"), p.user(t, "alice")
		p.collect(t)
		asAlice := p.caller(t, "alice")
		for what, id := range map[string]uuid.UUID{"one's own": alice.ID, "another's": root.UserID} {
			_, err := p.accounts.MailReset(t.Context(), asAlice, id)
			wantCode(t, what+", by who is no administrator", err, authn.CodeForbidden)
		}
		_, err := p.accounts.MailReset(t.Context(), root, uuid.New())
		wantCode(t, "nobody's", err, authn.CodeNotFound)
		p.expect(t, nil)

		_, err = p.accounts.MailReset(t.Context(), root, alice.ID)
		wantCode(t, "a user's", err, "")
		mail := p.expect(t, map[authn.MailKind]string{authn.MailPasswordReset: alice.Email})[authn.MailPasswordReset]
		p.login(t, "alice")
		err = p.accounts.ResetPassword(t.Context(), mail.Token, "another password", from)
		wantCode(t, "the mailed link", err, "")
		p.expect(t, map[authn.MailKind]string{authn.MailPasswordChanged: alice.Email})
		_, err = p.logins.Login(t.Context(), "alice", password, from)
		wantCode(t, "the old password", err, authn.CodeInvalidGrant)
		_, err = p.logins.Login(t.Context(), "alice", "another password", from)
		wantCode(t, "the new password", err, "")

		_, err = p.accounts.Update(t.Context(), root, alice.ID, authn.AccountUpdate{Active: ptr(false)}, from)
		wantCode(t, "disabling", err, "")
		_, err = p.accounts.MailReset(t.Context(), root, alice.ID)
		wantCode(t, "one who is disabled", err, authn.CodeConflict)
		p.expect(t, nil)
		events, err := p.store.ListEvents(t.Context(), authn.EventFilter{Kinds: []authn.EventKind{authn.EventResetRequested}}, authn.EventPlace{}, 10)
		if err != nil || len(events) != 1 || events[0].Subject != alice.ID || events[0].Outcome != authn.Success ||
			events[0].Actor != (authn.Actor{Kind: authn.ActorUser, ID: root.UserID.String()}) {
			t.Errorf("the events %+v, error %v", events, err)
		}
	})
}

func TestMailResetWithoutMail(t *testing.T) {
	m := newMind(t, options{})
	_, err := m.accounts.MailReset(t.Context(), m.admin(t, "root"), m.user(t, "alice").ID)
	wantCode(t, "where nobody is mailed", err, authn.CodeConflict)
}
