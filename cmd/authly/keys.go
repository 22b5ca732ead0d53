package main

import (
	"log/slog"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

// keysConfig is what the configuration says of keys.
func keysConfig(cfg *config.Config, disk *store.Store, log *slog.Logger) authn.KeyRingConfig {
	t := cfg.Tokens
	return authn.KeyRingConfig{
		Store: disk, Algorithm: cfg.Algorithm(), Secret: []byte(t.SecretKey), RefreshSecret: []byte(t.RefreshSecretKey),
		AccessLife: t.AccessTTL + t.Leeway, RefreshLife: t.RefreshTTL + t.Leeway,
		Now: time.Now, Log: log,
	}
}
