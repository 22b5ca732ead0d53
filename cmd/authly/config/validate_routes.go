package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// plainName is what a route or a client may be called: something that stands well in a log and a metric.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// maxAudience bounds the audience of assertions, in bytes: they travel in a header.
const maxAudience = 255

func (d *decoder) checkRoutes() {
	if !d.wasGiven("routes") {
		return // the built-in ones, or none
	}
	first := map[string]string{}
	for i := range d.config.Routes {
		r := &d.config.Routes[i]
		path := at("routes", i)
		d.checkName(path, "name", "route", r.Name, first)
		d.checkMatch(path, r)
		d.checkAllow(join(path, "allow"), r.Allow)
		d.checkTitle(path, r)
		d.checkAssertion(path, r)
		d.checkUpstream(path, r)
		if r.Headers != nil && d.wasGiven(join(path, "headers")) {
			d.checkOverride(join(path, "headers"), *r.Headers)
		}
	}
}

// checkName looks at what the thing at path is called by its key. first holds where each name was seen first.
func (d *decoder) checkName(path, key, thing, name string, first map[string]string) {
	at := join(path, key)
	switch {
	case name == "":
		d.bad(at, "is missing, expected a name for the %s", thing)
	case !plainName.MatchString(name):
		d.bad(at, "is no plain name, expected at most 63 letters, digits, dots, dashes and underscores")
	case first[name] != "":
		d.bad(at, "is the %s of %s too, expected another", key, first[name])
	default:
		first[name] = path
	}
}

// checkOverride looks at the values that a route has of its own; the common ones have been looked at.
func (d *decoder) checkOverride(path string, h SecurityHeaders) {
	before := d.mistakes
	d.checkSecurity(path, h)
	kept := before
	for _, m := range d.mistakes[len(before):] {
		if d.wasGiven(m.Key) {
			kept = append(kept, m)
		}
	}
	d.mistakes = kept
}

// checkMatch looks at what says which requests a route is for.
func (d *decoder) checkMatch(path string, r *Route) {
	for i, host := range r.Hosts {
		d.checkHost(at(join(path, "hosts"), i), host)
	}
	if len(r.Paths) == 0 {
		d.bad(join(path, "paths"), "is missing or empty, expected at least one path such as /app/*; /* is every path")
	}
	for i, pattern := range r.Paths {
		d.checkPattern(at(join(path, "paths"), i), pattern)
	}
	for i, method := range r.Methods {
		d.checkMethod(at(join(path, "methods"), i), method)
	}
	d.notEmptied(join(path, "hosts"), len(r.Hosts), "any host")
	d.notEmptied(join(path, "methods"), len(r.Methods), "any method")
	d.notEmptied(join(path, "networks"), len(r.Networks), "any client")
	for i, kind := range r.Credentials {
		switch {
		case kind != "bearer" && kind != "cookie":
			d.bad(at(join(path, "credentials"), i), "is no kind of credential, expected bearer or cookie, or an empty list for none")
		case slices.Contains(r.Credentials[:i], kind):
			d.bad(at(join(path, "credentials"), i), "is there twice, expected each kind once")
		}
	}
}

// notEmptied refuses a list that is there but empty: whoever wrote it hardly meant that everything matches.
func (d *decoder) notEmptied(path string, length int, everything string) {
	if length == 0 && d.wasGiven(path) {
		d.bad(path, "is an empty list, expected at least one entry; leave the key out for %s", everything)
	}
}

// checkHost looks at a host of a route: exact, or everything below a name.
func (d *decoder) checkHost(path, host string) {
	name, below := strings.CutPrefix(host, "*.")
	_, err := headers.NormalizeHost(name)
	switch {
	case strings.Contains(name, "*"):
		d.bad(path, "holds a * that is not the whole first label, expected a host such as app.example.com or *.example.com")
	case err != nil || strings.ContainsAny(name, ":[]") && !strings.HasPrefix(name, "["):
		d.bad(path, "is no host without a port, expected one such as app.example.com or *.example.com")
	case strings.HasPrefix(name, "[") && (below || !strings.HasSuffix(name, "]")):
		d.bad(path, "is no host without a port, expected one such as app.example.com or *.example.com")
	}
}

// checkPattern looks at a path of a route.
func (d *decoder) checkPattern(path, pattern string) {
	decoded, err := parsePattern(pattern)
	switch {
	case !strings.HasPrefix(pattern, "/"):
		d.bad(path, "does not begin with a slash, expected a path such as /app or /app/*")
	case err != nil:
		d.bad(path, "could be read in two ways, expected a path as it stands in a URL: "+
			"no //, no . or .. segments, no query, other than plain ASCII percent-encoded")
	case strings.HasSuffix(pattern, "/*") && strings.HasSuffix(strings.TrimSuffix(pattern, "/*"), "/"):
		d.bad(path, "could be read in two ways, expected a path without //")
	case strings.Contains(strings.TrimSuffix(decoded, "/*"), "*") ||
		strings.HasSuffix(decoded, "/*") && !strings.HasSuffix(pattern, "/*"):
		d.bad(path, "holds a * that is not its last segment, expected a path such as /app or /app/*")
	}
}

func (d *decoder) checkMethod(path, method string) {
	if authn.CheckMethod(method) != nil || strings.ToUpper(method) != method {
		d.bad(path, "is no method that is served, expected one in upper case such as GET; CONNECT and TRACE never are")
	}
}

// checkAllow looks at whom a route lets pass.
func (d *decoder) checkAllow(path string, a Allow) {
	if !d.wasGiven(path) {
		d.bad(path, "is missing, expected public, authenticated, nobody or a mapping of roles and users")
		return
	}
	if a.Access != authn.AllowListed {
		return
	}
	d.notNobody(join(path, "roles"), len(a.Roles))
	d.notNobody(join(path, "users"), len(a.Users))
	if len(a.Roles)+len(a.Users) == 0 {
		d.bad(path, "names no role and no user, expected at least one; the word nobody denies everybody")
	}
	for i, role := range a.Roles {
		if _, err := authn.ParseRoles([]string{role}); err != nil {
			d.bad(at(join(path, "roles"), i), "is no name of a role, "+
				"expected 1 to 64 bytes without commas, control characters and spaces around them")
		}
	}
	for i, user := range a.Users {
		if _, err := authn.ParseUsername(user); err != nil {
			d.bad(at(join(path, "users"), i), "is no username, expected 1 to 50 characters without spaces and @")
		}
	}
}

// checkAssertion looks at what assertions a route's application gets. Their audience is not that of tokens: whoever checks an
// access token by the published keys, and does not look at its typ, would take an assertion for one.
func (d *decoder) checkAssertion(path string, r *Route) {
	audience := join(path, "audience")
	switch {
	case r.Audience == "" && d.wasGiven(audience):
		d.bad(audience, "is empty, expected a name; leave the key out for the name of the route")
	case len(r.Audience) > maxAudience:
		d.bad(audience, "is too long, expected at most %d bytes", maxAudience)
	case r.Assertion && r.assertionAudience() == d.config.Tokens.Audience:
		d.bad(d.eitherGiven(audience, join(path, "name")), "is tokens.audience too, expected another: an assertion must not pass for an access token")
	}
}

func (d *decoder) notNobody(path string, length int) {
	if length == 0 && d.wasGiven(path) {
		d.bad(path, "is an empty list, expected at least one entry, or no such key")
	}
}
