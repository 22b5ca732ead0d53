package examples_test

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// traefikFile is what the stand-in reads of traefik/dynamic.yml.
type traefikFile struct {
	HTTP struct {
		Routers     map[string]traefikRouter
		Middlewares map[string]traefikMiddleware
		Services    map[string]struct {
			LoadBalancer struct {
				Servers []struct{ URL string }
			} `yaml:"loadBalancer"`
		}
	}
}

type traefikRouter struct {
	Rule        string
	Priority    int
	Middlewares []string
	Service     string
}

type traefikMiddleware struct {
	Headers *struct {
		CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
	}
	ForwardAuth *struct {
		Address                  string
		TrustForwardHeader       bool     `yaml:"trustForwardHeader"`
		AuthResponseHeaders      []string `yaml:"authResponseHeaders"`
		AuthResponseHeadersRegex string   `yaml:"authResponseHeadersRegex"`
	} `yaml:"forwardAuth"`
}

// matches knows as much of Traefik's rules as the example needs.
func (r traefikRouter) matches(t *testing.T, host, path string) bool {
	for part := range strings.SplitSeq(r.Rule, " && ") {
		part, negated := strings.CutPrefix(part, "!")
		name, argument, ok := strings.Cut(strings.TrimSuffix(part, "`)"), "(`")
		var matched bool
		switch {
		case ok && name == "Host":
			matched = strings.EqualFold(host, argument)
		case ok && name == "PathPrefix":
			matched = strings.HasPrefix(path, argument)
		default:
			t.Errorf("the stand-in does not know the rule %s", r.Rule)
		}
		if matched == negated {
			return false
		}
	}
	return true
}

func startTraefikContract(t *testing.T, from *seed, app *application) (string, *authly) {
	a := from.startExample(t, "traefik/authly.yaml")
	var file traefikFile
	readYAML(t, rewritten(t, "traefik/dynamic.yml", t.TempDir(),
		exampleApp, app.address, exampleMain, a.main, exampleAuthz, a.authz), &file)
	if len(file.HTTP.Routers) < 2 {
		t.Fatal("traefik/dynamic.yml has no routers")
	}
	var routers []traefikRouter
	for _, r := range file.HTTP.Routers {
		routers = append(routers, r)
	}
	slices.SortFunc(routers, func(a, b traefikRouter) int { return cmp.Compare(b.Priority, a.Priority) })
	return serveContract(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{ // of peers that are not trusted, which is everybody
			"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server",
			"X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Prefix", "X-Real-Ip",
		} {
			r.Header.Del(name)
		}
		dropNominated(r.Header)
		host, _, _ := strings.Cut(r.Host, ":")
		for _, router := range routers {
			if router.matches(t, host, r.URL.Path) {
				file.serve(t, w, r, router)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}), a
}

// serve applies the middlewares in their order, and passes the request on unless one of them answers.
func (f *traefikFile) serve(t *testing.T, w http.ResponseWriter, r *http.Request, router traefikRouter) {
	for _, name := range router.Middlewares {
		m, known := f.HTTP.Middlewares[name]
		switch {
		case !known || (m.Headers == nil) == (m.ForwardAuth == nil):
			t.Errorf("the stand-in does not know the middleware %s", name)
		case m.Headers != nil:
			for name, value := range m.Headers.CustomRequestHeaders {
				if value == "" {
					r.Header.Del(name)
				} else {
					r.Header.Set(name, value)
				}
			}
		case !m.forwardAuth(w, r):
			return
		}
	}
	server := f.HTTP.Services[router.Service].LoadBalancer.Servers[0].URL
	pass(w, r, strings.TrimPrefix(server, "http://"), func(h http.Header) {
		h.Set("X-Forwarded-For", clientOf(r))
		h.Set("X-Forwarded-Host", r.Host)
		h.Set("X-Forwarded-Proto", "http")
	})
}

// forwardAuth asks with a GET that carries the client's headers, its own X-Forwarded-* instead of any that are there, and
// takes every 2xx for a permission. All else is relayed whole.
func (m traefikMiddleware) forwardAuth(w http.ResponseWriter, r *http.Request) bool {
	settings := m.ForwardAuth
	address, path, _ := strings.Cut(strings.TrimPrefix(settings.Address, "http://"), "/")
	c := check{method: "GET", target: "/" + path, host: address, header: r.Header.Clone()}
	for _, name := range []string{"Connection", "Upgrade", "Te", "Trailer", "Transfer-Encoding", "Keep-Alive", "Content-Length"} {
		c.header.Del(name)
	}
	scheme := "http"
	if r.Header.Get("Upgrade") != "" {
		scheme = "ws"
	}
	for name, value := range map[string]string{
		"X-Forwarded-Method": r.Method, "X-Forwarded-Proto": scheme, "X-Forwarded-Host": r.Host,
		"X-Forwarded-Uri": r.RequestURI, "X-Forwarded-For": clientOf(r),
	} {
		if !settings.TrustForwardHeader || c.header.Get(name) == "" {
			c.header.Set(name, value)
		}
	}
	answer := c.ask(address, 30*time.Second)
	if answer == nil {
		w.WriteHeader(http.StatusInternalServerError)
		return false
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		relay(w, answer, answer.StatusCode, func(string) bool { return true })
		return false
	}
	for _, name := range settings.AuthResponseHeaders {
		r.Header.Del(name)
		if values := answer.Header.Values(name); len(values) > 0 {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if settings.AuthResponseHeadersRegex != "" {
		pattern := regexp.MustCompile(settings.AuthResponseHeadersRegex)
		for name := range r.Header {
			if pattern.MatchString(name) {
				delete(r.Header, name)
			}
		}
		for name, values := range answer.Header {
			if pattern.MatchString(name) {
				r.Header[name] = values
			}
		}
	}
	return true
}
