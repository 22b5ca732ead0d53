package authn

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// SessionsConfig is what Sessions needs; every field is required.
type SessionsConfig struct {
	Store  LoginStore
	Policy SessionPolicy
	Now    func() time.Time
	Log    *slog.Logger
}

// Sessions lets people see where they are signed in, and end it.
type Sessions struct {
	cfg SessionsConfig
}

// NewSessions returns a Sessions.
func NewSessions(cfg SessionsConfig) *Sessions { return &Sessions{cfg: cfg} }

// SessionView is a session as its owner and administrators see it.
type SessionView struct {
	Session
	ExpiresAt time.Time // if it is not seen again; zero: never
	Current   bool      // it is the caller's own
}

// List returns the living sessions of a user, the latest login first. Another user's are CodeNotFound, unless the caller is
// an administrator.
func (s *Sessions) List(ctx context.Context, caller *Identity, userID uuid.UUID) ([]SessionView, error) {
	if err := s.mayTouch(ctx, caller, userID); err != nil {
		return nil, err
	}
	sessions, err := s.cfg.Store.ListSessions(ctx, userID, s.cfg.Policy, s.cfg.Now())
	if err != nil {
		return nil, Fault(err)
	}
	views := make([]SessionView, 0, len(sessions))
	for _, one := range sessions {
		views = append(views, s.view(caller, one))
	}
	return views, nil
}

// view is a session as the caller sees it.
func (s *Sessions) view(caller *Identity, one Session) SessionView {
	return SessionView{Session: one, ExpiresAt: s.cfg.Policy.Expires(one), Current: one.ID == caller.SessionID}
}

// End ends one session of a user. A session that is another user's, or has ended, is CodeNotFound.
func (s *Sessions) End(ctx context.Context, caller *Identity, userID, id uuid.UUID) error {
	if err := s.mayTouch(ctx, caller, userID); err != nil {
		return err
	}
	_, err := s.cfg.Store.EndSession(ctx, userID, id, caller.act(s.cfg.Now()))
	switch {
	case errors.Is(err, ErrSessionNotFound):
		return Refuse(CodeNotFound, "Session not found")
	case err != nil:
		return Fault(err)
	}
	return nil
}

// EndAll ends all sessions of a user but the caller's own, and reports how many tokens that made invalid.
func (s *Sessions) EndAll(ctx context.Context, caller *Identity, userID uuid.UUID) (int, error) {
	if err := s.mayTouch(ctx, caller, userID); err != nil {
		return 0, err
	}
	keep := uuid.Nil
	if userID == caller.UserID {
		keep = caller.SessionID
	}
	tokens, err := s.cfg.Store.EndSessions(ctx, userID, keep, caller.act(s.cfg.Now()))
	if err != nil {
		return 0, Fault(err)
	}
	return tokens, nil
}

// EndOwn ends the caller's session alone and reports how many tokens that made invalid.
func (s *Sessions) EndOwn(ctx context.Context, caller *Identity) (int, error) {
	tokens, err := s.cfg.Store.EndSession(ctx, caller.UserID, caller.SessionID, caller.act(s.cfg.Now()))
	switch {
	case errors.Is(err, ErrSessionNotFound):
		return 0, nil
	case err != nil:
		return 0, Fault(err)
	}
	return tokens, nil
}

// Expire ends the sessions that the policy says have ended: a token of theirs dies although nobody asks the store about it.
func (s *Sessions) Expire(ctx context.Context) (int, error) {
	return s.cfg.Store.EndExpiredSessions(ctx, s.cfg.Policy, s.cfg.Now())
}

func (s *Sessions) mayTouch(ctx context.Context, caller *Identity, userID uuid.UUID) error {
	if !mayTouch(caller, userID) {
		return accountRefusal(ErrUserNotFound)
	}
	if caller.UserID == userID {
		return nil
	}
	if _, err := s.cfg.Store.UserByID(ctx, userID); err != nil {
		return accountRefusal(err)
	}
	return nil
}
