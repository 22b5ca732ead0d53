//go:build pkcs11

package hsm

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
)

const (
	// sessions are the most that are in use at a time. A token has one or a few processors; more would wait in it instead of here.
	sessions = 8

	// patience is how long anything may take, waiting for a session included.
	patience = 5 * time.Second

	// makingTakes is how many times longer the making of a key may take: a small token looks for the primes of RSA for half a minute.
	makingTakes = 12

	// connectEvery is the time between two attempts to get hold of a token that is away.
	connectEvery = time.Second

	// connectTries are how often it is tried at the start.
	connectTries = 3

	// lookEvery is the time between two looks whether it is there, with nothing else to do.
	lookEvery = 10 * time.Second
)

// Config says which token to use; Module, Label and PIN are required.
type Config struct {
	Module    string        // the path of the library
	Label     string        // of the token
	PIN       secret.Bytes  // of its user
	Algorithm string        // that the token must be able to sign with; empty: any
	Patience  time.Duration // how long anything may take; 0: five seconds
	Log       *slog.Logger  // nil: nothing is logged
}

// Token is a token in an HSM. It is safe for concurrent use. A process has one at most: each of them loads and unloads the module.
type Token struct {
	cfg  Config
	busy chan struct{} // holds one for each session in use

	mu      sync.Mutex
	line    *line         // nil: there is none
	closing chan struct{} // closed when the line before it has ended; nil: there was none
	refused error         // the PIN was: it is not tried again
	failed  error         // of the last attempt to connect
	tried   time.Time     // when that was
	met     bool          // there was a line before

	away atomic.Pointer[authn.HSMAway] // nil: the last thing that was asked was done
}

var (
	_ authn.HSM = (*Token)(nil)
)

// New returns a Token. It is not touched yet.
func New(cfg Config) *Token {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Patience == 0 {
		cfg.Patience = patience
	}
	return &Token{cfg: cfg, busy: make(chan struct{}, sessions)}
}

// Connect gets hold of the token, logs in, and finds the master key or makes it. What fails it tries twice again, but for the PIN: a
// module that another process uses at the moment may say anything. The error says what is wrong in words that help.
func (t *Token) Connect(ctx context.Context) error {
	for range connectTries - 1 {
		if err := t.look(ctx); err == nil || isRefused(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(connectEvery):
		}
	}
	return t.look(ctx)
}

// look asks something small of the token.
func (t *Token) look(ctx context.Context) error {
	_, err := ask(ctx, t, func(l *line) (struct{}, error) { return struct{}{}, l.look() })
	return err
}

// Run looks from time to time whether the token is there, until ctx ends.
func (t *Token) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = t.look(ctx) // what comes of it is logged and kept
		}
	}
}

// Away says why the token does not do what it is asked, as of the last time; nil if it does.
func (t *Token) Away() error {
	if away := t.away.Load(); away != nil {
		return away
	}
	return nil
}

// Close lets go of the token. Nothing may be asked of it afterwards.
func (t *Token) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line != nil {
		t.end()
		t.awaitEnd()
	}
}
