package api

import (
	"net/url"

	"github.com/descoped/authly/authn"
)

// fillForm reads a form into the fields, by the rules of RFC 6749 section 3.2: unknown parameters are ignored, one without
// a value counts as absent, one that is sent twice is an error. Fields of a form are strings.
func fillForm(body []byte, known []field) error {
	values, err := url.ParseQuery(string(body))
	if err != nil { // its text repeats what was sent
		return authn.Refuse(authn.CodeInvalidRequest, "Form decode error")
	}
	for _, f := range known {
		sent := values[f.name]
		if len(sent) > 1 {
			return authn.RefuseField(f.name, "Repeated field: "+f.name)
		}
		if len(sent) == 0 || sent[0] == "" {
			continue
		}
		if err := checkText(f.name, sent[0]); err != nil {
			return err
		}
		into, ok := f.into.(**string)
		if !ok {
			return f.mustBe("sent as JSON")
		}
		*into = &sent[0]
	}
	return nil
}
