package api

import (
	"time"

	"github.com/descoped/authly/authn"
)

// Show is a user as clients see one, for whoever else writes users as JSON. It never holds a hash.
func Show(u authn.User) any { return show(u) }

// ShowStanding is a user as clients see one, and whether wrong passwords keep them out.
func ShowStanding(u authn.User, s authn.Standing) any {
	shown := standingAnswer{userAnswer: show(u), Failures: s.Failures}
	if !s.LastFailure.IsZero() {
		shown.LastFailure = new(s.LastFailure.UTC())
	}
	if !s.LockedUntil.IsZero() {
		shown.LockedUntil = new(s.LockedUntil.UTC())
	}
	return shown
}

type standingAnswer struct {
	userAnswer
	Failures    int        `json:"failed_logins"`
	LastFailure *time.Time `json:"last_failure"` // null: none that counts
	LockedUntil *time.Time `json:"locked_until"` // null: not locked
}

// ShowSession is a session as clients see one, likewise.
func ShowSession(s authn.SessionView) any { return showSession(s) }

// ShowEvent is an event as clients see one, likewise.
func ShowEvent(e authn.Event) any { return showEvent(e) }
