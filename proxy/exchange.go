package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"

	"github.com/descoped/authly/headers"
)

const requestIDHeader = "X-Request-Id"

// maxRequestID is how long a request id of a trusted proxy may be, in bytes.
const maxRequestID = 128

type originErrorKey struct{}

// exchange makes the headers.Exchange of a request and answers with its id. An origin that could not be read does not end
// the request here: the forward-auth endpoints have their own view of it. See originError.
func (d *Door) exchange(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := new(headers.Exchange)
		err := d.begin(x, r)
		ctx := headers.WithExchange(r.Context(), x)
		if err != nil {
			ctx = context.WithValue(ctx, originErrorKey{}, err)
		}
		w.Header()[requestIDHeader] = []string{x.ID}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// begin fills in what is known of a request when it arrives. An error is that of its origin.
func (d *Door) begin(x *headers.Exchange, r *http.Request) (err error) {
	x.Started = d.cfg.Now()
	x.Origin, err = d.cfg.Trust.Origin(r)
	x.ID = requestID(r.Header, x.Origin.PeerTrusted)
	return err
}

// originError returns why the request's origin could not be read, or nil. Until it is known to be nil, the exchange's Origin
// must not be relied on.
func originError(r *http.Request) error {
	err, _ := r.Context().Value(originErrorKey{}).(error)
	return err
}

// requestID returns the id that a trusted peer gave to the request, if there is exactly one and it is plain, else a new one
// of 128 random bits.
func requestID(h http.Header, peerTrusted bool) string {
	if given := h[requestIDHeader]; peerTrusted && len(given) == 1 && isPlainID(given[0]) {
		return given[0]
	}
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	var text [2 * len(b)]byte
	hex.Encode(text[:], b[:])
	return string(text[:])
}

// isPlainID reports whether an id can stand in a header, a log line and a page without any escaping.
func isPlainID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
