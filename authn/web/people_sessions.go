package web

import (
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func sessionFilterFields() []field {
	return []field{{name: "user", kind: "search", label: "sessions.whose", optional: true}}
}

func endSessionFields() []field {
	return []field{{name: "user_id", kind: "hidden"}, {name: "session_id", kind: "hidden"}, {name: "user", kind: "hidden", optional: true}}
}

// allSessionsView is what the template shows.
type allSessionsView struct {
	Sessions []someSession
	Pager    pager
	Of       *userView // whose alone; nil: everybody's
	User     string    // what was asked for; empty: nobody
	Nobody   bool      // there is no such user
}

// someSession is a session as the template shows one among those of others.
type someSession struct {
	ID, UserID, Username, UserHref   string
	Device, Place, Address           string
	CreatedAt, LastSeenAt, ExpiresAt time.Time // ExpiresAt: zero: never
	Current                          bool      // it is the caller's own
}

// showAllSessions lists the sessions of everybody, or of one user.
func (v *visit) showAllSessions() (any, error) {
	f, err := v.filter()
	if err != nil {
		return nil, err
	}
	q := authn.SessionQuery{Limit: perPage}
	if q.Cursor, err = v.cursor(); err != nil {
		return nil, err
	}
	shown := allSessionsView{User: f["user"]}
	if name := shown.User; name != "" {
		u, err := v.cfg.Accounts.Find(v.r.Context(), v.caller, name)
		switch {
		case isGone(err):
			shown.Nobody = true
			return shown, nil
		case err != nil:
			return nil, err
		}
		of := v.userView(u, authn.Standing{})
		q.User, shown.Of = u.ID, &of
	}
	found, err := v.cfg.Sessions.ListAll(v.r.Context(), v.caller, q)
	if err != nil {
		return nil, err
	}
	shown.Pager = v.pager(allSessionsPath, q.Cursor, found.Previous, found.Next)
	for _, s := range found.Sessions {
		shown.Sessions = append(shown.Sessions, someSession{
			ID: s.ID.String(), UserID: s.UserID.String(), Username: s.Username, UserHref: v.path(userOf(s.UserID)),
			Device: authn.DeviceName(s.UserAgent), Place: authn.PlaceName(s.City, s.Country), Address: s.ClientAddress,
			CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt, ExpiresAt: s.ExpiresAt, Current: s.Current,
		})
	}
	return shown, nil
}

// endSomeSession ends a session. One that has ended meanwhile is no mistake of who wants it ended.
func (v *visit) endSomeSession() error {
	user, _ := canonical(v.sent["user_id"])
	session, _ := canonical(v.sent["session_id"])
	if err := v.cfg.Sessions.End(v.r.Context(), v.caller, user, session); err != nil && !isGone(err) {
		return err
	}
	if session == v.caller.SessionID && session != uuid.Nil {
		v.signedOut()
		return nil
	}
	query := url.Values{"said": {"session_ended"}}
	if user := v.sent["user"]; user != "" { // whose sessions were shown
		query.Set("user", user)
	}
	v.redirect(v.cfg.PublicURL + v.path(allSessionsPath) + "?" + query.Encode())
	return nil
}
