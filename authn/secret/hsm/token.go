//go:build pkcs11

package hsm

import (
	"context"
	"errors"
	"fmt"
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

// ask has something done on a session. It is given up after the token's patience, though not ended: PKCS #11 has no way to do so,
// and the session stays in use until the module returns.
func ask[T any](ctx context.Context, t *Token, what func(l *line) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	late, cancel := context.WithTimeout(ctx, t.cfg.Patience)
	defer cancel()
	select {
	case t.busy <- struct{}{}:
	case <-late.Done():
		return answer{}.value, t.note(ctx, away("all of its sessions are in use"))
	}
	go func() {
		defer func() { <-t.busy }()
		value, err := attempt(t, what)
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		return a.value, t.note(ctx, a.err)
	case <-late.Done():
		return answer{}.value, t.note(ctx, away("it does not answer in time"))
	}
}

// attempt does something on the line that there is, and once more on a new one if that had broken.
func attempt[T any](t *Token, what func(l *line) (T, error)) (value T, err error) {
	for again := false; ; again = true {
		l, err := t.connected()
		if err != nil {
			return value, err
		}
		if value, err = guarded(l, what); err == nil || !isBroken(err) {
			return value, err
		}
		t.drop(l, err, again)
		if again {
			return value, away("%v", err)
		}
	}
}

// guarded turns a panic into an error: crypto11's AEAD has no other way to say that it failed.
func guarded[T any](l *line, what func(l *line) (T, error)) (value T, err error) {
	defer func() {
		switch said := recover().(type) {
		case nil:
		case error:
			err = said
		default:
			panic(said)
		}
	}()
	return what(l)
}

// note remembers and tells whether the token does what it is asked. That somebody has lost patience with his own request is nothing
// that it did.
func (t *Token) note(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	reason, isAway := errors.AsType[*authn.HSMAway](err)
	switch {
	case isAway && !reason.Missing:
		if t.away.Swap(reason) == nil {
			t.cfg.Log.Warn("the HSM is away: tokens are checked as before, and nobody can sign in", "error", reason)
		}
	case t.away.Swap(nil) != nil:
		t.cfg.Log.Info("the HSM is back")
	}
	return err
}

// connected returns the line, after making one if there is none.
func (t *Token) connected() (*line, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.line != nil:
		return t.line, nil
	case t.refused != nil:
		return nil, t.refused
	case t.failed != nil && time.Since(t.tried) < connectEvery:
		return nil, t.failed
	}
	t.awaitEnd()
	l, err := connect(t.cfg, !t.met)
	t.failed, t.tried = err, time.Now()
	if isRefused(err) {
		t.refused = err
	}
	if err == nil && !t.met {
		t.cfg.Log.Info("keys are made in an HSM, and stay there", "token", t.cfg.Label, "module", t.cfg.Module)
	}
	t.line, t.met = l, t.met || err == nil
	return l, err
}

// drop ends a line that has broken, unless somebody has done so already. If that was a new one, time is to pass before the next.
func (t *Token) drop(l *line, cause error, wasNew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line != l {
		return
	}
	t.cfg.Log.Debug("the connection to the HSM has broken", "error", cause)
	t.end()
	if wasNew {
		t.failed, t.tried = away("%v", cause), time.Now()
	}
}

// end ends the line in the background: what goes on in it may never end. The caller holds mu.
func (t *Token) end() {
	l, ended := t.line, make(chan struct{})
	t.line, t.closing = nil, ended
	go func() {
		defer close(ended)
		_ = l.context.Close()
	}()
}

// awaitEnd waits a while for the line of before to have ended: then the module is unloaded and loaded again, without which some of them
// do not see what has changed. The caller holds mu.
func (t *Token) awaitEnd() {
	if t.closing == nil {
		return
	}
	select {
	case <-t.closing:
		t.closing = nil
	case <-time.After(connectEvery):
	}
}

// away is the error of a token that does nothing now.
func away(format string, args ...any) *authn.HSMAway {
	return &authn.HSMAway{Why: fmt.Sprintf(format, args...)}
}
