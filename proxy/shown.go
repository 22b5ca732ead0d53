package proxy

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/headers"
)

// showOrTell answers with an error: a person who opens a page is shown one, whoever else asks gets a problem document. Both have the same
// status and the same headers. A front proxy has the headers of the person whose request it asks about, and is no person.
func (d *Door) showOrTell(w http.ResponseWriter, r *http.Request, err error) {
	answer := w
	if d.cfg.Page != nil && headers.IsNavigation(r.Method, r.Header) && !strings.HasPrefix(r.RequestURI, authzPrefix) {
		answer = shownWriter{w, func(status int) { d.cfg.Page(w, r, status, err) }}
	}
	d.cfg.Problem(answer, r, err)
}

// shownWriter takes the status and the headers of a problem document, and has a page in place of the rest.
type shownWriter struct {
	http.ResponseWriter
	show func(status int)
}

func (w shownWriter) WriteHeader(status int) { w.show(status) }

func (w shownWriter) Write(body []byte) (int, error) { return len(body), nil }
