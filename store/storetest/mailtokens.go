package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func mailTokenCases() []promise {
	return []promise{
		{"mailed token/works once", "a link that was used must be of no use to who finds it, nor for anything else",
			inTurn(mailTokenWorksOnce, mailTokenKinds, mailTokenFifty)},
		{"mailed token/dies", "what was mailed to an address must not work once it is another's, nor bring an intruder or the disabled back",
			inTurn(mailTokenAddress, mailTokenPassword, mailTokenNobody, mailTokenTakesMail)},
		{"mailed token/makes", "of two new addresses the last that was asked for counts; an invitation makes one account",
			inTurn(mailTokenChange, mailTokenInvitation)},
	}
}

// sent keeps a token of u and returns its hash.
func sent(t *testing.T, s Store, kind authn.MailKind, u authn.User) []byte {
	t.Helper()
	p, hash := mailed(kind, u)
	must(t, s.Post(t.Context(), []authn.Posting{p}))
	return hash
}

// spend spends a token for the change that proves an address, and returns the error.
func spend(t *testing.T, s Store, kind authn.MailKind, hash []byte, at time.Time) error {
	t.Helper()
	verified := true
	_, err := s.UpdateUserByToken(t.Context(), kind, hash, authn.UserChange{Verified: &verified, Act: By(at)})
	return err
}

func mailTokenWorksOnce(t *testing.T, db Database) {
	both := db.replicas(t)
	alice := person("alice")
	alice.Verified = false
	add(t, both[0], alice)
	first, second := sent(t, both[0], authn.MailVerification, alice), sent(t, both[0], authn.MailVerification, alice)
	late := sent(t, both[0], authn.MailPasswordReset, alice)
	wantErr(t, spend(t, both[1], authn.MailPasswordReset, late, now.Add(24*time.Hour)), authn.ErrTokenNotFound)
	must(t, spend(t, both[1], authn.MailVerification, first, now.Add(24*time.Hour-time.Microsecond)))
	got, err := both[0].UserByID(t.Context(), alice.ID)
	must(t, err)
	if !got.Verified {
		t.Error("the address is not verified")
	}
	wantErr(t, spend(t, both[0], authn.MailVerification, first, now), authn.ErrTokenNotFound)
	wantErr(t, spend(t, both[0], authn.MailVerification, second, now), authn.ErrTokenNotFound) // mailed twice, used once
	must(t, spend(t, both[0], authn.MailPasswordReset, late, now))
}

func mailTokenKinds(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	kinds := []authn.MailKind{authn.MailVerification, authn.MailEmailChange, authn.MailPasswordReset, authn.MailInvitation}
	for _, kind := range kinds[:3] {
		hash := sent(t, s, kind, alice)
		for _, other := range kinds {
			if other == kind {
				continue
			}
			wantErr(t, spend(t, s, other, hash, now), authn.ErrTokenNotFound)
			_, err := s.MailToken(t.Context(), other, hash, now)
			wantErr(t, err, authn.ErrTokenNotFound)
		}
		wantErr(t, s.CreateUserByToken(t.Context(), hash, person("bob"), By(now)), authn.ErrTokenNotFound)
		must(t, spend(t, s, kind, hash, now))
	}
}

func mailTokenFifty(t *testing.T, db Database) {
	both := db.replicas(t)
	alice := add(t, both[0], person("alice"))
	hash := sent(t, both[0], authn.MailPasswordReset, alice)
	errs := atOnce(50, func(i int) error {
		other := hash2
		_, err := both[i%2].UpdateUserByToken(t.Context(), authn.MailPasswordReset, hash,
			authn.UserChange{PasswordHash: &other, EndSessions: true, Act: By(now)})
		return err
	})
	if n := tally(t, errs, authn.ErrTokenNotFound); n != 1 {
		t.Errorf("one token was spent %d times", n)
	}
}

func mailTokenAddress(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	hashes := map[authn.MailKind][]byte{}
	for _, kind := range []authn.MailKind{authn.MailVerification, authn.MailEmailChange, authn.MailPasswordReset} {
		hashes[kind] = sent(t, s, kind, alice)
	}
	respelt := "ALICE@example.com"
	_, err := s.UpdateUser(t.Context(), alice.ID, authn.UserChange{Email: &respelt, EmailKey: &alice.EmailKey, Act: By(now)})
	must(t, err)
	for kind, hash := range hashes {
		_, err := s.MailToken(t.Context(), kind, hash, now)
		want(t, "respelling the address leaves the token of "+string(kind), err, nil)
	}
	moved := alice
	moved.Email, moved.EmailKey = "new@example.com", "new@example.com"
	own, ownHash := mailed(authn.MailVerification, moved)
	_, err = s.UpdateUser(t.Context(), alice.ID,
		authn.UserChange{Email: &moved.Email, EmailKey: &moved.EmailKey, Act: By(now), Posts: []authn.Posting{own}})
	must(t, err)
	for kind, hash := range hashes {
		want(t, "after a change of address, "+string(kind), spend(t, s, kind, hash, now), authn.ErrTokenNotFound)
	}
	p, _ := mailed(authn.MailPasswordReset, alice) // asked for when the address was another one
	wantErr(t, s.Post(t.Context(), []authn.Posting{p}), authn.ErrStale)
	must(t, spend(t, s, authn.MailVerification, ownHash, now)) // what the change itself has mailed

	// A replica of a version that knows no mails changes the address and leaves the tokens.
	left, leftHash := mailed(authn.MailPasswordReset, moved)
	_, err = s.UpdateUser(t.Context(), alice.ID,
		authn.UserChange{Email: &alice.Email, EmailKey: &alice.EmailKey, Act: By(now), Posts: []authn.Posting{left}})
	must(t, err)
	wantErr(t, spend(t, s, authn.MailPasswordReset, leftHash, now), authn.ErrTokenNotFound)
	must(t, spend(t, s, authn.MailPasswordReset, sent(t, s, authn.MailPasswordReset, alice), now))
}

