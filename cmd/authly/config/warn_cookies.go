package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// unreached warns of hosts at which a browser must sign in and never is: the cookie of the login page does not go there.
func (w *warnings) unreached(path string, r *Route) {
	if !slices.Contains(r.Credentials, "cookie") || r.Allow.Access != authn.AllowAuthenticated && r.Allow.Access != authn.AllowListed {
		return
	}
	for i, host := range r.Hosts {
		if !w.cookieReaches(host) {
			w.add(at(path, i), "Browsers do not send the session cookie there, and who signs in is asked to again: set cookies.domain, or "+
				"cookies.domains, or credentials: [bearer] for a route without browsers.")
		}
	}
}

// cookieReaches reports whether the session cookie goes to a host, or to each that a pattern stands for.
func (w *warnings) cookieReaches(host string) bool {
	normal, err := normalHost(host)
	if err != nil {
		return true // which is told of already
	}
	name := strings.TrimPrefix(normal, "*.")
	if slices.ContainsFunc(w.config.CookieDomains(), func(domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }) {
		return true
	}
	if w.config.Cookies.Domain != "" {
		return false
	}
	u, err := url.Parse(w.config.Server.PublicURL)
	if err != nil {
		return true
	}
	public, err := headers.NormalizeHost(u.Host)
	return err != nil || normal == public
}
