package authn

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// check says what a password is asked for.
type check string

const (
	checkForLogin  check = ""
	checkForChange check = "password_change" // of one's own
	checkForMove   check = "email_change"    // of one's own, alone
	checkForEnd    check = "account_deletion"
)

// refused notes that a password was looked at and its user not let in, at once. Further events may
// come with it. A name that does not exist is not told: people type passwords into the wrong field.
func (g *Guard) refused(ctx context.Context, user *User, from Client, what check, refusal *Error, more ...Event) {
	g.cfg.Trail.Record(ctx, after(g.failure(user, from, what, refusal.Code), more...)...)
}

// after returns an event and what comes of it, which happens after it and at the same time.
func after(first Event, more ...Event) []Event {
	for i := range more {
		more[i].At = first.At
	}
	return append([]Event{first}, more...)
}

func (g *Guard) failure(user *User, from Client, what check, reason Code) Event {
	return anonymousAct(from, g.cfg.Now()).Failed(EventLoginFailed, idOf(user), string(reason)).With(DetailCheck, string(what))
}

// reasonRisk is why a right password was refused. Whoever tried it was told what they are told of a wrong one.
const reasonRisk = "risk"

// ofRisk returns the failure as that of a sign-in which was refused for its risk.
func (e Event) ofRisk(r Risk) Event {
	reasons := make([]string, len(r.Reasons))
	for i, signal := range r.Reasons {
		reasons[i] = string(signal)
	}
	e.Reason = reasonRisk
	return e.With(DetailRisk, strconv.FormatFloat(r.Value, 'f', -1, 64)).With(DetailRiskReasons, strings.Join(reasons, ","))
}

// locked is the event of a lock that the failure of an attempt has begun. Of a name that does not exist it is told too, and
// which that is not.
func (g *Guard) locked(user *User, from Client, until time.Time) Event {
	return systemAct(from, g.cfg.Now()).Event(EventLocked, idOf(user)).With(DetailUntil, until.UTC().Format(time.RFC3339))
}

// idOf is the user's id, uuid.Nil for nobody.
func idOf(user *User) uuid.UUID {
	if user == nil {
		return uuid.Nil
	}
	return user.ID
}
