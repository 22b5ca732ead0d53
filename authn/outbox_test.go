package authn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
)

// notice posts a mail without a token.
func (p *post) notice(t *testing.T) {
	t.Helper()
	u := authn.User{Username: "alice", Email: "alice@example.com"}
	if err := p.mails.NoticeOfSignIn(t.Context(), u, authn.SignInNotice{At: p.clock.Now(), Address: "192.0.2.7"}); err != nil {
		t.Fatal(err)
	}
}

// A mail server that is away gets everything when it is back, and is not asked more often than is decent.
func TestOutboxTriesAgain(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	tries := 0
	p.box.does(func(context.Context, authn.Mail) error { tries++; return errors.New("connection refused") })
	p.notice(t)
	var waits []time.Duration
	for last := p.clock.Now(); len(waits) < 12; p.clock.advance(time.Second) {
		before := tries
		if p.outbox.Drain(t.Context()); tries > before {
			waits = append(waits, p.clock.Now().Sub(last))
			last = p.clock.Now()
		}
		if len(waits) > 8 {
			p.clock.advance(time.Minute)
		}
	}
	for i, most := range []time.Duration{0, 5, 10, 20, 40, 80, 160, 300} {
		if least := most / 2; waits[i] < least*time.Second || waits[i] > (most+1)*time.Second {
			t.Errorf("attempt %d after %v, want %d to %d seconds", i+1, waits[i], least, most)
		}
	}
	if queue := p.outbox.Counts().Queue; queue.Waiting != 1 || queue.Dead != 0 {
		t.Errorf("the queue is %+v", queue)
	}
	p.box.does(nil)
	p.clock.advance(time.Hour)
	got := p.expect(t, map[authn.MailKind]string{authn.MailNewSignIn: "alice@example.com"})
	if m := got[authn.MailNewSignIn]; m.Username != "alice" || m.SignIn.Address != "192.0.2.7" || m.ID == "" {
		t.Errorf("the mail is %+v", m)
	}
	if c := p.outbox.Counts(); c.Sent != 1 || c.Failed != 12 || c.Dead != 0 || c.Queue.Waiting != 0 {
		t.Errorf("counted %+v", c)
	}
	for attempts := range 100 {
		if wait := authn.MailRetry(attempts); wait < 2*time.Second || wait > 5*time.Minute {
			t.Errorf("after %d attempts a mail waits %v", attempts, wait)
		}
	}
}

// What cannot be sent is given up, once and loudly, and nothing of it is left.
func TestOutboxGivesUp(t *testing.T) {
	for name, r := range map[string]struct {
		fails error
		after time.Duration
	}{
		"refused":    {fmt.Errorf("%w: 550", authn.ErrMailRefused), 0},
		"never sent": {errors.New("connection refused"), 72 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{})
			var log bytes.Buffer
			p := withMail(t, m, nil)
			p.outbox = authn.NewOutbox(authn.OutboxConfig{
				Mails: p.mails, Sender: p.box, Timeout: time.Minute, Now: m.clock.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			p.box.does(func(context.Context, authn.Mail) error { return r.fails })
			p.notice(t)
			for range r.after/time.Hour + 1 {
				p.outbox.Drain(t.Context())
				p.clock.advance(time.Hour)
			}
			p.outbox.Purge(t.Context())
			p.outbox.Drain(t.Context())
			if c := p.outbox.Counts(); c.Dead != 1 || c.Queue != (authn.MailQueue{Dead: 1}) {
				t.Errorf("counted %+v", c)
			}
			if n := strings.Count(log.String(), "event=mail_dead"); n != 1 {
				t.Errorf("told %d times:\n%s", n, log.String())
			}
			p.box.does(nil)
			p.expect(t, nil)
			p.clock.advance(31 * 24 * time.Hour)
			p.outbox.Purge(t.Context())
			p.outbox.Drain(t.Context())
			if queue := p.outbox.Counts().Queue; queue != (authn.MailQueue{}) {
				t.Errorf("a month later the queue is %+v", queue)
			}
		})
	}
}

// A link that has expired, or that is dead for another reason, is not mailed.
func TestOutboxSendsNoDeadLinks(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	alice := p.user(t, "alice")
	ask := func() {
		t.Helper()
		if err := p.accounts.RequestPasswordReset(t.Context(), alice.Email, from); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	p.clock.advance(30 * time.Minute)
	p.expect(t, nil)
	ask()
	fresh := "battery staple"
	p.change(t, alice, authn.AccountUpdate{Password: &fresh})
	p.expect(t, map[authn.MailKind]string{authn.MailPasswordChanged: alice.Email})
	ask()
	p.expect(t, map[authn.MailKind]string{authn.MailPasswordReset: alice.Email})
}

// Who is killed between sending and noting it sends once more; who is killed before has lost nothing.
func TestOutboxOutlivesACrash(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	p.notice(t)
	killed := make(chan struct{})
	p.box.does(func(ctx context.Context, _ authn.Mail) error {
		close(killed)
		<-ctx.Done() // it never comes to an end
		return ctx.Err()
	})
	ctx, kill := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { p.outbox.Drain(ctx) })
	<-killed
	other := withMail(t, p.mind, nil)
	other.expect(t, nil) // somebody has it
	p.clock.advance(3 * time.Minute)
	other.expect(t, map[authn.MailKind]string{authn.MailNewSignIn: "alice@example.com"})
	kill()
	run.Wait()
}

