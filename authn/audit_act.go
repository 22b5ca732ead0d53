package authn

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Act says who makes a change, from where and when. Every method of a store that changes what matters for security takes one
// and writes the event in the transaction of the change: neither is kept without the other. An Act without an actor is
// refused, so that none is forgotten.
type Act struct {
	By      Actor
	Session uuid.UUID // the actor's own; uuid.Nil: none
	From    Client
	Reason  string // becomes the event's: why, where the change alone does not say it; empty: nothing to add
	At      time.Time
}

// act is what the caller does at the given time.
func (i *Identity) act(at time.Time) Act {
	return Act{By: i.actor(), Session: i.SessionID, From: i.From, At: at}
}

// anonymousAct is what somebody does who has not proved to be anybody.
func anonymousAct(from Client, at time.Time) Act {
	return Act{By: Actor{Kind: ActorAnonymous}, From: from, At: at}
}

// systemAct is what Authly does by itself, or because of a request.
func systemAct(from Client, at time.Time) Act {
	return Act{By: Actor{Kind: ActorSystem}, From: from, At: at}
}

// Event returns an event of the act that succeeded, about a user (uuid.Nil: about none).
func (a Act) Event(kind EventKind, subject uuid.UUID) Event {
	return Event{
		At: a.At, Kind: kind, Outcome: Success, Reason: a.Reason, Actor: a.By, Subject: subject, Session: a.Session,
		From: a.From, Count: 1,
	}
}

// Failed returns an event of the act that was refused, with the reason.
func (a Act) Failed(kind EventKind, subject uuid.UUID, reason string) Event {
	e := a.Event(kind, subject)
	e.Outcome, e.Reason = Failure, reason
	return e
}

// OfSession returns the event as being about a session, which may be another one than the actor's.
func (e Event) OfSession(id uuid.UUID) Event {
	if e.Session != uuid.Nil && e.Session != id {
		e = e.With(DetailBySession, e.Session.String())
	}
	e.Session = id
	return e
}

// With returns the event with a detail; an empty one is left out.
func (e Event) With(name Detail, value string) Event {
	if value == "" {
		return e
	}
	details := Details{name: value}
	for k, v := range e.Details {
		if k != name {
			details[k] = v
		}
	}
	e.Details = details
	return e
}

// Ended returns the event with how many sessions and living tokens ended; what is zero is left out.
func (e Event) Ended(sessions, tokens int) Event {
	for name, n := range map[Detail]int{DetailSessions: sessions, DetailTokens: tokens} {
		if n > 0 {
			e = e.With(name, strconv.Itoa(n))
		}
	}
	return e
}

// UserEvents returns the events of a change of a user, one for each kind of thing that differs; none if nothing does. It does
// not look at sessions.
func (a Act) UserEvents(old, changed User) []Event {
	var events []Event
	add := func(kind EventKind, details Details) {
		e := a.Event(kind, old.ID)
		e.Details = details
		events = append(events, e)
	}
	renamed, emailed := old.Username != changed.Username, old.EmailKey != changed.EmailKey || old.Email != changed.Email
	if renamed {
		add(EventUserChanged, Details{DetailUsername: changed.Username, DetailPreviousUsername: old.Username})
	}
	if emailed {
		add(EventEmailChanged, nil)
	}
	switch {
	case changed.Verified && (!old.Verified || old.EmailKey != changed.EmailKey):
		add(EventUserVerified, nil)
	case !changed.Verified && old.Verified && !emailed:
		add(EventUserChanged, Details{DetailVerified: "false"})
	}
	if old.PasswordHash != changed.PasswordHash {
		kind := EventPasswordChanged
		if a.By.Kind == ActorSystem { // which knows no other password than the present one
			kind = EventPasswordRehashed
		}
		add(kind, nil)
	}
	if details := rolesDetails(old, changed); details != nil {
		add(EventRolesChanged, details)
	}
	if old.Active && !changed.Active {
		add(EventUserDisabled, nil)
	}
	if !old.Active && changed.Active {
		add(EventUserEnabled, nil)
	}
	return events
}

// rolesDetails says how what a user may do has changed; nil: it has not.
func rolesDetails(old, changed User) Details {
	sameRoles := slices.Equal(old.Roles, changed.Roles)
	if sameRoles && old.Admin == changed.Admin {
		return nil
	}
	details := Details{}
	if !sameRoles {
		details[DetailRoles], details[DetailPreviousRoles] = strings.Join(changed.Roles, ","), strings.Join(old.Roles, ",")
	}
	if old.Admin != changed.Admin {
		details[DetailAdmin] = strconv.FormatBool(changed.Admin)
	}
	return details
}

// CreatedEvent returns the event of a user who was created.
func (a Act) CreatedEvent(u User) Event {
	e := a.Event(EventUserCreated, u.ID).With(DetailUsername, u.Username).With(DetailRoles, strings.Join(u.Roles, ","))
	if u.Admin {
		e = e.With(DetailAdmin, "true")
	}
	return e
}

// InvitationEvent returns the event of something done to an invitation. Whom it was sent to is not told.
func (a Act) InvitationEvent(kind EventKind, t MailToken) Event {
	return a.Event(kind, uuid.Nil).With(DetailUsername, t.Username).With(DetailRoles, strings.Join(t.Roles, ","))
}

// DeniedEvent returns the event of a request that was kept out. who is nil if that is not known.
func DeniedEvent(who *Identity, from Client, at time.Time, reason string, details Details) Event {
	act := anonymousAct(from, at)
	if who != nil {
		act = who.act(at)
		act.From = from
	}
	e := act.Failed(EventRequestDenied, uuid.Nil, reason)
	e.Details = details
	return e
}

// ConfigurationEvent returns the event of a server that begins to go by a configuration.
func ConfigurationEvent(at time.Time, version, digest string) Event {
	return systemAct(Client{}, at).Event(EventConfigurationLoaded, uuid.Nil).With(DetailVersion, version).With(DetailDigest, digest)
}

// ReloadEvent returns the event of a server that takes up keys of the configuration that have changed. restart are those that it
// cannot.
func ReloadEvent(at time.Time, version, digest string, keys, restart []string) Event {
	e := systemAct(Client{}, at).Event(EventConfigurationReloaded, uuid.Nil).With(DetailVersion, version).With(DetailDigest, digest)
	return e.withKeys(keys, restart)
}

// ReloadFailedEvent returns the event of a server that goes on with the configuration that it has, since these keys of the new one
// are wrong.
func ReloadFailedEvent(at time.Time, version string, keys []string) Event {
	e := systemAct(Client{}, at).Failed(EventConfigurationReloaded, uuid.Nil, string(CodeInvalidRequest)).With(DetailVersion, version)
	return e.withKeys(keys, nil)
}

func (e Event) withKeys(keys, restart []string) Event {
	if len(keys) > 0 {
		e = e.With(DetailKeys, strings.Join(keys, ","))
	}
	if len(restart) > 0 {
		e = e.With(DetailRestart, strings.Join(restart, ","))
	}
	return e
}

// KeyEvent returns the event of something done to a signing key.
func (a Act) KeyEvent(kind EventKind, key Key) Event {
	return a.Event(kind, uuid.Nil).With(DetailKeyID, key.ID).With(DetailPurpose, string(key.Purpose)).
		With(DetailAlgorithm, key.Algorithm)
}

// DataKeyEvent returns an event of the act about a data key.
func (a Act) DataKeyEvent(kind EventKind, key DataKey) Event {
	return a.Event(kind, uuid.Nil).With(DetailKeyID, key.ID).With(DetailMasterKey, key.Master)
}
