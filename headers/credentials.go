package headers

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/authn"
)

// longestCredential is the greatest length of an Authorization field that is looked at, in bytes.
const longestCredential = 16 * 1024

// Credentials reads the Authorization field (RFC 9110 section 11.6.2).
//
// A bearer token (RFC 6750 section 2.1) is returned as it is, unverified. Malformed are: several fields, an empty one, more
// than 16 KiB, control characters, the scheme Bearer without a token or with anything that is no single token behind it.
// Everything else is another scheme, or an application's own idea of one, and none of Authly's business.
func Credentials(h http.Header) authn.Credentials {
	values := h["Authorization"]
	if len(values) == 0 {
		return authn.Credentials{}
	}
	malformed := authn.Credentials{Kind: authn.MalformedCredential}
	value := single(values)
	if value == "" || len(value) > longestCredential {
		return malformed
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return malformed
		}
	}
	token, isBearer := cutBearer(value)
	switch {
	case !isBearer:
		return authn.Credentials{Kind: authn.ForeignCredential}
	case !isBearerToken(token):
		return malformed
	}
	return authn.Credentials{Kind: authn.BearerCredential, Token: token}
}

// cutBearer returns what follows the scheme Bearer, in any case, and the spaces behind it. A scheme that merely starts with
// these letters, such as BearerX, is another; "Bearer:" and its like are Bearer, done wrong.
func cutBearer(value string) (rest string, ok bool) {
	const scheme = "bearer"
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	rest = value[len(scheme):]
	if rest != "" && isTokenByte(rest[0]) {
		return "", false
	}
	if !strings.HasPrefix(rest, " ") {
		return "", true
	}
	return strings.TrimLeft(rest, " "), true
}

// isBearerToken reports whether s is a b64token (RFC 6750 section 2.1).
func isBearerToken(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		switch c := body[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return body != ""
}
