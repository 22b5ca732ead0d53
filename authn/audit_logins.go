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

// refused notes that a password was looked at and its user not let in, at once. Further events may
// come with it. A name that does not exist is not told: people type passwords into the wrong field.
func (g *Guard) refused(ctx context.Context, user *User, from Client, what check, refusal *Error, more ...Event) {
	failed := g.failure(user, from, what, refusal.Code)
	for i := range more {
		more[i].At = failed.At // what comes of it comes after it
	}
	g.cfg.Trail.Record(ctx, append([]Event{failed}, more...)...)
}

// unheard notes that a password was not even looked at, which may come in floods.
func (g *Guard) unheard(user *User, from Client, what check, refusal *Error) {
	g.cfg.Trail.Counted(g.failure(user, from, what, refusal.Code))
}

func (g *Guard) failure(user *User, from Client, what check, reason Code) Event {
	return anonymousAct(from, g.cfg.Now()).Failed(EventLoginFailed, idOf(user), string(reason)).With(DetailCheck, string(what))
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
