package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/authn/breach"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/limit"
)

// mind is the store and what decides on top of it: all that the user commands and authly explain need, and the lower half of
// the server.
type mind struct {
	store     *store.Store
	hsm       hsmToken       // nil: there is none
	memory    *secret.Memory // of the secrets that are in use
	shared    *limit.Server  // where replicas count together; nil: nowhere
	limits    *authn.Limits
	passwords *authn.Passwords
	sealer    *secret.Sealer
	keys      *authn.KeyRing
	logins    *authn.Logins
	mails     *authn.Mails
	accounts  *authn.Accounts
	sessions  *authn.Sessions
	clients   *authn.Clients
	arrivals  *authn.Arrivals
	geography *geography
	trail     *authn.Trail
}

// newMind opens the store and builds what stands on it. The caller closes it.
// The worker hashes passwords; nil: this process does.
func newMind(ctx context.Context, cfg *config.Config, log *slog.Logger, worker authn.PasswordWorker) (*mind, error) {
	m := &mind{geography: new(geography), memory: secret.NewMemory(log)}
	disk, err := store.Open(ctx, cfg.Store.URL, store.Options{
		MaxConnections: cfg.Store.MaxConnections, KeepSchema: !cfg.Store.Migrate, Log: log, Audited: authn.LogEvents(log),
		Geography: m.geography,
	})
	if err != nil {
		return nil, fmt.Errorf("store.url: %w", err)
	}
	m.store = disk
	if err := m.unlock(ctx, cfg, log); err != nil {
		m.close()
		return nil, err
	}
	if err := m.build(ctx, cfg, log, worker); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// close closes what newMind has opened, and wipes the secrets last, when nobody needs them any more.
func (m *mind) close() {
	if m.shared != nil {
		_ = m.shared.Close() // what it kept is worth nothing any more
	}
	m.geography.close()
	closeHSM(m.hsm)
	_ = m.store.Close()
	m.memory.Close()
}

// unlock builds what seals, and fails unless it opens what is sealed in the store. Nothing has been written before that, but what
// migrations have.
func (m *mind) unlock(ctx context.Context, cfg *config.Config, log *slog.Logger) (err error) {
	if m.hsm, err = hsmOf(cfg, m.memory, log); err != nil {
		return err
	}
	if m.hsm != nil {
		if err := m.hsm.Connect(ctx); err != nil {
			return err
		}
	}
	if m.sealer, err = newSealer(cfg, m.store, m.hsm, m.memory, log); err != nil {
		return err
	}
	return lostKeys(m.sealer.Load(ctx))
}

// keep copies a secret to where it lies while it is in use.
func (m *mind) keep(material []byte) authn.Material { return m.memory.Copy(material) }

// share finds where requests are counted.
func (m *mind) share(ctx context.Context, cfg *config.Config, log *slog.Logger) (err error) {
	limits := authn.LimitsConfig{Now: time.Now, Log: log}
	if cfg.Limits.Backend != "" {
		if m.shared, err = limit.Open(string(cfg.Limits.Backend)); err != nil {
			return fmt.Errorf("limits.backend: %w", err)
		}
		if limits.Salt, err = m.store.Salt(ctx, "limits"); err != nil {
			return fmt.Errorf("store.url: %w", err)
		}
		limits.Shared = m.shared
	}
	m.limits = authn.NewLimits(limits)
	return nil
}

func (m *mind) build(ctx context.Context, cfg *config.Config, log *slog.Logger, worker authn.PasswordWorker) (err error) {
	if err := m.share(ctx, cfg, log); err != nil {
		return err
	}
	passwords := passwordsConfig(cfg, log)
	passwords.Worker = worker
	if m.passwords, err = authn.NewPasswords(passwords); err != nil {
		return fmt.Errorf("passwords: %w", err)
	}
	m.mails = authn.NewMails(mailsConfig(cfg, m.store, m.sealer, m.limits, log))
	keys := keysConfig(cfg, m.store, m.sealer, m.hsm, log)
	keys.Keep = m.keep
	if m.keys, err = authn.NewKeyRing(ctx, keys); err != nil {
		return lostKeys(err)
	}
	m.arrivals = authn.NewArrivals(authn.ArrivalsConfig{
		Store: m.store, Geography: m.geography, Notifier: m.mails, NotifyAbove: cfg.Risk.NotifyAbove, DenyAbove: cfg.Risk.DenyAbove,
		Now: time.Now, Log: log,
	})
	cookieKey, err := m.store.Salt(ctx, "cookies")
	if err != nil {
		return fmt.Errorf("store.url: %w", err)
	}
	m.trail = authn.NewTrail(authn.TrailConfig{Store: m.store, Now: time.Now, Log: log})
	m.logins = authn.NewLogins(authn.LoginsConfig{
		Store: m.store, Keys: m.keys, Passwords: m.passwords,
		Issuer: cfg.Issuer(), Audience: cfg.Tokens.Audience,
		AccessTTL: cfg.Tokens.AccessTTL, RefreshTTL: cfg.Tokens.RefreshTTL, Leeway: cfg.Tokens.Leeway,
		RefreshGrace: cfg.Tokens.RefreshGrace, EncryptedClaims: cfg.Tokens.EncryptedClaims, Sessions: sessionPolicy(cfg),
		CookieKey:           cookieKey,
		RememberFor:         cfg.Sessions.RememberFor,
		RequireVerification: cfg.Users.RequireVerification,
		Lockout:             lockoutPolicy(cfg),
		Limits:              m.limits,
		Limit:               cfg.Limits.Login.Rate(),
		PairLimit:           cfg.Limits.LoginPair.Rate(),
		SprayingLimit:       cfg.Limits.LoginSpraying.Rate(),
		OverallLimit:        cfg.Limits.LoginOverall.Rate(),
		Arrivals:            m.arrivals,
		RefuseAfter:         10 * time.Millisecond,
		Trail:               m.trail,
		Now:                 time.Now, Log: log,
	})
	m.accounts = authn.NewAccounts(authn.AccountsConfig{
		Store: m.store, Logins: m.logins, Passwords: m.passwords, Mails: m.mails,
		OpenRegistration:       cfg.Users.Registration == "open",
		RequireCurrentPassword: cfg.Users.RequireCurrentPassword,
		CurrentPasswordToMove:  cfg.Users.RequireCurrentPasswordForEmail,
		Limits:                 m.limits,
		Limit:                  cfg.Limits.Registration.Rate(),
		ReservedNames:          namedUsers(cfg),
		Now:                    time.Now, Log: log,
	})
	m.sessions = authn.NewSessions(authn.SessionsConfig{Store: m.store, Policy: sessionPolicy(cfg), Now: time.Now, Log: log})
	m.clients = authn.NewClients(m.passwords, m.limits.Limiter("client-secret", cfg.Limits.Login.Rate()), m.trail, registeredClients(cfg))
	return nil
}

// namedUsers are the usernames that some route lets pass. Nobody may take one of them by registering first.
func namedUsers(cfg *config.Config) []string {
	var names []string
	for _, rule := range cfg.Rules() {
		names = append(names, rule.Users...)
	}
	return names
}

func sessionPolicy(cfg *config.Config) authn.SessionPolicy {
	s := cfg.Sessions
	return authn.SessionPolicy{
		IdleTimeout: s.IdleTimeout, MaxLifetime: s.MaxLifetime, MaxPerUser: s.MaxPerUser, EvictOldest: s.OnLimit == "evict_oldest",
	}
}

func registeredClients(cfg *config.Config) []authn.RegisteredClient {
	var clients []authn.RegisteredClient
	for _, c := range cfg.Clients {
		clients = append(clients, authn.RegisteredClient{ID: c.ID, SecretHash: string(c.SecretHash)})
	}
	return clients
}

func passwordsConfig(cfg *config.Config, log *slog.Logger) authn.PasswordsConfig {
	p := cfg.Passwords
	names := []string{"authly"}
	if u, err := url.Parse(cfg.Server.PublicURL); err == nil {
		names = append(names, u.Hostname())
	}
	var breached authn.BreachCheck
	if p.BreachURL != "" {
		breached = breach.New(p.BreachURL).Leaked
	}
	return authn.PasswordsConfig{
		Blocklist: p.Blocklist, ServiceNames: names, Breached: breached, MaxWait: p.MaxWait, Log: log,
		Algorithm: p.Algorithm, BcryptCost: p.BcryptCost, MinLength: p.MinLength,
		Argon2id: authn.Argon2Params{
			Memory: uint32(p.Argon2id.Memory), Iterations: uint32(p.Argon2id.Iterations), Parallelism: uint8(p.Argon2id.Parallelism), // #nosec G115 -- bounded by the configuration
		},
	}
}

func lockoutPolicy(cfg *config.Config) authn.LockoutPolicy {
	return authn.LockoutPolicy(cfg.Lockout)
}

// follow builds what keeps up with the changes that replicas make, up to date, and has the store tell it of those that this
// one makes. The caller runs it.
func (m *mind) follow(ctx context.Context, cfg *config.Config, log *slog.Logger, observeLag func(time.Duration)) (*authn.Follower, error) {
	begun := time.Now()
	follower := authn.NewFollower(authn.FollowerConfig{
		Feed: m.store, Users: m.store, TokenLife: cfg.Tokens.AccessTTL + cfg.Tokens.Leeway,
		PollEvery: cfg.Revocation.PollInterval, MaxStaleness: cfg.Revocation.MaxStaleness,
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(begun) }, Log: log, ObserveLag: observeLag,
		KeyChanged: m.keys.Heed,
	})
	m.store.Tell(follower.Heed)
	if err := follower.Load(ctx); err != nil {
		return nil, fmt.Errorf("store.url: reading what was taken back: %w", err)
	}
	return follower, nil
}

