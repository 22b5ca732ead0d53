package headers

import (
	"net/url"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
)

// longestReturn bounds an address to go back to, in bytes.
const longestReturn = 4 << 10

// ReturnAddresses judges where people may be sent when they have signed in: to what is served, and nowhere else.
type ReturnAddresses struct {
	public webOrigin
	reach  []string // domains to whose hosts a session cookie is sent
	serves func(host, path string) (named, ok bool)
}

// NewReturnAddresses returns a ReturnAddresses. serves says whether a host and a decoded path are those of a route, and
// whether some route names the host. A host that none names, since there are routes for any host, must be that of publicURL, or be
// in one of the domains: else any host would do.
func NewReturnAddresses(publicURL string, domains []string, serves func(host, path string) (named, ok bool)) (*ReturnAddresses, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, err
	}
	public, ok := parseLooseOrigin(u.Scheme + "://" + u.Host)
	if !ok {
		return nil, authn.RefuseField("public_url", "It is no address of a host")
	}
	return &ReturnAddresses{public: public, reach: domains, serves: serves}, nil
}

// Accept returns an address as it may be put into a Location, and its origin; false if nobody may be sent there.
//
// A browser reads an address more generously than anything else does (the URL standard): it drops tabs and line feeds, takes \ for /, and
// https:host and https:///host for https://host. What is taken here is written so that there is one reading, and is put together
// anew from its parts: http or https in lower case, or a path of the public URL's; a host without userinfo; the port of the
// public URL or the scheme's own; an unambiguous path of a route. A fragment may follow.
func (a *ReturnAddresses) Accept(address string) (location, origin string, ok bool) {
	if len(address) > longestReturn || !isPlainAddress(address) {
		return "", "", false
	}
	to, rest := a.public, address
	if !strings.HasPrefix(address, "/") {
		if to, rest, ok = cutOrigin(address); !ok {
			return "", "", false
		}
	}
	if rest == "" || rest[0] != '/' {
		rest = "/" + rest
	}
	before, fragment, hasFragment := strings.Cut(rest, "#")
	rawPath, _, _, err := SplitTarget(before)
	if err != nil {
		return "", "", false
	}
	path, err := authn.ParsePath(rawPath)
	if err != nil || !a.goesTo(to, path) {
		return "", "", false
	}
	location = to.serialize() + before
	if hasFragment {
		location += "#" + fragment
	}
	return location, to.serialize(), true
}

// isPlainAddress refuses what a browser would drop, encode or read as something else.
func isPlainAddress(address string) bool {
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>`", c) >= 0 {
			return false
		}
	}
	return address != ""
}

// cutOrigin takes an absolute address apart.
func cutOrigin(address string) (origin webOrigin, rest string, ok bool) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return origin, "", false
	}
	end := strings.IndexAny(rest, "/?#\\")
	if end < 0 {
		end = len(rest)
	}
	origin, ok = parseLooseOrigin(scheme + "://" + rest[:end])
	return origin, rest[end:], ok
}

// goesTo reports whether people may be sent to a path of an origin.
func (a *ReturnAddresses) goesTo(to webOrigin, path string) bool {
	if to.scheme != "https" && to.scheme != a.public.scheme || to.port != "" && to.port != a.public.port {
		return false
	}
	named, ok := a.serves(to.host, path)
	return ok && (named || to.host == a.public.host || a.reaches(to.host))
}

func (a *ReturnAddresses) reaches(host string) bool {
	return slices.ContainsFunc(a.reach, func(domain string) bool { return isWithin(host, domain) })
}
