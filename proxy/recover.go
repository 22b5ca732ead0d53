package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/descoped/authly/authn"
)

// recoverPanics has panics answered.
func (d *Door) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				d.panicked(v, w, r)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// panicked turns a panic into a 500 and a log entry with the stack. An answer that has begun is cut off instead, so that half
// of it can not be taken for the whole; so is one that a handler asks to be cut off by http.ErrAbortHandler.
func (d *Door) panicked(v any, w http.ResponseWriter, r *http.Request) {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	d.cfg.Log.LogAttrs(r.Context(), slog.LevelError, "panic",
		slog.String("request_id", exchangeOf(r).ID),
		slog.String("panic", plain(fmt.Sprint(v), 512)),
		slog.String("stack", string(debug.Stack())),
	)
	if begun(w) {
		exchangeOf(r).Reason = string(authn.CodeInternal)
		panic(http.ErrAbortHandler)
	}
	clear(w.Header())
	d.refuse(w, r, authn.Fault(errors.New("a handler panicked")))
}
