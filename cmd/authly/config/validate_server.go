package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func (d *decoder) checkServer() {
	s := &d.config.Server
	if s.Address == "" {
		d.bad("server.address", "is empty, expected host:port such as :8080")
	}
	d.checkAddresses(s)
	d.checkPublicURL()
	d.checkAPIPrefix(s.APIPrefix)
	for i, network := range s.TrustedProxies {
		if tooWide(network) {
			d.bad(at("server.trusted_proxies", i), "trusts too many, expected the proxies' own addresses: "+
				"at least /8 for IPv4, /16 for IPv6 outside fc00::/7")
		}
	}
	switch {
	case s.TLS.CertFile != "" && s.TLS.KeyFile == "":
		d.bad("server.tls.cert_file", "is given without server.tls.key_file, expected both or none")
	case s.TLS.CertFile == "" && s.TLS.KeyFile != "":
		d.bad("server.tls.key_file", "is given without server.tls.cert_file, expected both or none")
	}
}

// at is the path of an element of a list.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// checkAddresses looks at what Authly listens on: each well-formed, no two the same.
func (d *decoder) checkAddresses(s *Server) {
	seen := map[string]string{}
	for _, listener := range []struct{ path, address string }{
		{"server.address", s.Address}, {"server.authz_address", s.AuthzAddress}, {"server.ops_address", s.OpsAddress},
	} {
		if listener.address == "" {
			continue
		}
		host, port, ok := splitAddress(listener.address)
		switch {
		case !ok:
			d.bad(listener.path, "is no address to listen on, expected host:port such as :8080 or 127.0.0.1:8080")
		case port == "0": // chosen by the system, never twice
		case seen[host+" "+port] != "":
			d.bad(listener.path, "is the same as %s, expected another port", seen[host+" "+port])
		default:
			seen[host+" "+port] = listener.path
		}
	}
}

// hostName is the name of a host as it may stand in an address.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$`)

// splitAddress parses host:port. The port is a number, and the host empty, an IP address or a name.
func splitAddress(address string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", "", false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || port != strconv.FormatUint(number, 10) {
		return "", "", false
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostName.MatchString(host) {
		return "", "", false
	}
	return host, port, true
}

// checkPublicURL looks at the start of every link, and takes a slash off its end.
func (d *decoder) checkPublicURL() {
	const path = "server.public_url"
	s := &d.config.Server
	s.PublicURL = strings.TrimSuffix(s.PublicURL, "/")
	u, err := url.Parse(s.PublicURL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "":
		d.bad(path, "is no web address, expected one such as https://login.example.com")
		return
	case u.User != nil:
		d.bad(path, "holds a user or password, expected an address without them")
	case strings.ContainsAny(s.PublicURL, "?#"):
		d.bad(path, "holds a query or fragment, expected an address without them")
	}
	if _, err := headers.NormalizeHost(u.Host); err != nil || strings.HasSuffix(u.Host, ":") {
		d.bad(path, "holds no good host, expected an address such as https://login.example.com")
	}
	if u.Path != "" {
		if _, err := authn.ParsePath(u.EscapedPath()); err != nil {
			d.bad(path, "holds a path that could be read in two ways, expected a plain one or none")
		}
	}
}

// checkAPIPrefix looks at the path before Authly's own endpoints.
func (d *decoder) checkAPIPrefix(prefix string) {
	const path = "server.api_prefix"
	if prefix == "" {
		return
	}
	decoded, err := authn.ParsePath(prefix)
	switch {
	case !strings.HasPrefix(prefix, "/"):
		d.bad(path, "does not begin with a slash, expected a path such as /api/v1")
	case strings.HasSuffix(prefix, "/"):
		d.bad(path, "ends with a slash, expected a path such as /api/v1, or nothing for none")
	case err != nil || decoded != prefix || strings.Contains(prefix, "*"):
		d.bad(path, "holds more than plain segments, expected a path such as /api/v1")
	case prefix == "/authz" || strings.HasPrefix(prefix, "/authz/"):
		d.bad(path, "is where front proxies ask, expected another path such as /api/v1")
	}
}

// tooWide reports whether a network is so large that trusting it is trusting strangers. IPv6's private networks, fc00::/7,
// are no strangers.
func tooWide(network netip.Prefix) bool {
	if network.Addr().Is4() {
		return network.Bits() < 8
	}
	private := netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfc}), 7)
	if private.Contains(network.Addr()) && network.Bits() >= private.Bits() {
		return false
	}
	return network.Bits() < 16
}

// databaseURL is how the address of a database begins. What follows is the store's to judge.
var databaseURL = regexp.MustCompile(`^(?i)(sqlite3?(\+[a-z0-9]+)?:.+|postgres(ql)?(\+[a-z0-9]+)?://.+)`)

func (d *decoder) checkStore() {
	if !databaseURL.MatchString(d.config.Store.URL) {
		d.bad("store.url", "is no address of a database, "+
			"expected sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE")
	}
}
