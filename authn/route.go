package authn

import (
	"net/netip"
	"strings"
)

// Access says whom a route lets pass.
type Access int

// The kinds of Access. The zero value lets nobody pass.
const (
	AllowNobody        Access = iota
	AllowPublic               // everybody; the identity is resolved when a valid credential is present
	AllowAuthenticated        // everybody who is signed in
	AllowListed               // who has one of Roles or is one of Users
)

// CookieUse says what a session cookie is to a route.
type CookieUse int

// The uses of a cookie. The zero value is none.
const (
	IgnoreCookies CookieUse = iota
	BearerFirst             // a good bearer token says who it is, whatever the cookie says
	CookieFirst             // a good cookie says who it is; but a bearer token must be good, if there is one
)

// Route is one rule: which requests it is for and whom it lets pass. Of the routes in a table the first that matches
// decides; a request that none matches is denied.
type Route struct {
	Name     string         // unique, for logs, limits and authly explain
	Hosts    []string       // exact, or *.example.com for any host below example.com; lower case, without port; none: any
	Paths    []string       // exact, or a prefix: /static/* is /static and everything below it; required
	Methods  []string       // upper case; GET includes HEAD; none: any
	Networks []netip.Prefix // of the client address; none: any

	Access Access
	Roles  []string // AllowListed: any one of these
	Users  []string // AllowListed: or any one of these, as mapped by ParseUsername

	// IgnoreBearer leaves the Authorization header to the application: a bearer token is then no credential here.
	IgnoreBearer bool

	Cookies CookieUse // whether a session cookie is a credential here, and whose word counts if there is a bearer token too

	// AllowPreflight lets a CORS preflight pass without an identity, for applications that answer preflights themselves.
	AllowPreflight bool

	// AllowStale lets tokens pass that may have been taken back, while neither the feed of changes nor the store can say so.
	AllowStale bool

	Limit       Limit // requests on this route, per client network; zero: none
	LimitByUser bool  // per user instead; of those who are nobody, per client network

	// Application is where people open what the route is for; nil: it is in nobody's list of applications.
	Application *Application

	// Audience is whom the application's assertions are for, see Asserter; empty: it gets none.
	Audience string
}

// matchesHost compares host, which must be lower case without port and trailing dot, with the route's hosts.
func (r *Route) matchesHost(host string) bool {
	if len(r.Hosts) == 0 {
		return true
	}
	for _, pattern := range r.Hosts {
		if pattern == host {
			return true
		}
		if below, ok := strings.CutPrefix(pattern, "*"); ok && len(host) > len(below) && strings.HasSuffix(host, below) {
			return true
		}
	}
	return false
}

// matchesPath compares a decoded, unambiguous path with the route's paths, case included.
func (r *Route) matchesPath(path string) bool {
	for _, pattern := range r.Paths {
		prefix, isPrefix := strings.CutSuffix(pattern, "/*")
		if !isPrefix {
			if path == pattern {
				return true
			}
			continue
		}
		if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// matchesMethod compares a method, case included (RFC 9110 section 9.1), with the route's methods.
func (r *Route) matchesMethod(method string) bool {
	if len(r.Methods) == 0 {
		return true
	}
	for _, m := range r.Methods {
		if m == method || m == "GET" && method == "HEAD" {
			return true
		}
	}
	return false
}

// matchesAddress reports whether the client address is in the route's networks. addr must be valid.
func (r *Route) matchesAddress(addr netip.Addr) bool {
	if len(r.Networks) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	for _, network := range r.Networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
