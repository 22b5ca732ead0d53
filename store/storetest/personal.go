package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func personalCases() []promise {
	return []promise{
		{"personal/sessions and tokens", "people have a right to know all that is kept of them, what is over as well, and nobody else's", personalSessions},
		{"personal/page by page", "the history of a busy account must not be in memory at once, and nothing of it be left out or told twice", personalPages},
		{"personal/mails and the rest", "a mail that waits is about its receiver; one that is kept for the clock alone is about nobody", personalRest},
	}
}

// personalOf returns the user's sessions and tokens, read so many at a time.
func personalOf(t *testing.T, s Store, user uuid.UUID, limit int) (sessions []authn.PersonalSession, tokens []authn.PersonalToken) {
	t.Helper()
	for after := (authn.PersonalPlace{}); ; {
		page, err := s.PersonalSessions(t.Context(), user, after, limit)
		must(t, err)
		for _, one := range page {
			sessions, after = append(sessions, one), authn.PersonalPlace{CreatedAt: one.CreatedAt, ID: one.ID}
		}
		if len(page) < limit {
			break
		}
	}
	for after := (authn.PersonalPlace{}); ; {
		page, err := s.PersonalTokens(t.Context(), user, after, limit)
		must(t, err)
		for _, one := range page {
			tokens, after = append(tokens, one), authn.PersonalPlace{CreatedAt: one.CreatedAt, ID: one.ID}
		}
		if len(page) < limit {
			return sessions, tokens
		}
	}
}

func personalSessions(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	login(t, s, bob)
	access, refresh := login(t, s, alice)
	second, third := pairOf(alice.ID, access.SessionID)
	third.UserAgent = "another program"
	must(t, rotate(t, s, refresh.JTI, refresh.Hash, second, third, now.Add(time.Minute)))
	browser, cookie := browserAt(t, s, alice, now.Add(time.Second), true)
	ended, _ := browserAt(t, s, alice, now.Add(2*time.Second), false)
	_, err := s.EndSession(t.Context(), alice.ID, ended.ID, By(now.Add(time.Hour)))
	must(t, err)

	sessions, tokens := personalOf(t, s, alice.ID, 100)
	if len(sessions) != 3 || len(tokens) != 4 {
		t.Fatalf("%d sessions and %d tokens, want 3 and 4", len(sessions), len(tokens))
	}
	first := sessionOf(refresh, now)
	first.LastSeenAt = now.Add(time.Minute)
	equal(t, "the first session", sessions[0], authn.PersonalSession{Session: first})
	equal(t, "that of a browser", sessions[1], authn.PersonalSession{Session: browser, CookieCreatedAt: cookie.CreatedAt, CookieExpiresAt: cookie.ExpiresAt})
	ended.EndedAt = now.Add(time.Hour)
	equal(t, "one that has ended", sessions[2].Session, ended)
	told := map[uuid.UUID]authn.PersonalToken{}
	for _, one := range tokens {
		told[one.ID] = one
	}
	used := personalToken(refresh)
	used.InvalidatedAt, used.UsedBy = now.Add(time.Minute), "another program"
	equal(t, "a refresh token that was used", told[refresh.ID], used)
	equal(t, "an access token", told[access.ID], personalToken(access))
	equal(t, "a token that lives", told[third.ID], personalToken(third))

	sessions, tokens = personalOf(t, s, uuid.New(), 100)
	equal(t, "what is kept of nobody", len(sessions)+len(tokens), 0)
}

func personalToken(k authn.Token) authn.PersonalToken {
	return authn.PersonalToken{
		ID: k.ID, Kind: k.Kind, SessionID: k.SessionID, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt,
		ClientAddress: k.ClientAddress, UserAgent: k.UserAgent,
	}
}

func personalPages(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	for range 7 { // all at one time: it is the id that tells them apart
		login(t, s, alice)
	}
	sessions, tokens := personalOf(t, s, alice.ID, 100)
	for _, limit := range []int{1, 2, 7, 14} {
		inPages, tokensInPages := personalOf(t, s, alice.ID, limit)
		equal(t, "sessions page by page", inPages, sessions)
		equal(t, "tokens page by page", tokensInPages, tokens)
	}
	equal(t, "how many there are", []int{len(sessions), len(tokens)}, []int{7, 14})
}

func personalRest(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	reset, _ := mailed(authn.MailPasswordReset, alice)
	moved, _ := mailed(authn.MailEmailChange, alice)
	moved.Token.Email, moved.Token.EmailKey, moved.Mail.To = "Other@example.com", "other@example.com", "Other@example.com"
	moved.Mail.CreatedAt, moved.Token.CreatedAt = now.Add(time.Second), now.Add(time.Second)
	decoy, _ := mailed(authn.MailVerification, alice)
	decoy.Decoy = true
	notice := authn.Posting{Mail: queued(authn.MailPasswordChanged, alice.Email)}
	notice.Mail.CreatedAt = now.Add(2 * time.Second)
	others, _ := mailed(authn.MailPasswordReset, bob)
	for _, p := range []authn.Posting{reset, moved, decoy, notice, others} {
		must(t, s.Post(t.Context(), []authn.Posting{p}))
	}
	must(t, s.BuryMail(t.Context(), notice.Mail.ID, now.Add(time.Hour)))
	mail := func(p authn.Posting) authn.PersonalMail {
		return authn.PersonalMail{
			Kind: p.Mail.Kind, To: p.Mail.To, CreatedAt: p.Mail.CreatedAt, ExpiresAt: p.Mail.ExpiresAt, DueAt: p.Mail.DueAt,
		}
	}
	buried := mail(notice)
	buried.GivenUpAt = now.Add(time.Hour)
	mails, err := s.PersonalMails(t.Context(), alice, 100)
	must(t, err)
	equal(t, "the mails", mails, []authn.PersonalMail{buried, mail(moved), mail(reset)})
	mails, err = s.PersonalMails(t.Context(), alice, 1)
	must(t, err)
	equal(t, "the last mail", mails, []authn.PersonalMail{buried})
	links, err := s.PersonalLinks(t.Context(), alice.ID, 100)
	must(t, err)
	link := func(p authn.Posting) authn.PersonalLink {
		return authn.PersonalLink{Kind: p.Token.Kind, Email: p.Token.Email, CreatedAt: p.Token.CreatedAt, ExpiresAt: p.Token.ExpiresAt}
	}
	equal(t, "the links", links, []authn.PersonalLink{link(moved), link(reset)})

	for i, network := range []string{"192.0.2.0/24", "198.51.100.0/24"} {
		attempt := authn.Attempt{Account: "user:" + alice.ID.String(), User: alice.ID, Network: network, Agent: "digest"}
		must(t, s.RememberClient(t.Context(), attempt, 50, now.Add(time.Duration(i)*time.Hour)))
	}
	clients, err := s.PersonalClients(t.Context(), alice.ID)
	must(t, err)
	equal(t, "the clients", clients, []authn.PersonalClient{
		{Network: "198.51.100.0/24", LastUsed: now.Add(time.Hour)}, {Network: "192.0.2.0/24", LastUsed: now},
	})
	clients, err = s.PersonalClients(t.Context(), bob.ID)
	must(t, err)
	equal(t, "the clients of who never signed in", clients, []authn.PersonalClient{})
}
