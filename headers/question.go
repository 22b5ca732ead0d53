package headers

import (
	"net/netip"
	"strings"

	"github.com/descoped/authly/authn"
)

// Question reads a request that a person asks about and nobody makes: a method, a URL that is absolute or starts with / and then is
// of the host of publicURL, and the client's address, empty if that is not to be known. The URL is read as the request would be.
//
// An error that names a field (url, client) is about the question; any other is what the request would be refused with.
func Question(method, url, client, publicURL string) (authn.Request, error) {
	asked := authn.Request{Method: method}
	if client != "" {
		address, err := netip.ParseAddr(client)
		if err != nil {
			return asked, authn.RefuseField("client", "Invalid field: client must be an address")
		}
		asked.Client = address
	}
	if strings.HasPrefix(url, "/") {
		_, afterScheme, _ := strings.Cut(publicURL, "://")
		host, _, _ := strings.Cut(afterScheme, "/")
		url = "http://" + host + url
	}
	_, rest, isAbsolute := strings.Cut(url, "://")
	if !isAbsolute {
		return asked, authn.RefuseField("url", "Invalid field: url must be absolute or start with /")
	}
	host, target := rest, "/"
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, target = rest[:i], rest[i:]
	}
	if strings.HasPrefix(target, "?") {
		target = "/" + target
	}
	var err error
	if asked.Host, err = NormalizeHost(host); err != nil {
		return asked, err
	}
	asked.RawPath, _, _, err = SplitTarget(target)
	return asked, err
}
