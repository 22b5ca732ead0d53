package authn

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// How soon a mail is tried again: after the first failure in about mailRetryFirst, then in about twice as long each time, up to
// mailRetryMost. Half of it is chance, so that replicas do not all come back at once to a mail server that was away.
const (
	mailRetryFirst = 5 * time.Second
	mailRetryMost  = 5 * time.Minute // a link for a new password lives half an hour: it must outlast a mail server that was away
)

const (
	mailPoll      = 2 * time.Second     // how often an outbox looks for what other replicas and earlier failures have left
	mailPurge     = time.Minute         // how often what has expired is given up
	mailBuriedFor = 30 * 24 * time.Hour // how long it is known that a mail was given up
	mailStopping  = 5 * time.Second     // how long a mail that is being sent may take when the program stops
)

// OutboxConfig is what an Outbox needs; every field but Shown is required.
type OutboxConfig struct {
	Mails   *Mails
	Sender  MailSender
	Timeout time.Duration // of one attempt
	Shown   bool          // Sender sends nothing, but shows mails where the log is, and so says itself that it did
	Now     func() time.Time
	Log     *slog.Logger
}

// Outbox sends what waits in the store, with as many attempts as it takes until a mail expires. Any number of replicas run one;
// each mail is sent by one of them at a time. Who is killed after the mail server has taken a mail, and before that is noted,
// leaves it to be sent once more: twice is better than never.
type Outbox struct {
	cfg   OutboxConfig
	store MailStore

	sent, failed, dead atomic.Int64
	queue              atomic.Pointer[MailQueue]
	cutOff             bool // the store did not answer when drain last asked; drain's own
}

// NewOutbox returns an Outbox.
func NewOutbox(cfg OutboxConfig) *Outbox {
	o := &Outbox{cfg: cfg, store: cfg.Mails.cfg.Store}
	o.queue.Store(&MailQueue{})
	return o
}

// OutboxCounts says what an outbox has done since it was made, and how the queue was when it last looked.
type OutboxCounts struct {
	Sent   int64 // mails
	Failed int64 // attempts
	Dead   int64 // mails given up by this outbox
	Queue  MailQueue
}

// Counts returns what there is to tell.
func (o *Outbox) Counts() OutboxCounts {
	return OutboxCounts{Sent: o.sent.Load(), Failed: o.failed.Load(), Dead: o.dead.Load(), Queue: *o.queue.Load()}
}

// Run sends until ctx ends, and then finishes what is being sent. It is called once.
func (o *Outbox) Run(ctx context.Context) {
	poll, purge := time.NewTicker(mailPoll), time.NewTicker(mailPurge)
	defer poll.Stop()
	defer purge.Stop()
	o.purge(ctx)
	for {
		o.drain(ctx)
		select {
		case <-ctx.Done():
			return
		case <-o.cfg.Mails.posted:
		case <-poll.C:
		case <-purge.C:
			o.purge(ctx)
		}
	}
}

// drain sends everything that is due.
func (o *Outbox) drain(ctx context.Context) {
	for ctx.Err() == nil {
		// Longer than an attempt can take, and clocks differ: nobody else begins while this one could still succeed.
		q, err := o.store.ClaimMail(ctx, o.cfg.Now(), o.cfg.Timeout+min(10*o.cfg.Timeout, time.Minute))
		if err != nil {
			if !o.cutOff { // once, not at every look of a long night
				o.complain(ctx, "mails cannot be read from the store", err)
			}
			o.cutOff = true
			return
		}
		if o.cutOff {
			o.cfg.Log.InfoContext(ctx, "mails are read from the store again")
		}
		o.cutOff = false
		if q == nil {
			break
		}
		o.attempt(ctx, *q)
	}
	if queue, err := o.store.MailQueue(ctx); err == nil {
		o.queue.Store(&queue)
	}
}

// attempt sends one mail and notes what came of it.
func (o *Outbox) attempt(ctx context.Context, q QueuedMail) {
	ctx, cancel := outlast(ctx, mailStopping)
	defer cancel()
	mail, err := o.cfg.Mails.open(ctx, q)
	switch {
	case errors.Is(err, ErrNoMasterKey) || errors.Is(err, ErrUnavailable): // another replica may have it, or this one, later
		o.failed.Add(1)
		o.retry(ctx, q, err)
		return
	case err != nil:
		o.bury(ctx, q, "it cannot be opened", err)
		return
	}
	sending, done := context.WithTimeout(ctx, o.cfg.Timeout)
	err = o.cfg.Sender.Send(sending, mail)
	done()
	switch {
	case err == nil:
		o.sent.Add(1)
		if !o.cfg.Shown {
			o.cfg.Log.InfoContext(ctx, "mail sent", "mail", q.ID, "kind", q.Kind, "attempt", q.Attempts)
		}
		o.complain(ctx, "a mail was sent, and will be again: that cannot be noted", o.store.FinishMail(ctx, q.ID))
	case errors.Is(err, ErrMailRefused):
		o.failed.Add(1)
		o.bury(ctx, q, "the mail server refuses it", err)
	default:
		o.failed.Add(1)
		o.retry(ctx, q, err)
	}
}

// retry puts a mail off, or gives it up if it would be too late then.
func (o *Outbox) retry(ctx context.Context, q QueuedMail, cause error) {
	due := o.cfg.Now().Add(mailRetry(q.Attempts))
	if !due.Before(q.ExpiresAt) {
		o.bury(ctx, q, "it could not be sent in time", cause)
		return
	}
	o.cfg.Log.WarnContext(ctx, "mail not sent yet", "mail", q.ID, "kind", q.Kind, "attempt", q.Attempts, "again_at", due, "error", cause)
	o.complain(ctx, "a mail cannot be put off", o.store.RetryMail(ctx, q.ID, due))
}

// bury gives a mail up. People can ask for another one; that nobody gets any is for the operator to know.
func (o *Outbox) bury(ctx context.Context, q QueuedMail, why string, cause error) {
	o.dead.Add(1)
	o.cfg.Log.ErrorContext(ctx, "mail given up: "+why, "event", "mail_dead", "mail", q.ID, "kind", q.Kind, "attempts", q.Attempts, "error", cause)
	o.complain(ctx, "that a mail was given up cannot be noted", o.store.BuryMail(ctx, q.ID, o.cfg.Now()))
}

// purge gives up what has expired, and removes what nobody needs.
func (o *Outbox) purge(ctx context.Context) {
	now := o.cfg.Now()
	expired, err := o.store.PurgeMail(ctx, now, now.Add(-mailBuriedFor))
	o.complain(ctx, "old mails cannot be removed", err)
	if expired > 0 {
		o.dead.Add(int64(expired))
		o.cfg.Log.ErrorContext(ctx, "mails given up: they have expired", "event", "mail_dead", "mails", expired)
	}
}

// complain logs what the store could not do. Nothing is lost by it: what was not noted is done again.
func (o *Outbox) complain(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		o.cfg.Log.WarnContext(ctx, what, "error", err)
	}
}

// mailRetry is how long to wait after so many attempts.
func mailRetry(attempts int) time.Duration {
	wait := mailRetryMost
	if shift := max(attempts-1, 0); shift < 10 { // 5s << 10 is more than mailRetryMost
		wait = min(mailRetryFirst<<shift, mailRetryMost)
	}
	return wait/2 + rand.N(wait/2) // #nosec G404 -- nobody gains by knowing when a mail is tried again
}

// outlast returns a context that goes on for so long after ctx has ended.
func outlast(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { stop(); cancel() }
}
