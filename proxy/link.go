package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// link is a connection to an application. Who has it uses it alone; only close may be called by others.
type link struct {
	direct *direct
	conn   net.Conn
	in     *bufio.Reader // reads through Read
	left   int64         // bytes that may be read
	since  time.Time     // when it was given back
	close  func()

	raw   syscall.RawConn
	look  func(fd uintptr) bool
	quiet bool // what look found
}

var (
	errTooManyInterim = errors.New("the upstream sent too many informational answers")
	errHeadTooLong    = errors.New("the head of the upstream's answer is too long")
	errCut            = errors.New("the stream of the request was ended")
)

func newLink(d *direct, conn net.Conn) (*link, error) {
	l := &link{direct: d, conn: conn, close: func() { _ = conn.Close() }}
	l.in = bufio.NewReader(l)
	l.look = func(fd uintptr) bool {
		l.quiet = nothingArrived(fd)
		return true
	}
	var err error
	if sys, ok := conn.(syscall.Conn); !ok {
		err = errors.New("the connection has no file descriptor")
	} else if l.raw, err = sys.SyscallConn(); err == nil {
		return l, nil
	}
	_ = conn.Close()
	return nil, fmt.Errorf("proxy: %w", err)
}

// Read reads from the connection, within the limit.
func (l *link) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errHeadTooLong
	}
	n, err := l.conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// isQuiet reports whether the other side has neither sent anything nor closed the connection.
func (l *link) isQuiet() bool {
	l.quiet = false
	return l.raw.Read(l.look) == nil && l.quiet
}

// roundTrip makes a request on the connection, which is closed in case of an error.
func (l *link) roundTrip(ctx context.Context, c *call) (*http.Response, error) {
	if err := c.stream.hold(l.close); err != nil {
		_ = l.conn.Close()
		return nil, err
	}
	u := use{link: l, stream: c.stream, stop: context.AfterFunc(ctx, l.close)}
	res, err := l.ask(c)
	if err != nil {
		switch released := u.end(false); {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !released:
			return nil, errCut
		}
		return nil, err
	}
	u.reusable = !res.Close && isOver(res)
	if res.Body == http.NoBody {
		u.end(true)
	} else {
		res.Body = &linkBody{use: u, body: res.Body}
	}
	return res, nil
}

func (l *link) ask(c *call) (*http.Response, error) {
	if n, err := l.conn.Write(c.message); err != nil {
		return nil, deadLink{err, n > 0}
	}
	if err := l.conn.SetReadDeadline(time.Now().Add(l.direct.limits.answer)); err != nil {
		return nil, deadLink{err, true}
	}
	l.left = l.direct.limits.head
	if _, err := l.in.Peek(1); err != nil {
		if isTimeout(err) {
			return nil, err
		}
		return nil, deadLink{err, true}
	}
	res, err := l.answer(c)
	if err != nil {
		return nil, err
	}
	l.left = noLimit
	return res, l.conn.SetReadDeadline(time.Time{})
}

// answer reads the head of the final answer.
func (l *link) answer(c *call) (*http.Response, error) {
	var asked *http.Request // nil: GET; ReadResponse looks at the method alone
	if c.method == http.MethodHead {
		asked = &http.Request{Method: http.MethodHead}
	}
	for range mostInterim {
		res, err := http.ReadResponse(l.in, asked)
		if err != nil {
			return nil, err
		}
		if res.StatusCode < 100 || res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, nil
		}
		c.interim(res.StatusCode, res.Header)
		l.left = l.direct.limits.head
	}
	return nil, errTooManyInterim
}

// isOver reports whether an answer that is read to its end is over for both sides. An answer 101 is not: nobody has asked for
// another protocol. Neither is one of 204 that announces a body all the same (RFC 9110 section 8.6): the body may still come, and
// would be taken for the next answer.
func isOver(res *http.Response) bool {
	if res.StatusCode == http.StatusNoContent {
		length := res.Header.Get("Content-Length")
		return (length == "" || length == "0") && len(res.TransferEncoding) == 0
	}
	return res.StatusCode >= 200
}

// use is that a connection is used for a request.
type use struct {
	link     *link
	stream   *stream
	stop     func() bool // false: the connection was closed at the end of the context, or is being closed
	reusable bool        // when the answer is over
}

// end ends the use of a connection, once, and reports whether its stream goes on. If the answer was read to its end, and nothing
// beyond it, and nobody has closed the connection meanwhile or will, it may be used again.
func (u *use) end(whole bool) (released bool) {
	stopped, released := u.stop(), u.stream.release()
	if whole && stopped && released && u.reusable && u.link.in.Buffered() == 0 {
		u.link.direct.give(u.link)
	} else {
		_ = u.link.conn.Close()
	}
	return released
}
