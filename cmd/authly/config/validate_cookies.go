package config

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/descoped/authly/headers"
)

// checkCookies looks at where the session cookie is sent. Browsers refuse a domain that is not the login page's own or above it,
// and one in which strangers may have a host.
func (d *decoder) checkCookies() {
	const path = "cookies.domain"
	domain := d.config.Cookies.Domain
	if domain == "" {
		return
	}
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
	case !d.isBelow(domain):
		d.bad(path, "is not the host of server.public_url, nor a domain above it: browsers would refuse the cookie")
	}
}

// isBelow reports whether the public URL's host is a domain or lies below it.
func (d *decoder) isBelow(domain string) bool {
	u, err := url.Parse(d.config.Server.PublicURL)
	if err != nil {
		return true // which is told of already
	}
	host, err := headers.NormalizeHost(u.Host)
	return err != nil || host == domain || strings.HasSuffix(host, "."+domain)
}

// SessionCookie is how the session cookie is written and read.
func (c *Config) SessionCookie() headers.SessionCookie {
	return headers.NewSessionCookie(strings.HasPrefix(c.Server.PublicURL, "https:"), c.Cookies.Domain)
}
