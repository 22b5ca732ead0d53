package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// LoginStore is what Logins and Accounts keep.
type LoginStore interface {
	UserStore
	LockoutStore
	TokenStore
	SessionStore
	CookieStore
	HandoverStore
	ArrivalStore
	AuditStore
	PersonalStore
	DirectoryStore
}

// LoginsConfig is what Logins needs; the limits, Trail and Arrivals may be left out.
type LoginsConfig struct {
	Store               LoginStore
	Keys                *KeyRing
	Passwords           *Passwords
	Issuer, Audience    string
	AccessTTL           time.Duration
	RefreshTTL          time.Duration
	RefreshGrace        time.Duration // in which a refresh token that was just spent gives the same successors again; 0: none
	EncryptedClaims     []string      // of access tokens, for Authly's eyes alone: of those in EncryptableClaims; none: all are readable
	Leeway              time.Duration // by which clocks may differ
	Sessions            SessionPolicy
	CookieKey           []byte        // by which values of cookies check themselves: random, for this alone, the same on all replicas, for ever
	RememberFor         time.Duration // of the cookie of somebody who asked to be remembered; 0: nobody is
	RequireVerification bool
	Lockout             LockoutPolicy
	Limits              *Limits       // where logins are counted; nil: in memory
	Limit               Limit         // logins per name, and per client network
	PairLimit           Limit         // logins per name and client network together; zero: none
	SprayingLimit       Limit         // logins per client network, beside Limit; zero: none
	OverallLimit        Limit         // logins of everybody; zero: none
	RefuseAfter         time.Duration // how long an answer takes at least, and at most twice as long, where no password was looked at; zero: none
	Trail               *Trail        // where refusals are noted; somebody must run it. nil: one of its own, on Store
	Arrivals            *Arrivals     // compares sign-ins with earlier ones; nil: nobody does
	Now                 func() time.Time
	Log                 *slog.Logger
}

// Logins turns passwords into tokens and tokens into identities. It is the only place that looks at either.
type Logins struct {
	cfg       LoginsConfig
	validator *jwt.Validator
	guard     *Guard
}

// NewLogins returns a Logins.
func NewLogins(cfg LoginsConfig) *Logins {
	if cfg.Trail == nil {
		cfg.Trail = NewTrail(TrailConfig{Store: cfg.Store, Now: cfg.Now, Log: cfg.Log})
	}
	return &Logins{cfg: cfg, validator: newValidator(cfg), guard: NewGuard(GuardConfig{
		Store: cfg.Store, Passwords: cfg.Passwords, Lockout: cfg.Lockout, Limits: limitsOr(cfg.Limits, cfg.Now),
		PerName: cfg.Limit, PerClient: cfg.Limit, PerPair: cfg.PairLimit, Spraying: cfg.SprayingLimit, Overall: cfg.OverallLimit,
		Trail: cfg.Trail, Now: cfg.Now, Log: cfg.Log,
	})}
}

// Guard is what passwords are checked by.
func (l *Logins) Guard() *Guard { return l.guard }

// Tokens is the answer to a login or a refresh (RFC 6749 section 5.1).
type Tokens struct {
	Access    string
	Refresh   string
	ExpiresIn time.Duration // of Access
}

// Login checks name (a username or an email address) and password and begins a session.
//
// Errors: CodeRateLimited, CodeDelayed, CodeLocked, CodeInvalidGrant; only with the right password CodeAccountInactive and
// CodeAccountUnverified.
func (l *Logins) Login(ctx context.Context, name, password string, from Client) (tokens Tokens, err error) {
	err = l.enter(ctx, name, password, from, func(user User, w *weighing) (err error) {
		tokens, err = l.beginSession(ctx, user, from, w)
		return err
	})
	return tokens, err
}

