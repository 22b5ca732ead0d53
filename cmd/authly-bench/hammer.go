package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

type counter = atomic.Int64

// outcome is how a request with a token ended.
type outcome int

const (
	granted outcome = iota // with the right that is to be taken back
	refused                // without it
	faulty                 // neither: no answer, or a status that says nothing about the token
)

// sample is a request that was made.
type sample struct {
	begun   time.Time
	outcome outcome
}

// record is what happened at one target.
type record struct {
	target *target

	mu      sync.Mutex
	samples []sample
	fault   error // the latest
}

func (r *record) add(s sample, fault error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, s)
	if fault != nil {
		r.fault = fault
	}
}

// hammer uses a token at some targets, again and again.
type hammer struct {
	records []*record
	token   string
	granted func(status int, groups []string) bool

	cancel  context.CancelFunc
	workers sync.WaitGroup
}

func newHammer(targets []*target, token string, granted func(int, []string) bool) *hammer {
	h := &hammer{token: token, granted: granted}
	for _, t := range targets {
		h.records = append(h.records, &record{target: t})
	}
	return h
}

// start begins to send rate requests a second in all, at even distances, by so many connections to each target.
func (h *hammer) start(ctx context.Context, rate, connections int) {
	ctx, h.cancel = context.WithCancel(ctx)
	every := time.Second * time.Duration(len(h.records)) / time.Duration(rate)
	for _, r := range h.records {
		ticks := time.NewTicker(every) // drops ticks while all connections are busy
		var left atomic.Int64
		left.Store(int64(connections))
		for range connections {
			h.workers.Go(func() {
				h.work(ctx, r, ticks.C)
				if left.Add(-1) == 0 {
					ticks.Stop()
				}
			})
		}
	}
}

// stop ends it and returns when the last request has ended. It may be called again.
func (h *hammer) stop() {
	h.cancel()
	h.workers.Wait()
}

func (h *hammer) work(ctx context.Context, r *record, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		begun := time.Now()
		outcome, fault := h.ask(ctx, r.target)
		if ctx.Err() != nil {
			return // cut by stop: it says nothing
		}
		r.add(sample{begun, outcome}, fault)
	}
}

func (h *hammer) ask(ctx context.Context, t *target) (outcome, error) {
	status, groups, err := t.ask(ctx, h.token)
	switch {
	case err != nil:
		return faulty, err
	case h.granted(status, groups):
		return granted, nil
	case status == http.StatusOK || status == http.StatusUnauthorized:
		return refused, nil
	}
	return faulty, fmt.Errorf("status %d", status)
}

// warm returns when every target has granted a few requests, and so remembers the token if it ever does.
func (h *hammer) warm(ctx context.Context, limit time.Duration) error {
	const enough = 5
	ok, err := h.until(ctx, limit, func(r *record) bool {
		n := 0
		for _, s := range r.samples {
			if s.outcome == granted {
				n++
			}
		}
		return n >= enough
	})
	if err == nil && !ok {
		err = errors.New("the token is not accepted before it is revoked")
	}
	for _, r := range h.records {
		if r.fault != nil && err != nil {
			err = fmt.Errorf("%w: %s: %w", err, r.target.name, r.fault)
		}
	}
	return err
}

// refused returns true when no target has granted a request that was begun in the last while, and each has refused at least
// one after it; false if that is not so at the limit.
func (h *hammer) refused(ctx context.Context, revoked time.Time, settle, limit time.Duration) (bool, error) {
	return h.until(ctx, limit, func(r *record) bool {
		_, by, ok := effect(r.samples, revoked)
		return ok && time.Since(revoked.Add(by)) >= settle
	})
}

// until polls a condition of every target.
func (h *hammer) until(ctx context.Context, limit time.Duration, condition func(*record) bool) (bool, error) {
	deadline := time.Now().Add(limit)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		all := true
		for _, r := range h.records {
			r.mu.Lock()
			all = condition(r) && all
			r.mu.Unlock()
		}
		if all || time.Now().After(deadline) {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-poll.C:
		}
	}
}

// effect returns how long after a moment the last granted request was begun, 0 if none was, and when after it the first one
// that was refused: the truth is between the two. ok is false if none has been refused since.
func effect(samples []sample, since time.Time) (last, by time.Duration, ok bool) {
	latest := since
	for _, s := range samples {
		if s.outcome == granted && s.begun.After(latest) {
			latest = s.begun
		}
	}
	for _, s := range samples { // in the order of their ends, and so not quite of their beginnings
		if s.outcome == refused && s.begun.After(latest) && (!ok || s.begun.Sub(since) < by) {
			by, ok = s.begun.Sub(since), true
		}
	}
	return latest.Sub(since), by, ok
}
