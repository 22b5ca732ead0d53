package proxy

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/headers"
)

// withoutOwnCookieLines returns the lines of a Cookie field without Authly's cookies, and all others as they are, byte for byte.
func withoutOwnCookieLines(lines []string) []string {
	kept := lines[:0:0]
	for _, line := range lines {
		if line = withoutOwnCookies(line); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}

func withoutOwnCookies(line string) string {
	if !strings.Contains(line, "authly") {
		return line
	}
	pairs := strings.Split(line, ";")
	kept := pairs[:0:0]
	for _, pair := range pairs {
		if name, _, _ := strings.Cut(pair, "="); !headers.IsSessionCookie(strings.Trim(name, " \t")) {
			kept = append(kept, pair)
		}
	}
	if len(kept) == len(pairs) {
		return line
	}
	return strings.TrimLeft(strings.Join(kept, ";"), " \t")
}

// dropOwnSetCookies removes from an answer the cookies by which an application would set Authly's. To a browser a cookie
// without a name whose value is "authly=x" is the same as one of that name when it comes back.
func dropOwnSetCookies(h http.Header) {
	lines := h["Set-Cookie"]
	kept := lines[:0:0]
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		name, _, _ := strings.Cut(strings.TrimLeft(pair, "= \t"), "=")
		if !headers.IsSessionCookie(strings.Trim(name, " \t")) {
			kept = append(kept, line)
		}
	}
	switch {
	case len(kept) == len(lines):
	case len(kept) == 0:
		h.Del("Set-Cookie")
	default:
		h["Set-Cookie"] = kept
	}
}
