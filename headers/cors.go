package headers

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"

	"github.com/descoped/authly/authn"
)

// CORSConfig says which other origins' pages may call, and how (the Fetch standard's CORS protocol).
type CORSConfig struct {
	AllowedOrigins   []string      // scheme://host[:port], https://*.example.com, or "*"; none: CORS is off
	AllowedMethods   []string      // none: GET, POST, HEAD
	AllowedHeaders   []string      // "*": any; none: Accept, Content-Type, X-Requested-With
	ExposedHeaders   []string      // that a page may read beside the safe ones
	AllowCredentials bool          // cookies and TLS client certificates; not together with "*"
	MaxAge           time.Duration // how long a preflight's answer may be kept, whole seconds; 0: the browser decides
}

// Validate refuses what cannot work and what must not be: "*" together with credentials or other origins, "null", which
// every sandboxed frame is, origins that are none, and wildcards other than a whole first label over https with at least
// two labels behind it.
func (c CORSConfig) Validate() error {
	for _, o := range c.AllowedOrigins {
		if o == "*" {
			if c.AllowCredentials {
				return authn.RefuseField("allow_credentials", `"*" in allowed_origins excludes credentials: name the origins`)
			}
			if len(c.AllowedOrigins) > 1 {
				return authn.RefuseField("allowed_origins", `"*" already includes the other origins`)
			}
			continue
		}
		if _, err := parseAllowedOrigin(o); err != nil {
			return err
		}
	}
	for _, m := range c.AllowedMethods {
		if CheckMethod(m) != nil {
			return authn.RefuseField("allowed_methods", "A method is malformed or never served")
		}
	}
	if !areTokens(c.AllowedHeaders) {
		return authn.RefuseField("allowed_headers", "A header name is malformed")
	}
	if !areTokens(c.ExposedHeaders) {
		return authn.RefuseField("exposed_headers", "A header name is malformed")
	}
	if c.MaxAge < 0 {
		return authn.RefuseField("max_age", "A duration cannot be negative")
	}
	return nil
}

func areTokens(names []string) bool {
	return !slices.ContainsFunc(names, func(s string) bool { return !isToken(s) })
}

// CORS answers preflights and marks the answers that other origins' pages may read. A nil CORS, which is what an empty list
// of origins gives, does nothing.
type CORS struct {
	lib     *cors.Cors
	all     bool // "*"
	origins []webOrigin
}

// NewCORS returns a CORS of a configuration that passes Validate, and nil when no origin is allowed: to rs/cors an empty
// list would mean everybody.
func NewCORS(cfg CORSConfig) (*CORS, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(cfg.AllowedOrigins) == 0 {
		return nil, nil
	}
	c := &CORS{all: cfg.AllowedOrigins[0] == "*"}
	options := cors.Options{
		AllowedMethods:   cfg.AllowedMethods,
		AllowedHeaders:   cfg.AllowedHeaders,
		ExposedHeaders:   cfg.ExposedHeaders,
		AllowCredentials: cfg.AllowCredentials,
		MaxAge:           int(cfg.MaxAge / time.Second),
	}
	if c.all {
		options.AllowedOrigins = []string{"*"}
	} else {
		for _, s := range cfg.AllowedOrigins {
			o, err := parseAllowedOrigin(s)
			if err != nil {
				return nil, err
			}
			c.origins = append(c.origins, o)
		}
		// The library's own comparison takes https://evil.test/.example.com for a host below example.com.
		options.AllowOriginFunc = c.Allows
	}
	c.lib = cors.New(options)
	return c, nil
}

// Allows reports whether pages of the origin may call. Origins are compared byte for byte, as the Fetch standard has it.
func (c *CORS) Allows(origin string) bool {
	if c == nil {
		return false
	}
	if c.all {
		return true
	}
	o, ok := parseOrigin(origin)
	return ok && slices.ContainsFunc(c.origins, func(allowed webOrigin) bool { return allowed.covers(o) })
}

// Handler answers preflights itself, without asking next, and puts the CORS headers on the answers of next. Allowed or not,
// other requests reach next: see RefuseForeign. Remove an application's own CORS headers with StripCORS.
func (c *CORS) Handler(next http.Handler) http.Handler {
	if c == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case IsPreflight(r.Method, r.Header):
			c.lib.HandlerFunc(w, r)
			return
		case single(r.Header["Origin"]) == "" || r.Method == http.MethodOptions && r.Header["Access-Control-Request-Method"] != nil:
			// No CORS request, or none of a browser; the library would take some of these for preflights.
			w.Header().Add("Vary", "Origin")
		default:
			c.lib.HandlerFunc(w, r)
		}
		next.ServeHTTP(w, r)
	})
}

// RefuseForeign hands a request to refuse, with CodeOriginRefused, when a page of a foreign origin asks for a change: its
// method is not GET, HEAD or OPTIONS, it has an Origin field, and that is neither the origin it was sent to nor an allowed
// one. CORS alone hides the answer from the page; the change would be made. Requests without Origin are not from pages.
func (c *CORS) RefuseForeign(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	if c == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values, ok := r.Header["Origin"]
		if ok && !isSafe(r.Method) && !c.mayChange(r, single(values)) {
			refuse(w, r, authn.Refuse(authn.CodeOriginRefused, "Cross-origin request denied"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func (c *CORS) mayChange(r *http.Request, origin string) bool {
	if origin == "null" {
		return c.all || isOwnForm(r)
	}
	o, ok := parseOrigin(origin)
	return ok && (c.Allows(origin) || isSameOrigin(r, o))
}

// isOwnForm reports whether a browser says of a request without a name for its origin that it came from the origin it goes to. A
// page under Referrer-Policy: no-referrer sends its forms so (the Fetch standard, "serializing a request origin"); a sandboxed
// frame, which has no name either, is cross-site.
func isOwnForm(r *http.Request) bool { return single(r.Header["Sec-Fetch-Site"]) == "same-origin" }

// isSameOrigin reports whether a page of the origin o sent r to its own origin. The host decides, and beside it what the
// browser says in Sec-Fetch-Site, which no page can set. From older browsers scheme and port must be the same too; the port
// only where the Host field comes from the browser itself, because proxies drop it.
func isSameOrigin(r *http.Request, o webOrigin) bool {
	here := ExchangeOf(r.Context()).Origin
	if o.host != here.Host {
		return false
	}
	if site, ok := r.Header["Sec-Fetch-Site"]; ok {
		return single(site) == "same-origin"
	}
	if o.scheme != here.Scheme {
		return false
	}
	_, port, err := splitHost(r.Host)
	return here.PeerTrusted || err == nil && effectivePort(o.scheme, port) == effectivePort(o.scheme, o.port)
}

// StripCORS removes the CORS headers from an application's answer, so that none appears twice.
func StripCORS(h http.Header) {
	for name := range h {
		if IsCORS(name) {
			delete(h, name)
		}
	}
}

// IsCORS reports whether a field is one of the CORS headers.
func IsCORS(name string) bool {
	const prefix = "access-control-"
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