// enter lets somebody in who proves who they are: begin is what they get for it.
func (l *Logins) enter(ctx context.Context, name, password string, from Client, begin func(User, *weighing) error) error {
	begun := time.Now()
	account, user, err := l.account(ctx, name)
	if err != nil {
		return Fault(err)
	}
	weighing := l.cfg.Arrivals.weighing(user, from)
	attempt, err := l.guard.check(ctx, account, user, password, from, checkForLogin, weighing)
	if err != nil {
		l.holdRefusal(ctx, begun, err)
		return err
	}
	switch {
	case !user.Active:
		return l.refused(ctx, user, from, errAccountInactive)
	case !user.Verified && l.cfg.RequireVerification:
		return l.refused(ctx, user, from, Refuse(CodeAccountUnverified, "Account not verified"))
	}
	l.upgradeHash(ctx, user, password, from)
	if err := begin(*user, weighing); err != nil {
		return err
	}
	attempt.remember(ctx)
	return nil
}

// holdRefusal makes a login that was not looked at take long enough for nobody to tell whether there is such an account. One that
// was looked at has taken longer.
func (l *Logins) holdRefusal(ctx context.Context, begun time.Time, err error) {
	switch Fault(err).Code {
	case CodeRateLimited, CodeDelayed, CodeLocked:
		hold(ctx, begun, l.cfg.RefuseAfter, l.cfg.RefuseAfter)
	}
}

var (
	errBadToken        = Refuse(CodeInvalidCredentials, "Could not validate credentials")
	errAccountInactive = Refuse(CodeAccountInactive, "Account is deactivated")
)

// account finds the user that a name means, nil if there is none, and the account under which attempts are counted. A name
// that does not exist has an account too.
func (l *Logins) account(ctx context.Context, name string) (account string, user *User, err error) {
	mapped, byEmail := strings.ToValidUTF8(name, ""), strings.Contains(name, "@")
	lookup := l.cfg.Store.UserByUsername
	parse := ParseUsername
	if byEmail {
		lookup, parse = l.cfg.Store.UserByEmailKey, ParseEmail
	}
	if parsed, err := parse(name); err == nil {
		mapped = parsed
		switch u, err := lookup(ctx, parsed); {
		case err == nil:
			return userAccount(u.ID), &u, nil
		case !errors.Is(err, ErrUserNotFound):
			return "", nil, err
		}
	}
	sum := sha256.Sum256([]byte(mapped))
	return "name:" + hex.EncodeToString(sum[:16]), nil, nil
}

// UserAccounts is how the accounts begin under which attempts at users' passwords are counted; the user's id is the rest.
const UserAccounts = "user:"

func userAccount(id uuid.UUID) string { return UserAccounts + id.String() }

// refused notes a login that failed although the password was right.
func (l *Logins) refused(ctx context.Context, user *User, from Client, refusal *Error) error {
	l.guard.refused(ctx, user, from, checkForLogin, refusal)
	return refusal
}

// upgradeHash replaces a hash of an older scheme, now that the password is at hand. It may fail: the login goes on.
func (l *Logins) upgradeHash(ctx context.Context, user *User, password string, from Client) {
	if !l.cfg.Passwords.Outdated(user.PasswordHash) {
		return
	}
	prepared, err := l.cfg.Passwords.Prepare("password", password)
	if err != nil {
		return // shorter or longer than a new one may be: it goes on with the hash it has
	}
	hash, err := l.cfg.Passwords.Hash(ctx, from, prepared)
	if err != nil {
		return
	}
	change := UserChange{PasswordHash: &hash, IfPasswordHash: &user.PasswordHash, Act: systemAct(from, l.cfg.Now())}
	if _, err := l.cfg.Store.UpdateUser(ctx, user.ID, change); err != nil {
		l.cfg.Log.WarnContext(ctx, "password hash not upgraded", "user_id", user.ID, "error", err)
		return
	}
	user.PasswordHash = hash
}

func (l *Logins) beginSession(ctx context.Context, user User, from Client, w *weighing) (Tokens, error) {
	session := l.newSession(user, from, w)
	var access, refresh mint
	err := l.withLivingKey(ctx, func() (err error) {
		if access, refresh, err = l.mintPair(user, session, from, session.CreatedAt); err != nil {
			return err
		}
		return l.cfg.Store.BeginSession(ctx, session, access.kept, refresh.kept, user.PasswordHash, l.cfg.Sessions,
			loginAct(user, session, from))
	})
	if err := l.sessionBegun(ctx, user, from, w, err); err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: access.text, Refresh: refresh.text, ExpiresIn: life(access.kept)}, nil
}

