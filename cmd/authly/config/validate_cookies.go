package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/descoped/authly/headers"
)

// checkCookies looks at where session cookies are sent. Browsers refuse a domain that is not the page's own or above it.
func (d *decoder) checkCookies() {
	const path = "cookies.domain"
	if domain := d.config.Cookies.Domain; domain != "" && d.checkDomain(path, domain) {
		if is, known := d.isBelow(domain); known && !is {
			d.bad(path, "is not the host of server.public_url, nor a domain above it: browsers would refuse the cookie")
		}
	}
	d.checkDomains(d.config.Cookies.Domains)
}

// checkDomains looks at the domains that browsers are handed over to. Each host has one cookie, and so is in one of them at most.
func (d *decoder) checkDomains(domains []string) {
	const path = "cookies.domains"
	if len(domains) > 0 && !strings.HasPrefix(d.config.Server.PublicURL, "https://") {
		d.bad(path, "needs https: set server.public_url to an address that begins with it")
		return
	}
	for i, domain := range domains {
		isOwn, _ := d.isBelow(domain)
		switch {
		case !d.checkDomain(at(path, i), domain):
		case isOwn:
			d.bad(at(path, i), "has the host of server.public_url in it: that is what cookies.domain is for")
		case slices.ContainsFunc(append(domains[:i:i], d.config.Cookies.Domain), func(other string) bool { return overlap(domain, other) }):
			d.bad(at(path, i), "is, holds or lies in another domain whose hosts have a cookie")
		}
	}
}

// checkDomain reports whether a domain is one for cookies: not one in which strangers may have a host.
func (d *decoder) checkDomain(path, domain string) bool {
	normal, err := headers.NormalizeHost(domain)
	_, notAddress := netip.ParseAddr(normal)
	_, suffix := publicsuffix.EffectiveTLDPlusOne(normal)
	switch {
	case err != nil || normal != domain:
		d.bad(path, "is no domain, expected one in lower case such as example.com, without a port and a dot before it")
	case notAddress == nil:
		d.bad(path, "is an address, expected a domain such as example.com; leave it empty for one host")
	case suffix != nil:
		d.bad(path, "is where anybody may have a host, expected a domain of your own such as example.com")
	default:
		return true
	}
	return false
}

// overlap reports whether a host can be in both domains; the empty one has none.
func overlap(one, other string) bool {
	return other != "" && (one == other || strings.HasSuffix(one, "."+other) || strings.HasSuffix(other, "."+one))
}

// isBelow reports whether the public URL's host is a domain or lies below it. known is false if it has none, which is told of
// already.
func (d *decoder) isBelow(domain string) (is, known bool) {
	u, err := url.Parse(d.config.Server.PublicURL)
	if err != nil {
		return false, false
	}
	host, err := headers.NormalizeHost(u.Host)
	return host == domain || strings.HasSuffix(host, "."+domain), err == nil
}

// CookieDomains are all domains to whose hosts a session cookie is sent.
func (c *Config) CookieDomains() []string {
	domains := slices.Clone(c.Cookies.Domains)
	if c.Cookies.Domain != "" {
		domains = append(domains, c.Cookies.Domain)
	}
	return domains
}

// OtherDomains are those that browsers are handed over to.
func (c *Config) OtherDomains() headers.CookieDomains {
	return headers.NewCookieDomains(c.Cookies.Domains)
}

// SessionCookie is how the session cookie is written and read on the hosts of the login page.
func (c *Config) SessionCookie() headers.SessionCookie {
	return headers.NewSessionCookie(strings.HasPrefix(c.Server.PublicURL, "https:"), c.Cookies.Domain)
}
