package storetest

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func mailCases() []promise {
	return []promise{
		{"mail/with the act", "a registration that was answered must be followed by its mail, and one that failed by none", mailWithAct},
		{"mail/claim", "every mail is sent by one replica at a time, the oldest first, and one that was dropped is taken up again",
			inTurn(claimMail, claimFifty)},
		{"mail/to the end", "a mail server that is away for an hour must lose nothing, and a link that is dead must not be mailed",
			inTurn(retryMail, expiredMail, mailQueue)},
		{"mail/purge", "bodies hold secrets and must not lie about, nor what is kept for the clock alone", inTurn(decoyMail, purgeMail)},
	}
}

// inTurn runs several cases on one database, which is emptied between them: on PostgreSQL, to make one takes longer than a case.
func inTurn(cases ...func(*testing.T, Database)) func(*testing.T, Database) {
	return func(t *testing.T, db Database) {
		s := db.open(t)
		for _, run := range cases {
			run(t, db)
			users, err := s.ListUsers(t.Context(), 0, 100)
			must(t, err)
			for _, u := range users {
				must(t, s.DeleteUser(t.Context(), u.ID, By(now)))
			}
			_, err = s.PurgeMail(t.Context(), now.Add(1000*time.Hour), now.Add(1000*time.Hour))
			must(t, err)
			_, err = s.PurgeMail(t.Context(), now.Add(1000*time.Hour), now.Add(1001*time.Hour))
			must(t, err)
		}
	}
}

// queued returns a mail that is due at now.
func queued(kind authn.MailKind, to string) authn.QueuedMail {
	return authn.QueuedMail{
		ID: uuid.New(), Kind: kind, To: to, Body: []byte("sealed \x00 body"), Sealing: "master:0123", CreatedAt: now,
		ExpiresAt: now.Add(24 * time.Hour), DueAt: now,
	}
}

// mailed returns a posting with a token of u, and the hash of the token.
func mailed(kind authn.MailKind, u authn.User) (authn.Posting, []byte) {
	id := uuid.New()
	hash := sha256.Sum256(id[:])
	t := authn.MailToken{
		Hash: hash[:], Kind: kind, UserID: u.ID, Email: u.Email, EmailKey: u.EmailKey, Roles: []string{},
		CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour),
	}
	return authn.Posting{Mail: queued(kind, u.Email), Token: &t}, hash[:]
}

// lease is how long the cases claim a mail for.
const lease = time.Minute

// claim returns the mail that is due at a time, nil if there is none.
func claim(t *testing.T, s Store, at time.Time) *authn.QueuedMail {
	t.Helper()
	m, err := s.ClaimMail(t.Context(), at, lease)
	must(t, err)
	return m
}

// idle fails if a mail is due.
func idle(t *testing.T, s Store, at time.Time) {
	t.Helper()
	if m := claim(t, s, at); m != nil {
		t.Errorf("a mail of kind %s is due at %v, want none", m.Kind, at.Sub(now))
	}
}

func mailWithAct(t *testing.T, db Database) {
	s := db.open(t)
	alice := person("alice")
	p, hash := mailed(authn.MailVerification, alice)
	must(t, s.RegisterUser(t.Context(), alice, By(now), []authn.Posting{p}))
	stored(t, s, alice)
	got := claim(t, s, now)
	want := p.Mail
	want.Attempts, want.DueAt = 1, now.Add(lease)
	equal(t, "the mail of a registration", got, &want)
	token, err := s.MailToken(t.Context(), authn.MailVerification, hash, now)
	must(t, err)
	equal(t, "the token of a registration", token, *p.Token)

	again := person("alice")
	again.EmailKey = "another@example.com"
	p, hash = mailed(authn.MailVerification, again)
	wantErr(t, s.RegisterUser(t.Context(), again, By(now), []authn.Posting{p}), authn.ErrUsernameTaken)
	idle(t, s, now)
	_, err = s.MailToken(t.Context(), authn.MailVerification, hash, now)
	wantErr(t, err, authn.ErrTokenNotFound)

	notice := authn.Posting{Mail: queued(authn.MailPasswordChanged, alice.Email)}
	stale, fresh := "another hash", hash2
	change := authn.UserChange{PasswordHash: &fresh, IfPasswordHash: &stale, Act: By(now), Posts: []authn.Posting{notice}}
	_, err = s.UpdateUser(t.Context(), alice.ID, change)
	wantErr(t, err, authn.ErrStale)
	idle(t, s, now)
	change.IfPasswordHash = nil
	_, err = s.UpdateUser(t.Context(), alice.ID, change)
	must(t, err)
	if m := claim(t, s, now); m == nil || m.ID != notice.Mail.ID {
		t.Errorf("a change of the password left the mail %v, want its notice", m)
	}
}

