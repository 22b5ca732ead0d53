package proxy

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// root is what every request passes first, on every listener:
//
//  1. The Exchange is made, so that everything behind can say which request it is about. What could not be learnt of the
//     request's origin is in originError.
//  2. The access log comes next. It encloses the catching of panics, so that its line shows the 500 that a panic became.
//  3. Panics are caught.
//
// Only then next.
func (d *Door) root(next http.Handler) http.Handler {
	return d.exchange(d.accessLog(d.recoverPanics(next)))
}

// own puts the security headers on answers that are Authly's own, refusals included.
func (d *Door) own(next http.Handler) http.Handler { return d.cfg.Security.Own(next) }

// refuse answers with an error as Authly's own: to a person who opens a page by one, to everybody else by a problem document.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	d.refuseBy(d.showOrTell, w, r, err)
}

// refuseBy is refuse by what writes the answer.
func (d *Door) refuseBy(write func(http.ResponseWriter, *http.Request, error), w http.ResponseWriter, r *http.Request, err error) {
	abandonBody(w, r)
	w.Header().Set(requestIDHeader, exchangeOf(r).ID)
	d.own(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, r, err)
	})).ServeHTTP(w, r)
}

// abandonBody sees to it that a refusal does not wait for the rest of a body that nobody will read: net/http would, before
// it answers, for as long as the client likes.
func abandonBody(w http.ResponseWriter, r *http.Request) {
	if !hasBody(r) || r.ProtoMajor != 1 {
		return
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Second)) // and if it cannot, it is closed all the same
}

// logged returns a problem that also logs the cause of an error that a client is told nothing of: an unknown one, or a store
// that does not answer.
func logged(problem func(http.ResponseWriter, *http.Request, error), log *slog.Logger) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if fault := authn.Fault(err); fault.Code == authn.CodeInternal || fault.Code == authn.CodeUnavailable {
			cause := fault.Cause
			if cause == nil {
				cause = fault
			}
			log.LogAttrs(r.Context(), slog.LevelError, "request failed",
				slog.String("request_id", exchangeOf(r).ID),
				slog.String("reason", string(fault.Code)),
				slog.String("error", plain(cause.Error(), 512)))
		}
		problem(w, r, err)
	}
}

// exchangeOf is short for the exchange of a request.
func exchangeOf(r *http.Request) *headers.Exchange { return headers.ExchangeOf(r.Context()) }
