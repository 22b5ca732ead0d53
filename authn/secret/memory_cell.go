package secret

import (
	"math"
	"sync/atomic"
)

// cell is the place of one secret. The bytes are behind functions, where nothing that walks through values finds them.
type cell struct {
	size     int
	material func() []byte
	give     func()       // gives the place back, of a cell that is wiped
	state    atomic.Int64 // how many use it, and released
}

// released is added to the state of a cell that nobody may begin to use any more.
const released = math.MinInt64

func (c *cell) isReleased() bool { return c.state.Load() < 0 }

// acquire keeps the cell from being wiped until leave; false: it was released.
func (c *cell) acquire() bool {
	for {
		state := c.state.Load()
		if state < 0 {
			return false
		}
		if c.state.CompareAndSwap(state, state+1) {
			return true
		}
	}
}

func (c *cell) leave() {
	if c.state.Add(-1) == released {
		c.wipe()
	}
}

// release has the cell wiped by whoever is the last to use it.
func (c *cell) release() {
	for {
		state := c.state.Load()
		if state < 0 {
			return
		}
		if c.state.CompareAndSwap(state, state+released) {
			if state == 0 {
				c.wipe()
			}
			return
		}
	}
}

func (c *cell) wipe() {
	clear(c.material())
	c.give()
}

// cell returns a place for n bytes, which are zeros. After Close it is a released one.
func (m *Memory) cell(n int) *cell {
	c := &cell{size: n}
	if m == nil {
		heap := make([]byte, n)
		c.material, c.give = func() []byte { return heap }, func() {}
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		c.state.Store(released)
		return c
	}
	from, first := m.room(n)
	c.material = func() []byte { return from.slice(first, n) }
	c.give = func() { m.give(c, from, first) }
	m.cells[c] = true
	return c
}

// give takes a wiped cell back.
func (m *Memory) give(c *cell, from *chunk, first int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cells, c)
	from.give(first, c.size)
	m.dropEmpty()
}
