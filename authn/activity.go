package authn

import (
	"context"
	"time"
)

// activityHours is how many hours Activity tells of.
const activityHours = 24

// ActivityHour is how busy the door was in an hour.
type ActivityHour struct {
	From     time.Time // a full hour in UTC
	SignIns  int       // sessions that began
	Failures int       // names and passwords that were refused, during locks too
	Locks    int       // accounts that were locked
}

// Activity returns the last 24 hours to an administrator, the present one, which is not over, last. CodeForbidden.
func (t *Trail) Activity(ctx context.Context, caller *Identity) ([]ActivityHour, error) {
	if !caller.Admin {
		return nil, Refuse(CodeForbidden, "Not authorized to read the audit trail")
	}
	since := t.cfg.Now().UTC().Truncate(time.Hour).Add(-(activityHours - 1) * time.Hour)
	kinds := []EventKind{EventLogin, EventLoginFailed, EventLocked}
	counts, err := t.cfg.Store.CountEvents(ctx, kinds, since, since.Add(activityHours*time.Hour), time.Hour)
	if err != nil {
		return nil, Fault(err)
	}
	hours := make([]ActivityHour, activityHours)
	for i := range hours {
		hours[i].From = since.Add(time.Duration(i) * time.Hour)
	}
	for _, c := range counts {
		switch hour := &hours[c.Step]; c.Kind {
		case EventLogin:
			hour.SignIns = c.Events
		case EventLoginFailed:
			hour.Failures = c.Events
		case EventLocked:
			hour.Locks = c.Events
		}
	}
	return hours, nil
}
