package headers

import "strings"

// longestName bounds the names that are compared, in bytes. No name that Authly knows is longer.
const longestName = 64

// foldByte maps a byte of a header name to what a CGI-like reader makes of it: letters lose their case, and whatever is
// neither letter nor digit becomes a dash.
func foldByte(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	case 'A' <= c && c <= 'Z':
		return c + ('a' - 'A')
	}
	return '-'
}

// sameName reports whether a CGI-like reader could take the one name for the other.
func sameName(a, b string) bool {
	return len(a) == len(b) && hasNamePrefix(a, b)
}

// hasNamePrefix reports whether a CGI-like reader could take the beginning of name for prefix.
func hasNamePrefix(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if foldByte(name[i]) != foldByte(prefix[i]) {
			return false
		}
	}
	return true
}

// fold writes name as a CGI-like reader would see it into buf and returns that part of buf. A name that does not fit, and
// so is none that Authly knows, gives nothing.
func fold(buf *[longestName]byte, name string) []byte {
	if len(name) > len(buf) {
		return nil
	}
	for i := range len(name) {
		buf[i] = foldByte(name[i])
	}
	return buf[:len(name)]
}

// isTokenByte reports whether c may stand in a token (RFC 9110 section 5.6.2): a method, a header name, a scheme.
func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}
