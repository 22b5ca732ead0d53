package proxy

import (
	"bufio"
	"net"
	"net/http"
)

// recorder notes what is answered, for the access log and for whoever must know whether an answer has begun.
type recorder struct {
	http.ResponseWriter
	status   int   // of the final answer; 0: none yet
	bytes    int64 // of the body
	hijacked bool
	http10   bool // the client speaks HTTP/1.0 and knows no informational answers (RFC 9110 section 15.2)
	last     bool // the connection ends with this answer
}

func newRecorder(w http.ResponseWriter, r *http.Request) recorder {
	return recorder{ResponseWriter: w, http10: !r.ProtoAtLeast(1, 1), last: isChunked(r)}
}

// isChunked reports whether the request's body comes in chunks over HTTP/1. Such a request may have had a Content-Length too,
// which net/http drops without a word. Whoever stands in front may have gone by it, and then what follows on the connection
// is still of the body, and no request: RFC 9112 section 6.1 has the connection closed after the answer.
func isChunked(r *http.Request) bool { return r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 }

func (w *recorder) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		if !w.http10 {
			dropOwnSetCookies(w.Header())
			w.ResponseWriter.WriteHeader(status)
		}
		return
	}
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	w.note(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// FlushError sends what has been written, which begins the answer.
func (w *recorder) FlushError() error {
	w.note(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack hands the connection over, which ReverseProxy does only to switch protocols.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.note(http.StatusSwitchingProtocols)
		w.hijacked = true
	}
	return conn, buffered, err
}

// Unwrap lets http.ResponseController reach everything else.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) note(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if w.last && status != http.StatusSwitchingProtocols {
		w.Header().Set("Connection", "close")
	}
}

// begun reports whether an answer has begun, so that another can no longer be given.
func begun(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case *recorder:
			return t.status != 0
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}
