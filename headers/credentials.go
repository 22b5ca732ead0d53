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
	token, isBearer := cutBearer(value)
	if isBearer && isBearerToken(token) { // and so there is no control character
		return authn.Credentials{Kind: authn.BearerCredential, Token: token}
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return malformed
		}
	}
	if isBearer {
		return malformed
	}
	return authn.Credentials{Kind: authn.ForeignCredential}
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

// isBearerToken reports whether s is a b64token (RFC 6750 section 2.1). Tokens are long and every request has one: it is looked
// at without a branch for each byte.
func isBearerToken(s string) bool {
	body := strings.TrimRight(s, "=")
	wrong := byte(0)
	for i := range len(body) {
		wrong |= notInBearer[body[i]]
	}
	return body != "" && wrong == 0
}

// notInBearer has a 1 for each byte that may not stand in a b64token before its padding.
var notInBearer = func() (table [256]byte) {
	for c := range table {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/", rune(c)) {
			table[c] = 1
		}
	}
	return table
}()
