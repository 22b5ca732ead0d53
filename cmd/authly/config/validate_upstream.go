package config

import (
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// checkUpstream looks at what lies behind a route and how it is reached.
func (d *decoder) checkUpstream(path string, r *Route) {
	upstream := join(path, "upstream")
	if len(r.Upstream) == 0 && d.wasGiven(upstream) {
		d.bad(upstream, "is an empty list, expected at least one address; leave the key out for forward-auth alone")
	}
	schemes := map[string]bool{}
	seen := map[string]bool{}
	for i, address := range r.Upstream {
		element := upstream
		if d.wasGiven(at(upstream, i)) {
			element = at(upstream, i)
		}
		scheme, problem := upstreamScheme(address)
		switch {
		case problem != "":
			d.bad(element, "%s", problem)
		case seen[address]:
			d.bad(element, "is there twice, expected every address once")
		case len(schemes) > 0 && !schemes[scheme]:
			d.bad(element, "is of another scheme than the one before, expected the same scheme for all of a route's upstreams")
		}
		seen[address] = true
		schemes[scheme] = true
	}
	if len(r.Upstream) == 0 {
		d.checkUnused(path, r)
	}
	if r.CAFile != "" && len(r.Upstream) > 0 && !schemes["https"] {
		d.bad(join(path, "ca_file"), "is of use with https alone, expected an https upstream or no such key")
	}
	if r.InsecureSkipVerify && len(r.Upstream) > 0 && !schemes["https"] {
		d.bad(join(path, "insecure_skip_verify"), "is of use with https alone, expected an https upstream or no such key")
	}
	if r.CAFile != "" && r.InsecureSkipVerify {
		d.bad(join(path, "insecure_skip_verify"), "makes ca_file useless, expected one of them")
	}
	d.checkStripPrefix(path, r)
	if r.HealthCheck != nil {
		d.checkHealth(join(path, "health_check"), r.HealthCheck, schemes)
	}
}

// upstreamScheme returns the scheme of an upstream's address, or what is wrong with it.
func upstreamScheme(address string) (scheme, problem string) {
	if address == "echo:" {
		return "echo", ""
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c" || u.Opaque != "":
		return "", "is no address of an upstream, expected http://HOST:PORT, https://HOST:PORT, h2c://HOST:PORT or echo:"
	case u.User != nil:
		return "", "holds a user or password, expected an address without them"
	case strings.ContainsAny(address, "?#"):
		return "", "holds a query or fragment, expected an address without them"
	case u.Path != "" && u.Path != "/":
		return "", "holds a path, expected an address without one: paths are forwarded as they came, see strip_prefix"
	case u.Path == "/":
		return "", "ends with a slash, expected an address without a path"
	}
	if _, err := headers.NormalizeHost(u.Host); err != nil || strings.HasSuffix(u.Host, ":") || u.Port() == "0" {
		return "", "holds no good host, expected an address such as http://127.0.0.1:3000"
	}
	return u.Scheme, ""
}

// checkUnused refuses what only matters for an upstream where there is none: something was forgotten.
func (d *decoder) checkUnused(path string, r *Route) {
	for _, forgotten := range []struct {
		name string
		used bool
	}{
		{"strip_prefix", r.StripPrefix != ""}, {"preserve_host", r.PreserveHost}, {"pass_authorization", r.PassAuthorization},
		{"ca_file", r.CAFile != ""}, {"insecure_skip_verify", r.InsecureSkipVerify}, {"health_check", r.HealthCheck != nil},
	} {
		if forgotten.used && !d.wasGiven(join(path, "upstream")) {
			d.bad(join(path, forgotten.name), "is of use with an upstream alone, expected the key upstream beside it")
		}
	}
}

// checkStripPrefix makes sure that what is taken off is there, whichever of the route's paths matched.
func (d *decoder) checkStripPrefix(path string, r *Route) {
	prefix := r.StripPrefix
	path = join(path, "strip_prefix")
	if prefix == "" {
		return
	}
	decoded, err := authn.ParsePath(prefix)
	switch {
	case !strings.HasPrefix(prefix, "/"):
		d.bad(path, "does not begin with a slash, expected a path such as /app")
		return
	case strings.HasSuffix(prefix, "/"):
		d.bad(path, "ends with a slash, expected a path such as /app")
		return
	case err != nil || decoded != prefix || strings.Contains(prefix, "*"):
		d.bad(path, "holds more than plain segments, expected a path such as /app")
		return
	}
	for _, pattern := range r.Paths {
		base, err := parsePattern(pattern)
		if err != nil {
			return
		}
		base = strings.TrimSuffix(base, "/*")
		if rest, ok := strings.CutPrefix(base, prefix); !ok || rest != "" && rest[0] != '/' {
			d.bad(path, "is not the beginning of every path of the route, expected a path that all of them share")
			return
		}
	}
}

// checkHealth looks at how an upstream is found to be alive.
func (d *decoder) checkHealth(path string, h *HealthCheck, schemes map[string]bool) {
	switch _, err := authn.ParsePath(strings.SplitN(h.Path, "?", 2)[0]); {
	case h.Path == "":
		d.bad(join(path, "path"), "is missing, expected a path such as /health")
	case err != nil || strings.Contains(h.Path, "#"):
		d.bad(join(path, "path"), "is no plain path, expected one such as /health")
	}
	if schemes["echo"] {
		d.bad(path, "is of use with a real upstream alone, expected no such key beside echo:")
	}
}
