package proxy

import (
	"bytes"
	"io"
	"net/http"
)

// linkBody is the body of an answer. At its end it gives the connection back.
type linkBody struct {
	use
	body io.Reader // by http.ReadResponse
	over error     // what every further Read returns; nil: the connection is in use
}

func (b *linkBody) Read(p []byte) (int, error) {
	if b.over != nil {
		return 0, b.over
	}
	n, err := b.body.Read(p)
	if err != nil {
		b.over = err
		b.end(err == io.EOF)
	}
	return n, err
}

// Close closes the connection if the body was not read to its end: nobody knows how much of it is still to come.
func (b *linkBody) Close() error {
	if b.over == nil {
		b.over = http.ErrBodyReadAfterClose
		b.end(false)
	}
	return nil
}

// hasCome reports whether the beginning of the body has come with the head of the answer, so that it can be read without
// waiting.
func (b *linkBody) hasCome(res *http.Response) bool {
	if b.over != nil {
		return false
	}
	came, _ := b.link.in.Peek(b.link.in.Buffered())
	if len(res.TransferEncoding) > 0 { // there must be something behind the size of the first chunk
		_, came, _ = bytes.Cut(came, []byte("\n"))
	}
	return len(came) > 0
}
