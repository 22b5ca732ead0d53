package headers_test

import (
	"net/http"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func TestSplitTarget(t *testing.T) {
	for _, c := range []struct {
		in, path, query string
		hasQuery        bool
		code            authn.Code
	}{
		{in: "/", path: "/"},
		{in: "/a/b", path: "/a/b"},
		{in: "/a?", path: "/a", hasQuery: true},
		{in: "/a?x=1&y=%20", path: "/a", query: "x=1&y=%20", hasQuery: true},
		{in: "/a?x=/admin?y", path: "/a", query: "x=/admin?y", hasQuery: true},
		{in: "/?http://example.com", path: "/", query: "http://example.com", hasQuery: true},
		{in: "/a?b=ü", path: "/a", query: "b=ü", hasQuery: true},
		{in: "//admin", path: "//admin"}, // judged by authn.ParsePath
		{in: "/a/../%2e%2e", path: "/a/../%2e%2e"},

		{in: "", code: authn.CodeBadRequestLine},
		{in: "*", code: authn.CodeBadRequestLine},
		{in: "a", code: authn.CodeBadRequestLine},
		{in: "?x", code: authn.CodeBadRequestLine},
		{in: "http://example.com/", code: authn.CodeBadRequestLine},
		{in: "HTTPS://example.com", code: authn.CodeBadRequestLine},
		{in: "example.com:443", code: authn.CodeBadRequestLine},
		{in: `\admin`, code: authn.CodeBadRequestLine},
		{in: "/a b", code: authn.CodeBadRequestLine},
		{in: " /a", code: authn.CodeBadRequestLine},
		{in: "/a\x00", code: authn.CodeBadRequestLine},
		{in: "/a?b\r\nX: y", code: authn.CodeBadRequestLine},
		{in: "/a?b\x7f", code: authn.CodeBadRequestLine},
		{in: "/public#/admin", code: authn.CodeAmbiguousPath},
		{in: "/a?b#c", code: authn.CodeAmbiguousPath},
		{in: "/#", code: authn.CodeAmbiguousPath},
	} {
		path, query, hasQuery, err := headers.SplitTarget(c.in)
		wantCode(t, err, c.code)
		if path != c.path || query != c.query || hasQuery != c.hasQuery {
			t.Errorf("SplitTarget(%q) = %q, %q, %v", c.in, path, query, hasQuery)
		}
	}
}

func TestCheckMethod(t *testing.T) {
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH", "QUERY",
		"VERSION-CONTROL", "X_1"} {
		wantCode(t, headers.CheckMethod(m), "")
	}
	for _, m := range []string{"CONNECT", "TRACE", "TRACK", "connect", "Trace", "get", "Get", "gET", "pOST", "propfind", "", " ", "GET ",
		" GET", "GET/", "GET\t", "G\x00ET", "GÉT", "GET,POST", `"GET"`, "GET:", "(GET)"} {
		if err := headers.CheckMethod(m); err == nil {
			t.Errorf("CheckMethod(%q) is nil", m)
		} else {
			wantCode(t, err, authn.CodeBadMethod)
		}
	}
}

func TestIsPreflight(t *testing.T) {
	preflight := func() http.Header {
		return http.Header{"Origin": {"https://app.example.com"}, "Access-Control-Request-Method": {"PUT"}}
	}
	if !headers.IsPreflight("OPTIONS", preflight()) {
		t.Error("a preflight is none")
	}
	for _, method := range []string{"GET", "POST", "options", "OPTIONS ", ""} {
		if headers.IsPreflight(method, preflight()) {
			t.Errorf("%q is a preflight", method)
		}
	}
	for _, field := range []string{"Origin", "Access-Control-Request-Method"} {
		for name, values := range map[string][]string{"missing": nil, "empty": {""}, "twice": {"a", "a"}} {
			h := preflight()
			h[field] = values
			if headers.IsPreflight("OPTIONS", h) {
				t.Errorf("%s %s, and still a preflight", field, name)
			}
		}
	}
}
