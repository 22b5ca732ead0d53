package proxy

import (
	"net/http"

	"github.com/descoped/authly/headers"
)

// root is what every request passes first, on every listener: it makes the headers.Exchange, and sees that a line is
// logged and a panic caught.
//
//  1. The Exchange comes first, so that everything behind it can say which request it is about.
//  2. The access log encloses the catching of panics, so that its line shows the 500 that a panic became.
//  3. next.
//
// What the Exchange could not learn of the request's origin is in exchangeError; next has to ask for it before it relies
// on the origin.
func (d *Door) root(next http.Handler) http.Handler {
	return d.exchange(d.accessLog(d.recoverPanics(next)))
}

// own puts the security headers on answers that are Authly's own, refusals included.
func (d *Door) own(next http.Handler) http.Handler { return d.cfg.Security.Own(next) }

// refuse answers with an error as Authly's own.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	d.own(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.cfg.Problem(w, r, err)
	})).ServeHTTP(w, r)
}

// exchangeOf is short for the exchange of a request.
func exchangeOf(r *http.Request) *headers.Exchange { return headers.ExchangeOf(r.Context()) }
