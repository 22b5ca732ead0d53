package headers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// The names of the session cookie. A browser takes one that begins with __Host- only over https and for one host alone, so that
// no other host of the site can plant it, and one that begins with __Secure- only over https.
const (
	hostCookie   = "__Host-authly"
	secureCookie = "__Secure-authly"
	plainCookie  = "authly"
)

// SessionCookie is how the session cookie is written and read. The zero value is that of where there is none.
type SessionCookie struct {
	name, attributes string
	elsewhere        string // the domain that it is the cookie of, if that is not the login page's
}

// NewSessionCookie returns the cookie for a public URL that is https or not. With a domain it is sent to all hosts below it, and
// cannot have the protection of __Host-.
func NewSessionCookie(https bool, domain string) SessionCookie {
	c := SessionCookie{name: plainCookie, attributes: "; Path=/; HttpOnly; SameSite=Lax"}
	switch {
	case https && domain == "":
		c.name = hostCookie
	case https:
		c.name = secureCookie
	}
	if https {
		c.attributes += "; Secure"
	}
	if domain != "" {
		c.attributes += "; Domain=" + domain
	}
	return c
}

// newDomainCookie returns the cookie of a domain that browsers are handed over to. It is a credential there and nowhere else.
func newDomainCookie(domain string) SessionCookie {
	c := NewSessionCookie(true, domain)
	c.elsewhere = domain
	return c
}

// Name is the name of the cookie.
func (c SessionCookie) Name() string { return c.name }

// Set is the value of Set-Cookie that gives a browser the cookie.
func (c SessionCookie) Set(given authn.BrowserCookie, now time.Time) string {
	line := c.name + "=" + given.Value + c.attributes
	if given.Keep {
		line += "; Max-Age=" + strconv.FormatInt(int64((given.ExpiresAt.Sub(now)+time.Second-1)/time.Second), 10)
	}
	return line
}

// Clear is the value of Set-Cookie that takes it away.
func (c SessionCookie) Clear() string { return c.name + "=" + c.attributes + "; Max-Age=0" }

// Read reads the cookie of a request: CookieCredential, NoCredential if there is none, and MalformedCredential if its value
// has not the form of one or if there are several. Of several, one may have been planted by another host of the site, and
// nobody can tell which.
func (c SessionCookie) Read(h http.Header) authn.Credentials {
	kind, value := readCookie(h, c.name, authn.IsCookieValue)
	if kind != authn.CookieCredential {
		return authn.Credentials{Kind: kind}
	}
	return authn.Credentials{Kind: kind, Token: value, Domain: c.elsewhere}
}

// readCookie is Read for a cookie of any name and form.
func readCookie(h http.Header, wanted string, isValue func(string) bool) (kind authn.CredentialKind, found string) {
	for _, line := range h["Cookie"] {
		if wanted == "" || !strings.Contains(line, wanted) { // as of most clients of an API
			continue
		}
		for more := true; more; {
			var pair string
			pair, line, more = strings.Cut(line, ";")
			name, value, _ := strings.Cut(pair, "=")
			if strings.Trim(name, " \t") != wanted {
				continue
			}
			value = strings.Trim(value, " \t")
			if kind != authn.NoCredential || !isValue(value) {
				return authn.MalformedCredential, ""
			}
			kind, found = authn.CookieCredential, value
		}
	}
	return kind, found
}

// IsSessionCookie reports whether a cookie of this name is Authly's, however Authly is configured.
func IsSessionCookie(name string) bool {
	return name == hostCookie || name == secureCookie || name == plainCookie || name == stateCookie
}
