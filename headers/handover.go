package headers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// stateCookie is the name of the cookie by which a browser is known again that is handed over. Only the very host can set it.
const stateCookie = "__Host-authly-handover"

// stateLife is for how long a browser is: as long as people may take to sign in.
const stateLife = 30 * time.Minute

// CookieDomains are the root domains beside that of the login page, to which browsers are handed over; see authn.Handover. The zero
// value has none.
type CookieDomains struct {
	cookies []domainCookie
}

type domainCookie struct {
	domain string
	cookie SessionCookie
}

// NewCookieDomains returns domains, which are in lower case and do not overlap.
func NewCookieDomains(domains []string) CookieDomains {
	var d CookieDomains
	for _, domain := range domains {
		d.cookies = append(d.cookies, domainCookie{domain, newDomainCookie(domain)})
	}
	return d
}

// Cookie returns the session cookie that browsers send to a host, and its domain; false if the host is in none of them.
func (d CookieDomains) Cookie(host string) (cookie SessionCookie, domain string, ok bool) {
	for _, c := range d.cookies {
		if isWithin(host, c.domain) {
			return c.cookie, c.domain, true
		}
	}
	return SessionCookie{}, "", false
}

// isWithin reports whether a host is a domain or below it.
func isWithin(host, domain string) bool {
	rest, ok := strings.CutSuffix(host, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// Begin is the address at which the hand-over to the host begins that a request was for, at a path of that host; false if it needs
// none. The browser would send the cookie over https alone.
func (d CookieDomains) Begin(asked Asked, path string) (address string, ok bool) {
	host, err := NormalizeHost(asked.Authority)
	if err != nil || asked.Scheme != "https" {
		return "", false
	}
	if _, _, ok := d.Cookie(host); !ok {
		return "", false
	}
	return LoginPage(asked.Scheme + "://" + withoutOwnPort(asked.Scheme, asked.Authority) + path).For(asked), true
}

// HandoverState returns the state of the browser that sent a request; empty: it has none, or several.
func HandoverState(h http.Header) string {
	_, state := readCookie(h, stateCookie, authn.IsHandoverState)
	return state
}

// SetHandoverState is the value of Set-Cookie that gives a browser a state.
func SetHandoverState(state string) string {
	return stateCookie + "=" + state + "; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=" +
		strconv.FormatInt(int64(stateLife/time.Second), 10)
}
