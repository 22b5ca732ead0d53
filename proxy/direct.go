package proxy

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"
)

// direct asks one address of an application over HTTP/1.1 without TLS. It is for requests without a body, which are nearly
// all there are, and does with one goroutine, the one that serves the request, what http.Transport needs three for. With it, and
// with pass in place of ReverseProxy, a request that is checked and forwarded costs 0.9 to 1.0 times the processor time of one
// that a ReverseProxy forwards unchecked; before, it was 1.4 to 1.6 (authly-bench proxy).
//
// It promises what http.Transport promises for such requests:
//
//   - Answers are read by http.ReadResponse, within the same limits of size and time, and all that is said in them about the
//     connection is obeyed. There is no other parser here.
//   - A connection is used again only after a whole answer, if neither side wants it closed, and if nothing has arrived on it
//     since: an application that talks unasked has lost count, and the next caller would get what was meant for the last.
//   - A connection that turns out to be dead before the first byte of an answer is replaced by a new one, once, if the request
//     can be repeated (RFC 9110 section 9.2.2).
//   - The end of the request's context, or of its stream, ends everything at once, and closes the connection.
//
// To http.Transport it leaves bodies, Expect, upgrades, trailers, TLS and HTTP/2, and heads that are long: only who reads
// while it writes can be told by the application that they are too long.
type direct struct {
	address string // host:port
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	limits  limits

	mu     sync.Mutex
	idle   []*link // the one that was used last at the end
	sweep  *time.Timer
	swept  bool // sweep is running
	closed bool
}

// limits are those that the Transport of the same upstream has.
type limits struct {
	answer time.Duration // from the end of a request to the end of the answer's head
	idle   time.Duration // of a connection that nobody uses
	links  int           // that are kept idle
	head   int64         // bytes of an answer's head
}

// mostInterim is how many informational answers may come before the final one. Without a bound an application could keep a
// client busy with them for as long as it likes.
const mostInterim = 1000

// goDirect lets the backends that can be asked directly be so, for which t would be responsible otherwise.
func (p *pool) goDirect(t *http.Transport) {
	if !canLook || !t.Protocols.HTTP1() || t.TLSClientConfig != nil {
		return
	}
	for _, b := range p.backends {
		if b.scheme == "http" && isPlainHost(b.host) {
			b.direct = newDirect(b, t)
		}
	}
}

// isDirect reports whether all backends can be asked directly.
func (p *pool) isDirect() bool {
	return !slices.ContainsFunc(p.backends, func(b *backend) bool { return b.direct == nil })
}

// newDirect returns what asks an address for which t would be responsible.
func newDirect(b *backend, t *http.Transport) *direct {
	u := url.URL{Host: b.host}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return &direct{
		address: net.JoinHostPort(u.Hostname(), port),
		dial:    t.DialContext,
		limits: limits{
			answer: t.ResponseHeaderTimeout, idle: t.IdleConnTimeout, links: t.MaxIdleConnsPerHost, head: t.MaxResponseHeaderBytes,
		},
	}
}

// call is a request to be made.
type call struct {
	method     string
	message    []byte                               // every byte of the request
	repeatable bool                                 // it does no harm if it arrives twice
	stream     *stream                              // that may be ended meanwhile
	interim    func(status int, header http.Header) // is told of informational answers
}

// roundTrip makes a request and returns the answer, the body of which must be closed. An error of making the connection is
// a connectError; the end of ctx is its cause.
func (d *direct) roundTrip(ctx context.Context, c *call) (*http.Response, error) {
	if l := d.take(); l != nil {
		res, err := l.roundTrip(ctx, c)
		dead, unanswered := errors.AsType[deadLink](err)
		if !unanswered || dead.asked && !c.repeatable {
			return res, err
		}
	}
	l, err := d.connect(ctx, c.stream)
	if err != nil {
		return nil, err
	}
	return l.roundTrip(ctx, c)
}

// connect makes a new connection.
func (d *direct) connect(ctx context.Context, s *stream) (*link, error) {
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.hold(cancel); err != nil {
		return nil, err
	}
	conn, err := d.dial(dialing, "tcp", d.address)
	s.release()
	switch {
	case err == nil:
		return newLink(d, conn)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case dialing.Err() != nil:
		return nil, errCut // which is no fault of the address
	}
	return nil, err
}

// deadLink is the error of a connection that ended before the first byte of an answer.
type deadLink struct {
	error
	asked bool // something of the request was sent
}

func (e deadLink) Unwrap() error { return e.error }

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// noLimit is the limit of what is no head.
const noLimit = math.MaxInt64
