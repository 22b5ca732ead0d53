package authn

import (
	"context"
	"log/slog"
	"time"
)

// LoginStore is what Logins keeps.
type LoginStore interface {
	UserStore
	LockoutStore
	TokenStore
}

// LoginsConfig is what Logins needs; every field but Limit is required.
type LoginsConfig struct {
	Store               LoginStore
	Keys                *KeyRing
	Passwords           *Passwords
	Issuer, Audience    string
	AccessTTL           time.Duration
	RefreshTTL          time.Duration
	Leeway              time.Duration // by which clocks may differ
	RequireVerification bool
	Lockout             LockoutPolicy
	Limit               Limit // logins per name, and per client network
	Now                 func() time.Time
	Log                 *slog.Logger
}

// Logins turns passwords into tokens and tokens into identities. It is the only place that looks at either.
type Logins struct {
	cfg LoginsConfig
}

// Tokens is the answer to a login or a refresh (RFC 6749 section 5.1).
type Tokens struct {
	Access    string
	Refresh   string
	ExpiresIn time.Duration // of Access
}

// Login checks name (a username or an email address) and password and begins a session.
//
// Errors: CodeRateLimited, CodeLocked, CodeInvalidGrant; only with the right password CodeAccountInactive and
// CodeAccountUnverified.
func (l *Logins) Login(ctx context.Context, name, password string, from Client) (Tokens, error) {
	return Tokens{}, Refuse(CodeInternal, "")
}

// Refresh spends a refresh token and returns the pair that follows it. The old access token lives on.
//
// Errors: CodeInvalidRequest for a token of the wrong kind or with wrong claims, CodeInvalidGrant for one that is not good.
func (l *Logins) Refresh(ctx context.Context, token string, from Client) (Tokens, error) {
	return Tokens{}, Refuse(CodeInternal, "")
}

// Authenticate returns the identity behind an access token; it makes Logins an Authenticator.
func (l *Logins) Authenticate(ctx context.Context, c Credentials) (*Identity, error) {
	return nil, Refuse(CodeInternal, "")
}

// Logout ends every token of the caller and reports how many living ones that were.
func (l *Logins) Logout(ctx context.Context, caller *Identity) (int, error) {
	return 0, Refuse(CodeInternal, "")
}
