package proxy

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/descoped/authly/authn"
)

// passage is what is known of a request that may pass, carried in its context from the decision to the hooks of the
// ReverseProxy. It belongs to the goroutine that serves the request, except for body.
type passage struct {
	target            target
	host              string          // as it was asked for, with its port
	identity          *authn.Identity // nil: anonymous
	assertion         string          // of the identity, for the application; empty: it gets none
	keepAuthorization bool
	stripCORS         bool
	webSocket         bool         // the upstream was asked to switch to one
	body              *requestBody // nil: the request has none, or it needs no watching
	stream            *stream

	// answer holds the headers that were set on the answer before the ReverseProxy ran: the request id and those of CORS.
	// They can not stay where they were, because ReverseProxy adds the upstream's to them, so that some would be there
	// twice, and because it clears them all after an informational answer.
	answer http.Header
}

type passageKey struct{}

func passageOf(ctx context.Context) *passage { return ctx.Value(passageKey{}).(*passage) }

// serve forwards a request that may pass: directly, if that can be, else by ReverseProxy.
func (u *upstream) serve(w http.ResponseWriter, r *http.Request, p *passage) {
	p.host = forwardedHost(r, exchangeOf(r).Origin)
	if u.goesDirect(r, p) && u.pass(w, r, p) {
		return
	}
	p.answer = maps.Clone(w.Header())
	clear(w.Header())
	if r.Header["Upgrade"] != nil && !isWebSocket(r) {
		r.Header = r.Header.Clone()
		r.Header.Del("Upgrade") // without it ReverseProxy passes on nothing of an upgrade
	}
	var ctx context.Context
	p.stream, ctx = u.openStream(w, r, p.identity)
	defer p.stream.close()
	if r.Header["Upgrade"] != nil {
		w = switcher{w, p.stream}
	}
	r = r.WithContext(context.WithValue(ctx, passageKey{}, p))
	if hasBody(r) {
		p.body = watchBody(r)
		if r.ProtoMajor == 1 {
			defer u.duplex(w, p.body)()
		}
	}
	u.proxy.ServeHTTP(w, r)
}

// duplex lets an HTTP/1 answer begin while the request's body is still being read. Without it net/http may discard
// up to 256 KiB of the body when the answer begins, while the transport is reading the same body: the upstream would get a
// body with a hole in it.
//
// In return, what net/http otherwise sees to falls to us. A connection whose body was not read to its good end must not
// serve another request, since what is left on it would be taken for one: modifyResponse and handleError answer it with
// Connection: close. And the body has to be closed before the handler returns, without waiting for a client that does not
// send the rest of it.
func (u *upstream) duplex(w http.ResponseWriter, body *requestBody) (finish func()) {
	control := http.NewResponseController(w)
	if control.EnableFullDuplex() != nil {
		return func() {}
	}
	return func() {
		if !body.finished.Load() {
			_ = control.SetReadDeadline(time.Unix(1, 0)) // in the past: whoever still reads stops
		}
		_ = body.ReadCloser.Close()
	}
}

// closeUnlessRead makes the connection end with this answer if the request's body was not read to its end.
func (p *passage) closeUnlessRead(h http.Header) {
	if p.body != nil && p.body.http1 && !p.body.finished.Load() {
		h.Set("Connection", "close")
	}
}
