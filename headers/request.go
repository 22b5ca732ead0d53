package headers

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/authn"
)

// SplitTarget splits a request target as it stood on the wire into its path and its query, both still encoded. hasQuery
// tells "/a?" from "/a". The path is not judged here: see authn.ParsePath.
//
// Only the origin-form (RFC 9112 section 3.2.1) is served. The absolute-form, whose host competes with the Host field, the
// authority-form and "*" are CodeBadRequestLine, and so are spaces and control characters; a raw '#', where some programs
// end the path and others do not, is CodeAmbiguousPath.
func SplitTarget(requestURI string) (rawPath, rawQuery string, hasQuery bool, err error) {
	for i := range len(requestURI) {
		switch c := requestURI[i]; {
		case c == '#':
			return "", "", false, authn.Refuse(authn.CodeAmbiguousPath, "The request target holds a fragment")
		case c <= ' ' || c == 0x7f:
			return "", "", false, badTarget()
		}
	}
	if !strings.HasPrefix(requestURI, "/") {
		return "", "", false, badTarget()
	}
	rawPath, rawQuery, hasQuery = strings.Cut(requestURI, "?")
	return rawPath, rawQuery, hasQuery, nil
}

func badTarget() error {
	return authn.Refuse(authn.CodeBadRequestLine, "The request target is malformed")
}

// CheckMethod is authn.CheckMethod, for those who read requests.
func CheckMethod(method string) error { return authn.CheckMethod(method) }

// IsPreflight reports whether a request is a CORS preflight: OPTIONS with exactly one Origin and exactly one
// Access-Control-Request-Method, neither of them empty. Who sends two of one is no browser.
func IsPreflight(method string, h http.Header) bool {
	return method == http.MethodOptions && single(h["Origin"]) != "" && single(h["Access-Control-Request-Method"]) != ""
}

// single returns the one value of a field, and "" where there is none or more than one.
func single(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}
