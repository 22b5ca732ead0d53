package headers

import (
	"net/netip"
	"strings"

	"github.com/descoped/authly/authn"
)

// webOrigin is an origin (RFC 6454), or a pattern that stands for several.
type webOrigin struct {
	scheme, host, port string // lower case; the host as NormalizeHost gives it; no port where it is the scheme's own
	below              bool   // every host below host, instead of host itself
}

// covers reports whether o is the origin w, or one of those that w stands for.
func (w webOrigin) covers(o webOrigin) bool {
	if w.scheme != o.scheme || w.port != o.port {
		return false
	}
	if w.below {
		return strings.HasSuffix(o.host, "."+w.host)
	}
	return w.host == o.host
}

// serialize writes an origin as a browser does (RFC 6454 section 6.2).
func (w webOrigin) serialize() string {
	host := w.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if w.port != "" {
		host += ":" + w.port
	}
	return w.scheme + "://" + host
}

// parseOrigin reads an Origin field. An origin that is not written as browsers write it is none.
func parseOrigin(s string) (webOrigin, bool) {
	o, ok := parseLooseOrigin(s)
	return o, ok && o.serialize() == s
}

// parseLooseOrigin reads an origin as a person may write it: in any case, with a final dot or with the scheme's own port.
func parseLooseOrigin(s string) (webOrigin, bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !isScheme(scheme) {
		return webOrigin{}, false
	}
	host, port, err := splitHost(rest)
	if err != nil || strings.HasPrefix(port, "0") {
		return webOrigin{}, false
	}
	o := webOrigin{scheme: strings.ToLower(scheme), host: host, port: port}
	if o.port == effectivePort(o.scheme, "") {
		o.port = ""
	}
	return o, true
}

// effectivePort returns port, or the scheme's own where there is none.
func effectivePort(scheme, port string) string {
	switch {
	case port != "":
		return port
	case scheme == "http":
		return "80"
	case scheme == "https":
		return "443"
	}
	return ""
}

// parseAllowedOrigin reads an entry of the configuration, "*" excepted.
func parseAllowedOrigin(s string) (webOrigin, error) {
	const secureWildcard = "https://*."
	rest, below := strings.CutPrefix(s, secureWildcard)
	if below {
		s = "https://" + rest
	}
	switch o, ok := parseLooseOrigin(s); {
	case s == "null":
		return webOrigin{}, authn.RefuseField("allowed_origins", `"null" is the origin of every sandboxed page`)
	case strings.Contains(s, "*"):
		return webOrigin{}, authn.RefuseField("allowed_origins", "A wildcard is only served as https://*.example.com")
	case !ok:
		return webOrigin{}, authn.RefuseField("allowed_origins", "An origin is scheme://host[:port], without a path")
	case below && (!strings.Contains(o.host, ".") || isAddress(o.host)):
		return webOrigin{}, authn.RefuseField("allowed_origins", "A wildcard needs a domain of two labels or more behind it")
	default:
		o.below = below
		return o, nil
	}
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isScheme reports whether s is a URI scheme (RFC 3986 section 3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		letter := foldByte(s[i]) >= 'a' && foldByte(s[i]) <= 'z'
		if !letter && (i == 0 || strings.IndexByte("0123456789+-.", s[i]) < 0) {
			return false
		}
	}
	return s != ""
}
