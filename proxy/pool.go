package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ejection is how long an address to which no connection could be made is passed over, where no health check says when it is
// back.
const ejection = 10 * time.Second

// pool is the addresses of one application. As an http.RoundTripper it sends each request to the healthy address that has
// the fewest on their way.
//
// When no address is healthy the request is sent to one of them all the same: what is known of their health is older than the
// request, and if it is still true the client learns that just as soon.
type pool struct {
	transport http.RoundTripper
	now       func() time.Time
	log       *slog.Logger // of the route
	check     *HealthCheck // nil: none

	mu       sync.Mutex
	backends []*backend
	next     int // where the search for the least busy begins, so that equals take turns

	cancel context.CancelFunc // of the health checks; nil: not started
	checks sync.WaitGroup
}

// backend is one address. Its fields but the first three are guarded by the pool's mu.
type backend struct {
	scheme, host string
	direct       *direct // nil: only the transport can ask it
	inFlight     int
	down         bool      // by the last health check, or by a failed connection since then
	ejectedUntil time.Time // without health checks: by a failed connection
}

func (p *pool) RoundTrip(req *http.Request) (*http.Response, error) {
	bare := req.Body == nil || req.Body == http.NoBody // else the transport has closed it after the first attempt
	res, b, err := p.send(req.Context(), bare, func(b *backend) (*http.Response, error) {
		req.URL.Scheme, req.URL.Host = b.scheme, b.host // the request is the ReverseProxy's own, and nobody else's
		return p.transport.RoundTrip(req)
	})
	if err != nil {
		return nil, err
	}
	res.Body = p.releasing(b, res.Body)
	return res, nil
}

// send has ask send a request to the least busy backend and, if no connection to that one can be made and again is set, to
// others. The one that has answered is to be released when the answer is over.
func (p *pool) send(ctx context.Context, again bool, ask func(*backend) (*http.Response, error)) (*http.Response, *backend, error) {
	var tried []*backend
	var failed error
	for {
		b := p.acquire(tried)
		if b == nil {
			return nil, nil, failed
		}
		res, err := ask(b)
		if err == nil {
			return res, b, nil
		}
		p.release(b)
		if !isConnectError(err) || ctx.Err() != nil {
			return nil, nil, err
		}
		p.eject(b)
		if !again {
			return nil, nil, err
		}
		tried, failed = append(tried, b), err
	}
}

// acquire returns the least busy of the healthy backends that were not tried yet and counts a request on it. If there is
// none and this is the first try it may be any; on later tries it is nil.
func (p *pool) acquire(tried []*backend) *backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.leastBusy(func(b *backend) bool {
		return !b.down && !p.isEjected(b) && !slices.Contains(tried, b)
	})
	if b == nil && len(tried) == 0 {
		b = p.leastBusy(func(*backend) bool { return true })
	}
	if b != nil {
		b.inFlight++
	}
	return b
}

// isEjected reports whether a backend is passed over. What time it is does not matter as long as none has failed.
func (p *pool) isEjected(b *backend) bool {
	return !b.ejectedUntil.IsZero() && p.now().Before(b.ejectedUntil)
}

func (p *pool) leastBusy(eligible func(*backend) bool) *backend {
	var least *backend
	p.next++
	for i := range p.backends {
		b := p.backends[(p.next+i)%len(p.backends)]
		if eligible(b) && (least == nil || b.inFlight < least.inFlight) {
			least = b
		}
	}
	return least
}

func (p *pool) release(b *backend) {
	p.mu.Lock()
	b.inFlight--
	p.mu.Unlock()
}

// eject passes over a backend to which no connection could be made.
func (p *pool) eject(b *backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.check != nil && p.cancel != nil {
		b.down = true // until a check says otherwise
		return
	}
	b.ejectedUntil = p.now().Add(ejection)
}

// connectError is an error of making a connection: no byte of a request was sent.
type connectError struct{ error }

func (e connectError) Unwrap() error { return e.error }

func isConnectError(err error) bool {
	_, ok := errors.AsType[connectError](err)
	return ok
}

// dialer returns a DialContext whose errors are connectErrors.
func dialer(timeout time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, connectError{err}
		}
		return conn, nil
	}
}

// releasing returns body so that closing it ends the request's being in flight. The body of a switched protocol is also
// written to, and ReverseProxy looks for that.
func (p *pool) releasing(b *backend, body io.ReadCloser) io.ReadCloser {
	releasing := releasingBody{ReadCloser: body, pool: p, backend: b}
	if rw, ok := body.(io.ReadWriteCloser); ok {
		return &switchedBody{ReadWriteCloser: rw, releasing: &releasing}
	}
	return &releasing
}

type releasingBody struct {
	io.ReadCloser
	pool     *pool
	backend  *backend
	released atomic.Bool
}

func (b *releasingBody) Close() error {
	if !b.released.Swap(true) {
		defer b.pool.release(b.backend)
	}
	return b.ReadCloser.Close()
}

type switchedBody struct {
	io.ReadWriteCloser
	releasing *releasingBody
}

func (b *switchedBody) Close() error { return b.releasing.Close() }

// CloseWrite passes on that the client has said its last word, where the connection can say so.
func (b *switchedBody) CloseWrite() error {
	if c, ok := b.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
