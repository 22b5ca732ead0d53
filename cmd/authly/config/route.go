package config

import (
	"net/netip"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// Route is one rule, and what lies behind it. Of the routes the first that matches a request decides; a request that none
// matches is denied.
type Route struct {
	// Unique; letters, digits, - _ and .
	Name string `yaml:"name"`
	// Exact, or *.example.com; none: any.
	Hosts []string `yaml:"hosts,omitempty"`
	// As in a URL: exact, or /static/* for /static and all below it; required.
	Paths []string `yaml:"paths"`
	// Upper case, GET includes HEAD; none: any.
	Methods []string `yaml:"methods,omitempty"`
	// Of the client; none: any.
	Networks []netip.Prefix `yaml:"networks,omitempty"`
	// Who may pass; required.
	Allow Allow `yaml:"allow"`

	// Which are read: bearer, cookie; whose word counts first stands first; an empty list: none.
	Credentials []string `yaml:"credentials"`
	// What people who may open it read in the list of their applications; empty: it is in no list.
	Title string `yaml:"title,omitempty"`
	// Where that leads, http or https, or a path of Server.PublicURL; empty: to its one host and one path.
	URL string `yaml:"url,omitempty"`

	// Let CORS preflights pass without an identity.
	AllowPreflight bool `yaml:"allow_preflight,omitempty"`
	// What becomes of a token while neither memory nor the store can say whether it was taken back.
	Stale string `yaml:"stale" oneof:"refuse|allow"`
	// Requests per client network, or per user.
	Limit RouteLimit `yaml:"limit"`

	// Tell the application in a signed header, X-Authly-Assertion, who is calling.
	Assertion bool `yaml:"assertion,omitempty"`
	// Whom the assertion is for, its claim aud; empty: Name.
	Audience string `yaml:"audience,omitempty"`

	// Http, https or h2c URLs, or echo: alone; none: forward-auth only.
	Upstream []string `yaml:"upstream,orone,omitempty"`
	// Taken off the path before it is forwarded.
	StripPrefix string `yaml:"strip_prefix,omitempty"`
	// Forward the client's Host instead of the upstream's.
	PreserveHost bool `yaml:"preserve_host,omitempty"`
	// Forward the Authorization header.
	PassAuthorization bool `yaml:"pass_authorization,omitempty"`
	// PEM certificates that an https upstream's is checked with.
	CAFile string `yaml:"ca_file,omitempty"`
	// Do not check an https upstream's certificate at all.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify,omitempty"`

	Timeouts Timeouts `yaml:"timeouts"`
	// Nil: none.
	HealthCheck *HealthCheck `yaml:"health_check,omitempty"`
	// False: the application answers for CORS itself.
	CORS bool `yaml:"cors"`
	// Complete, with the common values where the route has none; nil: the common ones.
	Headers *SecurityHeaders `yaml:"headers,omitempty"`
}

// Timeouts bound the stages of a forwarded request.
type Timeouts struct {
	Connect  time.Duration `yaml:"connect" min:"1ms" max:"5m"`   // to reach the upstream
	Response time.Duration `yaml:"response" min:"1ms" max:"24h"` // until its response headers
}

// HealthCheck says how an upstream is found to be alive: GET Path answers 2xx or 3xx.
type HealthCheck struct {
	Path     string        `yaml:"path"` // required
	Interval time.Duration `yaml:"interval" min:"10ms" max:"1h"`
	Timeout  time.Duration `yaml:"timeout" min:"10ms" max:"5m"`
}

// Allow says whom a route lets pass: one of the words public, authenticated and nobody, or a mapping of roles and users.
type Allow struct {
	Access authn.Access
	Roles  []string // any one of these, or
	Users  []string // any one of these
}

// listed is the form of Allow that names names.
type listed struct {
	Roles []string `yaml:"roles,omitempty"`
	Users []string `yaml:"users,omitempty"`
}

// words returns how each kind of access but AllowListed is written, in the order in which they are best listed.
func words() []struct {
	word   string
	access authn.Access
} {
	return []struct {
		word   string
		access authn.Access
	}{
		{"public", authn.AllowPublic},
		{"authenticated", authn.AllowAuthenticated},
		{"nobody", authn.AllowNobody},
	}
}

// Rule is the part of a route that decides, as the gate wants it: hosts, paths and users in the form in which they are
// compared. What Load would have refused is left out.
func (r *Route) Rule() authn.Route {
	rule := authn.Route{
		Name:           r.Name,
		Methods:        r.Methods,
		Networks:       r.Networks,
		Access:         r.Allow.Access,
		Roles:          r.Allow.Roles,
		IgnoreBearer:   true,
		AllowPreflight: r.AllowPreflight,
		AllowStale:     r.Stale == "allow",
		Limit:          r.Limit.Rate(),
		LimitByUser:    r.Limit.By == "user",
	}
	if r.Assertion {
		rule.Audience = r.assertionAudience()
	}
	for _, host := range r.Hosts {
		if normal, err := normalHost(host); err == nil {
			rule.Hosts = append(rule.Hosts, normal)
		}
	}
	for _, path := range r.Paths {
		if decoded, err := parsePattern(path); err == nil {
			rule.Paths = append(rule.Paths, decoded)
		}
	}
	for _, user := range r.Allow.Users {
		if mapped, err := authn.ParseUsername(user); err == nil {
			rule.Users = append(rule.Users, mapped)
		}
	}
	for i, kind := range r.Credentials {
		switch {
		case kind == "bearer":
			rule.IgnoreBearer = false
		case i == 0:
			rule.Cookies = authn.CookieFirst
		default:
			rule.Cookies = authn.BearerFirst
		}
	}
	return rule
}

// assertionAudience is the audience of the route's assertions, if it has any.
func (r *Route) assertionAudience() string {
	if r.Audience != "" {
		return r.Audience
	}
	return r.Name
}

// normalHost is a host of a route in the form that requests' hosts are brought to.
func normalHost(host string) (string, error) {
	name, below := strings.CutPrefix(host, "*.")
	name, err := headers.NormalizeHost(name)
	if below {
		name = "*." + name
	}
	return name, err
}

// Rules is the table for the gate.
func (c *Config) Rules() []authn.Route {
	rules := make([]authn.Route, 0, len(c.Routes))
	for i := range c.Routes {
		rule := c.Routes[i].Rule()
		rule.Application, _ = c.Routes[i].application(c.Server.PublicURL)
		rules = append(rules, rule)
	}
	return rules
}

// parsePattern decodes a path of a route: an unambiguous path, or one with /* behind it.
func parsePattern(pattern string) (string, error) {
	base, isPrefix := strings.CutSuffix(pattern, "/*")
	if isPrefix && base == "" {
		return "/*", nil
	}
	path, err := authn.ParsePath(base)
	if err != nil {
		return "", err
	}
	if isPrefix {
		path += "/*"
	}
	return path, nil
}