// newDoor builds what requests come in by. Requests to applications are checked by the checker, and end when the follower
// says that their session has ended.
func (m *mind) newDoor(
	cfg *config.Config, log *slog.Logger, access func(proxy.Access), checker *authn.Checker, follower *authn.Follower,
) (*proxy.Door, error) {
	gate := authn.NewGate(authn.GateConfig{
		Routes: cfg.Rules(), Authenticator: checker, Limits: m.limits, General: cfg.Limits.General.Rate(), Now: time.Now,
	})
	sameOrigin, err := headers.NewSameOrigin(cfg.Server.PublicURL, headers.CORSConfig(cfg.CORS))
	if err != nil {
		return nil, fmt.Errorf("cors: %w", err)
	}
	endpoints, err := api.New(api.Config{
		Logins: m.logins, Accounts: m.accounts, Keys: m.keys, Store: m.store, Sessions: m.sessions, Clients: m.clients,
		Trail: m.trail, Prefix: cfg.Server.APIPrefix, PublicURL: cfg.Server.PublicURL, Version: version, Log: log,
		Cookie: cfg.SessionCookie(), Domains: cfg.OtherDomains(), SameOrigin: sameOrigin,
	})
	if err != nil {
		return nil, err
	}
	pages, err := m.newPages(cfg, log, gate, endpoints)
	if err != nil {
		return nil, err
	}
	cors, err := headers.NewCORS(headers.CORSConfig(cfg.CORS))
	if err != nil {
		return nil, fmt.Errorf("cors: %w", err)
	}
	return proxy.New(proxy.Config{
		Gate:     gate,
		Trust:    headers.NewTrust(cfg.Server.TrustedProxies),
		Names:    headers.IdentityNames(cfg.Headers.Identity),
		Security: headers.NewSecurity(headers.SecurityConfig(cfg.Headers.SecurityHeaders)),
		CORS:     cors,
		Own:      pages.Before(endpoints), Problem: api.WriteProblem, Page: pages.Refusal,
		Owns: func(host, path string) bool { return endpoints.Owns(path) || pages.OwnsAtRoot(host, path) },
		Assert: authn.NewAsserter(authn.AsserterConfig{
			Keys: m.keys, Issuer: cfg.Issuer(), Now: time.Now,
		}).Assert,
		Upstreams: upstreams(cfg),
		Watch:     follower.Watch, MaxStreamAge: cfg.Streams.MaxAge,
		Cookie: cfg.SessionCookie(), Domains: cfg.OtherDomains(), SameOrigin: sameOrigin,
		Handover:  cfg.Server.APIPrefix + web.HandoverPath,
		LoginPage: headers.LoginPage(cfg.Server.PublicURL + cfg.Server.APIPrefix + web.SignInPath),
		PublicURL: cfg.Server.PublicURL, Log: log, Access: access, Now: time.Now,
		Denied: m.denied(cfg),
	})
}

