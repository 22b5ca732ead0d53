package api

import (
	"bytes"
	_ "embed" // for the page's template
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

//go:embed docs.html
var docsTemplate string

// document is as much of an OpenAPI document as the page shows.
type document struct {
	Info struct {
		Title, Version, Summary, Description string
	}
	Servers    []struct{ URL string }
	Tags       []struct{ Name, Description string }
	Paths      ordered[ordered[operation]]
	Components struct {
		Schemas    ordered[schema]
		Responses  ordered[response]
		Parameters ordered[parameter]
	}
}

type operation struct {
	OperationID, Summary, Description string
	Tags                              []string
	Security                          []map[string][]string
	Parameters                        []parameter
	RequestBody                       struct {
		Required bool
		Content  ordered[media]
	}
	Responses ordered[response]
}

// Public reports whether the operation needs no token.
func (o operation) Public() bool { return len(o.Security) == 0 }

// ForClients reports whether the operation is for registered clients, not for those who are signed in.
func (o operation) ForClients() bool {
	return slices.ContainsFunc(o.Security, func(s map[string][]string) bool { _, ok := s["client"]; return ok })
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     ordered[media]
}

type media struct{ Schema schema }

type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Description string
	Enum        []string
	Const       any
	Default     any
	Required    []string
	Properties  ordered[schema]
	Items       *schema
	OneOf       []schema
}

// drawDocs renders the page from the description as it is served.
func drawDocs(description []byte, prefix string) ([]byte, error) {
	var doc document
	if err := json.Unmarshal(description, &doc, json.MatchCaseInsensitiveNames(true)); err != nil {
		return nil, fmt.Errorf("api: openapi.json: %w", err)
	}
	page, err := template.New("docs").Funcs(template.FuncMap{
		"spans": spans,
		"upper": strings.ToUpper,
	}).Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("api: docs.html: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, struct {
		*document
		Prefix string
	}{&doc, prefix}); err != nil {
		return nil, fmt.Errorf("api: docs.html: %w", err)
	}
	return out.Bytes(), nil
}

// endpoint is an operation with where it is.
type endpoint struct {
	Method, Path string
	operation
}

// Endpoints returns the operations of a tag, in the order of the document.
func (d *document) Endpoints(tag string) []endpoint {
	var found []endpoint
	for _, path := range d.Paths {
		for _, op := range path.Value {
			if slices.Contains(op.Value.Tags, tag) {
				found = append(found, endpoint{op.Name, path.Name, op.Value})
			}
		}
	}
	return found
}

// Parameter, Response and Fields follow a reference into the document's components.
func (d *document) Parameter(p parameter) parameter {
	if to := d.Components.Parameters.get(last(p.Ref)); to != nil {
		return *to
	}
	return p
}

// Response is described at Parameter.
func (d *document) Response(r response) response {
	if to := d.Components.Responses.get(last(r.Ref)); to != nil {
		return *to
	}
	return r
}

// A fieldRow is a member of a body as the page lists it.
type fieldRow struct {
	Name, Type, Description string
	Required                bool
}

// Fields lists the members of an object, or of the objects in an array.
func (d *document) Fields(s schema) []fieldRow {
	if s.Items != nil {
		s = *s.Items
	}
	if to := d.Components.Schemas.get(last(s.Ref)); to != nil {
		s = *to
	}
	var rows []fieldRow
	for _, p := range s.Properties {
		rows = append(rows, fieldRow{p.Name, p.Value.Kind(), p.Value.Description, slices.Contains(s.Required, p.Name)})
	}
	return rows
}

// Name is the schema's own name in the components, with brackets for a list of them; empty if it has none.
func (s schema) Name() string {
	if s.Items != nil {
		return s.Items.Name() + "[]"
	}
	return last(s.Ref)
}

// Named lists the schemas in the components that a value may be of: the schema itself, or its alternatives.
func (s schema) Named() []schema {
	if s.Name() != "" {
		return []schema{s}
	}
	return s.OneOf
}

// Anchor is Name without brackets: where the page describes the schema.
func (s schema) Anchor() string { return strings.TrimRight(s.Name(), "[]") }

// Kind says in few words what a value may be.
func (s schema) Kind() string {
	kind := ""
	switch t := s.Type.(type) {
	case string:
		kind = t
	case []any:
		var names []string
		for _, one := range t {
			names = append(names, fmt.Sprint(one))
		}
		kind = strings.Join(names, " or ")
	}
	switch {
	case s.Const != nil:
		kind = fmt.Sprint(s.Const)
		if text, ok := s.Const.(string); ok {
			kind = fmt.Sprintf("%q", text)
		}
	case len(s.Enum) > 0:
		kind = `"` + strings.Join(s.Enum, `" or "`) + `"`
	case s.Items != nil:
		kind = "list of " + strings.TrimPrefix(s.Items.Kind()+s.Items.Name(), " ")
	case s.Format != "" && s.Format != "password":
		kind += ", " + s.Format
	}
	if s.Default != nil {
		kind += fmt.Sprintf(", default %v", s.Default)
	}
	return kind
}

// last is the last part of a reference.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// A span is a piece of a text: as it is, or code.
type span struct {
	Text string
	Code bool
}

// spans splits a text at its backticks.
func spans(text string) []span {
	var out []span
	for i, part := range strings.Split(text, "`") {
		if part != "" {
			out = append(out, span{part, i%2 == 1})
		}
	}
	return out
}
