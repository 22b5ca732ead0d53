package main

import (
	"log/slog"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

// keysConfig is what the configuration says of keys. token is the HSM; nil: there is none.
func keysConfig(cfg *config.Config, disk *store.Store, sealer authn.Sealer, token hsmToken, log *slog.Logger) authn.KeyRingConfig {
	t := cfg.Tokens
	keys := authn.KeyRingConfig{
		Store: disk, Sealer: sealer, Algorithm: cfg.Algorithm(),
		Secret: []byte(t.SecretKey), RefreshSecret: []byte(t.RefreshSecretKey),
		Assertions: cfg.HasAssertions(), EncryptedClaims: len(t.EncryptedClaims) > 0, Handovers: len(cfg.Cookies.Domains) > 0,
		PreviousSecret: []byte(t.SecretKeyPrevious), PreviousRefreshSecret: []byte(t.RefreshSecretKeyPrevious),
		AccessLife: t.AccessTTL + t.Leeway, RefreshLife: t.RefreshTTL + t.Leeway, RotateEvery: cfg.Keys.RotateEvery,
		Now: time.Now, Log: log,
	}
	if token != nil {
		keys.HSM = token
	}
	return keys

}
