package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
)

// How often what has expired is removed, on which nothing depends but the size of the database; and how often sessions that
// were seen are noted and those that have run out are ended.
const (
	housekeepEvery = 10 * time.Minute
	sweepEvery     = 30 * time.Second
)

// housekeep does both until ctx ends, and then notes once more who was seen.
func (m *mind) housekeep(ctx context.Context, cfg *config.Config, checker *authn.Checker, log *slog.Logger) {
	purge, sweep := time.NewTicker(housekeepEvery), time.NewTicker(sweepEvery)
	defer purge.Stop()
	defer sweep.Stop()
	m.purge(ctx, cfg, time.Now(), log)
	m.sweep(ctx, checker, log)
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			complain(last, log, checker.FlushSeen(last))
			return
		case <-purge.C:
			m.purge(ctx, cfg, time.Now(), log)
		case <-sweep.C:
			m.sweep(ctx, checker, log)
		}
	}
}

// sweep notes which sessions were seen before it ends those that were not.
func (m *mind) sweep(ctx context.Context, checker *authn.Checker, log *slog.Logger) {
	if err := checker.FlushSeen(ctx); err != nil {
		complain(ctx, log, err)
		return
	}
	ended, err := m.sessions.Expire(ctx)
	complain(ctx, log, err)
	if ended > 0 {
		log.Info("sessions expired", "sessions", ended)
	}
}

// purge removes what has expired, and keeps an eye on how stored passwords are hashed.
func (m *mind) purge(ctx context.Context, cfg *config.Config, now time.Time, log *slog.Logger) {
	tokens, err := m.store.PurgeTokens(ctx, now)
	complain(ctx, log, err)
	sessions, err := m.store.PurgeSessions(ctx, now.Add(-cfg.Tokens.AccessTTL))
	complain(ctx, log, err)
	handovers, err := m.store.PurgeHandovers(ctx, now)
	complain(ctx, log, err)
	attempts, err := m.logins.Guard().Purge(ctx)
	complain(ctx, log, err)
	// A replica that starts reads the changes of the last life of a token; an hour more for clocks and configurations.
	changes, err := m.store.PurgeChanges(ctx, now.Add(-cfg.Tokens.AccessTTL-time.Hour))
	complain(ctx, log, err)
	events := 0
	if kept := cfg.Audit.Retention; kept > 0 {
		events, err = m.store.PurgeEvents(ctx, now.Add(-kept))
		complain(ctx, log, err)
	}
	keys, err := m.keys.Purge(ctx)
	complain(ctx, log, err)
	schemes, err := m.store.PasswordSchemes(ctx)
	if complain(ctx, log, err); err == nil {
		m.passwords.ObserveSchemes(schemes)
	}
	log.Debug("housekeeping", "tokens", tokens, "sessions", sessions, "attempts", attempts, "changes", changes, "events", events,
		"keys", keys, "handovers", handovers)
}

func complain(ctx context.Context, log *slog.Logger, err error) {
	if err != nil && ctx.Err() == nil {
		log.Warn("housekeeping failed, it is tried again", "error", err)
	}
}