func mailTokenPassword(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	bob := add(t, s, person("bob"))
	reset, verify, others := sent(t, s, authn.MailPasswordReset, alice), sent(t, s, authn.MailVerification, alice),
		sent(t, s, authn.MailPasswordReset, bob)
	moved := alice
	moved.Email, moved.EmailKey = "intruder@example.com", "intruder@example.com"
	change := sent(t, s, authn.MailEmailChange, moved)

	renewed := hash2
	_, err := s.UpdateUser(t.Context(), alice.ID, authn.UserChange{PasswordHash: &renewed, Act: By(now)}) // the same password, hashed anew
	must(t, err)
	_, err = s.MailToken(t.Context(), authn.MailPasswordReset, reset, now)
	must(t, err)
	_, err = s.UpdateUser(t.Context(), alice.ID, authn.UserChange{PasswordHash: &renewed, EndSessions: true, Act: By(now)})
	must(t, err)
	wantErr(t, spend(t, s, authn.MailPasswordReset, reset, now), authn.ErrTokenNotFound)
	wantErr(t, spend(t, s, authn.MailEmailChange, change, now), authn.ErrTokenNotFound)
	must(t, spend(t, s, authn.MailVerification, verify, now))
	must(t, spend(t, s, authn.MailPasswordReset, others, now))
}

func mailTokenNobody(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	hash := sent(t, s, authn.MailPasswordReset, alice)
	no, yes := false, true
	_, err := s.UpdateUser(t.Context(), alice.ID, authn.UserChange{Active: &no, EndSessions: true, Act: By(now)})
	must(t, err)
	wantErr(t, spend(t, s, authn.MailPasswordReset, hash, now), authn.ErrTokenNotFound)
	_, err = s.UpdateUser(t.Context(), alice.ID, authn.UserChange{Active: &yes, Act: By(now)})
	must(t, err)
	must(t, spend(t, s, authn.MailPasswordReset, hash, now))
	hash = sent(t, s, authn.MailPasswordReset, alice)
	must(t, s.DeleteUser(t.Context(), alice.ID, By(now)))
	wantErr(t, spend(t, s, authn.MailPasswordReset, hash, now), authn.ErrTokenNotFound)
}

func mailTokenChange(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	to := func(email string) []byte {
		moved := alice
		moved.Email, moved.EmailKey = email, email
		return sent(t, s, authn.MailEmailChange, moved)
	}
	mistyped, meant := to("alise@example.com"), to("alice@example.net")
	wantErr(t, spend(t, s, authn.MailEmailChange, mistyped, now), authn.ErrTokenNotFound)
	must(t, spend(t, s, authn.MailEmailChange, meant, now))
	got, err := s.UserByEmailKey(t.Context(), "alice@example.net")
	must(t, err)
	if got.ID != alice.ID || !got.Verified || got.Email != "alice@example.net" {
		t.Errorf("the user is %+v, want alice with the new address, verified", got)
	}
	taken := to(bob.EmailKey)
	wantErr(t, spend(t, s, authn.MailEmailChange, taken, now), authn.ErrEmailTaken)
	stored(t, s, got)
}

func mailTokenInvitation(t *testing.T, db Database) {
	both := db.replicas(t)
	s := both[0]
	add(t, s, person("alice"))
	bob := person("bob")
	invite := func() []byte {
		p, hash := mailed(authn.MailInvitation, authn.User{Email: bob.Email, EmailKey: bob.EmailKey})
		p.Token.UserID, p.Token.Username, p.Token.Roles = uuid.Nil, "bob", []string{"editor", "staff"}
		must(t, s.Post(t.Context(), []authn.Posting{p}))
		got, err := s.MailToken(t.Context(), authn.MailInvitation, hash, now)
		must(t, err)
		equal(t, "the invitation", got, *p.Token)
		return hash
	}
	first, second := invite(), invite()
	wantErr(t, s.CreateUserByToken(t.Context(), first, bob, By(now)), authn.ErrTokenNotFound)
	named := person("alice")
	named.EmailKey = bob.EmailKey
	wantErr(t, s.CreateUserByToken(t.Context(), second, named, By(now)), authn.ErrUsernameTaken)
	wantErr(t, s.CreateUserByToken(t.Context(), second, bob, By(now.Add(24*time.Hour))), authn.ErrTokenNotFound)
	errs := atOnce(50, func(i int) error {
		u := person("bob")
		u.Username += string(rune('a' + i%26))
		return both[i%2].CreateUserByToken(t.Context(), second, u, By(now))
	})
	if n := tally(t, errs, authn.ErrTokenNotFound); n != 1 {
		t.Errorf("one invitation made %d accounts", n)
	}
}

func mailTokenTakesMail(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	sent(t, s, authn.MailPasswordReset, alice)
	must(t, s.Post(t.Context(), []authn.Posting{{Mail: queued(authn.MailPasswordChanged, alice.Email)}}))
	other := hash2
	_, err := s.UpdateUser(t.Context(), alice.ID, authn.UserChange{PasswordHash: &other, EndSessions: true, Act: By(now)})
	must(t, err)
	if m := claim(t, s, now); m == nil || m.Kind != authn.MailPasswordChanged {
		t.Errorf("claimed %v, want the notice", m)
	}
	idle(t, s, now)
}
