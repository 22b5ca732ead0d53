package authn

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// trailWindow is how long events that are alike are counted together.
	trailWindow = time.Minute

	// trailFlush is how often what is counted is written.
	trailFlush = time.Second

	// mostCounted is how many different ones are counted at a time; all beyond count as one of their kind and reason, of no
	// client and no account.
	mostCounted = 1024
)

// TrailConfig is what a Trail needs; every field is required.
type TrailConfig struct {
	Store AuditStore
	Now   func() time.Time
	Log   *slog.Logger // is told where an event could not be kept
}

// Trail is the audit trail. Changes are written by the store itself, in their own transactions; the Trail is for what is
// refused and so changes nothing, and for reading.
//
// Whoever is refused may come again as often as they like, and must neither fill the disk nor slow the door. What cost a
// check of a password is written at once (Record): there are never more of these than passwords can be hashed. What cost
// next to nothing (Counted) waits for Run: the first of its kind, reason, account and client network is written within a
// second, and those that follow within a minute as one event with their number. That is at most two rows a minute for each
// of 1,024 different ones, and every one is counted; a process that is killed loses the numbers of its last minute.
type Trail struct {
	cfg TrailConfig

	mu      sync.Mutex
	counted map[likeness]*count
}

// likeness is what events must have in common to be counted together.
type likeness struct {
	kind    EventKind
	reason  string
	subject uuid.UUID
	actor   Actor
	network string
	about   string // the route, the client or the kind of mail
}

// count is a window in which events of one likeness are counted.
type count struct {
	first    Event
	begun    time.Time
	written  bool // the first
	repeated int
	last     time.Time
}

// NewTrail returns a Trail, whose Run the caller runs if it uses Counted.
func NewTrail(cfg TrailConfig) *Trail {
	return &Trail{cfg: cfg, counted: map[likeness]*count{}}
}

// Record writes events that belong to no change. That they cannot be kept is logged and changes nothing: refused is refused.
func (t *Trail) Record(ctx context.Context, events ...Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // also for a client who has hung up
	defer cancel()
	if err := t.cfg.Store.RecordEvents(ctx, events...); err != nil {
		t.cfg.Log.ErrorContext(ctx, "audit events could not be kept", "kind", events[0].Kind, "reason", events[0].Reason, "error", err)
	}
}

// Counted notes an event that may come in floods. It never waits.
func (t *Trail) Counted(e Event) {
	like := likeness{e.Kind, e.Reason, e.Subject, e.Actor, ClientNetwork(e.From.Address),
		e.Details[DetailRoute] + e.Details[DetailClient] + e.Details[DetailMail]}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.counted[like]; c != nil {
		c.repeated++
		c.last = e.At
		return
	}
	if len(t.counted) >= mostCounted {
		like = likeness{kind: e.Kind, reason: e.Reason}
		if c := t.counted[like]; c != nil {
			c.repeated++
			c.last = e.At
			return
		}
		e = Event{At: e.At, Kind: e.Kind, Outcome: e.Outcome, Reason: e.Reason, Actor: Actor{Kind: ActorAnonymous}, Count: 1}
	}
	t.counted[like] = &count{first: e, begun: e.At}
}

// Run writes what is counted until ctx ends, and then once more.
func (t *Trail) Run(ctx context.Context) {
	ticker := time.NewTicker(trailFlush)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			t.Flush(last, true)
			return
		case <-ticker.C:
			t.Flush(ctx, false)
		}
	}
}

// Flush writes what is due, or all. What cannot be written is kept for the next time. One at a time calls it.
func (t *Trail) Flush(ctx context.Context, all bool) {
	due, done := t.due(all)
	if len(due) == 0 {
		done() // windows in which nothing was repeated are over
		return
	}
	if err := t.cfg.Store.RecordEvents(ctx, due...); err != nil {
		if ctx.Err() == nil {
			t.cfg.Log.ErrorContext(ctx, "audit events could not be kept, it is tried again", "events", len(due), "error", err)
		}
		return
	}
	done()
}

// due returns the events that are to be written now, and what to call when they are.
func (t *Trail) due(all bool) (events []Event, done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	written := map[likeness]part{}
	for like, c := range t.counted {
		over := all || now.Sub(c.begun) >= trailWindow || now.Before(c.begun)
		if !c.written {
			events = append(events, c.first)
		}
		if over && c.repeated > 0 {
			events = append(events, c.repeats())
		}
		if !c.written || over {
			written[like] = part{repeated: c.repeated, over: over}
		}
	}
	return events, func() { t.wrote(written) }
}

// part is what was written of a count: the first, and if its window is over those that were repeated.
type part struct {
	repeated int
	over     bool
}

// wrote takes off the counts what was written. What came meanwhile stays, and begins a window.
func (t *Trail) wrote(written map[likeness]part) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for like, part := range written {
		c := t.counted[like]
		c.written = true
		if !part.over {
			continue
		}
		if c.repeated -= part.repeated; c.repeated == 0 {
			delete(t.counted, like)
		} else {
			c.begun = c.last
		}
	}
}

// repeats is the event that stands for those after the first.
func (c *count) repeats() Event {
	e := c.first.With(DetailSince, c.begun.UTC().Format(time.RFC3339Nano))
	e.At, e.Count = c.last, c.repeated
	return e
}
