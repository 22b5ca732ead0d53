package authn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// RegisteredClient is a program with a secret of its own.
type RegisteredClient struct {
	ID         string
	SecretHash string // bcrypt or argon2id, see CheckPasswordHash
}

// Clients knows the registered clients.
type Clients struct {
	passwords *Passwords
	failed    *Limiter // by client network
	trail     *Trail
	key       []byte

	mu      sync.Mutex
	clients []RegisteredClient // not changed, but replaced as a whole
	good    map[string][]byte  // by client: a keyed digest of the secret that was right, so that asking often costs no hashing
}

// NewClients returns the registered clients. failed is where wrong secrets count; nil: they do not. The trail is told of them.
func NewClients(passwords *Passwords, failed *Limiter, trail *Trail, clients []RegisteredClient) *Clients {
	return &Clients{
		passwords: passwords, failed: failed, trail: trail, clients: clients, key: randomBytes(32), good: map[string][]byte{},
	}
}

// Replace has other clients be the registered ones. A client whose hash is another one has to show its secret anew.
func (c *Clients) Replace(clients []RegisteredClient) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients, c.good = clients, map[string][]byte{}
}

// find returns a client, nil if there is none of that id.
func (c *Clients) find(id string) *RegisteredClient {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.clients, func(r RegisteredClient) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return &c.clients[i]
}

// Authenticate checks a client's secret. CodeInvalidClient if it is not right or there is no such client; both take as long.
// Waiting for its turn it counts as what it is, a login. Those from one network are looked at one after the other, and not at all
// while too many were wrong: CodeRateLimited. A secret that was right before is right all the same.
func (c *Clients) Authenticate(ctx context.Context, id, secret string, from Client) error {
	client := c.find(id)
	if client != nil && c.remembers(id, secret) {
		return nil
	}
	err := c.check(ctx, client, id, secret, from)
	if refusal, ok := errors.AsType[*Error](err); ok && (refusal.Code == CodeInvalidClient || refusal.Code == CodeRateLimited) {
		c.note(client, from, refusal.Code)
	}
	return err
}

// note has the trail say that a client was refused. An id that no client has is not told: people type secrets into the wrong field.
func (c *Clients) note(client *RegisteredClient, from Client, reason Code) {
	e := anonymousAct(from, c.trail.cfg.Now()).Failed(EventClientRefused, uuid.Nil, string(reason))
	if client != nil {
		e = e.With(DetailClient, client.ID)
	}
	c.trail.Counted(e)
}

// check looks at a secret that is not known to be right.
func (c *Clients) check(ctx context.Context, client *RegisteredClient, id, secret string, from Client) error {
	network := ClientNetwork(from.Address)
	if err := c.failed.Look(ctx, network); err != nil {
		return err // it need not wait for that
	}
	done, err := c.passwords.Begin(ctx, from, "clients at "+network)
	if err != nil {
		return Fault(err)
	}
	defer done()
	if err := c.failed.Look(ctx, network); err != nil {
		return err
	}
	right, err := c.compare(ctx, client, id, secret)
	switch {
	case err != nil:
		return Fault(err)
	case !right:
		_ = c.failed.Spend(ctx, network) // there was one
		return Refuse(CodeInvalidClient, "Client authentication failed")
	}
	c.remember(*client, secret)
	return nil
}

// remember notes that a secret was right, unless the client has another one meanwhile.
func (c *Clients) remember(client RegisteredClient, secret string) {
	digest := c.digest(secret)
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.clients, client) {
		c.good[client.ID] = digest
	}
}

// compare compares the secret with that of a client, which may be none.
func (c *Clients) compare(ctx context.Context, client *RegisteredClient, id, secret string) (right bool, err error) {
	if client == nil {
		return false, c.passwords.CompareUnknown(ctx, "client:"+id, secret)
	}
	return c.passwords.Compare(ctx, client.SecretHash, secret)
}

// remembers reports whether this secret of the client was right before.
func (c *Clients) remembers(id, secret string) bool {
	sum := c.digest(secret)
	c.mu.Lock()
	defer c.mu.Unlock()
	return hmac.Equal(c.good[id], sum)
}

func (c *Clients) digest(secret string) []byte {
	digest := hmac.New(sha256.New, c.key)
	digest.Write([]byte(secret))
	return digest.Sum(nil)
}

// Introspection is what a client is told of a living token (RFC 7662 section 2.2). The zero value is an inactive one.
type Introspection struct {
	Active   bool
	Kind     TokenKind
	Subject  string
	Username string
	Email    string
	Roles    []string
	Session  string
	JTI      string
	Issuer   string
	Audience string
	IssuedAt time.Time
	Expires  time.Time
}

// Introspect says whether a token of either kind lives, and whose it is. An error means that it could not be found out.
func (l *Logins) Introspect(ctx context.Context, text string) (Introspection, error) {
	v, err := l.verifyEither(text)
	if errors.Is(err, ErrUnavailable) {
		return Introspection{}, Fault(err)
	} else if err != nil {
		return Introspection{}, nil
	}
	user, token, err := l.cfg.Store.TokenOwner(ctx, v.kind, v.jti, v.hash, l.cfg.Now())
	switch {
	case errors.Is(err, ErrTokenNotFound), errors.Is(err, ErrTokenSpent), errors.Is(err, ErrUserInactive), errors.Is(err, ErrUserNotFound):
		return Introspection{}, nil
	case err != nil:
		return Introspection{}, Fault(err)
	case user.ID != v.userID || token.SessionID != v.session:
		return Introspection{}, nil
	}
	return Introspection{
		Active: true, Kind: v.kind, Subject: user.ID.String(), Username: user.Username, Email: l.provenEmail(user), Roles: user.Roles,
		Session: v.session.String(), JTI: v.jti, Issuer: l.cfg.Issuer, Audience: l.cfg.Audience, IssuedAt: v.issued, Expires: v.expires,
	}, nil
}

// Revoke ends a token for a client (RFC 7009): a refresh token with its session and all tokens of it, an access token alone.
// A token that is none, or that has ended, is no error.
func (l *Logins) Revoke(ctx context.Context, client, text string, from Client) error {
	v, err := l.verifyEither(text)
	if errors.Is(err, ErrUnavailable) {
		return Fault(err)
	} else if err != nil {
		return nil
	}
	act := Act{By: Actor{Kind: ActorClient, ID: client}, From: from, At: l.cfg.Now()}
	if v.kind == AccessToken {
		err = l.cfg.Store.EndToken(ctx, v.jti, act)
	} else if _, err = l.cfg.Store.EndSession(ctx, v.userID, v.session, act); errors.Is(err, ErrSessionNotFound) {
		err = nil
	}
	if err != nil {
		return Fault(err)
	}
	return nil
}

// verifyEither verifies a token of either kind. Which it is stands in its header, and verify holds it to that.
func (l *Logins) verifyEither(text string) (verified, error) {
	if len(text) > 16<<10 || strings.Count(text, ".") != 2 {
		return verified{}, errTokenMalformed
	}
	if v, err := l.verify(AccessToken, text); err == nil || errors.Is(err, ErrUnavailable) {
		return v, err
	}
	return l.verify(RefreshToken, text)
}