// denied is what is told of refused requests; nil if the configuration does not ask for them.
func (m *mind) denied(cfg *config.Config) func(authn.Event) {
	if !cfg.Audit.DeniedRequests {
		return nil
	}
	return m.trail.Counted
}

// upstreams collects what lies behind the routes, by their names.
func upstreams(cfg *config.Config) map[string]proxy.UpstreamConfig {
	all := make(map[string]proxy.UpstreamConfig)
	for _, route := range cfg.Routes {
		if len(route.Upstream) == 0 {
			continue
		}
		u := proxy.UpstreamConfig{
			URLs: route.Upstream, StripPrefix: route.StripPrefix, PreserveHost: route.PreserveHost,
			PassAuthorization: route.PassAuthorization, CAFile: route.CAFile, InsecureSkipVerify: route.InsecureSkipVerify,
			ConnectTimeout: route.Timeouts.Connect, ResponseTimeout: route.Timeouts.Response, NoCORS: !route.CORS,
		}
		if route.HealthCheck != nil {
			check := proxy.HealthCheck(*route.HealthCheck)
			u.HealthCheck = &check
		}
		if route.Headers != nil {
			u.Security = headers.NewSecurity(headers.SecurityConfig(*route.Headers))
		}
		all[route.Name] = u
	}
	return all
}
