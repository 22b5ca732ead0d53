package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/descoped/authly/authn"
)

// What a form may take.
const (
	maxForm     = 16 << 10 // bytes
	formTimeout = 10 * time.Second
)

// field is an input of a form. Its name is that of the member in the JSON endpoint that does the same.
type field struct {
	name         string
	kind         string // the type of the input; "" is text, and "email", "textarea", "select", "checkbox" and "hidden" are known too
	label, hint  string // names of words; without a label it is field.NAME, without a hint there is none
	autocomplete string // as the HTML standard has them; empty: off
	optional     bool
	options      []option // of a select
}

// option is one choice of a select.
type option struct {
	value, label string // label is the name of a word
}

// form holds what was sent, by the names of the fields.
type form map[string]string

// beginWait gives the body of a request so much time to arrive, whether a page reads it or, after the answer, the server, which wants to
// use the connection again: one that trickles in, or never comes, must not hold it.
func beginWait(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(formTimeout)) // where the connection has one
	}
}

// readForm reads the fields of a form. What is returned beside an error is fit to be shown again.
func readForm(w http.ResponseWriter, r *http.Request, fields []field) (form, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return form{}, authn.Refuse(authn.CodeUnsupportedMediaType, "Unsupported content type")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return form{}, authn.Refuse(authn.CodeTooLarge, "The form is too large")
	}
	if err != nil {
		return form{}, &authn.Error{Code: authn.CodeInvalidRequest, Detail: "The form could not be read", Cause: err}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	values, err := url.ParseQuery(string(body))
	if err != nil { // its text repeats what was sent
		return form{}, authn.Refuse(authn.CodeInvalidRequest, "The form could not be read")
	}
	return pick(values, fields)
}

// pick takes the fields out of what was sent.
func pick(values url.Values, fields []field) (form, error) {
	f := form{}
	for _, field := range fields {
		sent := values[field.name]
		if len(sent) > 1 {
			return f, authn.RefuseField(field.name, "Repeated field: "+field.name)
		}
		if len(sent) == 0 {
			continue
		}
		if !utf8.ValidString(sent[0]) || strings.ContainsRune(sent[0], 0) {
			return f, authn.RefuseField(field.name, "Invalid field: "+field.name+" is not plain text")
		}
		f[field.name] = sent[0]
	}
	return f, nil
}

// checkPasswords refuses a new password that was not typed twice the same.
func (f form) checkPasswords() error {
	if f["password"] != f["again"] {
		return authn.RefuseField("again", "The two passwords are not the same")
	}
	return nil
}

// newPassword is what the HTML standard calls a password that is being chosen.
const newPassword = "new-password"

// passwordTwice are the fields for a new password, which nobody sees while typing it.
func passwordTwice() []field {
	return []field{
		{name: "password", label: "field.new_password", hint: "hint.new_password", kind: "password", autocomplete: newPassword},
		{name: "again", kind: "password", autocomplete: newPassword},
	}
}
