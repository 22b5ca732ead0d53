package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// sessionAnswer is a session as clients see one.
type sessionAnswer struct {
	ID            uuid.UUID  `json:"id"`
	CreatedAt     time.Time  `json:"created_at"`
	LastSeenAt    time.Time  `json:"last_seen_at"`
	ExpiresAt     *time.Time `json:"expires_at"`     // null: never
	ClientAddress string     `json:"client_address"` // empty: unknown
	UserAgent     string     `json:"user_agent"`
	Label         string     `json:"label"`
	Country       string     `json:"country"` // these two are empty if unknown
	City          string     `json:"city"`
	Current       bool       `json:"current"`
}

type sessionsEndedAnswer struct {
	Message           string `json:"message"`
	InvalidatedTokens int    `json:"invalidated_tokens"`
}

func showSession(s authn.SessionView) sessionAnswer {
	answer := sessionAnswer{
		ID:            s.ID,
		CreatedAt:     s.CreatedAt.UTC(),
		LastSeenAt:    s.LastSeenAt.UTC(),
		ClientAddress: s.ClientAddress,
		UserAgent:     s.UserAgent,
		Label:         authn.DeviceName(s.UserAgent),
		Country:       s.Country,
		City:          s.City,
		Current:       s.Current,
	}
	if !s.ExpiresAt.IsZero() {
		at := s.ExpiresAt.UTC()
		answer.ExpiresAt = &at
	}
	return answer
}

// listOwnSessions, endOwnSession and endOtherSessions are for the caller; the three below are the same for a user who is
// named, to that user and administrators.
func (a *API) listOwnSessions(c *call) error { return a.answerSessions(c, c.caller.UserID) }

func (a *API) endOwnSession(c *call) error {
	return a.answerEnd(c, c.caller.UserID, c.sessionID("id"))
}

func (a *API) endOtherSessions(c *call) error { return a.answerEndAll(c, c.caller.UserID) }

func (a *API) listSessions(c *call) error { return c.ofUser(a.answerSessions) }

func (a *API) endSession(c *call) error {
	return c.ofUser(func(c *call, user uuid.UUID) error {
		return a.answerEnd(c, user, c.sessionID("session_id"))
	})
}

func (a *API) endSessions(c *call) error { return c.ofUser(a.answerEndAll) }

// ofUser calls a handler with the user that the path names.
func (c *call) ofUser(handle func(*call, uuid.UUID) error) error {
	user, err := c.userID()
	if err != nil {
		return err
	}
	return handle(c, user)
}

func (a *API) answerSessions(c *call, user uuid.UUID) error {
	sessions, err := a.cfg.Sessions.List(c.r.Context(), c.caller, user)
	if err != nil {
		return err
	}
	answer := make([]sessionAnswer, 0, len(sessions))
	for _, s := range sessions {
		answer = append(answer, showSession(s))
	}
	return c.answer(http.StatusOK, answer)
}

func (a *API) answerEnd(c *call, user, session uuid.UUID) error {
	if err := a.cfg.Sessions.End(c.r.Context(), c.caller, user, session); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// answerEndAll ends every session of the user but the caller's own.
func (a *API) answerEndAll(c *call, user uuid.UUID) error {
	n, err := a.cfg.Sessions.EndAll(c.r.Context(), c.caller, user)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, sessionsEndedAnswer{"Sessions ended", n})
}
