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
)

func newLink(d *direct, conn net.Conn) (*link, error) {
	l := &link{direct: d, conn: conn, close: func() { conn.Close() }}
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
	conn.Close()
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
	stop := context.AfterFunc(ctx, l.close)
	res, err := l.ask(c)
	if err != nil {
		stop()
		l.conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	// An answer 101 is not for this connection to obey: nobody has asked for another protocol.
	reusable := !res.Close && res.StatusCode >= 200
	if res.Body == http.NoBody {
		l.settle(stop() && reusable)
	} else {
		res.Body = &linkBody{link: l, body: res.Body, ctx: ctx, stop: stop, reusable: reusable}
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

// settle ends the use of a connection, which may be used again if all that was to be read from it was.
func (l *link) settle(reusable bool) {
	if reusable && l.in.Buffered() == 0 {
		l.direct.give(l)
		return
	}
	l.conn.Close()
}
