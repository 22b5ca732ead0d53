package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// keepPrivate keeps what this process has in its memory from everybody but the kernel and root: no core is dumped when it crashes,
// not by a handler of the system's either, and no other process of the same user reads its memory or attaches to it. Both last for
// as long as this program runs; the limit holds for what it starts, too.
func keepPrivate() error {
	var none unix.Rlimit
	return errors.Join(
		failed("RLIMIT_CORE", unix.Setrlimit(unix.RLIMIT_CORE, &none)),
		failed("PR_SET_DUMPABLE", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)),
	)
}

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
