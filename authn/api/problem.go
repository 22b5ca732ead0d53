package api

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// problem is the body of every error (RFC 9457 section 3).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Field     string `json:"field,omitzero"`
	RequestID string `json:"request_id,omitzero"`
	LoginURL  string `json:"login_url,omitzero"` // of a 401, where a person can sign in

	// At the token endpoints, for OAuth client libraries (RFC 6749 section 5.2).
	Error            string `json:"error,omitzero"`
	ErrorDescription string `json:"error_description,omitzero"`
}

// WriteProblem answers a request with an error: status, headers and a problem document, and the code as the exchange's
// reason. An error that is no *authn.Error is 500 and its text is not shown; logging it is for the caller.
//
// A header Allow that is already set stays: an answer 405 needs one, and only its writer knows what it must say.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	writeProblem(w, r, authn.Fault(err), false)
}

func writeProblem(w http.ResponseWriter, r *http.Request, e *authn.Error, oauth bool) {
	exchange := headers.ExchangeOf(r.Context())
	exchange.Reason = string(e.Code)
	status := statusOf(e.Code)
	p := problem{
		Type:      "about:blank",
		Title:     http.StatusText(status),
		Status:    status,
		Detail:    cmp.Or(e.Detail, http.StatusText(status)),
		Code:      string(e.Code),
		Field:     e.Field,
		RequestID: exchange.ID,
		LoginURL:  e.LoginURL,
	}
	if oauth {
		p.Error, p.ErrorDescription = oauthError(e.Code), describable(p.Detail)
	}
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Location"} {
		delete(h, name) // they were meant for the answer that did not come about
	}
	challenge(h, status, e)
	h["Cache-Control"] = noStore
	send(w, status, "application/problem+json", p.body())
}

// noStore is a value of Cache-Control. It is never changed.
var noStore = []string{"no-store"}

// challenge sets the headers by which a client learns what to do next: log in, or wait.
func challenge(h http.Header, status int, e *authn.Error) {
	switch status {
	case http.StatusUnauthorized:
		value := `Bearer realm="authly"`
		switch e.Code {
		case authn.CodeInvalidCredentials: // RFC 6750 section 3: no error where no token was sent
			value = `Bearer realm="authly", error="invalid_token"`
		case authn.CodeInvalidClient: // RFC 6749 section 5.2: the scheme that a client can use
			value = `Basic realm="authly"`
		}
		h["Www-Authenticate"] = []string{value} // in the form that net/http keeps names in
	case http.StatusMethodNotAllowed:
		if h.Get("Allow") == "" {
			h.Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", headers.Seconds(e.RetryAfter))
		if status == http.StatusTooManyRequests { // what is left of a limit is nothing to go by where it was something else
			headers.HushLimits(h)
		}
		headers.TellLimits(h, e.Limits...)
	}
}

// describable replaces what RFC 6749 section 5.2 does not allow in error_description.
func describable(detail string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '?'
		}
		return c
	}, detail)
}

// marshal writes an answer as JSON that is also harmless inside a page.
func marshal(v any) ([]byte, error) {
	return json.Marshal(v, jsontext.EscapeForHTML(true), jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
}

// send writes a whole answer. A client that has gone away meanwhile is nobody's error.
func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h["Content-Type"], h["Content-Length"] = []string{contentType}, []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
