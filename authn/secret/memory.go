package secret

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
)

// ErrReleased is what there is to say of key material that was released: it is gone.
var ErrReleased = errors.New("the key material was released")

// Memory is where key material lies: pages outside of the heap of Go, which are locked so that they are not swapped out, are left
// out of core dumps, and stand between two pages that nobody can touch. Many small secrets share a page.
//
// Where the system has no such pages, or refuses to lock them because RLIMIT_MEMLOCK is used up, the log is told once, and
// everything works all the same. A nil *Memory is for who has none: it keeps material on the heap, and wipes it like any other.
//
// A Memory is safe for use by many goroutines. One per process is enough.
type Memory struct {
	log *slog.Logger

	mu     sync.Mutex
	chunks []*chunk
	cells  map[*cell]bool // that are not wiped
	closed bool
	told   bool // the log was told of what cannot be had
}

// NewMemory returns a Memory, which takes nothing of the system until there is material. The caller closes it at the end of the
// program. A nil log is told nothing.
func NewMemory(log *slog.Logger) *Memory {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Memory{log: log, cells: map[*cell]bool{}}
}

// Make returns n bytes that fill writes, which is given zeros. The error is that of fill, or ErrReleased after Close; with an
// error the material is released.
func (m *Memory) Make(n int, fill func(material []byte) error) (Bytes, error) {
	if n == 0 {
		return Bytes{}, fill(nil)
	}
	b := handleOf(m.cell(n))
	err := b.Use(fill)
	if err != nil {
		b.Release()
	}
	return b, err
}

// Take moves material: what is given is zeros afterwards.
func (m *Memory) Take(material []byte) Bytes {
	defer clear(material)
	return m.Copy(material)
}

// Copy copies material. Where the copy that is given is of no use any more, Take wipes it.
func (m *Memory) Copy(material []byte) Bytes {
	b, _ := m.Make(len(material), func(to []byte) error { copy(to, material); return nil })
	return b
}

// Random returns n bytes that nobody can guess.
func (m *Memory) Random(n int) Bytes {
	b, _ := m.Make(n, func(to []byte) error { rand.Read(to); return nil }) // it never fails
	return b
}

// Close wipes all material, as Bytes.Release does. What is made later is released from the start.
func (m *Memory) Close() {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.closed = true
	left := make([]*cell, 0, len(m.cells))
	for c := range m.cells {
		left = append(left, c)
	}
	m.dropEmpty()
	m.mu.Unlock()
	for _, c := range left {
		c.release()
	}
}
