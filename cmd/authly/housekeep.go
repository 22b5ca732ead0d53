package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/descoped/authly/authn"
)

// housekeepEvery is how often what has expired is removed. Nothing depends on it but the size of the database.
const housekeepEvery = 10 * time.Minute

// housekeep removes expired rows now and again until ctx ends, and keeps an eye on how stored passwords are hashed.
func (m *mind) housekeep(ctx context.Context, policy authn.LockoutPolicy, log *slog.Logger) {
	ticker := time.NewTicker(housekeepEvery)
	defer ticker.Stop()
	for {
		m.housekeepOnce(ctx, policy, time.Now(), log)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *mind) housekeepOnce(ctx context.Context, policy authn.LockoutPolicy, now time.Time, log *slog.Logger) {
	tokens, tokensErr := m.store.PurgeTokens(ctx, now)
	lockouts, lockoutsErr := m.store.PurgeLockouts(ctx, policy, now)
	schemes, schemesErr := m.store.PasswordSchemes(ctx)
	if schemesErr == nil {
		m.passwords.ObserveSchemes(schemes)
	}
	for _, err := range []error{tokensErr, lockoutsErr, schemesErr} {
		if err != nil && ctx.Err() == nil {
			log.Warn("housekeeping failed, it is tried again", "error", err)
		}
	}
	log.Debug("housekeeping", "tokens", tokens, "lockouts", lockouts)
}
