package api

import (
	"net/http"
	"slices"
	"strings"
)

// A route is one endpoint.
type route struct {
	method  string // GET stands for HEAD too (RFC 9110 section 9.3.2)
	pattern string // below the prefix; a segment {id} is any one segment
	who     audience
	takes   intake
	handle  func(*call) error
	oauth   bool // errors carry the members of RFC 6749 section 5.2 as well
}

// audience says who may call an endpoint at all; what exactly they may do there is decided in authn.
type audience int

const (
	signedIn audience = iota // the zero value, so that forgetting it closes an endpoint and never opens one
	anyone
)

// intake says what an endpoint reads beside its path.
type intake int

const (
	nothing    intake = iota // whatever is sent is not looked at
	jsonBody                 // a JSON object
	emptyBody                // no body, or an empty JSON object
	jsonOrForm               // a JSON object or a form
)

// table lists every endpoint.
func (a *API) table() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []route{
		{post, "/auth/token", anyone, jsonOrForm, a.token, true},
		{post, "/auth/refresh", anyone, jsonOrForm, a.refresh, true},
		{post, "/auth/logout", signedIn, emptyBody, a.logout, false},

		{post, "/users", anyone, jsonBody, a.register, false},
		{get, "/users", signedIn, nothing, a.listUsers, false},
		{get, "/users/me", signedIn, nothing, a.me, false},
		{get, "/users/{id}", signedIn, nothing, a.getUser, false},
		{put, "/users/{id}", signedIn, jsonBody, a.updateUser, false},
		{del, "/users/{id}", signedIn, nothing, a.deleteUser, false},
		{put, "/users/{id}/verify", signedIn, emptyBody, a.verifyUser, false},

		{get, "/health", anyone, nothing, a.health, false},
		{get, "/.well-known/jwks.json", anyone, nothing, a.jwks, false},
		{get, "/openapi.json", anyone, nothing, a.openapi, false},
		{get, "/docs", anyone, nothing, a.docs, false},
		{get, "/docs/style.css", anyone, nothing, a.stylesheet, false},
	}
}

// bothWays are the patterns that answer with and without a slash at their end, and alike: a redirect would lose the body.
func bothWays(pattern string) bool { return pattern == "/users" || pattern == "/docs" }

// match compares a decoded path below the prefix with the pattern and returns what stands for {id}.
func (rt *route) match(path string) (id string, ok bool) {
	if bothWays(rt.pattern) && path == rt.pattern+"/" {
		return "", true
	}
	before, after, variable := strings.Cut(rt.pattern, "{id}")
	if !variable {
		return "", path == rt.pattern
	}
	id, ok = strings.CutPrefix(path, before)
	if ok {
		id, ok = strings.CutSuffix(id, after)
	}
	return id, ok && id != "" && !strings.Contains(id, "/")
}

// find returns the endpoint for a method and path. If the path is an endpoint's and the method is not, it returns the
// methods that are. Routes without a variable come first in the table where both would match: /users/me is no id.
func (a *API) find(method, path string) (rt *route, id string, allow []string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range a.routes {
		rt := &a.routes[i]
		id, ok := rt.match(path)
		if !ok {
			continue
		}
		if rt.method == method {
			return rt, id, nil
		}
		allow = append(allow, rt.method)
		if rt.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return nil, "", slices.Compact(allow)
}

// endpointAt returns an endpoint of the path, whatever its method; nil if there is none.
func (a *API) endpointAt(path string) *route {
	for i := range a.routes {
		if _, ok := a.routes[i].match(path); ok {
			return &a.routes[i]
		}
	}
	return nil
}
