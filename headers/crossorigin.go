package headers

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
)

// SameOrigin tells requests that pages of the application itself send, with the cookies that browsers add to them, from those
// that pages of other origins have them send. It is http.CrossOriginProtection, asked about requests that are only told of.
type SameOrigin struct {
	protection *http.CrossOriginProtection
	public     webOrigin // of the public URL
	cors       *CORS     // whose origins may send cookies, if it says so; nil: none
}

// NewSameOrigin returns a SameOrigin that trusts the public URL, and the origins that CORS allows with credentials.
func NewSameOrigin(publicURL string, cfg CORSConfig) (*SameOrigin, error) {
	s := &SameOrigin{protection: http.NewCrossOriginProtection()}
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, err
	}
	// A proxy in front may have changed the Host, which older browsers' requests are compared with.
	if err := s.protection.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, err
	}
	s.public, _ = parseLooseOrigin(u.Scheme + "://" + u.Host)
	if cfg.AllowCredentials {
		s.cors, err = NewCORS(cfg)
	}
	return s, err
}

// Refuses reports whether a request, sent to a host, may change something and comes from a page of an origin that may not. A
// WebSocket is such a request whatever its method is: it has no preflight, and its page may read what comes.
func (s *SameOrigin) Refuses(method, host string, h http.Header) bool {
	if s == nil || isSafe(method) && !opensWebSocket(h) {
		return false
	}
	if len(h["Origin"]) > 1 || len(h["Sec-Fetch-Site"]) > 1 {
		return true // no browser's
	}
	if s.cors.Allows(single(h["Origin"])) {
		return false
	}
	asked := http.Request{Method: http.MethodPost, Host: host, Header: h, URL: &url.URL{Path: "/"}}
	return s.isDowngraded(h) || s.protection.Check(&asked) != nil && !s.isSameHost(host, h)
}

// isDowngraded reports whether a browser that sends no Sec-Fetch-Site names an origin without TLS, where Authly is seen with it: whoever
// sits on the network writes the pages of that. CrossOriginProtection compares hosts alone.
func (s *SameOrigin) isDowngraded(h http.Header) bool {
	return h["Sec-Fetch-Site"] == nil && s.public.scheme == "https" && strings.HasPrefix(single(h["Origin"]), "http:")
}

// isSameHost reports whether a browser that sends no Sec-Fetch-Site names the host that it sends to, where a proxy may have
// dropped the port: that of the public URL, or the scheme's own.
func (s *SameOrigin) isSameHost(host string, h http.Header) bool {
	origin, ok := parseOrigin(single(h["Origin"]))
	name, port, err := splitHost(host)
	return h["Sec-Fetch-Site"] == nil && ok && err == nil && port == "" && origin.host == name && (origin.port == "" || origin.port == s.public.port)
}

// opensWebSocket also knows it where a front proxy has kept what belongs to the connection.
func opensWebSocket(h http.Header) bool {
	return h["Sec-Websocket-Key"] != nil || h["Sec-Websocket-Version"] != nil || single(h["Sec-Fetch-Mode"]) == "websocket" ||
		strings.EqualFold(single(h["Upgrade"]), "websocket")
}

// FromAnotherOrigin is Refuses for a request that came with a cookie; of any other it is false.
func (s *SameOrigin) FromAnotherOrigin(cookie authn.Credentials, method, host string, h http.Header) bool {
	return cookie.Kind == authn.CookieCredential && s.Refuses(method, host, h)
}

// IsCrossSite reports whether a browser says that a request is that of a page of another site. It keeps no cookie of the answer then,
// since session cookies are SameSite=Lax, and sends none. Over plain http browsers say nothing.
func IsCrossSite(h http.Header) bool { return single(h["Sec-Fetch-Site"]) == "cross-site" }
