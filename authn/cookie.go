package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Cookie is what the store keeps of a session cookie: everything but its value.
type Cookie struct {
	Hash      string // SHA-256 of the value, 64 lower-case hex digits, unique
	SessionID uuid.UUID
	Domain    string // to whose hosts alone it is a credential; empty: to those of the login page's cookie
	CreatedAt time.Time
	ExpiresAt time.Time
}

// CookieStore keeps the sessions that browsers hold by a cookie. SessionStore ends them like any other, and their cookies with
// them. Every method is atomic.
type CookieStore interface {
	// BeginCookieSession keeps a new login as BeginSession does, with a cookie in place of tokens.
	BeginCookieSession(ctx context.Context, s Session, c Cookie, passwordHash string, policy SessionPolicy, act Act) error

	// CookieOwner returns whose a cookie is. ErrTokenNotFound if there is none of this hash; ErrTokenSpent if it is expired at
	// now or its session does not live by the policy; ErrUserInactive.
	CookieOwner(ctx context.Context, hash string, policy SessionPolicy, now time.Time) (User, Session, Cookie, error)
}

// BrowserCookie is what a browser is given of its session. The value is a secret and is never logged.
type BrowserCookie struct {
	Value     string    // 54 characters of unpadded base64url: 256 random bits, and a check of them
	ExpiresAt time.Time // of the session, at the latest
	Keep      bool      // beyond the end of the browser: somebody asked to be remembered
}

// HeldCookie is the cookie that an identity came with.
type HeldCookie struct {
	Hash      string
	Domain    string // as in Cookie
	ExpiresAt time.Time
	Keep      bool
}

// longestCookie bounds the life of a cookie whose session is not bounded by anything else. Browsers keep none for longer.
const longestCookie = 400 * 24 * time.Hour

// hashCookie is what a cookie's value is known by. The value has more entropy than can be searched: nothing slower is needed.
func hashCookie(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// LoginBrowser is Login for a browser, which gets a cookie in place of tokens. With remember the cookie outlasts the browser, for
// RememberFor, and the session does not end by idleness. held is the value that the browser came with, if it did: that session
// ends, whosever it is, because the browser has no way back to it.
//
// Errors: those of Login.
func (l *Logins) LoginBrowser(ctx context.Context, name, password string, remember bool, held string, from Client) (BrowserCookie, error) {
	remember = remember && l.cfg.RememberFor > 0
	given := BrowserCookie{Value: l.NewCookieValue(), Keep: remember}
	err := l.enter(ctx, name, password, from, func(user User, w *weighing) error {
		session := l.newSession(user, from, w)
		session.Remembered = remember
		given.ExpiresAt = l.cookieEnd(session)
		cookie := Cookie{
			Hash: hashCookie(given.Value), SessionID: session.ID, CreatedAt: session.CreatedAt, ExpiresAt: given.ExpiresAt,
		}
		err := l.cfg.Store.BeginCookieSession(ctx, session, cookie, user.PasswordHash, l.cfg.Sessions, loginAct(user, session, from))
		return l.sessionBegun(ctx, user, from, w, err)
	})
	if err != nil {
		return BrowserCookie{}, err
	}
	if IsCookieValue(held) {
		l.endHeld(ctx, Credentials{Kind: CookieCredential, Token: held}, uuid.Nil, from)
	}
	return given, nil
}

// cookieEnd is when a new session ends at the latest.
func (l *Logins) cookieEnd(s Session) time.Time {
	life := longestCookie
	if s.Remembered {
		life = min(life, l.cfg.RememberFor)
	}
	if l.cfg.Sessions.MaxLifetime > 0 {
		life = min(life, l.cfg.Sessions.MaxLifetime)
	}
	return s.CreatedAt.Add(life)
}

// endHeld ends the session that a browser has left behind by signing in anew, unless it is the one to keep. It may fail: then it
// ends by its time.
func (l *Logins) endHeld(ctx context.Context, held Credentials, keep uuid.UUID, from Client) {
	caller, err := l.Authenticate(ctx, held)
	if err != nil || caller.SessionID == keep {
		return
	}
	caller.From = from
	if _, err := l.cfg.Store.EndSession(ctx, caller.UserID, caller.SessionID, caller.act(l.cfg.Now())); err != nil && !errors.Is(err, ErrSessionNotFound) {
		l.cfg.Log.WarnContext(ctx, "the session that a browser had before was not ended", "session_id", caller.SessionID, "error", err)
	}
}

// owner returns what the store knows of a cookie now. The error is that of Authenticate. The store is not asked about what can be
// no cookie. One that was sent to a host of another domain than that which it was made for is nobody's: who runs a host there may
// have read it.
func (l *Logins) owner(ctx context.Context, c Credentials) (User, Session, Cookie, error) {
	if !l.madeCookie(c.Token) {
		return User{}, Session{}, Cookie{}, errBadCookie
	}
	user, session, cookie, err := l.cfg.Store.CookieOwner(ctx, hashCookie(c.Token), l.cfg.Sessions, l.cfg.Now())
	switch {
	case err == nil && cookie.Domain != c.Domain:
		return User{}, Session{}, Cookie{}, errBadCookie
	case errors.Is(err, ErrTokenNotFound), errors.Is(err, ErrTokenSpent), errors.Is(err, ErrUserInactive):
		return user, session, cookie, errBadCookie
	case err != nil:
		return user, session, cookie, Fault(err)
	}
	return user, session, cookie, nil
}

var errBadCookie = Refuse(CodeInvalidCredentials, "The session has ended")

// authenticateCookie is Authenticate for a cookie. Unlike a token, nothing else tells that its session is in use.
func (l *Logins) authenticateCookie(ctx context.Context, c Credentials) (*Identity, error) {
	user, session, cookie, err := l.owner(ctx, c)
	if err != nil {
		return nil, err
	}
	if now := l.cfg.Now(); now.Sub(session.LastSeenAt) >= seeEvery {
		_ = l.cfg.Store.SeeSessions(ctx, map[uuid.UUID]time.Time{session.ID: now}, l.cfg.Sessions) // the next use tells again
	}
	return l.cookieIdentity(user, session, cookie), nil
}

// cookieIdentity is the user, who came with a cookie, as applications get to know them.
func (l *Logins) cookieIdentity(u User, s Session, c Cookie) *Identity {
	id := l.identity(u, &verified{session: s.ID, jti: c.Hash})
	id.Cookie = &HeldCookie{Hash: c.Hash, Domain: c.Domain, ExpiresAt: c.ExpiresAt, Keep: s.Remembered}
	return id
}
