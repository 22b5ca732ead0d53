package authn

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// EventFilter says which events are wanted; what is left at its zero value does not matter.
type EventFilter struct {
	Kinds     []EventKind // one of these
	Actor     Actor       // with Kind alone: any of that kind
	Subject   uuid.UUID
	Session   uuid.UUID
	Network   netip.Prefix // of the client address; one address is a network too
	Outcome   Outcome
	RequestID string
	Country   string    // ISO 3166-1 alpha-2, in capitals
	Since     time.Time // at this time or later
	Until     time.Time // before this time
}

// EventPlace is a place in the trail, between two events. The zero value is in front of the newest.
type EventPlace struct {
	At time.Time
	ID int64
}

// Place is right behind the event, on the way from newer to older ones.
func (e *Event) Place() EventPlace { return EventPlace{At: e.At, ID: e.ID} }

// AuditStore keeps the trail of events. Those of changes are written by the methods that make them, see Act.
type AuditStore interface {
	// RecordEvents adds events that belong to no change, such as refused logins, in one transaction.
	RecordEvents(ctx context.Context, events ...Event) error

	// ListEvents returns at most limit events that the filter wants, the newest first (by At, then ID), from behind the
	// place. Whoever goes on from the last one of a page misses none that was there at the first, and gets none twice,
	// whatever is added meanwhile.
	ListEvents(ctx context.Context, f EventFilter, after EventPlace, limit int) ([]Event, error)

	// CountEvents counts the events of the kinds since a time and before another, in steps from the first on: in an event that
	// stands for several they all count. What has none is left out; the order is not promised.
	CountEvents(ctx context.Context, kinds []EventKind, since, until time.Time, step time.Duration) ([]EventCount, error)

	// PurgeEvents removes events from before the given time, in batches, and reports how many.
	PurgeEvents(ctx context.Context, before time.Time) (int, error)
}

// EventCount is how many events of a kind there were in a step of time.
type EventCount struct {
	Kind   EventKind
	Step   int // from 0
	Events int
}