// hash2 stands for the hash of another password.
const hash2 = "$2b$12$abcdefghijklmnopqrstuuv.Dh4qb0ZTTdgpN6BYpyjTW7N7tQB1i"

// wantErr is want without words of its own.
func wantErr(t *testing.T, err, answer error) {
	t.Helper()
	want(t, "the call", err, answer)
}

func claimMail(t *testing.T, db Database) {
	both := db.replicas(t)
	first, second := queued(authn.MailNewSignIn, "a@example.com"), queued(authn.MailNewSignIn, "b@example.com")
	second.DueAt = now.Add(time.Second)
	must(t, both[0].Post(t.Context(), []authn.Posting{{Mail: second}, {Mail: first}}))
	idle(t, both[0], now.Add(-time.Microsecond))
	later := now.Add(2 * time.Second)
	if m := claim(t, both[0], later); m == nil || m.ID != first.ID {
		t.Errorf("claimed %v, want the mail that is due for longest", m)
	}
	if m := claim(t, both[1], later.Add(time.Second)); m == nil || m.ID != second.ID {
		t.Errorf("claimed %v, want the other mail", m)
	}
	idle(t, both[0], later.Add(time.Second))
	idle(t, both[1], later.Add(lease-time.Microsecond))
	if m := claim(t, both[1], later.Add(lease)); m == nil || m.ID != first.ID || m.Attempts != 2 {
		t.Errorf("after the lease of who was killed: claimed %v, want the first mail for the second time", m)
	}
	must(t, both[1].FinishMail(t.Context(), first.ID))
	must(t, both[0].FinishMail(t.Context(), first.ID)) // it was slow and not dead
	must(t, both[0].FinishMail(t.Context(), second.ID))
	idle(t, both[0], later.Add(time.Hour))
}

func claimFifty(t *testing.T, db Database) {
	both := db.replicas(t)
	must(t, both[0].Post(t.Context(), []authn.Posting{{Mail: queued(authn.MailNewSignIn, "a@example.com")}}))
	claimed := make([]bool, 50)
	errs := atOnce(50, func(i int) error {
		m, err := both[i%2].ClaimMail(t.Context(), now, lease)
		claimed[i] = m != nil
		return err
	})
	tally(t, errs)
	n := 0
	for _, yes := range claimed {
		if yes {
			n++
		}
	}
	if n != 1 {
		t.Errorf("one mail was claimed %d times", n)
	}
}

func retryMail(t *testing.T, db Database) {
	s := db.open(t)
	m := queued(authn.MailNewSignIn, "a@example.com")
	must(t, s.Post(t.Context(), []authn.Posting{{Mail: m}}))
	claim(t, s, now)
	must(t, s.RetryMail(t.Context(), m.ID, now.Add(time.Hour)))
	idle(t, s, now.Add(time.Hour-time.Microsecond))
	if again := claim(t, s, now.Add(time.Hour)); again == nil || again.Attempts != 2 || string(again.Body) != string(m.Body) {
		t.Errorf("after a failure: claimed %v, want the mail as it was", again)
	}
	must(t, s.BuryMail(t.Context(), m.ID, now.Add(time.Hour)))
	must(t, s.RetryMail(t.Context(), m.ID, now)) // what is given up stays so
	idle(t, s, now.Add(2*time.Hour))
	queue, err := s.MailQueue(t.Context())
	must(t, err)
	equal(t, "the queue", queue, authn.MailQueue{Dead: 1})
}

