// Package secret is also where key material lies while it is in use: a Memory keeps it, as Bytes.
//
// # What is promised
//
// Bytes are printed by nothing, compared in constant time, and wiped when they are released, when nobody has them any more and the
// garbage collector finds out, and when their Memory is closed, which is the last thing that Authly does. On Linux they lie on pages
// that are locked (mlock), left out of core dumps (MADV_DONTDUMP), empty in a process that is forked (MADV_WIPEONFORK), and between two
// pages that nobody may touch; where RLIMIT_MEMLOCK is used up, or on another system, they are wiped all the same and the log says what
// is missing. What reads a file by ReadFile has the only copy. What derives keys, wraps and seals in this package leaves none: the
// stack that it took is overwritten, and so are the objects of the libraries that held a key. The tests search a whole process for
// what it has read, used and released.
//
// A program that was built with GOEXPERIMENT=runtimesecret has the registers erased, too, and what was allocated on the way; see Do.
//
// # What is not
//
// Go copies what it is given where nobody can wipe it, and so this is about how long a key is around and in how many places; it
// does not keep one from somebody who can read the memory of the process while it is in use:
//
//   - Strings. What comes from the environment, from config.yaml or by SQL is one for as long as the program wants it, and then until
//     the garbage collector gives the place to something else. So are the passwords that people type.
//   - RSA, ECDSA and Ed25519 keys. The standard library has them on the heap, with what it computes from them beforehand, and has
//     no way to wipe them. An ed25519.PrivateKey must not even be a slice of Bytes: the library notes at the first byte when the garbage
//     collector may forget it, which ends a program whose memory is not Go's.
//   - HMAC. For each token crypto/hmac makes a copy of the secret with each bit at a known place turned round. It is on the heap until
//     something else is.
//   - What an HSM's module, the kernel, root, the host of a virtual machine, and who hibernates the machine do with memory.
//   - A process that is killed or crashes wipes nothing. The kernel does before it gives the pages to somebody else.
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
