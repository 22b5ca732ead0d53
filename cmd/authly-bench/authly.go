package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/store/fill"
)

// gate is a replica with a user to whom everything is open.
type gate struct {
	*replica
	installation *installation
	access       string // token of a user who is as most are: nothing about them has changed lately
	password     string // of every user; user 0 is an administrator
	secret       string // that signs access tokens, with HS256
}

// gateConfig says how a gate is set up.
type gateConfig struct {
	algorithm string // of tokens
	routes    string // YAML
	more      string // YAML: other keys at the top
	database  string // URL of an empty one; empty: SQLite
	users     int    // at least 2
	sessions  int    // that live, of these users
	cost      int    // of bcrypt; 0: the least
	events    int    // in the audit trail, evenly over the last hour
	ended     int    // sessions of others that the replica has to remember as ended
	quiet     bool   // no access log
}

// gate starts a replica on SQLite, with everything at its default but what is asked for and what would slow the preparation
// down. One that is quiet is told its ports, which may have been taken meanwhile: then it tries again.
func (s *stage) gate(ctx context.Context, cfg gateConfig) (g *gate, err error) {
	for range 3 {
		if g, err = s.tryGate(ctx, cfg); err == nil || !cfg.quiet || ctx.Err() != nil {
			break
		}
	}
	return g, err
}

func (s *stage) tryGate(ctx context.Context, cfg gateConfig) (*gate, error) {
	environ := []string{
		"AUTHLY_TOKENS_ALGORITHM=" + cfg.algorithm, fmt.Sprint("AUTHLY_PASSWORDS_BCRYPT_COST=", max(cfg.cost, bcrypt.MinCost)),
	}
	g := &gate{password: rand.Text()}
	if cfg.algorithm == "HS256" {
		g.secret = rand.Text() + rand.Text()
		environ = append(environ, "AUTHLY_TOKENS_SECRET_KEY="+g.secret)
	}
	if cfg.database != "" {
		environ = append(environ, "AUTHLY_STORE_URL="+cfg.database, "AUTHLY_MASTER_KEY="+rand.Text()+rand.Text())
	}
	i, err := s.install(ctx, replicaConfig{
		configuration: gateConfiguration + cfg.more + cfg.routes, environ: environ, quiet: cfg.quiet,
	})
	if err != nil {
		return nil, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(g.password), max(cfg.cost, bcrypt.MinCost))
	if err != nil {
		return nil, err
	}
	g.installation = i
	if err := i.fill(ctx, cfg, string(hash)); err != nil {
		return nil, err
	}
	if g.replica, err = i.serve(ctx); err != nil {
		return nil, err
	}
	client := newClient()
	defer client.CloseIdleConnections()
	tokens, err := g.login(ctx, client, fill.Username(1), g.password)
	g.access = tokens.Access
	return g, err
}

const gateConfiguration = `
server: {trusted_proxies: [127.0.0.1]}
limits: {login: {requests: 0, per: 1m}, registration: {requests: 0, per: 1m}}
`

// fill puts into the installation's database what is asked for, having had authly make its tables.
func (i *installation) fill(ctx context.Context, cfg gateConfig, passwordHash string) error {
	if out, err := i.command("user", "list").CombinedOutput(); err != nil {
		return fmt.Errorf("making the tables: %w\n%s", err, out)
	}
	d, err := fill.Open(ctx, cfg.databaseURL(i))
	if err != nil {
		return err
	}
	const since, life = time.Hour, 100 * time.Hour
	users, now := max(cfg.users, 2), time.Now()
	err = d.Users(ctx, users, passwordHash, now.Add(-since))
	if err == nil {
		err = d.Sessions(ctx, cfg.sessions, users, now.Add(-since), life)
	}
	if err == nil {
		err = d.Events(ctx, cfg.events, users, now.Add(-since), now)
	}
	if err == nil {
		err = d.Ended(ctx, cfg.ended, now)
	}
	return errors.Join(err, d.Close(ctx))
}

func (cfg *gateConfig) databaseURL(i *installation) string {
	if cfg.database != "" {
		return cfg.database
	}
	return "sqlite://" + filepath.Join(i.folder, "authly.db")
}

// address is host:port of the gateway.
func (r *replica) address() string {
	u, err := url.Parse(r.base)
	if err != nil {
		return ""
	}
	return u.Host
}
