package authn

import (
	"context"
	"fmt"
	"sync"
)

// turns lets one caller at a time pass for each key. It holds an entry only while somebody has or waits for the turn.
type turns struct {
	mu      sync.Mutex
	waiting map[string]*turn
}

type turn struct {
	taken   chan struct{} // holds one element while somebody has the turn
	callers int
}

func newTurns() *turns { return &turns{waiting: map[string]*turn{}} }

// begin waits for the key's turn; done passes it on. The error is that of a context that ended first, as ErrUnavailable.
func (t *turns) begin(ctx context.Context, key string) (done func(), err error) {
	t.mu.Lock()
	one := t.waiting[key]
	if one == nil {
		one = &turn{taken: make(chan struct{}, 1)}
		t.waiting[key] = one
	}
	one.callers++
	t.mu.Unlock()
	select {
	case one.taken <- struct{}{}:
		return func() { <-one.taken; t.leave(key, one) }, nil
	case <-ctx.Done():
		t.leave(key, one)
		return nil, fmt.Errorf("%w: waiting for another login of the account: %w", ErrUnavailable, ctx.Err())
	}
}

func (t *turns) leave(key string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.callers--; one.callers == 0 {
		delete(t.waiting, key)
	}
}