// newSession is what begins with a login.
func (l *Logins) newSession(user User, from Client, w *weighing) Session {
	now := l.cfg.Now()
	session := Session{
		ID: uuid.New(), UserID: user.ID, CreatedAt: now, LastSeenAt: now,
		ClientAddress: addressText(from), UserAgent: from.UserAgent,
	}
	w.mark(&session)
	return session
}

func loginAct(user User, session Session, from Client) Act {
	return Act{By: Actor{Kind: ActorUser, ID: user.ID.String()}, Session: session.ID, From: from, At: session.CreatedAt}
}

// sessionBegun says what it means to the one who logs in that the store has kept their session, or has not.
func (l *Logins) sessionBegun(ctx context.Context, user User, from Client, w *weighing, err error) error {
	switch {
	case errors.Is(err, ErrUserInactive):
		return l.refused(ctx, &user, from, errAccountInactive)
	case errors.Is(err, ErrUserNotFound), errors.Is(err, ErrStale):
		return l.refused(ctx, &user, from, errWrongPassword)
	case errors.Is(err, ErrTooManySessions):
		return l.refused(ctx, &user, from, Refuse(CodeTooManySessions, "Too many sessions. End one of them first."))
	case err != nil:
		return Fault(err)
	}
	w.begun()
	return nil
}

// Refresh spends a refresh token and returns the pair that follows it. The old access token lives on. A token that was
// spent before ends its session: whoever uses it a second time, one of the two has stolen it.
//
// Errors: CodeInvalidRequest for a token of the wrong kind or with wrong claims, CodeInvalidGrant for one that is not good.
func (l *Logins) Refresh(ctx context.Context, token string, from Client) (Tokens, error) {
	v, err := l.verifyRefresh(token)
	if err != nil {
		return Tokens{}, err
	}
	user, err := l.cfg.Store.UserByID(ctx, v.userID)
	if err != nil {
		return Tokens{}, refreshRefusal(err)
	}
	session, err := l.cfg.Store.SessionByID(ctx, v.userID, v.session)
	if err != nil {
		return Tokens{}, refreshRefusal(err)
	}
	now := l.cfg.Now()
	var access, refresh mint
	var keptAccess, keptRefresh Token
	err = l.withLivingKey(ctx, func() (err error) {
		if access, refresh, err = l.mintPair(user, session, from, now); err != nil {
			return err
		}
		keptAccess, keptRefresh, err = l.cfg.Store.RotateRefresh(ctx, Rotation{
			JTI: v.jti, Hash: v.hash, UserAgent: from.UserAgent, Access: access.kept, Refresh: refresh.kept,
			Grace: l.cfg.RefreshGrace, Policy: l.cfg.Sessions, Act: anonymousAct(from, now),
		})
		return err
	})
	switch {
	case errors.Is(err, ErrTokenReused):
		return Tokens{}, refreshRefusal(ErrTokenSpent)
	case err != nil:
		return Tokens{}, refreshRefusal(err)
	case keptRefresh.JTI == refresh.kept.JTI:
		return Tokens{Access: access.text, Refresh: refresh.text, ExpiresIn: life(keptAccess)}, nil
	}
	return l.mintAgain(keptAccess, keptRefresh, now)
}

// withLivingKey does what signs tokens and keeps them, and does it again if a key that signed was revoked and this replica had
// not yet heard; or was removed, by a replica whose configuration has no use for it any more.
func (l *Logins) withLivingKey(ctx context.Context, act func() error) error {
	err := act()
	if !errors.Is(err, ErrKeyRevoked) {
		return err
	}
	if err := l.cfg.Keys.Load(ctx); err != nil {
		return err
	}
	return act()
}

// life is how long a token was given when it was made, in whole seconds.
func life(t Token) time.Duration { return t.ExpiresAt.Sub(t.CreatedAt.Truncate(time.Second)) }

