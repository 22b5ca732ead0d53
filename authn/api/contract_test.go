package api_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
)

// contract is the description that a server serves, and what holds its answers against it.
type contract struct {
	doc    *openapi3.T
	prefix string
}

// knowLines teaches what checks answers the lines of JSON that exports are.
var knowLines = sync.OnceFunc(func() {
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.FileBodyDecoder)
})

// loadContract reads the description as the server serves it.
func loadContract(t *testing.T, a *api.API, prefix string) *contract {
	t.Helper()
	knowLines()
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, httptest.NewRequest("GET", prefix+"/openapi.json", nil))
	doc, err := openapi3.NewLoader().LoadFromData(rec.Body.Bytes())
	if err != nil {
		t.Fatalf("read openapi.json: %v", err)
	}
	return &contract{doc, prefix}
}

// find returns the description's path and operation for a request; nil if it has none.
func (c *contract) find(method, path string) (*routers.Route, map[string]string) {
	path = strings.TrimPrefix(path, c.prefix)
	if path == "/users/" || path == "/docs/" {
		path = strings.TrimSuffix(path, "/")
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, template := range c.doc.Paths.InMatchingOrder() {
		params, ok := matches(template, path)
		if !ok {
			continue
		}
		item := c.doc.Paths.Value(template)
		op := item.GetOperation(method)
		if op == nil {
			return nil, nil
		}
		return &routers.Route{Spec: c.doc, Path: template, PathItem: item, Method: method, Operation: op}, params
	}
	return nil, nil
}

// matches compares a path with a template that may hold variables in braces, and returns what they are.
func matches(template, path string) (params map[string]string, ok bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params = map[string]string{}
	for i := range want {
		if name, variable := strings.CutPrefix(want[i], "{"); variable {
			params[strings.TrimSuffix(name, "}")] = got[i]
		} else if want[i] != got[i] {
			return nil, false
		}
	}
	return params, true
}

// check holds an answer against the description: its status must be listed, and its headers and body as they are there.
// Requests for what the description does not have must be 404 or 405, and ambiguous ones 400.
func (c *contract) check(t *testing.T, r *http.Request, a answer) {
	t.Helper()
	route, params := c.find(r.Method, r.URL.Path)
	if route == nil {
		if a.status != 404 && a.status != 405 && a.status != 400 {
			t.Errorf("%s %s is not described and answers %d", r.Method, r.URL.Path, a.status)
		}
		return
	}
	if r.Method == http.MethodHead {
		return // the answer has no body to compare
	}
	if a.status == http.StatusBadRequest && strings.Contains(string(a.body), string(authn.CodeAmbiguousPath)) {
		return // the path is none, though what it decodes to would be one
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 a.status,
		Header:                 a.header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	}
	input.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		t.Errorf("%s %s: the answer is not as described: %v", r.Method, route.Path, err)
	}
}

func TestDescriptionIsValid(t *testing.T) {
	s := start(t, sqliteURL(t), options{publicURL: "https://login.example.com/", prefix: "/api/v1"})
	if err := s.contract.doc.Validate(t.Context()); err != nil {
		t.Errorf("openapi.json: %v", err)
	}
	if !strings.HasPrefix(s.contract.doc.OpenAPI, "3.1") {
		t.Errorf("openapi %q, want 3.1", s.contract.doc.OpenAPI)
	}
	if got := s.contract.doc.Info.Version; got != "1.2.3" {
		t.Errorf("version %q, want that of the program", got)
	}
	if got := s.contract.doc.Servers[0].URL; got != "https://login.example.com/api/v1" {
		t.Errorf("server %q, want the public URL and the prefix", got)
	}
}

// The table of routes and the description name the same endpoints, and agree on who may call them and on bodies.
func TestDescriptionMatchesRoutes(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	var real, described []string
	for _, rt := range api.RouteNames(s.api) {
		real = append(real, fmt.Sprintf("%s %s who=%s body=%v", rt.Method, rt.Pattern, rt.Who, rt.Body))
	}
	for path, item := range s.contract.doc.Paths.Map() {
		for method, op := range item.Operations() {
			var ways []string
			for _, scheme := range *op.Security {
				if len(scheme) > 0 {
					ways = append(ways, strings.Join(slices.Sorted(maps.Keys(scheme)), " and "))
				}
			}
			who := cmp.Or(strings.Join(ways, " or "), "anyone")
			described = append(described, fmt.Sprintf("%s %s who=%s body=%v", method, path, who, op.RequestBody != nil))
		}
	}
	slices.Sort(real)
	slices.Sort(described)
	if !slices.Equal(real, described) {
		t.Errorf("the routes are\n%s\nand the description has\n%s", strings.Join(real, "\n"), strings.Join(described, "\n"))
	}
}

// What the checker does when an answer is not as described must be to complain, or every other test proves nothing.
func TestContractNoticesBreaches(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	good := s.call(t, "GET", "/health", "", "")
	for name, spoil := range map[string]func(*answer){
		"status":       func(a *answer) { a.status = 418 },
		"member":       func(a *answer) { a.body = []byte(`{"status":"healthy","database":"connected","password":"x"}`) },
		"missing":      func(a *answer) { a.body = []byte(`{"status":"healthy"}`) },
		"content type": func(a *answer) { a.header.Set("Content-Type", "text/plain") },
	} {
		bad := good
		bad.header = good.header.Clone()
		spoil(&bad)
		route, params := s.contract.find("GET", "/health")
		r := httptest.NewRequest("GET", "/health", nil)
		input := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
			Status:                 bad.status, Header: bad.header,
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		}
		input.SetBodyBytes(bad.body)
		if openapi3filter.ValidateResponse(t.Context(), input) == nil {
			t.Errorf("%s: the breach goes unnoticed", name)
		}
	}
}
