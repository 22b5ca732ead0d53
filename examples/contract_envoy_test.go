package examples_test

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// envoyFile is what the stand-in reads of envoy/envoy.yaml.
type envoyFile struct {
	StaticResources struct {
		Listeners []struct {
			FilterChains []struct {
				Filters []struct {
					TypedConfig envoyConnectionManager `yaml:"typed_config"`
				}
			} `yaml:"filter_chains"`
		}
		Clusters []struct {
			Name           string
			LoadAssignment struct {
				Endpoints []struct {
					LbEndpoints []struct {
						Endpoint struct {
							Address struct {
								SocketAddress struct {
									Address   string
									PortValue int `yaml:"port_value"`
								} `yaml:"socket_address"`
							}
						}
					} `yaml:"lb_endpoints"`
				}
			} `yaml:"load_assignment"`
		}
	} `yaml:"static_resources"`
}

type envoyConnectionManager struct {
	NormalizePath         bool `yaml:"normalize_path"`
	CommonProtocolOptions struct {
		HeadersWithUnderscores string `yaml:"headers_with_underscores_action"`
	} `yaml:"common_http_protocol_options"`
	HTTPFilters []struct {
		Name        string
		TypedConfig envoyFilter `yaml:"typed_config"`
	} `yaml:"http_filters"`
	RouteConfig struct {
		VirtualHosts []envoyHost `yaml:"virtual_hosts"`
	} `yaml:"route_config"`
}

type envoyHost struct {
	Domains   []string
	PerFilter envoyPerFilter `yaml:"typed_per_filter_config"`
	Routes    []envoyRoute
}

type envoyPerFilter map[string]struct{ Disabled bool }

type envoyRoute struct {
	Match           struct{ Prefix, Path string }
	Direct          *struct{ Status int } `yaml:"direct_response"`
	Route           struct{ Cluster string }
	PerFilter       envoyPerFilter `yaml:"typed_per_filter_config"`
	HeadersToRemove []string       `yaml:"request_headers_to_remove"`
}

// matches compares the path as it came in, without the query.
func (r envoyRoute) matches(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	if r.Match.Path != "" {
		return path == r.Match.Path
	}
	return strings.HasPrefix(path, r.Match.Prefix)
}

type envoyPatterns struct{ Patterns []struct{ Exact string } }

func (p envoyPatterns) names() []string {
	var names []string
	for _, pattern := range p.Patterns {
		names = append(names, pattern.Exact)
	}
	return names
}

// envoyFilter is the union of the two filters that the example has in front of the router.
type envoyFilter struct {
	Mutations struct {
		Request []struct {
			RemoveOnMatch *struct {
				KeyMatcher struct {
					SafeRegex struct{ Regex string } `yaml:"safe_regex"`
				} `yaml:"key_matcher"`
			} `yaml:"remove_on_match"`
			Append *struct {
				Header struct{ Key, Value string }
				Action string `yaml:"append_action"`
			}
		} `yaml:"request_mutations"`
	}
	FailureModeAllow bool          `yaml:"failure_mode_allow"`
	AllowedHeaders   envoyPatterns `yaml:"allowed_headers"`
	HTTPService      struct {
		ServerURI struct {
			Cluster string
			Timeout string
		} `yaml:"server_uri"`
		PathPrefix string `yaml:"path_prefix"`
		Response   struct {
			ToUpstream envoyPatterns `yaml:"allowed_upstream_headers"`
			ToClient   envoyPatterns `yaml:"allowed_client_headers"`
		} `yaml:"authorization_response"`
	} `yaml:"http_service"`
}

func startEnvoyContract(t *testing.T, from *seed, app *application) (string, *authly) {
	a := from.startExample(t, "envoy/authly.yaml")
	var file envoyFile
	readYAML(t, rewritten(t, "envoy/envoy.yaml", t.TempDir(),
		"port_value: 3000", "port_value: "+portOf(t, app.address),
		"port_value: 8081", "port_value: "+portOf(t, a.main),
		"port_value: 9091", "port_value: "+portOf(t, a.authz)), &file)
	manager := file.StaticResources.Listeners[0].FilterChains[0].Filters[0].TypedConfig
	if len(manager.HTTPFilters) != 3 || manager.NormalizePath || manager.CommonProtocolOptions.HeadersWithUnderscores != "DROP_HEADER" {
		t.Fatal("the stand-in does not know the settings of envoy/envoy.yaml")
	}
	return serveContract(t, func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.Contains(name, "_") {
				delete(r.Header, name)
			}
		}
		dropNominated(r.Header)
		forwarded := append(r.Header["X-Forwarded-For"], clientOf(r)) // use_remote_address
		r.Header.Set("X-Forwarded-For", strings.Join(forwarded, ","))
		r.Header.Set("X-Forwarded-Proto", "http")
		host := manager.hostOf(r.Host)
		route := host.routeOf(r.RequestURI)
		for _, filter := range manager.HTTPFilters {
			switch filter.Name {
			case "envoy.filters.http.header_mutation":
				filter.TypedConfig.mutate(t, r)
			case "envoy.filters.http.ext_authz":
				if !host.PerFilter[filter.Name].Disabled && !route.PerFilter[filter.Name].Disabled && !filter.TypedConfig.authorize(t, w, r, &file) {
					return
				}
			case "envoy.filters.http.router":
				route.serve(t, w, r, &file)
			default:
				t.Errorf("the stand-in does not know the filter %s", filter.Name)
			}
		}
	}), a
}

