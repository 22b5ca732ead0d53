package headers

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
)

// ownPrefix begins the names that are always Authly's own, whatever is configured.
const ownPrefix = "x-authly-"

// AssertionName is the header in which an application finds the signed statement of who is calling, if its route has one.
const AssertionName = "X-Authly-Assertion"

// IdentityNames are the names of the headers that carry the caller's identity to the application. Each list may hold
// several names, all of which get the same value, or none.
type IdentityNames struct {
	User   []string // the username
	Email  []string
	Groups []string // the roles, comma separated
	UserID []string // the user's UUID
}

// DefaultIdentityNames returns the names that applications commonly read.
func DefaultIdentityNames() IdentityNames {
	return IdentityNames{
		User:   []string{"X-Forwarded-User", "Remote-User"},
		Email:  []string{"X-Forwarded-Email", "Remote-Email"},
		Groups: []string{"X-Forwarded-Groups", "Remote-Groups"},
		UserID: []string{"X-Forwarded-User-Id"},
	}
}

// lists returns the four lists, so that they can be gone through without an allocation.
func (n IdentityNames) lists() [4][]string {
	return [4][]string{n.User, n.Email, n.Groups, n.UserID}
}

// Validate refuses names that could not do their work: made of anything but letters, digits and dashes, longer than 64
// bytes, given twice (case does not count), or already the name of something else, such as Host or X-Forwarded-For.
func (n IdentityNames) Validate() error {
	var seen []string
	for i, list := range n.lists() {
		field := [4]string{"user", "email", "groups", "user_id"}[i]
		for _, name := range list {
			switch {
			case name == "" || len(name) > longestName || !isDashed(name) || strings.Trim(name, "-") != name:
				return authn.RefuseField(field, "A name must be made of letters, digits and dashes, at most 64 of them")
			case isReserved(name):
				return authn.RefuseField(field, "A name is already that of another header")
			case slices.ContainsFunc(seen, func(s string) bool { return sameName(s, name) }):
				return authn.RefuseField(field, "A name is given twice")
			}
			seen = append(seen, name)
		}
	}
	return nil
}

// IsIdentity reports whether an application could take a header of this name for one that carries the identity, or for one
// of Authly's own, X-Authly-*.
func (n IdentityNames) IsIdentity(name string) bool {
	if hasNamePrefix(name, ownPrefix) {
		return true
	}
	for _, list := range n.lists() {
		for _, known := range list {
			if sameName(name, known) {
				return true
			}
		}
	}
	return false
}

// StripTrailer removes from a trailer section, such as the Trailer of an http.Request before and after its body was read,
// what a Sieve drops of a header section, and the fields that RFC 9110 section 6.5.1 does not allow there: a program that
// merges trailers into the headers would read them after the decision was made.
func (n IdentityNames) StripTrailer(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		return n.IsIdentity(name) || isForwarding(name) || isReserved(name) // isReserved includes isControl
	})
}

// Stamp sets every name to exactly one value, the identity's. For nil, an anonymous caller, every name is set to the empty
// value: some front proxies leave the client's own header in place when the answer omits it. Other spellings are not
// touched, see Sieve.
func (n IdentityNames) Stamp(h http.Header, id *authn.Identity) { n.Stamps(id).Set(h) }

// Stamps are the headers that tell of one identity, ready to be set as often as need be.
type Stamps struct {
	names  []string
	values [][]string // of one element each, and no room for another
	lines  string     // the same as they stand on the wire
}

// Stamps makes ready what Stamp sets.
func (n IdentityNames) Stamps(id *authn.Identity) *Stamps {
	var values [4]string
	if id != nil {
		values = [4]string{EncodeValue(id.Username), EncodeValue(id.Email), encodeList(id.Roles), id.UserID.String()}
	}
	s := new(Stamps)
	var lines strings.Builder
	for i, list := range n.lists() {
		for _, name := range list {
			name = http.CanonicalHeaderKey(name)
			s.names = append(s.names, name)
			s.values = append(s.values, []string{values[i]})
			fmt.Fprintf(&lines, "%s: %s\r\n", name, values[i])
		}
	}
	s.lines = lines.String()
	return s
}

// Set sets the headers. Their values must not be changed in place.
func (s *Stamps) Set(h http.Header) {
	for i, name := range s.names {
		h[name] = s.values[i]
	}
}

// Lines are the headers as they stand on the wire, each with its end. Their values are printable ASCII, see EncodeValue.
func (s *Stamps) Lines() string { return s.lines }

// Bytes is how long the headers are on the wire, separators included.
func (s *Stamps) Bytes() int { return len(s.lines) }

// encodeList joins values by commas. A comma within a value, which no role has, is encoded.
func encodeList(values []string) string {
	encoded := make([]string, len(values))
	for i, v := range values {
		encoded[i] = strings.ReplaceAll(EncodeValue(v), ",", "%2C")
	}
	return strings.Join(encoded, ",")
}

// EncodeValue makes a header value of any text: printable ASCII stays, all else is percent-encoded byte by byte (RFC 3986
// section 2.1). So is '%' itself, and a space at either end, which would be lost on the way: no two texts give one value.
func EncodeValue(s string) string {
	if !needsEncoding(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := range len(s) {
		if c := s[i]; stands(c) && (c != ' ' || i > 0 && i < len(s)-1) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func needsEncoding(s string) bool {
	for i := range len(s) {
		if !stands(s[i]) {
			return true
		}
	}
	return strings.Trim(s, " ") != s
}

// stands reports whether c may stand in an encoded value as it is.
func stands(c byte) bool { return ' ' <= c && c < 0x7f && c != '%' }

// isReserved reports whether name already says something else in a request: how it is framed and routed, who sends it, or
// what a proxy or a framework makes of it.
func isReserved(name string) bool {
	var buf [longestName]byte
	switch folded := string(fold(&buf, name)); folded {
	case "host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "via", "expect",
		"authorization", "proxy-authorization", "proxy-authenticate", "proxy-connection", "cookie", "set-cookie",
		"content-length", "content-type", "content-encoding", "content-range", "content-location", "max-forwards",
		"cache-control", "range", "accept", "accept-encoding", "accept-language", "user-agent", "date",
		"origin", "referer", "x-requested-with", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
		"x-forwarded-port", "x-forwarded-uri", "x-forwarded-method", "x-forwarded-prefix", "x-forwarded-server",
		"x-forwarded-ssl", "x-forwarded-scheme":
		return true
	default:
		return isControl(name) || hasNamePrefix(name, "sec-") || hasNamePrefix(name, "access-control-") ||
			isForwarding(name) && !hasNamePrefix(name, "x-forwarded-")
	}
}
