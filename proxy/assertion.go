package proxy

import (
	"errors"
	"net/http"

	"github.com/descoped/authly/authn"
)

// assert returns what the application of the decision's route is told in headers.AssertionName. It is empty where nothing is
// to be told: the route has no audience, or nobody in particular is calling. An error is a reason not to let the request go
// on: an application that asks for assertions must not get a request without.
func (d *Door) assert(decision authn.Decision, method, host string) (string, error) {
	if decision.Identity == nil || decision.Route == nil || decision.Route.Audience == "" {
		return "", nil
	}
	if d.cfg.Assert == nil {
		return "", errors.New("proxy: a route has an audience and nobody signs assertions")
	}
	return d.cfg.Assert(decision.Route.Audience, decision.Identity, method, host)
}

// forward gives a request that may pass to its application.
func (d *Door) forward(w http.ResponseWriter, r *http.Request, up *upstream, decision authn.Decision, p *passage) {
	var err error
	if p.assertion, err = d.assert(decision, r.Method, p.target.host); err != nil {
		x := exchangeOf(r)
		x.Verdict, x.Reason = verdictDeny, string(authn.Fault(err).Code)
		d.refuse(w, r, err)
		return
	}
	up.serve(w, r, p)
}
