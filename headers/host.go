package headers

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
)

// longestHost is the greatest length of a host name in bytes (RFC 1035 section 2.3.4, without the final dot).
const longestHost = 253

// NormalizeHost returns the host of a Host field or of an authority without userinfo (RFC 9110 section 7.2) in the one
// form that routes are compared with: lower case, without port and without the final dot; an IPv6 literal without its
// brackets and in the form of RFC 5952.
//
// Refused with CodeBadRequestLine are an empty host, userinfo, an IPv6 address without brackets or with a zone, a port that
// is no number up to 65535, empty labels, more than 253 bytes, and every byte but ASCII letters, digits, '-', '_' and '.'.
func NormalizeHost(s string) (string, error) {
	host, _, err := splitHost(s)
	return host, err
}

// splitHost is NormalizeHost that also returns the port as it was written; "" if there was none.
func splitHost(s string) (host, port string, err error) {
	if literal, ok := strings.CutPrefix(s, "["); ok {
		return splitLiteral(literal)
	}
	host, port, hasPort := strings.Cut(s, ":")
	if hasPort && !isPort(port) {
		return "", "", badHost()
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) == 0 || len(host) > longestHost {
		return "", "", badHost()
	}
	previous := byte('.')
	for i := range len(host) {
		c := host[i]
		if !isHostByte(c) || c == '.' && previous == '.' {
			return "", "", badHost()
		}
		previous = c
	}
	if previous == '.' {
		return "", "", badHost()
	}
	return strings.ToLower(host), port, nil
}

// splitLiteral reads what follows the opening bracket of an IPv6 literal.
func splitLiteral(s string) (host, port string, err error) {
	inside, rest, closed := strings.Cut(s, "]")
	addr, err := netip.ParseAddr(inside)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", "", badHost()
	}
	port, hasPort := strings.CutPrefix(rest, ":")
	if rest != "" && (!hasPort || !isPort(port)) {
		return "", "", badHost()
	}
	return addr.String(), port, nil
}

func isHostByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_'
}

// isPort reports whether s is a port. It may be empty: RFC 3986 section 3.2.3 lets the digits be missing.
func isPort(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	if s == "" {
		return true
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func badHost() error {
	return authn.Refuse(authn.CodeBadRequestLine, "The host is missing or malformed")
}
