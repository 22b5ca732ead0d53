package api

import (
	_ "embed" // for the description
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

//go:embed openapi.json
var description []byte

// ordered is a JSON object whose members stay in the order in which they were written.
type ordered[T any] []member[T]

type member[T any] struct {
	Name  string
	Value T
}

// get returns the member of a name; nil if there is none.
func (o ordered[T]) get(name string) *T {
	i := slices.IndexFunc(o, func(m member[T]) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &o[i].Value
}

// UnmarshalJSONFrom reads an object.
func (o *ordered[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind != '{' {
		return &json.SemanticError{JSONKind: kind}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		var m member[T]
		if err := json.UnmarshalDecode(dec, &m.Name); err != nil {
			return err
		}
		if err := json.UnmarshalDecode(dec, &m.Value); err != nil {
			return err
		}
		*o = append(*o, m)
	}
	_, err := dec.ReadToken()
	return err
}

// MarshalJSONTo writes an object.
func (o ordered[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range o {
		if err := json.MarshalEncode(enc, m.Name); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, m.Value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// describe returns the description with what only a running server knows: where it is, and its version.
func describe(base, version string) ([]byte, error) {
	var doc ordered[jsontext.Value]
	if err := json.Unmarshal(description, &doc); err != nil {
		return nil, fmt.Errorf("api: openapi.json: %w", err)
	}
	var info ordered[jsontext.Value]
	if err := json.Unmarshal(*doc.get("info"), &info); err != nil {
		return nil, fmt.Errorf("api: openapi.json: info: %w", err)
	}
	if base == "" {
		base = "/"
	}
	if version == "" {
		version = "unknown"
	}
	var err error
	if *info.get("version"), err = json.Marshal(version); err != nil {
		return nil, fmt.Errorf("api: version: %w", err)
	}
	if *doc.get("servers"), err = json.Marshal([]map[string]string{{"url": base}}); err != nil {
		return nil, fmt.Errorf("api: public URL: %w", err)
	}
	if *doc.get("info"), err = json.Marshal(info); err != nil {
		return nil, fmt.Errorf("api: openapi.json: info: %w", err)
	}
	return json.Marshal(doc, jsontext.Multiline(true))
}
