package authn

import (
	"context"

	"github.com/google/uuid"
)

// SessionQuery asks for the sessions of everybody.
type SessionQuery struct {
	User   uuid.UUID // whose alone; uuid.Nil: everybody's
	Cursor string    // Next or Previous of another page; empty: from the beginning
	Limit  int       // 1 to 100
}

// SessionPage is a part of a list of sessions, the latest login first.
type SessionPage struct {
	Sessions       []UserSessionView
	Previous, Next string // the cursors of the pages beside it; empty: there is none
}

// UserSessionView is a session as administrators see it among those of others.
type UserSessionView struct {
	SessionView
	Username string
}

// ListAll returns the living sessions of everybody to an administrator. The order is that of logins, since sessions do not
// move in it while somebody turns pages. Errors: CodeForbidden; CodeInvalidRequest with the field, which is cursor or limit.
func (s *Sessions) ListAll(ctx context.Context, caller *Identity, q SessionQuery) (SessionPage, error) {
	if !caller.Admin {
		return SessionPage{}, Refuse(CodeForbidden, "Not authorized to list sessions")
	}
	err := checkPaging(0, q.Limit)
	var mark bookmark[SessionPlace]
	if err == nil && q.Cursor != "" {
		mark, err = parseCursorOfSessions(q.Cursor)
	}
	if err != nil {
		return SessionPage{}, err
	}
	search := SessionSearch{UserID: q.User, Policy: s.cfg.Policy, Now: s.cfg.Now()}
	all, before, after, err := turnTo(mark, q.Limit, func(from *SessionPlace, back bool, limit int) ([]UserSession, error) {
		search.From, search.Backward, search.Limit = from, !back, limit
		return s.cfg.Store.SearchSessions(ctx, search)
	})
	if err != nil {
		return SessionPage{}, Fault(err)
	}
	page := SessionPage{Sessions: make([]UserSessionView, 0, len(all))}
	for _, one := range all {
		page.Sessions = append(page.Sessions, UserSessionView{s.view(caller, one.Session), one.Username})
	}
	if n := len(all); n > 0 && before {
		page.Previous = cursorOfSessions(true, all[0].Session)
	}
	if n := len(all); n > 0 && after {
		page.Next = cursorOfSessions(false, all[n-1].Session)
	}
	return page, nil
}
