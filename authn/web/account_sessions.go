package web

import (
	"time"

	"github.com/descoped/authly/authn"
)

// mostSessions is how many sessions are listed. Whoever has more has a program that signs in again and again.
const mostSessions = 100

// sessionsView is what the template shows.
type sessionsView struct {
	Sessions []sessionView
	Others   bool // there is one beside the browser's own
	More     int  // how many are not listed
}

type sessionView struct {
	ID                  string
	Device, Place       string
	CreatedAt, SeenAt   time.Time
	Remembered, Current bool
}

func (v *visit) showSessions() (any, error) {
	sessions, err := v.cfg.Sessions.List(v.r.Context(), v.caller, v.caller.UserID)
	if err != nil {
		return nil, err
	}
	var shown sessionsView
	for _, s := range sessions {
		shown.Others = shown.Others || !s.Current
		if len(shown.Sessions) >= mostSessions && !s.Current {
			shown.More++
			continue
		}
		shown.Sessions = append(shown.Sessions, sessionView{
			ID: s.ID.String(), Device: authn.DeviceName(s.UserAgent), Place: where(s.City, s.Country, s.ClientAddress),
			CreatedAt: s.CreatedAt, SeenAt: s.LastSeenAt, Remembered: s.Remembered, Current: s.Current,
		})
	}
	return shown, nil
}

// endSession ends one session, which may be the browser's own. One that has ended meanwhile is as its user wants it.
func (v *visit) endSession() error {
	id, _ := canonical(v.sent["session"])
	if err := v.cfg.Sessions.End(v.r.Context(), v.caller, v.caller.UserID, id); err != nil && !isGone(err) {
		return err
	}
	v.goTo(sessionsPath, "session_ended")
	return nil
}

func (v *visit) endOtherSessions() error {
	if _, err := v.cfg.Sessions.EndAll(v.r.Context(), v.caller, v.caller.UserID); err != nil {
		return err
	}
	v.goTo(sessionsPath, "sessions_ended")
	return nil
}
