package authn

import (
	"context"
	"time"
)

// cookie returns what is remembered of a cookie, or asks the store. What the store has said is taken for what an access token
// says that was issued at that moment: it holds for no longer than one would, because for so long the Follower remembers
// what ends it. Then the store is asked again; and so it is about a session that would have ended by idleness if it was used
// nowhere else.
func (c *Checker) cookie(ctx context.Context, cred Credentials, now time.Time) (*checkedToken, error) {
	if held, known := c.cookies.GetIfPresent(cred.Token); known && c.holds(held, now) {
		if held.identity.Cookie.Domain != cred.Domain { // as in Logins.owner
			return nil, errBadCookie
		}
		return held, nil
	}
	user, session, cookie, err := c.logins.owner(ctx, cred)
	if err != nil {
		return nil, err
	}
	expires := now.Add(c.follower.cfg.TokenLife)
	if cookie.ExpiresAt.Before(expires) {
		expires = cookie.ExpiresAt
	}
	identity := c.logins.cookieIdentity(user, session, cookie)
	identity.Admin, identity.Memo = false, new(Memo) // as of a token: see Authenticate
	held := &checkedToken{
		verified: verified{userID: user.ID, session: session.ID, jti: cookie.Hash, issued: now, expires: expires},
		identity: *identity,
	}
	held.seen.Store(session.LastSeenAt.UnixNano())
	c.cookies.Set(cred.Token, held)
	return held, nil
}

// holds reports whether what is remembered of a cookie can still be relied on. Time that was over once stays over, also if the
// clock is set back.
func (c *Checker) holds(held *checkedToken, now time.Time) bool {
	if held.over.Load() {
		return false
	}
	idle := c.logins.cfg.Sessions.IdleTimeout
	if !now.Before(held.expires) || idle > 0 && !held.identity.Cookie.Keep && now.UnixNano()-held.seen.Load() >= int64(idle) {
		held.over.Store(true)
		return false
	}
	return true
}

// bad is the refusal of a token or cookie that does not live.
func (t *checkedToken) bad() *Error {
	if t.identity.Cookie != nil {
		return errBadCookie
	}
	return errBadToken
}
