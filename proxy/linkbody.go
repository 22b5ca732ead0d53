package proxy

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// linkBody is the body of an answer. At its end it gives the connection back.
type linkBody struct {
	link     *link
	body     io.Reader // by http.ReadResponse
	ctx      context.Context
	stop     func() bool // false: the connection was closed at the end of ctx, or is being closed
	reusable bool        // the connection, after this answer
	end      error       // what every further Read returns; nil: the connection is in use
}

func (b *linkBody) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.body.Read(p)
	if err != nil {
		b.settle(err)
	}
	return n, b.end
}

// Close closes the connection if the body was not read to its end: nobody knows how much of it is still to come.
func (b *linkBody) Close() error {
	if b.end == nil {
		b.settle(http.ErrBodyReadAfterClose)
	}
	return nil
}

// settle gives the connection up.
func (b *linkBody) settle(end error) {
	b.end = end
	running := b.stop()
	b.link.settle(running && b.reusable && end == io.EOF)
	if end != io.EOF && b.ctx.Err() != nil {
		b.end = context.Cause(b.ctx)
	}
}

// hasCome reports whether the beginning of the body has come with the head of the answer, so that it can be read without
// waiting.
func (b *linkBody) hasCome(res *http.Response) bool {
	if b.end != nil {
		return false
	}
	came, _ := b.link.in.Peek(b.link.in.Buffered())
	if len(res.TransferEncoding) > 0 { // there must be something behind the size of the first chunk
		_, came, _ = bytes.Cut(came, []byte("\n"))
	}
	return len(came) > 0
}
