package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/descoped/authly/authn"
)

// fillJSON reads a JSON object into the fields, token by token: nothing is ever built that no field asked for, so a body
// that is nested ten thousand deep is refused at its first bracket. The decoder itself refuses repeated names, invalid
// UTF-8 and lone surrogates (RFC 7493, I-JSON).
func fillJSON(body []byte, known []field) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	start, err := dec.ReadToken()
	if err != nil {
		return malformed(err, known)
	}
	if start.Kind() != '{' {
		return authn.Refuse(authn.CodeInvalidRequest, "JSON decode error: the body must be an object")
	}
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return malformed(err, known)
		}
		if token.Kind() == '}' {
			break
		}
		name := token.String()
		f := lookup(known, name)
		if f == nil {
			return authn.RefuseField(shown(name), "Unknown field: "+shown(name))
		}
		if err := f.read(dec); err != nil {
			return malformed(err, known)
		}
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return authn.Refuse(authn.CodeInvalidRequest, "JSON decode error: there is something after the object")
	}
	return nil
}

// read puts the next value where the field wants it. An error that is no *authn.Error is the decoder's.
func (f *field) read(dec *jsontext.Decoder) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch into := f.into.(type) {
	case **string:
		if token.Kind() != '"' {
			return f.mustBe("a string")
		}
		text := token.String()
		*into = &text
		return checkText(f.name, text)
	case **bool:
		if kind := token.Kind(); kind != 't' && kind != 'f' {
			return f.mustBe("true or false")
		}
		yes := token.Bool()
		*into = &yes
		return nil
	case **[]string:
		if token.Kind() != '[' {
			return f.mustBe("a list of strings")
		}
		list, err := f.readList(dec)
		*into = &list
		return err
	}
	return fmt.Errorf("field %s goes into a %T", f.name, f.into)
}

// readList reads the strings of an array whose bracket is already read.
func (f *field) readList(dec *jsontext.Decoder) ([]string, error) {
	list := []string{}
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		switch token.Kind() {
		case ']':
			return list, nil
		case '"':
			text := token.String()
			if err := checkText(f.name, text); err != nil {
				return nil, err
			}
			list = append(list, text)
		default:
			return nil, f.mustBe("a list of strings")
		}
	}
}

func (f *field) mustBe(what string) error {
	return authn.RefuseField(f.name, "Invalid field: "+f.name+" must be "+what)
}

// malformed says where a body stops being JSON, and never what stood there: the decoder's own words may repeat it.
func malformed(err error, known []field) error {
	if e, ok := errors.AsType[*authn.Error](err); ok {
		return e
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return authn.Refuse(authn.CodeInvalidRequest, "JSON decode error: the body ends too early")
	}
	name := syntax.JSONPointer.LastToken()
	if parent := syntax.JSONPointer.Parent(); parent != "" { // an element of a list
		name = parent.LastToken()
	}
	if lookup(known, name) == nil {
		name = ""
	}
	detail := fmt.Sprintf("JSON decode error at byte %d", syntax.ByteOffset)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && name != "":
		detail = "Repeated field: " + name
	case name != "":
		detail += " in field " + name
	}
	return authn.RefuseField(name, detail)
}
