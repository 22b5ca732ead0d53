package proxy

import (
	"io"
	"net"
	"net/http"
)

// longBody is from how many bytes on it is worth while to leave a body to the system.
const longBody = 256 << 10

// splice passes on the rest of a long body from one socket to the other, where the system can do that without showing it to us,
// and reports whether it did. What has come with the head must be gone from the link's buffer.
func (b *linkBody) splice(w http.ResponseWriter, left int64) (done bool, err error) {
	conn, isTCP := b.link.conn.(*net.TCPConn)
	to, takes := w.(io.ReaderFrom)
	if b.over != nil || left < longBody || !isTCP || !takes || b.link.in.Buffered() > 0 {
		return false, nil
	}
	n, err := to.ReadFrom(&io.LimitedReader{R: conn, N: left})
	if err == nil && n < left {
		err = io.ErrUnexpectedEOF
	}
	b.over = err
	if err == nil {
		b.over = io.EOF
	}
	b.end(err == nil)
	return true, err
}

// ReadFrom lets net/http use what the system has for copying.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	w.note(http.StatusOK)
	n, err := io.Copy(w.ResponseWriter, src)
	w.bytes += n
	return n, err
}
