package authn

import (
	"context"
	"iter"
	"math"

	"github.com/google/uuid"
)

// MostEvents is how many events one page holds at most.
const MostEvents = 1000

// EventQuery asks for events.
type EventQuery struct {
	EventFilter
	Cursor string // Next of the page before; empty: from the newest on
	Limit  int    // of a page, 1 to MostEvents; of All the most there are, 0: no limit
}

// EventPage is a part of the trail, the newest event first.
type EventPage struct {
	Events []Event
	Next   string // the Cursor of the next page; empty: there is none
}

// List returns a page of the trail to an administrator. CodeForbidden, CodeInvalidRequest with the field.
func (t *Trail) List(ctx context.Context, caller *Identity, q EventQuery) (EventPage, error) {
	if !caller.Admin {
		return EventPage{}, Refuse(CodeForbidden, "Not authorized to read the audit trail")
	}
	return t.page(ctx, q)
}

// ListOwn returns a page of what concerns the caller: they are the subject. Of what others did they are shown what was done
// and when, and whether it was an administrator, a client (and which) or Authly: not which administrator, nor from where.
func (t *Trail) ListOwn(ctx context.Context, caller *Identity, q EventQuery) (EventPage, error) {
	if caller.UserID == uuid.Nil {
		return EventPage{}, accountRefusal(ErrUserNotFound)
	}
	q.Subject = caller.UserID
	page, err := t.page(ctx, q)
	for i := range page.Events {
		page.Events[i] = page.Events[i].shownTo(caller.UserID)
	}
	return page, err
}

// All is every event that List would give, page by page: however many there are, no more than one page is in memory. AllOwn is
// the same of ListOwn. An error is the last that comes.
func (t *Trail) All(ctx context.Context, caller *Identity, q EventQuery) iter.Seq2[Event, error] {
	return q.all(func(q EventQuery) (EventPage, error) { return t.List(ctx, caller, q) })
}

func (t *Trail) AllOwn(ctx context.Context, caller *Identity, q EventQuery) iter.Seq2[Event, error] {
	return q.all(func(q EventQuery) (EventPage, error) { return t.ListOwn(ctx, caller, q) })
}

func (q EventQuery) all(list func(EventQuery) (EventPage, error)) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		left := q.Limit
		if left == 0 {
			left = math.MaxInt
		}
		for more := true; more && left > 0; {
			q.Limit = min(left, MostEvents)
			page, err := list(q)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page.Events {
				if !yield(e, nil) {
					return
				}
			}
			left -= len(page.Events)
			q.Cursor, more = page.Next, page.Next != ""
		}
	}
}

func (t *Trail) page(ctx context.Context, q EventQuery) (EventPage, error) {
	if q.Limit < 1 || q.Limit > MostEvents {
		return EventPage{}, RefuseField("limit", "Invalid field: limit must be from 1 to 1000")
	}
	place, err := parseCursor(q.Cursor)
	if err != nil {
		return EventPage{}, err
	}
	events, err := t.cfg.Store.ListEvents(ctx, q.EventFilter, place, q.Limit+1)
	if err != nil {
		return EventPage{}, Fault(err)
	}
	page := EventPage{Events: events}
	if len(events) > q.Limit {
		page.Events = events[:q.Limit]
		page.Next = cursorAt(page.Events[q.Limit-1].Place())
	}
	return page, nil
}

// shownTo returns the event as the user whom it is about may see it.
func (e Event) shownTo(user uuid.UUID) Event {
	actor := e.Actor.Kind
	switch actor {
	case ActorAnonymous:
		return e // whoever tried to be the user: from where, they should know
	case ActorUser:
		if e.Actor.ID == user.String() {
			return e
		}
		e.Actor = Actor{Kind: ActorAdministrator}
	case ActorOperator:
		e.Actor = Actor{Kind: ActorAdministrator}
	case ActorSystem:
		return e
	}
	if _, other := e.Details[DetailBySession]; !other && actor == ActorUser {
		e.Session = uuid.Nil // the administrator's
	}
	e.From, e.Country, e.City = Client{}, "", ""
	delete(e.Details, DetailBySession)
	return e
}
