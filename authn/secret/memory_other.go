//go:build !linux

package secret

import "errors"

// newPages returns memory of the heap: Go moves nothing there, so that what is wiped is wiped, but the system does with it what it
// does with all memory.
func newPages(size int) (pages []byte, free func(), err error) {
	return make([]byte, size), func() {}, errors.New("this system is not asked for locked pages")
}
