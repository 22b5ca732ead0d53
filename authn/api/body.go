package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/descoped/authly/authn"
)

// maxBody is the most bytes that a request's body may have. Nobody's name, password and roles come near it.
const maxBody = 64 << 10

// The content types that are read.
const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// A field is a member of a body that an endpoint knows, and where its value goes. What is absent leaves the place as it is:
// nil. Into is a **string, a **bool or a **[]string.
type field struct {
	name string
	into any
}

// read takes the body from the wire, as the endpoint wants it, before the handler runs.
func (c *call) read(takes intake) error {
	if takes == nothing {
		return nil
	}
	body, err := readAll(c.w, c.r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		if takes == jsonOrNone || takes == formBody {
			return nil
		}
		return authn.Refuse(authn.CodeInvalidRequest, "Missing request body")
	}
	kind, err := contentType(c.r.Header)
	if err != nil {
		return err
	}
	switch kind {
	case jsonType:
		if takes == formBody {
			return unsupported()
		}
	case formType:
		if takes != jsonOrForm && takes != formBody {
			return unsupported()
		}
	default:
		return unsupported()
	}
	c.body, c.form = body, kind == formType
	return nil
}

// fill reads the body into the fields and refuses whatever is not exactly as it should be. Where the body may be left out,
// it leaves the fields as they are.
func (c *call) fill(known ...field) error {
	switch {
	case len(c.body) == 0:
		return nil
	case c.form:
		return fillForm(c.body, known)
	}
	return fillJSON(c.body, known)
}

// readAll reads a body of at most maxBody bytes, whether or not its length was announced.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := authn.Refuse(authn.CodeTooLarge, fmt.Sprintf("The request body is larger than %d bytes", maxBody))
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, &authn.Error{Code: authn.CodeInvalidRequest, Detail: "The request body could not be read", Cause: err}
	}
	endWait(w, r)
	return body, nil
}

// beginWait gives the request's body so much time to arrive, whether it is read by a handler or, after a refusal, by the
// server, which wants to use the connection again: a body that trickles in must not hold it.
func beginWait(w http.ResponseWriter, r *http.Request, within time.Duration) {
	if r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within)) // where the connection has one
	}
}

// endWait takes the deadline away once the body is there. From then on the server reads to notice a client that hangs up,
// and would take the deadline for that.
func endWait(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
}

// contentType returns the media type of a body that is text in UTF-8 and not encoded further.
func contentType(h http.Header) (string, error) {
	values := h.Values("Content-Type")
	if len(values) != 1 {
		return "", unsupported()
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil {
		return "", unsupported()
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", authn.Refuse(authn.CodeUnsupportedMediaType, "The charset of the request body must be utf-8")
	}
	for _, coding := range h.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return "", authn.Refuse(authn.CodeUnsupportedMediaType, "The request body must not be compressed")
		}
	}
	return kind, nil
}

func unsupported() error {
	return authn.Refuse(authn.CodeUnsupportedMediaType, "Unsupported content type")
}

// need returns what a required field holds.
func need(name string, value *string) (string, error) {
	if value == nil {
		return "", authn.RefuseField(name, "Missing field: "+name)
	}
	return *value, nil
}

// checkText refuses text that some reader behind Authly would cut or mangle.
func checkText(name, text string) error {
	switch {
	case !utf8.ValidString(text):
		return authn.RefuseField(name, "Invalid field: "+name+" is not valid UTF-8")
	case strings.ContainsRune(text, 0):
		return authn.RefuseField(name, "Invalid field: "+name+" cannot contain NUL")
	}
	return nil
}

// lookup finds a field by its name, case included.
func lookup(known []field, name string) *field {
	for i := range known {
		if known[i].name == name {
			return &known[i]
		}
	}
	return nil
}

// shown makes a name that a client chose fit to be repeated: short and printable.
func shown(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, name)
}
