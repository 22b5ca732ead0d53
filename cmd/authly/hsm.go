package main

import (
	"context"
	"log/slog"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/cmd/authly/config"
)

// hsmToken is a token in an HSM, of the binary that can have one.
type hsmToken interface {
	authn.HSM
	secret.Wrapper

	// Connect gets hold of the token, or says what is wrong. Later it is got hold of when it is needed.
	Connect(ctx context.Context) error
	// Run keeps an eye on the token until ctx ends.
	Run(ctx context.Context)
	// Away says why the token does not do what it is asked; nil if it does.
	Away() error
	// Close lets go of the token.
	Close()
}

// openHSM gets hold of the token that is configured, if one is, before anything else is made or opened.
func (m *mind) openHSM(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	if !cfg.HasHSM() {
		return nil
	}
	token, err := newHSM(cfg, log)
	if err != nil {
		return err
	}
	m.hsm = token
	return token.Connect(ctx)
}
