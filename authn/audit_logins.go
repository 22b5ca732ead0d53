package authn

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// check says what a password is asked for.
type check string

const (
	checkForLogin  check = ""
	checkForChange check = "password_change" // of one's own
)

// refused notes that a password was looked at and its user not let in, at once, and returns the refusal. Further events may
// come with it. A name that does not exist is not told: people type passwords into the wrong field.
func (l *Logins) refused(ctx context.Context, user *User, from Client, what check, refusal *Error, more ...Event) error {
	failed := l.failure(user, from, what, refusal.Code)
	for i := range more {
		more[i].At = failed.At // what comes of it comes after it
	}
	l.cfg.Trail.Record(ctx, append([]Event{failed}, more...)...)
	return refusal
}

// unheard notes that a password was not even looked at, which may come in floods, and returns the refusal.
func (l *Logins) unheard(user *User, from Client, what check, refusal error) error {
	l.cfg.Trail.Counted(l.failure(user, from, what, Fault(refusal).Code))
	return refusal
}

func (l *Logins) failure(user *User, from Client, what check, reason Code) Event {
	return anonymousAct(from, l.cfg.Now()).Failed(EventLoginFailed, idOf(user), string(reason)).With(DetailCheck, string(what))
}

// locked is the event of a lock that the failure of an attempt has begun. Of a name that does not exist it is told too, and
// which that is not.
func (l *Logins) locked(user *User, from Client, until time.Time) Event {
	return systemAct(from, l.cfg.Now()).Event(EventLocked, idOf(user)).With(DetailUntil, until.UTC().Format(time.RFC3339))
}

// idOf is the user's id, uuid.Nil for nobody.
func idOf(user *User) uuid.UUID {
	if user == nil {
		return uuid.Nil
	}
	return user.ID
}
