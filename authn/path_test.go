package authn_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

func TestParsePath(t *testing.T) {
	for raw, want := range map[string]string{
		"/": "/", "/a": "/a", "/a/": "/a/", "/a/b.c": "/a/b.c", "/%61dmin": "/admin", "/caf%C3%A9": "/café",
		"/a%20b": "/a b", "/.well-known/x": "/.well-known/x", "/...": "/...", "/a+b~c": "/a+b~c", "/a:b@c,d=e": "/a:b@c,d=e",
		"/a..b/c": "/a..b/c", "/%e4%bd%a0": "/你",
	} {
		got, err := authn.ParsePath(raw)
		if err != nil || got != want {
			t.Errorf("ParsePath(%q) = %q, %v, want %q", raw, got, err, want)
		}
	}
}

func TestParsePathRefusesWhatCanBeReadInTwoWays(t *testing.T) {
	for _, raw := range []string{
		"", "a", "*", "http://host/a",
		"/public/../admin", "/./admin", "/..", "/.", "/a/..", "/a/.", "/a/./b",
		"//admin", "/a//b", "/a//", "//",
		"/%2e%2e/admin", "/%2E/admin", "/public/..%2fadmin", "/%2f..%2fadmin", "/a%2Fb", "/a%5cb", `/a\b`,
		"/..;/admin", "/a;b", "/a%3bb", "/a#b", "/a%23b", "/a?b", "/a%3Fb",
		"/a%00b", "/a%0d%0ab", "/a%7f", "/a\x00b", "/a\tb", "/a b", "/a\x7f", "/caf\xc3\xa9",
		"/a%", "/a%2", "/a%zz", "/%u0041", "/a%252e", "/a%25", "/%c0%ae%c0%ae/", "/%ff",
	} {
		got, err := authn.ParsePath(raw)
		refusal, ok := errors.AsType[*authn.Error](err)
		if !ok || refusal.Code != authn.CodeAmbiguousPath || got != "" {
			t.Errorf("ParsePath(%q) = %q, %v, want %s", raw, got, err, authn.CodeAmbiguousPath)
		}
		if len(raw) > 12 && strings.Contains(refusal.Detail, raw) {
			t.Errorf("the error repeats the path %q", raw)
		}
	}
}

// FuzzParsePath holds the parser against Go's own: what is accepted decodes to the same text there, and stays the same
// however often it is decoded or cleaned.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"/", "/a/b", "/a%20b", "/%2e%2e/x", "/a//b", "/caf%C3%A9", "/a;b", "/%25"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		path, err := authn.ParsePath(raw)
		if err != nil {
			return
		}
		u, err := url.ParseRequestURI(raw)
		if err != nil || u.Path != path {
			t.Fatalf("ParsePath(%q) = %q, net/url reads %v, %v", raw, path, u, err)
		}
		if strings.Contains(path, "//") || strings.Contains(path+"/", "/../") || strings.Contains(path+"/", "/./") {
			t.Fatalf("ParsePath(%q) = %q holds what can be cleaned away", raw, path)
		}
		if again, err := url.PathUnescape(path); err != nil || again != path {
			t.Fatalf("ParsePath(%q) = %q decodes further to %q", raw, path, again)
		}
	})
}
