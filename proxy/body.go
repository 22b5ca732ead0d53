package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// requestBody is the body of a request on its way to the upstream. It is read by the transport, in a goroutine of its own.
type requestBody struct {
	io.ReadCloser
	http1    bool
	finished atomic.Bool // read to its end, which was a good one
	broken   atomic.Bool // could not be read on: it is framed badly
	cut      atomic.Bool // ended before its end: the client has gone

	// Where the trailers of the request arrive, and where the transport takes them from after the end of the body. sent has
	// the names that may pass as keys from the beginning: they are announced to the upstream before the body.
	received, sent http.Header
}

func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}

// watchBody puts a requestBody around the body of r and returns it.
func watchBody(r *http.Request) *requestBody {
	b := &requestBody{ReadCloser: r.Body, http1: r.ProtoMajor == 1, received: r.Trailer}
	r.Body = b
	return b
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		for name := range b.sent {
			b.sent[name] = b.received[name]
		}
		b.finished.Store(true)
	case isConnectionLoss(err):
		b.cut.Store(true)
	default:
		b.broken.Store(true)
	}
	return n, err
}

func isConnectionLoss(err error) bool {
	_, isNet := errors.AsType[net.Error](err)
	return isNet || errors.Is(err, io.ErrUnexpectedEOF)
}

// trailer returns the trailers to send with the request: those that the client announced without those that strip removes.
func (b *requestBody) trailer(strip func(http.Header)) http.Header {
	if b == nil || len(b.received) == 0 {
		return nil
	}
	sent := make(http.Header, len(b.received))
	for name := range b.received {
		sent[name] = nil
	}
	strip(sent)
	if len(sent) == 0 {
		return nil
	}
	b.sent = sent
	return sent
}
