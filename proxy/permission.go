package proxy

import (
	"net/http"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// Of an answer's headers the identity may take this many bytes, names and separators included. nginx reads an answer into
// 4 KiB by default and fails on a longer one; the security headers and what a server adds need the rest.
const mostIdentityBytes = 3 * 1024

// codeIdentityTooLarge is the reason for refusing a caller whose identity headers would exceed mostIdentityBytes. It is not
// among the codes of authn, being not about the caller but about what front proxies can carry.
const codeIdentityTooLarge authn.Code = "identity_too_large"

// noStore is the value of Cache-Control on a permission. It is never changed.
var noStore = []string{"no-store"}

// permit answers that a request may pass: every identity header, empty for an anonymous caller, and the assertion, empty where
// there is none, since several front proxies leave the client's own header in place where the answer omits it. On an error
// nothing is answered: there is no assertion, or together they would be longer than mostIdentityBytes.
func (d *Door) permit(w http.ResponseWriter, r *http.Request, x *headers.Exchange, decision authn.Decision, asked authn.Request) error {
	assertion, err := d.assert(decision, asked.Method, asked.Host)
	if err != nil {
		return err
	}
	stamps := d.stamps(decision.Identity)
	if stamps.Bytes()+len(headers.AssertionName)+len(": ")+len(assertion)+len("\r\n") > mostIdentityBytes {
		return &authn.Error{Code: codeIdentityTooLarge, Detail: "The identity headers would be longer than front proxies accept"}
	}
	if c := readyConnOf(r); c != nil {
		c.ready(http.StatusOK, "Cache-Control: no-store\r\n", stamps.Lines(),
			headers.AssertionName, ": ", assertion, "\r\n", requestIDHeader, ": ", x.ID, "\r\n")
	} else {
		h := w.Header()
		h["Cache-Control"], h[requestIDHeader], h[headers.AssertionName] = noStore, []string{x.ID}, []string{assertion}
		stamps.Set(h)
	}
	w.WriteHeader(http.StatusOK) // no other 2xx: Envoy takes nothing else for a permission
	return nil
}
