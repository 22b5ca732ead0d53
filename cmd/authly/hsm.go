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

// hsmOf returns the token that is configured; nil if there is none. It is not touched yet: who only looks at keys, or revokes one, must
// be able to do so while the HSM is away. The caller closes it.
func hsmOf(cfg *config.Config, memory *secret.Memory, log *slog.Logger) (hsmToken, error) {
	if !cfg.HasHSM() {
		return nil, nil
	}
	return newHSM(cfg, memory, log)
}

// closeHSM lets go of a token, if there is one.
func closeHSM(token hsmToken) {
	if token != nil {
		token.Close()
	}
}
