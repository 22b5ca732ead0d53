package secret

import (
	"crypto/subtle"
	"runtime"
)

// Bytes is key material. It is a handle: copies of it are of the same material, and when one of them is released all are. The zero
// value is empty. A Memory makes others.
//
// Nothing prints it: not fmt with any verb, not slog, encoding/json and other encoders, not a panic. Nor can it be compared with ==,
// which takes the longer the more of it is right; see Equal. It is safe for use by many goroutines.
type Bytes struct {
	_    [0]func()
	held *handle // nil: empty
}

// handle is what all copies of a Bytes share. When the last of them is forgotten the material is wiped, should nobody have
// released it.
type handle struct{ cell *cell }

func handleOf(c *cell) Bytes {
	h := &handle{c}
	runtime.AddCleanup(h, (*cell).release, c)
	return Bytes{held: h}
}

// Len returns how many bytes there are; 0 if they were released.
func (b Bytes) Len() int {
	if b.isReleased() {
		return 0
	}
	return b.size()
}

func (b Bytes) size() int {
	if b.held == nil {
		return 0
	}
	return b.held.cell.size
}

func (b Bytes) isReleased() bool { return b.held != nil && b.held.cell.isReleased() }

// Use calls do with the material, which is not wiped before do returns. It is nil if there is none. do must not keep it: it is no
// memory of Go's, and what is read of it later is something else, or ends the program. Copies that do makes are for it to clear.
//
// The error is that of do, or ErrReleased, in which case do was not called.
func (b Bytes) Use(do func(material []byte) error) error {
	if b.held == nil {
		return do(nil)
	}
	c := b.held.cell
	if !c.acquire() {
		return ErrReleased
	}
	defer c.leave()
	return do(c.material())
}

// Equal reports whether two are the same, in a time that says nothing of where they differ; their lengths are no secret. What was
// released equals nothing.
func (b Bytes) Equal(other Bytes) bool {
	same := false
	_ = b.Use(func(mine []byte) error {
		return other.Use(func(theirs []byte) error {
			same = subtle.ConstantTimeCompare(mine, theirs) == 1
			return nil
		})
	})
	return same
}

// Release wipes the material: at once, or as soon as nobody uses it any more. From now on it cannot be used.
func (b Bytes) Release() {
	if b.held != nil {
		b.held.cell.release()
	}
}
