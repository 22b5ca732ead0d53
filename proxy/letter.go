package proxy

import (
	"errors"
	"net/http"
	"net/textproto"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// longestLetter is how long the fields and the target of a letter may be together, in bytes. That fits into what the system takes
// without anybody reading it.
const longestLetter = 32 << 10

var (
	errBadField = errors.New("a header field of the request cannot be sent")
	errTooLong  = errors.New("the head of the request is too long to be sent at once")
)

// letter is a request without a body as it stands on the wire (RFC 9112 section 3).
type letter struct {
	fields     []byte // the header fields but Host
	all        []byte
	repeatable bool  // if nobody knows what became of it, it may be sent a second time, as http.Transport has it (RFC 9110 section 9.2.2)
	err        error // nil: all fields could be written
}

// letters lends letters, which keep their room.
type letters struct{ pool sync.Pool }

func (l *letters) get() *letter {
	if one, ok := l.pool.Get().(*letter); ok {
		one.fields, one.repeatable, one.err = one.fields[:0], false, nil
		return one
	}
	return &letter{}
}

func (l *letters) put(one *letter) { l.pool.Put(one) }

// write writes the header fields of a request.
func (l *letter) write(u *upstream, r *http.Request, p *passage) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		l.repeatable = true
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		l.add("Content-Length", "0") // as many servers expect
	}
	u.outgoing(r, p, l.add)
	if target := len(p.target.rawPath) + len(p.target.rawQuery); l.err == nil && len(l.fields)+target > longestLetter {
		l.err = errTooLong
	}
	return l.err
}

// add writes a field, if it is one that http.Transport would write.
func (l *letter) add(name, value string) {
	if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		l.err = errBadField
		return
	}
	switch name {
	case "User-Agent":
		if value == "" {
			return
		}
	case "Idempotency-Key", "X-Idempotency-Key":
		l.repeatable = true
	}
	l.fields = append(append(append(append(l.fields, name...), ": "...), textproto.TrimString(value)...), "\r\n"...)
}

// address writes the whole of a request to a host, of which the fields are written, and returns its bytes. They are good until
// the next call.
func (l *letter) address(u *upstream, method, host string, t target) []byte {
	b := append(append(l.all[:0], method...), ' ')
	b = append(b, stripPrefix(t.rawPath, u.cfg.StripPrefix)...)
	if t.hasQuery {
		b = append(append(b, '?'), t.rawQuery...)
	}
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	l.all = append(append(b, l.fields...), "\r\n"...)
	return l.all
}

// isBare reports whether a request is one that an application can be asked directly: without a body, and without anything that
// would need more than one message in each direction.
func isBare(r *http.Request) bool {
	return r.ContentLength == 0 && (r.Body == nil || r.Body == http.NoBody) && len(r.Trailer) == 0 && len(r.TransferEncoding) == 0 &&
		r.Header["Upgrade"] == nil && r.Header["Expect"] == nil && r.Method != http.MethodConnect
}