// Of many outboxes on one database, each mail is sent by one.
func TestOutboxesShare(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, nil)
		const mails = 40
		for range mails {
			p.notice(t)
		}
		var mu sync.Mutex
		sent := map[string]int{}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		var replicas sync.WaitGroup
		for range 4 {
			replica := withMail(t, m, nil)
			replica.box.does(func(_ context.Context, m authn.Mail) error {
				mu.Lock()
				defer mu.Unlock()
				if sent[m.ID]++; len(sent) == mails && sent[m.ID] == 1 {
					close(done)
				}
				return nil
			})
			replicas.Go(func() { replica.outbox.Run(ctx) })
		}
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("not everything was sent")
		}
		stop()
		replicas.Wait()
		for id, n := range sent {
			if n != 1 {
				t.Errorf("mail %s was sent %d times", id, n)
			}
		}
		if queue, err := m.store.MailQueue(t.Context()); err != nil || queue.Waiting != 0 {
			t.Errorf("the queue is %+v, %v", queue, err)
		}
	})
}

// Stopping waits for the mail that is being sent, and then nothing runs any more. A new mail is sent without waiting for a look.
func TestOutboxStops(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	begun, end := make(chan struct{}), make(chan struct{})
	p.box.does(func(ctx context.Context, _ authn.Mail) error {
		close(begun)
		<-end
		return ctx.Err()
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { p.outbox.Run(ctx); close(ended) }()
	p.notice(t)
	<-begun
	stop()
	select {
	case <-ended:
		t.Fatal("it ended in the middle of a mail")
	default:
	}
	close(end)
	<-ended
	if c := p.outbox.Counts(); c.Sent != 1 {
		t.Errorf("counted %+v, want the mail sent and noted", c)
	}
}

// Who has the database alone reads no token in it, and can make nobody send what is there to another address.
func TestMailsAreSealed(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	alice := p.user(t, "alice")
	if err := p.accounts.RequestPasswordReset(t.Context(), alice.Email, from); err != nil {
		t.Fatal(err)
	}
	q, err := p.store.ClaimMail(t.Context(), p.clock.Now(), time.Second)
	if err != nil || q == nil {
		t.Fatal(err)
	}
	p.clock.advance(time.Second)
	token := p.collect(t)[authn.MailPasswordReset].Token
	if q.Sealing != "master" || bytes.Contains(q.Body, []byte(token)) || bytes.Contains(q.Body, []byte("username")) {
		t.Errorf("the body is sealed with %q: %q", q.Sealing, q.Body)
	}
	stolen := *q
	stolen.To, stolen.DueAt, stolen.Attempts = "thief@example.com", p.clock.Now(), 0
	if err := p.store.Post(t.Context(), []authn.Posting{{Mail: stolen}}); err != nil {
		t.Fatal(err)
	}
	p.expect(t, nil)

	// A replica with another master key leaves the mail to who has the right one.
	p.notice(t)
	stranger := withMail(t, p.mind, func(c *authn.MailsConfig, _ *authn.AccountsConfig) { c.Sealer = testSealer("another") })
	stranger.expect(t, nil)
	p.clock.advance(time.Minute)
	p.expect(t, map[authn.MailKind]string{authn.MailNewSignIn: alice.Email})

	// One that cannot find out whether it can open a mail has not lost it.
	p.notice(t)
	waiting := withMail(t, p.mind, func(c *authn.MailsConfig, _ *authn.AccountsConfig) { c.Sealer = absentSealer{testSealer("master")} })
	waiting.expect(t, nil)
	p.clock.advance(time.Minute)
	p.expect(t, map[authn.MailKind]string{authn.MailNewSignIn: alice.Email})
}

// absentSealer does not open anything, because what it needs for that does not answer.
type absentSealer struct{ authn.Sealer }

func (absentSealer) Open(context.Context, []byte, string, authn.Cell) ([]byte, error) {
	return nil, fmt.Errorf("the data key: %w", &authn.HSMAway{Why: "it was pulled out"})
}

// An outbox whose store does not answer says so, once, and goes on.
func TestOutboxWithoutStore(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	gone, err := store.Open(t.Context(), "sqlite://"+t.TempDir()+"/authly.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	var log bytes.Buffer
	mails := authn.NewMails(authn.MailsConfig{Store: gone, Now: p.clock.Now, Log: discard()})
	outbox := authn.NewOutbox(authn.OutboxConfig{Mails: mails, Sender: p.box, Now: p.clock.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 3 {
		outbox.Drain(t.Context())
	}
	if strings.Count(log.String(), "level=WARN") != 1 || outbox.Counts() != (authn.OutboxCounts{}) {
		t.Errorf("logged %s and counted %+v", log.String(), outbox.Counts())
	}
}
