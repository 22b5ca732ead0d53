package api

import (
	"net/http"
	"slices"
	"strings"
)

// A route is one endpoint.
type route struct {
	method  string // GET stands for HEAD too (RFC 9110 section 9.3.2)
	pattern string // below the prefix; a segment in braces is any one segment
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
	registered // programs that are registered as clients
	either     // anyone with a mailed token in the body, or signed in; a credential that is sent must be good
)

// intake says what an endpoint reads beside its path.
type intake int

const (
	nothing    intake = iota // whatever is sent is not looked at
	jsonBody                 // a JSON object
	jsonOrNone               // no body, or a JSON object
	jsonOrForm               // a JSON object or a form
	formBody                 // a form; no body is an empty one
)

// table lists every endpoint.
func (a *API) table() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []route{
		{post, "/auth/token", anyone, jsonOrForm, a.token, true},
		{post, "/auth/refresh", anyone, jsonOrForm, a.refresh, true},
		{post, "/auth/logout", signedIn, jsonOrNone, a.logout, false},
		{get, "/auth/sessions", signedIn, nothing, a.listOwnSessions, false},
		{del, "/auth/sessions", signedIn, nothing, a.endOtherSessions, false},
		{del, "/auth/sessions/{id}", signedIn, nothing, a.endOwnSession, false},
		{post, "/auth/verify", anyone, jsonBody, a.verifyByToken, false},
		{post, "/auth/verify/resend", anyone, jsonBody, a.resendVerification, false},
		{post, "/auth/email/confirm", anyone, jsonBody, a.confirmEmail, false},
		{post, "/auth/password/forgot", anyone, jsonBody, a.forgotPassword, false},
		{post, "/auth/password/reset", anyone, jsonBody, a.resetPassword, false},
		{post, "/auth/revoke", registered, formBody, a.revoke, true},
		{post, "/auth/introspect", registered, formBody, a.introspect, true},

		{post, "/users", anyone, jsonBody, a.register, false},
		{get, "/users", signedIn, nothing, a.listUsers, false},
		{post, "/users/invitations", signedIn, jsonBody, a.invite, false},
		{get, "/users/invitations", signedIn, nothing, a.listInvitations, false},
		{del, "/users/invitations/{id}", signedIn, nothing, a.withdraw, false},
		{post, "/users/invitations/accept", anyone, jsonBody, a.acceptInvitation, false},
		{get, "/users/me", signedIn, nothing, a.me, false},
		{get, "/users/me/audit", signedIn, nothing, a.ownAudit, false},
		{get, "/users/me/export", signedIn, nothing, a.personalData, false},
		{get, "/users/{id}", signedIn, nothing, a.getUser, false},
		{put, "/users/{id}", signedIn, jsonBody, a.updateUser, false},
		{del, "/users/{id}", signedIn, nothing, a.deleteUser, false},
		{put, "/users/{id}/verify", either, jsonOrNone, a.verifyUser, false},
		{put, "/users/{id}/unlock", signedIn, jsonOrNone, a.unlockUser, false},
		{get, "/users/{id}/sessions", signedIn, nothing, a.listSessions, false},
		{del, "/users/{id}/sessions", signedIn, nothing, a.endSessions, false},
		{del, "/users/{id}/sessions/{session_id}", signedIn, nothing, a.endSession, false},

		{get, "/audit", signedIn, nothing, a.audit, false},

		{get, "/health", anyone, nothing, a.health, false},
		{get, "/.well-known/jwks.json", anyone, nothing, a.jwks, false},
		{get, "/openapi.json", anyone, nothing, a.openapi, false},
		{get, "/docs", anyone, nothing, a.docs, false},
		{get, "/docs/style.css", anyone, nothing, a.stylesheet, false},
	}
}

// bothWays are the patterns that answer with and without a slash at their end, and alike: a redirect would lose the body.
func bothWays(pattern string) bool { return pattern == "/users" || pattern == "/docs" }

// match compares a decoded path below the prefix with the pattern, segment by segment, and returns what stands for each
// variable; nil if the pattern has none. It is asked about every request that passes the gateway.
func (rt *route) match(path string) (vars map[string]string, ok bool) {
	if bothWays(rt.pattern) && path == rt.pattern+"/" {
		return nil, true
	}
	for pattern, more := rt.pattern, true; more; {
		var want, got string
		var moreOfPath bool
		want, pattern, more = strings.Cut(pattern, "/")
		got, path, moreOfPath = strings.Cut(path, "/")
		switch {
		case more != moreOfPath:
			return nil, false
		case strings.HasPrefix(want, "{") && got != "":
			if vars == nil {
				vars = make(map[string]string)
			}
			vars[strings.Trim(want, "{}")] = got
		case want != got:
			return nil, false
		}
	}
	return vars, true
}

// find returns the endpoint for a method and path. If the path is an endpoint's and the method is not, it returns the
// methods that are. Routes without a variable come first in the table where both would match: /users/me is no id.
func (a *API) find(method, path string) (rt *route, vars map[string]string, allow []string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range a.routes {
		rt := &a.routes[i]
		vars, ok := rt.match(path)
		if !ok {
			continue
		}
		if rt.method == method {
			return rt, vars, nil
		}
		allow = append(allow, rt.method)
		if rt.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return nil, nil, slices.Compact(allow)
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
