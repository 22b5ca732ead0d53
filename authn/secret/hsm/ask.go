//go:build pkcs11

package hsm

import (
	"context"
	"errors"
	"time"

	"github.com/descoped/authly/authn"
)

// ask has something done on a session. It is given up after the token's patience, though not ended: PKCS #11 has no way to do so,
// and the session stays in use until the module returns.
func ask[T any](ctx context.Context, t *Token, what func(l *line) (T, error)) (T, error) {
	return askFor(ctx, t, t.cfg.Patience, what)
}

// askFor is ask with another patience.
func askFor[T any](ctx context.Context, t *Token, patience time.Duration, what func(l *line) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	late, cancel := context.WithTimeout(ctx, patience)
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
		switch value, err = guarded(l, what); {
		case err != nil && isCrowded(err):
			return value, away("all of its sessions are in use")
		case err == nil || !isBroken(err):
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
			t.cfg.Log.Warn("the HSM is away: tokens are checked as before, and nobody gets new ones", "error", reason)
		}
	case t.away.Swap(nil) != nil:
		t.cfg.Log.Info("the HSM is back")
	}
	return err
}
