package authn

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// How many may wait for a password to be looked at. Who waits holds a request of up to 64 KiB in memory.
const (
	maxWaiting           = 1024
	maxWaitingPerNetwork = 512
)

// hashQueue decides whose password is hashed next. As many are served at a time as there are slots, and one of those who set a
// new password; the others wait in lines, see hashLines. Those on one account are served one after the other, so that right
// passwords sent side by side are not taken for a lock's worth of failures. Who could not begin within maxWait is turned away at
// once; so is, where no more may wait, the last in the longest line, or who comes if that would be their own.
type hashQueue struct {
	slots   int
	maxWait time.Duration

	mu       sync.Mutex
	served   int
	settings int // of those served: who set a new password
	accounts map[string]bool
	lines    [2]hashLines // of those who log in, and of those who set a password
	last     int          // whose turn it was
	took     time.Duration
	shed     uint64
}

// hashWaiter is somebody in the queue.
type hashWaiter struct {
	setting          bool
	network, account string
	settled          chan struct{} // closed when one of these is known:
	called           bool
	refusal          error
}

func (w *hashWaiter) lane() int {
	if w.setting {
		return 1
	}
	return 0
}

func newHashQueue(slots int, maxWait time.Duration) *hashQueue {
	return &hashQueue{slots: slots, maxWait: maxWait, accounts: map[string]bool{}}
}

// begin waits until it is w's turn; done passes it on. Errors: CodeOverloaded, which says when trying again can help, and that of
// a context that ended first, as ErrUnavailable.
func (q *hashQueue) begin(ctx context.Context, w *hashWaiter) (done func(), err error) {
	w.settled = make(chan struct{})
	if err := q.enter(ctx, w); err != nil {
		return nil, err
	}
	late := time.NewTimer(q.maxWait)
	defer late.Stop()
	select {
	case <-w.settled:
	case <-ctx.Done():
	case <-late.C:
	}
	if err := q.leave(ctx, w); err != nil {
		return nil, err
	}
	began := time.Now()
	return func() { q.end(w, time.Since(began)) }, nil
}

// enter puts w into its line.
func (q *hashQueue) enter(ctx context.Context, w *hashWaiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ctx.Err() != nil {
		return gone(ctx)
	}
	lines := &q.lines[w.lane()]
	length := lines.length(w.network)
	wait := q.estimate(lines, length)
	if length >= maxWaitingPerNetwork || wait > q.maxWait || q.waiting() >= maxWaiting && !q.makeRoom(length) {
		q.shed++
		return overloaded(wait - q.maxWait)
	}
	lines.add(w)
	q.call()
	return nil
}

// leave settles what has become of w, whatever ended the wait.
func (q *hashQueue) leave(ctx context.Context, w *hashWaiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case w.refusal != nil:
		return w.refusal
	case w.called && ctx.Err() == nil:
		return nil
	case w.called: // and gone at the same moment
		q.free(w)
	default:
		q.lines[w.lane()].remove(w)
	}
	if ctx.Err() != nil {
		return gone(ctx)
	}
	q.shed++
	return overloaded(q.estimate(&q.lines[w.lane()], 0))
}

// end passes the turn on, and learns from how long it took.
func (q *hashQueue) end(w *hashWaiter, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.took == 0 {
		q.took = took
	}
	q.took += (took - q.took) / 8
	q.free(w)
}

// free and call are for who holds the lock.
func (q *hashQueue) free(w *hashWaiter) {
	q.served--
	delete(q.accounts, w.account)
	if w.setting {
		q.settings--
	}
	q.call()
}

// call serves those whose turn it is while there are slots, by turns who logs in and who sets a password.
func (q *hashQueue) call() {
	for q.served < q.slots {
		w := q.next(1 - q.last)
		if w == nil {
			w = q.next(q.last)
		}
		if w == nil {
			return
		}
		q.served++
		q.last = w.lane()
		if w.setting {
			q.settings++
		}
		if w.account != "" {
			q.accounts[w.account] = true
		}
		w.called = true
		close(w.settled)
	}
}

func (q *hashQueue) next(lane int) *hashWaiter {
	if lane == 1 && q.settings > 0 {
		return nil
	}
	return q.lines[lane].next(func(w *hashWaiter) bool { return !q.accounts[w.account] })
}

// estimate is how long the next one will wait in a line of this length: until those before it in the line, and at most as many of
// each other line, have been served.
func (q *hashQueue) estimate(lines *hashLines, length int) time.Duration {
	if q.served < q.slots {
		return 0
	}
	return time.Duration(lines.ahead(length)+1) * q.took / time.Duration(q.slots)
}

func (q *hashQueue) waiting() int { return q.lines[0].waiting + q.lines[1].waiting }

// makeRoom turns away the last in the longest line, unless the line of who wants to enter, whose length is told, is as long.
func (q *hashQueue) makeRoom(length int) bool {
	lines, longest := &q.lines[0], q.lines[0].longest()
	if other := q.lines[1].longest(); len(other) > len(longest) {
		lines, longest = &q.lines[1], other
	}
	if len(longest) <= length+1 {
		return false
	}
	last := longest[len(longest)-1]
	last.refusal = overloaded(q.estimate(lines, len(longest)))
	lines.remove(last)
	q.shed++
	close(last.settled)
	return true
}

func gone(ctx context.Context) error {
	return Fault(fmt.Errorf("%w: waiting to hash a password: %w", ErrUnavailable, ctx.Err()))
}

func overloaded(retryAfter time.Duration) error {
	return &Error{
		Code: CodeOverloaded, Detail: "Too many logins at the moment. Try again later.",
		RetryAfter: min(max(retryAfter, time.Second), time.Minute),
	}
}
