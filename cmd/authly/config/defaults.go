package config

import (
	"slices"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// Defaults returns the built-in configuration: what runs when there is no file. The file config.yaml of the distribution
// says the same.
func Defaults() *Config {
	c := &Config{
		Server: Server{
			Address:           ":8080",
			OpsAddress:        "127.0.0.1:9090",
			PublicURL:         "http://localhost:8080",
			ShutdownTimeout:   30 * time.Second,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
		},
		Store: Store{URL: "sqlite://authly.db", Migrate: true, MaxConnections: 16},
		Tokens: Tokens{
			Audience:   "authly",
			AccessTTL:  30 * time.Minute,
			RefreshTTL: 7 * 24 * time.Hour,
			Leeway:     5 * time.Second,
		},
		Passwords: Passwords{
			Algorithm:  "bcrypt",
			BcryptCost: 12,
			MinLength:  8,
			Blocklist:  true,
			MaxWait:    10 * time.Second,
			Argon2id:   Argon2id{Memory: 19 << 10, Iterations: 2, Parallelism: 1},
		},
		Keys:    Keys{RotateEvery: 30 * 24 * time.Hour, RotateDataKeysEvery: 90 * 24 * time.Hour},
		Secrets: Secrets{Provider: "environment"},
		Users:   Users{Registration: "open", RequireVerification: true, RequireCurrentPassword: true},
		Mail: Mail{
			URL: "log:", Timeout: 30 * time.Second, RetryFor: 72 * time.Hour,
			Lifetimes: MailLifetimes{Verification: 24 * time.Hour, EmailChange: time.Hour, PasswordReset: 30 * time.Minute, Invitation: 24 * time.Hour},
		},
		Sessions:   Sessions{IdleTimeout: 7 * 24 * time.Hour, MaxLifetime: 30 * 24 * time.Hour, OnLimit: "evict_oldest", RememberFor: 30 * 24 * time.Hour},
		Revocation: Revocation{PollInterval: time.Second, MaxStaleness: 10 * time.Second},
		Limits: Limits{
			Login: Limit{Requests: 5, Per: time.Minute}, LoginPair: Limit{Per: time.Minute}, LoginSpraying: Limit{Per: time.Hour},
			LoginOverall: Limit{Per: time.Minute}, Registration: Limit{Requests: 10, Per: time.Minute}, General: Limit{Per: time.Minute},
			Mail: Limit{Requests: 5, Per: time.Hour},
		},
		Lockout: Lockout{Failures: 5, Duration: 5 * time.Minute, MaxDuration: time.Hour, MaxDelay: 30 * time.Second},
		Risk:    Risk{NotifyAbove: 0.5, DenyAbove: 1},
		Headers: Headers{
			SecurityHeaders: SecurityHeaders(headers.DefaultSecurityConfig()),
			Identity:        IdentityHeaders(headers.DefaultIdentityNames()),
		},
		CORS: CORS{
			AllowedMethods: []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"},
			AllowedHeaders: []string{"Authorization", "Content-Type"},
			MaxAge:         10 * time.Minute,
		},
		Log:   Log{Level: "info", Format: "auto"},
		Audit: Audit{Retention: 365 * 24 * time.Hour},
	}
	c.Routes = []Route{
		c.builtIn("public", "/public/*", authn.AllowPublic),
		c.builtIn("everything", "/*", authn.AllowAuthenticated),
	}
	return c
}

// builtIn is a route to the built-in upstream.
func (c *Config) builtIn(name, path string, access authn.Access) Route {
	var r Route
	r.defaults(c)
	r.Name, r.Paths, r.Upstream = name, []string{path}, []string{"echo:"}
	r.Allow = Allow{Access: access}
	return r
}

// defaulter is what holds defaults of its own wherever the decoder makes a new one: an element of a list, or the target of a
// pointer. c is complete but for its routes.
type defaulter interface {
	defaults(c *Config)
}

func (r *Route) defaults(*Config) {
	*r = Route{
		Credentials: []string{"bearer", "cookie"},
		Limit:       RouteLimit{Limit: Limit{Per: time.Minute}, By: "network"},
		Timeouts:    Timeouts{Connect: 5 * time.Second, Response: time.Minute},
		CORS:        true,
		Stale:       "refuse",
	}
}

func (h *HealthCheck) defaults(*Config) {
	*h = HealthCheck{Interval: 10 * time.Second, Timeout: 2 * time.Second}
}

func (h *SecurityHeaders) defaults(c *Config) { *h = c.Headers.SecurityHeaders }

// Issuer is the issuer of tokens: Tokens.Issuer, else the public URL.
func (c *Config) Issuer() string {
	if c.Tokens.Issuer != "" {
		return c.Tokens.Issuer
	}
	return c.Server.PublicURL
}

// HasHSM reports whether keys are made and kept in an HSM.
func (c *Config) HasHSM() bool { return c.Keys.PKCS11.Module != "" }

// IsPostgres reports whether the store is a PostgreSQL database.
func (c *Config) IsPostgres() bool {
	return strings.HasPrefix(strings.ToLower(c.Store.URL), "postgres")
}

// HasManagedKeys reports whether Authly signs something with keys of its own.
func (c *Config) HasManagedKeys() bool {
	return hmacBytes(c.Algorithm()) == 0 || c.Tokens.SecretKey == "" || c.Tokens.RefreshSecretKey == "" ||
		c.HasAssertions() || len(c.Tokens.EncryptedClaims) > 0 || len(c.Cookies.Domains) > 0
}

// HasAssertions reports whether some route's application is told by assertion.
func (c *Config) HasAssertions() bool {
	return slices.ContainsFunc(c.Routes, func(r Route) bool { return r.Assertion })
}

// LeastSecret is the number of bytes that a secret of tokens should have: that of the hash of its HMAC (RFC 7518 section 3.2), which
// is SHA-256 for refresh tokens unless another one is chosen.
func (c *Config) LeastSecret() int { return max(hmacBytes(c.Algorithm()), 32) }

// Algorithm is the algorithm of tokens: Tokens.Algorithm, else HS256 if there is a secret, else ES256 in an HSM, else EdDSA.
func (c *Config) Algorithm() string {
	switch {
	case c.Tokens.Algorithm != "":
		return c.Tokens.Algorithm
	case c.Tokens.SecretKey != "":
		return "HS256"
	case c.HasHSM():
		return "ES256"
	}
	return "EdDSA"
}
