package headers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/unrolled/secure"
)

// Security puts security headers on answers. Its values are those that unrolled/secure gives, computed once, since nothing
// in them depends on the request but whether it came over https. A nil Security does nothing.
type Security struct {
	own, upstream headerPair
	lines         [2]string // of own, as they stand on the wire: plain, secure
}

// headerPair holds the headers for plain http and for https.
type headerPair struct {
	plain, secure http.Header
}

func (p headerPair) of(https bool) http.Header {
	if https {
		return p.secure
	}
	return p.plain
}

// NewSecurity returns a Security of the given values, which must have passed Validate.
func NewSecurity(cfg SecurityConfig) *Security {
	s := &Security{own: newHeaderPair(cfg)}
	s.lines = [2]string{linesOf(s.own.plain), linesOf(s.own.secure)}
	cfg.ContentSecurityPolicy = cfg.UpstreamContentSecurityPolicy
	s.upstream = newHeaderPair(cfg)
	return s
}

func newHeaderPair(cfg SecurityConfig) headerPair {
	hsts, _ := parseTransportSecurity(cfg.StrictTransportSecurity)
	lib := secure.New(secure.Options{
		ContentTypeNosniff:      cfg.ContentTypeOptions != "",
		CustomFrameOptionsValue: cfg.FrameOptions,
		ContentSecurityPolicy:   cfg.ContentSecurityPolicy,
		ReferrerPolicy:          cfg.ReferrerPolicy,
		CustomBrowserXssValue:   cfg.XSSProtection,
		STSSeconds:              hsts.seconds,
		STSIncludeSubdomains:    hsts.subdomains,
		STSPreload:              hsts.preload,
	})
	pair := headerPair{plain: libraryHeaders(lib, "http"), secure: libraryHeaders(lib, "https")}
	if hsts.present && hsts.seconds == 0 {
		// RFC 6797 section 6.1.1: a browser that knows the host is to forget it. The library takes 0 for off.
		pair.secure.Set("Strict-Transport-Security", "max-age=0")
	}
	return pair
}

// libraryHeaders asks the library for the headers of an answer to a request of the given scheme.
func libraryHeaders(lib *secure.Secure, scheme string) http.Header {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: scheme, Path: "/"}, Header: http.Header{}}
	// No option that could refuse a request is set, so that there is neither an error nor a use of the writer.
	set, _, err := lib.ProcessNoModifyRequest(nil, r)
	if err != nil {
		return http.Header{}
	}
	for name, values := range set {
		set[name] = slices.Clip(values) // who adds a value to an answer then adds it to a copy
	}
	return set
}

// Own puts the headers on every answer of next, errors included: they are there before next runs, and next may change them.
// Whether the request came over https is what the Exchange in its context says. It is for Authly's own answers; on proxied
// ones every header would appear twice, see Merge.
func (s *Security) Own(next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.PutOwn(w.Header(), ExchangeOf(r.Context()).Origin.Scheme == "https")
		next.ServeHTTP(w, r)
	})
}

// PutOwn puts the headers of Own on one answer.
func (s *Security) PutOwn(h http.Header, https bool) {
	if s == nil {
		return
	}
	for name, values := range s.own.of(https) {
		h[name] = values
	}
}

// OwnLines are the headers of Own as they stand on the wire, each with its end.
func (s *Security) OwnLines(https bool) string {
	switch {
	case s == nil:
		return ""
	case https:
		return s.lines[1]
	}
	return s.lines[0]
}

func linesOf(h http.Header) string {
	var lines strings.Builder
	_ = h.Write(&lines) // a strings.Builder takes everything
	return lines.String()
}

// Merge adds to the headers of a proxied answer those that the application did not set itself, even to nothing. It never
// adds a second value and never changes one.
func (s *Security) Merge(h http.Header, https bool) {
	if s == nil {
		return
	}
	for name, values := range s.upstream.of(https) {
		if _, ok := h[name]; !ok {
			h[name] = values
		}
	}
}