// mintAgain makes the pair once more that a rotation gave within the grace.
func (l *Logins) mintAgain(access, refresh Token, now time.Time) (Tokens, error) {
	accessText, err := l.again(access)
	refreshText, otherErr := l.again(refresh)
	switch err = errors.Join(err, otherErr); {
	case errors.Is(err, ErrUnavailable):
		return Tokens{}, Fault(err)
	case err != nil:
		return Tokens{}, refreshRefusal(ErrTokenSpent)
	}
	return Tokens{Access: accessText, Refresh: refreshText, ExpiresIn: access.ExpiresAt.Sub(now).Truncate(time.Second)}, nil
}

func (l *Logins) verifyRefresh(token string) (verified, error) {
	v, err := l.verify(RefreshToken, token)
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, ErrUnavailable):
		return v, Fault(err)
	case errors.Is(err, errTokenExpired):
		return v, refreshRefusal(ErrTokenSpent)
	case errors.Is(err, errTokenKind):
		return v, Refuse(CodeInvalidRequest, "Invalid token type")
	case errors.Is(err, errTokenClaims):
		return v, Refuse(CodeInvalidRequest, "Invalid token claims")
	}
	if _, err := l.verify(AccessToken, token); !errors.Is(err, errTokenMalformed) {
		return v, Refuse(CodeInvalidRequest, "Invalid token type")
	}
	return v, Refuse(CodeInvalidGrant, "Invalid refresh token")
}

func refreshRefusal(err error) error {
	switch {
	case errors.Is(err, ErrTokenNotFound), errors.Is(err, ErrTokenSpent), errors.Is(err, ErrSessionNotFound):
		return Refuse(CodeInvalidGrant, "Token is invalid or expired")
	case errors.Is(err, ErrUserNotFound):
		return Refuse(CodeInvalidGrant, "User not found")
	case errors.Is(err, ErrUserInactive):
		return Refuse(CodeInvalidGrant, "User is inactive")
	}
	return Fault(err)
}

// Authenticate returns the identity behind an access token or a cookie, as the store knows the user now; it makes Logins an
// Authenticator.
func (l *Logins) Authenticate(ctx context.Context, c Credentials) (*Identity, error) {
	switch c.Kind {
	case BearerCredential:
	case CookieCredential:
		return l.authenticateCookie(ctx, c)
	case MalformedCredential:
		return nil, errBadToken
	default:
		return nil, Refuse(CodeNoCredentials, "Not authenticated")
	}
	v, err := l.verify(AccessToken, c.Token)
	if err != nil {
		return nil, badToken(err)
	}
	user, token, err := l.cfg.Store.TokenOwner(ctx, AccessToken, v.jti, v.hash, l.cfg.Now())
	switch {
	case errors.Is(err, ErrTokenNotFound), errors.Is(err, ErrTokenSpent), errors.Is(err, ErrUserInactive), errors.Is(err, ErrUserNotFound):
		return nil, errBadToken
	case err != nil:
		return nil, Fault(err)
	case user.ID != v.userID || token.SessionID != v.session:
		return nil, errBadToken
	}
	return l.identity(user, &v), nil
}

// badToken is the refusal of a token that did not verify.
func badToken(err error) *Error {
	if errors.Is(err, ErrUnavailable) {
		return Fault(err)
	}
	return errBadToken
}

// identity is the user, who came with an access token, as applications get to know them.
func (l *Logins) identity(u User, token *verified) *Identity {
	return &Identity{
		UserID: u.ID, SessionID: token.session, Username: u.Username, Email: l.provenEmail(u), Roles: u.Roles, Admin: u.Admin,
		JTI: token.jti, KeyID: token.keyID, SealedBy: token.sealedBy,
	}
}

// provenEmail is the user's address, and none while verification is required and has not happened: applications know people
// by their address, and anybody could claim to be anybody.
func (l *Logins) provenEmail(u User) string {
	if l.cfg.RequireVerification && !u.Verified {
		return ""
	}
	return u.Email
}

// Logout ends every token of the caller and reports how many living ones that were.
func (l *Logins) Logout(ctx context.Context, caller *Identity) (int, error) {
	n, err := l.cfg.Store.EndSessions(ctx, caller.UserID, uuid.Nil, caller.act(l.cfg.Now()))
	if err != nil {
		return 0, Fault(err)
	}
	return n, nil
}
