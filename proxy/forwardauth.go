package proxy

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// visit is what is known of a question and noted of its answer. It is made by one allocation.
type visit struct {
	answer   recorder
	exchange headers.Exchange
}

// ForwardAuth serves questions of front proxies and nothing else: on this listener everything but /authz/ is not found, and
// no public route of any application answers 200.
//
// It does what root does, in the same order. But the Exchange is handed on from one to the next, and put into the context of
// the request only where it is refused: that takes a copy of the request, and a check is to be quick.
func (d *Door) ForwardAuth() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{answer: newRecorder(w, r)}
		_ = d.begin(&v.exchange, r) // whose origin the front proxy's own may be: a question has its own view of it
		completed := false
		defer func() { d.logRequest(&v.answer, r, &v.exchange, completed) }()
		d.answer(v, r)
		completed = true
	})
}

// answer answers a question, whatever happens.
func (d *Door) answer(v *visit, r *http.Request) {
	defer func() {
		if fault := recover(); fault != nil {
			d.panicked(fault, &v.answer, carrying(r, &v.exchange))
		}
	}()
	if !strings.HasPrefix(r.RequestURI, authzPrefix) {
		d.refuseBy(d.cfg.Problem, &v.answer, carrying(r, &v.exchange), authn.Refuse(authn.CodeNotFound, "Not found"))
		return
	}
	d.serveAuthz(&v.answer, r, &v.exchange)
}

// carrying returns a request with x in its context, where those look for it who are not handed it.
func carrying(r *http.Request, x *headers.Exchange) *http.Request {
	ctx := headers.WithExchange(r.Context(), x)
	if ctx == r.Context() {
		return r
	}
	return r.WithContext(ctx)
}
