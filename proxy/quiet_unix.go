//go:build unix

package proxy

import "syscall"

// canLook is whether it can be told if something has arrived on a connection without reading it.
const canLook = true

// nothingArrived reports whether a socket has neither bytes to be read nor the end of the connection nor an error.
func nothingArrived(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err == syscall.EAGAIN
		}
	}
}
