package proxy

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
)

// readyConn is a connection of a front proxy that can be given header lines which are ready to be sent.
//
// net/http makes the headers of an answer of a map, which is filled, copied, sorted and looked at line by line for every
// answer. With a dozen lines that are the same each time that takes longer than to decide. Here these lines are put behind the
// status line of the answer when net/http writes it. All else of an answer, and all of a request, is net/http's as ever.
//
// It belongs to the goroutine that serves the connection, like the answer itself: requests on it come one after the other.
type readyConn struct {
	*net.TCPConn
	status int    // of the answer that lines are for
	lines  []byte // for the next answer; none: it has all it needs
	whole  []byte // the answer with them, kept to be used again
}

type readyConnKey struct{}

// ReadyConns has the connections of a listener take ready lines, and the server tell its handler of them. It is for the server
// of ForwardAuth and HTTP/1 without TLS; for any other it does nothing. It is called before the server serves.
func ReadyConns(s *http.Server, l net.Listener) net.Listener {
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if ready, ok := c.(*readyConn); ok {
			return context.WithValue(ctx, readyConnKey{}, ready)
		}
		return ctx
	}
	return readyListener{l}
}

type readyListener struct{ net.Listener }

func (l readyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &readyConn{TCPConn: tcp}, nil
	}
	return c, err
}

// readyConnOf returns the connection that the answer to a request goes to; nil if it takes no ready lines.
func readyConnOf(r *http.Request) *readyConn {
	c, _ := r.Context().Value(readyConnKey{}).(*readyConn)
	if c == nil || r.ProtoMajor != 1 {
		return nil
	}
	return c
}

// ready gives lines for the next answer, which must be of this status. They are printable ASCII, and each has its end.
func (c *readyConn) ready(status int, parts ...string) {
	c.status, c.lines = status, c.lines[:0]
	for _, part := range parts {
		c.lines = append(c.lines, part...)
	}
}

var errNotReady = errors.New("ready lines are for another answer")

// Write writes what net/http gives: the first of an answer is its head from the beginning. Lines that would come into any
// other answer than that which they are for end the connection.
func (c *readyConn) Write(p []byte) (int, error) {
	if len(c.lines) == 0 {
		return c.TCPConn.Write(p)
	}
	first := bytes.IndexByte(p, '\n') + 1
	if statusOf(p[:first]) != c.status {
		return 0, errNotReady
	}
	c.whole = append(append(append(c.whole[:0], p[:first]...), c.lines...), p[first:]...)
	c.lines = c.lines[:0]
	if _, err := c.TCPConn.Write(c.whole); err != nil {
		return 0, err
	}
	return len(p), nil
}

// statusOf reads the status of a status line as net/http writes it; 0: it is none.
func statusOf(line []byte) int {
	const version = len("HTTP/1.1 ")
	if len(line) < version+len("200 ") || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0
	}
	status, _ := strconv.Atoi(string(line[version : version+3]))
	return status
}
