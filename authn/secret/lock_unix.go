//go:build unix

package secret

import (
	"os"
	"syscall"
)

// lockFolder waits until nobody else has the folder locked, and locks it until unlock is called or the process ends, however it does.
func lockFolder(folder string) (unlock func(), err error) {
	d, err := os.Open(folder) // #nosec G304 -- the folder of the key file
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		_ = d.Close()
		return nil, err
	}
	return func() { _ = d.Close() }, nil
}
