package main

import (
	"log/slog"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

// keysConfig is what the configuration says of keys.
func keysConfig(cfg *config.Config, disk *store.Store, sealer authn.Sealer, log *slog.Logger) authn.KeyRingConfig {
	t := cfg.Tokens
	return authn.KeyRingConfig{
		Store: disk, Sealer: sealer, Algorithm: cfg.Algorithm(),
		Secret: []byte(t.SecretKey), RefreshSecret: []byte(t.RefreshSecretKey),
		Assertions: cfg.HasAssertions(), EncryptedClaims: len(t.EncryptedClaims) > 0,
		PreviousSecret: []byte(t.SecretKeyPrevious), PreviousRefreshSecret: []byte(t.RefreshSecretKeyPrevious),
		AccessLife: t.AccessTTL + t.Leeway, RefreshLife: t.RefreshTTL + t.Leeway, RotateEvery: cfg.Keys.RotateEvery,
		Now: time.Now, Log: log,
	}
}
