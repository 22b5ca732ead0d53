package api

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// A call is one request to one endpoint, parsed.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	vars    map[string]string // what stood for the variables of the path
	caller  *authn.Identity   // not nil where the endpoint is for those who are signed in
	program string            // the client that is calling, where the endpoint is for registered ones
	body    []byte
	form    bool // body is a form, not JSON
}

// answer writes a JSON answer.
func (c *call) answer(status int, v any) error {
	body, err := marshal(v)
	if err != nil {
		return authn.Fault(err)
	}
	send(c.w, status, jsonType, body)
	return nil
}

// userID reads the path's id of a user. What is no id is nobody's: the answer is the one that an unknown id gets.
func (c *call) userID() (uuid.UUID, error) {
	id, ok := canonical(c.vars["id"])
	if !ok {
		return uuid.Nil, authn.Refuse(authn.CodeNotFound, "User not found")
	}
	return id, nil
}

// sessionID reads a session's id from the path's variable of that name. What is no id becomes one that no session has, so
// that it is answered like one, and only after it is clear that the caller may ask.
func (c *call) sessionID(name string) uuid.UUID {
	id, _ := canonical(c.vars[name])
	return id
}

// canonical reads an id. uuid.Parse knows other spellings too; what has an id has one address.
func canonical(text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(uuid.Nil.String()) {
		return uuid.Nil, false
	}
	return id, true
}

// client says where the request comes from.
func (c *call) client() authn.Client {
	return authn.Client{
		Address:   headers.ExchangeOf(c.r.Context()).Origin.Client,
		UserAgent: clip(c.r.UserAgent(), 512),
		RequestID: headers.ExchangeOf(c.r.Context()).ID,
	}
}

// clip makes text fit to be stored: valid UTF-8 of at most so many bytes.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