func expiredMail(t *testing.T, db Database) {
	s := db.open(t)
	m := queued(authn.MailNewSignIn, "a@example.com")
	must(t, s.Post(t.Context(), []authn.Posting{{Mail: m}}))
	idle(t, s, m.ExpiresAt)
	if claim(t, s, m.ExpiresAt.Add(-time.Microsecond)) == nil {
		t.Error("a mail that has not expired is not sent")
	}
}

func decoyMail(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	for _, u := range []authn.User{alice, person("nobody")} {
		p, hash := mailed(authn.MailPasswordReset, u)
		p.Decoy = true
		must(t, s.Post(t.Context(), []authn.Posting{p}))
		idle(t, s, now)
		_, err := s.MailToken(t.Context(), authn.MailPasswordReset, hash, now)
		wantErr(t, err, authn.ErrTokenNotFound)
		_, err = s.UpdateUserByToken(t.Context(), authn.MailPasswordReset, hash, authn.UserChange{Act: By(now)})
		wantErr(t, err, authn.ErrTokenNotFound)
	}
	expired, err := s.PurgeMail(t.Context(), now.Add(24*time.Hour), now)
	must(t, err)
	queue, err := s.MailQueue(t.Context())
	must(t, err)
	equal(t, "the queue", queue, authn.MailQueue{})
	if expired != 0 {
		t.Errorf("%d decoys count as mails that were given up", expired)
	}
	unknown, _ := mailed(authn.MailPasswordReset, person("nobody"))
	wantErr(t, s.Post(t.Context(), []authn.Posting{unknown}), authn.ErrUserNotFound) // and a real one is none of nobody's
}

func purgeMail(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	p, hash := mailed(authn.MailVerification, alice)
	living, livingHash := mailed(authn.MailVerification, alice)
	living.Mail.ExpiresAt = now.Add(48 * time.Hour)
	living.Token.ExpiresAt = living.Mail.ExpiresAt
	must(t, s.Post(t.Context(), []authn.Posting{p, living}))

	at := p.Mail.ExpiresAt
	expired, err := s.PurgeMail(t.Context(), at, at.Add(-time.Hour))
	must(t, err)
	queue, err := s.MailQueue(t.Context())
	must(t, err)
	equal(t, "the queue", queue, authn.MailQueue{Waiting: 1, Dead: 1, Oldest: now})
	_, err = s.MailToken(t.Context(), authn.MailVerification, hash, now) // even by a clock that is behind
	wantErr(t, err, authn.ErrTokenNotFound)
	_, err = s.MailToken(t.Context(), authn.MailVerification, livingHash, at)
	must(t, err)
	again, err := s.PurgeMail(t.Context(), at, at.Add(time.Microsecond))
	must(t, err)
	queue, err = s.MailQueue(t.Context())
	must(t, err)
	equal(t, "the queue, later", queue, authn.MailQueue{Waiting: 1, Oldest: now})
	if expired != 1 || again != 0 {
		t.Errorf("%d and then %d mails were given up, want 1 and 0", expired, again)
	}
}

func mailQueue(t *testing.T, db Database) {
	s := db.open(t)
	queue, err := s.MailQueue(t.Context())
	must(t, err)
	equal(t, "an empty queue", queue, authn.MailQueue{})
	first, second := queued(authn.MailNewSignIn, "a@example.com"), queued(authn.MailNewSignIn, "b@example.com")
	second.CreatedAt = now.Add(-time.Hour)
	must(t, s.Post(t.Context(), []authn.Posting{{Mail: first}, {Mail: second}}))
	queue, err = s.MailQueue(t.Context())
	must(t, err)
	equal(t, "the queue", queue, authn.MailQueue{Waiting: 2, Oldest: now.Add(-time.Hour)})
}
