package proxy

import (
	"net/http"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// reasonHeader tells a front proxy and its administrator why a request was refused, in the words of authn.Code. It survives
// where the status does not.
const reasonHeader = "X-Authly-Reason"

// refuseAuthz answers with an error, in a status that the front proxy relays. Unlike a permission, which ends at the front
// proxy, it comes before people's browsers, and has the security headers.
//
// It is the one place where forward-auth says no; see welcomeAuthz for those who need only sign in.
func (d *Door) refuseAuthz(w http.ResponseWriter, r *http.Request, x *headers.Exchange, relayed func(int) int, err error) {
	reason, https := authn.Fault(err).Code, x.Origin.Scheme == "https"
	answer := &relayWriter{ResponseWriter: w, relayed: relayed}
	if c := readyConnOf(r); c != nil {
		answer.ready = func(status int) {
			c.ready(status, d.cfg.Security.OwnLines(https), reasonHeader, ": ", string(reason), "\r\n", requestIDHeader, ": ", x.ID, "\r\n")
		}
	} else {
		h := w.Header()
		d.cfg.Security.PutOwn(h, https)
		h[requestIDHeader], h[reasonHeader] = []string{x.ID}, []string{string(reason)}
	}
	if reason == codeIdentityTooLarge { // to the table of errors it is one of many ways in which a caller may not
		err = authn.Refuse(authn.CodeForbidden, authn.Fault(err).Detail)
	}
	d.cfg.Problem(answer, carrying(r, x), err)
	x.Reason = string(reason)
}

// relayWriter writes a refusal in the status that the front proxy relays.
type relayWriter struct {
	http.ResponseWriter
	relayed func(status int) int
	ready   func(status int) // gives the connection what is ready; nil: it takes nothing
	begun   bool
}

// WriteHeader never lets a refusal out as a 1xx or a 2xx.
func (w *relayWriter) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	if status = w.relayed(status); status < 300 {
		status = http.StatusForbidden
	}
	if w.ready != nil {
		w.ready(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write of a body whose writer named no status would be a 200.
func (w *relayWriter) Write(body []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusForbidden)
	}
	return w.ResponseWriter.Write(body)
}