func (m *envoyConnectionManager) hostOf(host string) envoyHost {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	for _, h := range m.RouteConfig.VirtualHosts {
		if slices.Contains(h.Domains, name) || slices.Contains(h.Domains, "*") {
			return h
		}
	}
	return envoyHost{}
}

// routeOf is the first route that matches; one that answers 404 if none does.
func (h envoyHost) routeOf(target string) envoyRoute {
	for _, route := range h.Routes {
		if route.matches(target) {
			return route
		}
	}
	return envoyRoute{Direct: &struct{ Status int }{http.StatusNotFound}}
}

func (r envoyRoute) serve(t *testing.T, w http.ResponseWriter, request *http.Request, file *envoyFile) {
	for _, name := range r.HeadersToRemove {
		request.Header.Del(name)
	}
	if r.Direct != nil {
		w.WriteHeader(r.Direct.Status)
		return
	}
	forwarded, proto := request.Header.Get("X-Forwarded-For"), request.Header.Get("X-Forwarded-Proto")
	pass(w, request, file.cluster(t, r.Route.Cluster), func(h http.Header) {
		h.Set("X-Forwarded-For", forwarded)
		h.Set("X-Forwarded-Proto", proto)
	})
}

func (f *envoyFile) cluster(t *testing.T, name string) string {
	for _, c := range f.StaticResources.Clusters {
		if c.Name == name {
			address := c.LoadAssignment.Endpoints[0].LbEndpoints[0].Endpoint.Address.SocketAddress
			return address.Address + ":" + strconv.Itoa(address.PortValue)
		}
	}
	t.Errorf("envoy/envoy.yaml has no cluster %s", name)
	return ""
}

// mutate removes and sets headers, whose names Envoy holds in lower case and matches as a whole.
func (f *envoyFilter) mutate(t *testing.T, r *http.Request) {
	for _, m := range f.Mutations.Request {
		switch {
		case m.RemoveOnMatch != nil:
			pattern := regexp.MustCompile("^(?:" + m.RemoveOnMatch.KeyMatcher.SafeRegex.Regex + ")$")
			for name := range r.Header {
				if pattern.MatchString(strings.ToLower(name)) {
					delete(r.Header, name)
				}
			}
		case m.Append != nil && m.Append.Action == "OVERWRITE_IF_EXISTS_OR_ADD" &&
			m.Append.Header.Value == "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%":
			r.Header.Set(m.Append.Header.Key, clientOf(r))
		default:
			t.Error("the stand-in does not know a mutation of envoy/envoy.yaml")
		}
	}
}

// authorize asks with the original method, host and target, the latter behind the prefix, and of the headers with
// Authorization and those that are allowed. Exactly 200 is a permission; its headers replace those of the request. Another
// answer is relayed, 5xx and none at all as 403.
func (f *envoyFilter) authorize(t *testing.T, w http.ResponseWriter, r *http.Request, file *envoyFile) bool {
	c := check{method: r.Method, target: f.HTTPService.PathPrefix + r.RequestURI, host: r.Host, header: http.Header{}}
	c.header.Set("Content-Length", "0")
	for _, name := range append(f.AllowedHeaders.names(), "authorization") {
		if values := r.Header.Values(name); len(values) > 0 {
			c.header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if forwarded := c.header.Get("X-Forwarded-For"); forwarded != "" {
		c.header.Set("X-Forwarded-For", forwarded+",127.0.0.1") // Envoy's client adds Envoy
	}
	timeout, err := time.ParseDuration(f.HTTPService.ServerURI.Timeout)
	if err != nil || f.FailureModeAllow {
		t.Errorf("envoy/envoy.yaml: %v, failure_mode_allow %v", err, f.FailureModeAllow)
	}
	answer := c.ask(file.cluster(t, f.HTTPService.ServerURI.Cluster), timeout)
	switch {
	case answer == nil:
		w.WriteHeader(http.StatusForbidden)
		return false
	case answer.StatusCode != http.StatusOK:
		status := answer.StatusCode
		if status >= 500 {
			status = http.StatusForbidden
		}
		keep := f.HTTPService.Response.ToClient.names()
		relay(w, answer, status, func(name string) bool { return slices.Contains(keep, strings.ToLower(name)) })
		return false
	}
	for _, name := range f.HTTPService.Response.ToUpstream.names() {
		if values := answer.Header.Values(name); len(values) > 0 { // what the answer omits stays
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	for name := range strings.SplitSeq(answer.Header.Get("X-Envoy-Auth-Headers-To-Remove"), ",") {
		r.Header.Del(strings.TrimSpace(name))
	}
	return true
}
