package pgserver

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// FreePort returns a port of the loopback address that nobody listens on, for a program that is to be started and told its port. It is
// not one of those that systems give to outgoing connections (from 32768 on, or from 49152): until the program listens, one
// of the many of the tests could have it.
func FreePort() (int, error) {
	const least, beyond = 10_000, 32_768
	var err error
	for range 100 {
		port := least + rand.IntN(beyond-least) // #nosec G404 -- no secret
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("a hundred ports are in use: %w", err)
}
