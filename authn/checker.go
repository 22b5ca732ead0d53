package authn

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
)

// checkedTokens is how many verified tokens a Checker remembers; each takes about two kilobytes.
const checkedTokens = 16 << 10

// seeEvery is how often at most a session is noted as seen.
const seeEvery = time.Minute

// Checker is the Authenticator of the gate. It answers from memory: the signature of a token is verified once, and whether
// the token still lives is asked of the Follower each time. Only while the Follower is not fresh does it ask the store, as
// Logins always does; and then nobody passes if the store does not answer. It is asked too about tokens that outlive what the
// Follower remembers.
type Checker struct {
	logins   *Logins
	follower *Follower
	verified *otter.Cache[string, *checkedToken]
	cookies  *otter.Cache[string, *checkedToken] // by value, which is no text of a token

	mu   sync.Mutex
	seen map[uuid.UUID]time.Time // since they were last taken
}

// checkedToken is a token whose signature and claims are good.
type checkedToken struct {
	verified
	identity Identity    // as the token says
	over     atomic.Bool // it has expired once: a clock that is set back does not revive it
	seen     atomic.Int64

	changed atomic.Pointer[changedIdentity] // of the user as they were when somebody last looked; nil: nobody has
}

// changedIdentity is an identity since a change of its user.
type changedIdentity struct {
	since    *changedUser
	identity *Identity
}

// NewChecker returns a Checker.
func NewChecker(logins *Logins, follower *Follower) *Checker {
	return &Checker{
		logins: logins, follower: follower, seen: map[uuid.UUID]time.Time{},
		verified: otter.Must(&otter.Options[string, *checkedToken]{MaximumSize: checkedTokens}),
		cookies:  otter.Must(&otter.Options[string, *checkedToken]{MaximumSize: checkedTokens}),
	}
}

// Authenticate returns the identity behind an access token or a cookie. Whether it is an administrator of Authly is not known here: no
// rule asks for that, and Authly's own endpoints ask the store.
func (c *Checker) Authenticate(ctx context.Context, cred Credentials) (*Identity, error) {
	now := c.logins.cfg.Now()
	var token *checkedToken
	var err error
	switch cred.Kind {
	case BearerCredential:
		token, err = c.token(cred.Token, now)
	case CookieCredential:
		token, err = c.cookie(ctx, cred, now)
	default:
		return c.logins.Authenticate(ctx, cred) // a refusal, whatever it is
	}
	if err != nil {
		return nil, err
	}
	if !c.follower.isFresh(now) || c.follower.isOutlivedBy(&token.verified) {
		if lives, _ := c.follower.check(&token.verified); !lives {
			return nil, token.bad() // what has ended stays so, also if the store was put back from a backup
		}
		identity, err := c.logins.Authenticate(ctx, cred)
		if err == nil {
			c.see(token, now)
		}
		if err == nil || cred.StaleRoute == "" || Fault(err).Code != CodeUnavailable {
			return identity, err
		}
		c.logins.cfg.Log.WarnContext(ctx, "STALE TOKEN ALLOWED: whether it was taken back cannot be found out, and its route does not mind",
			"event", "stale_token_allowed", "route", cred.StaleRoute, "session_id", token.session)
	}
	lives, changed := c.follower.check(&token.verified)
	if !lives {
		return nil, token.bad()
	}
	identity := &token.identity
	if changed != nil {
		if identity, err = c.changedIdentity(ctx, token, changed); err != nil {
			return nil, err
		}
	}
	c.see(token, now)
	return identity, nil
}

// token verifies a token, or remembers that it did. What it remembers holds for the whole text, and not beyond its expiry, on
// which there is no leeway here: the store, which Authly's own endpoints ask, has none either.
func (c *Checker) token(text string, now time.Time) (*checkedToken, error) {
	token, known := c.verified.GetIfPresent(text)
	if !known {
		v, err := c.logins.verify(AccessToken, text)
		if err != nil && !errors.Is(err, errTokenExpired) {
			return nil, badToken(err)
		}
		token = &checkedToken{verified: v, identity: Identity{
			UserID: v.userID, SessionID: v.session, Username: v.username, Email: v.email, Roles: v.roles,
			JTI: v.jti, KeyID: v.keyID, SealedBy: v.sealedBy, Memo: new(Memo),
		}}
		token.over.Store(err != nil)
		c.verified.Set(text, token)
	}
	if !token.over.Load() && !now.Before(token.expires) {
		token.over.Store(true)
	}
	if token.over.Load() {
		return nil, errBadToken
	}
	return token, nil
}

// changedIdentity is the identity of a user who is no longer as the token says.
func (c *Checker) changedIdentity(ctx context.Context, token *checkedToken, changed *changedUser) (*Identity, error) {
	if known := token.changed.Load(); known != nil && known.since == changed {
		return known.identity, nil
	}
	user, err := c.follower.user(ctx, token.userID, changed)
	switch {
	case errors.Is(err, ErrUserNotFound) || err == nil && !user.Active:
		return nil, errBadToken
	case err != nil:
		return nil, Fault(err)
	}
	identity := c.logins.identity(user, &token.verified)
	identity.Cookie = token.identity.Cookie
	identity.Memo = new(Memo)
	token.changed.Store(&changedIdentity{changed, identity})
	return identity, nil
}

// see notes that a session is in use, at most once in a while.
func (c *Checker) see(token *checkedToken, now time.Time) {
	last := token.seen.Load()
	if now.UnixNano()-last < int64(seeEvery) || !token.seen.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[token.session] = now
}

// FlushSeen writes which sessions were seen since the last time. What could not be written is noted again.
func (c *Checker) FlushSeen(ctx context.Context) error {
	c.mu.Lock()
	seen := c.seen
	c.seen = map[uuid.UUID]time.Time{}
	c.mu.Unlock()
	if len(seen) == 0 {
		return nil
	}
	err := c.logins.cfg.Store.SeeSessions(ctx, seen, c.logins.cfg.Sessions)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		for id, at := range seen {
			if c.seen[id].Before(at) {
				c.seen[id] = at
			}
		}
	}
	return err
}
