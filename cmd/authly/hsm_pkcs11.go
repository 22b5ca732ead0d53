//go:build pkcs11

package main

import (
	"log/slog"

	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/authn/secret/hsm"
	"github.com/descoped/authly/cmd/authly/config"
)

// newHSM returns the token that is configured. It is not touched yet.
func newHSM(cfg *config.Config, memory *secret.Memory, log *slog.Logger) (hsmToken, error) {
	return hsm.New(hsmConfig(cfg, memory, log)), nil
}

// checkHSM looks for the token, without logging in.
func checkHSM(cfg *config.Config) error { return hsm.Check(hsmConfig(cfg, nil, nil)) }

func hsmConfig(cfg *config.Config, memory *secret.Memory, log *slog.Logger) hsm.Config {
	p := cfg.Keys.PKCS11
	return hsm.Config{
		Module: p.Module, Label: p.TokenLabel, PIN: memory.Copy([]byte(p.PIN)), Algorithm: cfg.Algorithm(), Log: log,
	}
}
