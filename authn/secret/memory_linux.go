package secret

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newPages returns zeros on pages of their own, whose number of bytes is one of whole pages, and what gives them back. The error is
// what could not be done for them; they can be used all the same.
func newPages(size int) (pages []byte, free func(), err error) {
	page := os.Getpagesize()
	all, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return make([]byte, size), func() {}, fmt.Errorf("mmap: %w", err)
	}
	free = func() { _ = unix.Munmap(all) }
	pages = all[page : page+size : page+size]
	if err := unix.Mprotect(pages, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		free()
		return make([]byte, size), func() {}, fmt.Errorf("mprotect: %w", err)
	}
	return pages, free, errors.Join(
		named("madvise MADV_DONTDUMP", unix.Madvise(pages, unix.MADV_DONTDUMP)),
		named("madvise MADV_WIPEONFORK", unix.Madvise(pages, unix.MADV_WIPEONFORK)),
		named("mlock (RLIMIT_MEMLOCK)", unix.Mlock(pages)),
	)
}

func named(call string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", call, err)
}
