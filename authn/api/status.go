package api

import (
	"net/http"

	"github.com/descoped/authly/authn"
)

// clientGone is what logs of other proxies call a request whose client hung up. Nobody is left to read it.
const clientGone = 499

// StatusOf is the HTTP status of a code, for whoever else answers people.
func StatusOf(code authn.Code) int { return statusOf(code) }

// statusOf is the one table from what went wrong to the HTTP status that says so. A code that it does not know is 500.
func statusOf(code authn.Code) int {
	switch code {
	case authn.CodeInvalidRequest, authn.CodeUnsupportedGrantType,
		authn.CodeAmbiguousPath, authn.CodeBadRequestLine:
		return http.StatusBadRequest // 400
	case authn.CodeNoCredentials, authn.CodeInvalidCredentials, authn.CodeInvalidGrant, authn.CodeInvalidClient:
		return http.StatusUnauthorized // 401
	case authn.CodeForbidden, authn.CodeAccountInactive, authn.CodeAccountUnverified, authn.CodeTooManySessions,
		authn.CodeNoRoute, authn.CodeUntrustedPeer, authn.CodeOriginRefused:
		return http.StatusForbidden // 403
	case authn.CodeNotFound:
		return http.StatusNotFound // 404
	case authn.CodeMethodNotAllowed, authn.CodeBadMethod:
		return http.StatusMethodNotAllowed // 405
	case authn.CodeConflict, authn.CodeChanged:
		return http.StatusConflict // 409
	case authn.CodeTooLarge:
		return http.StatusRequestEntityTooLarge // 413
	case authn.CodeUnsupportedMediaType:
		return http.StatusUnsupportedMediaType // 415
	case authn.CodeRateLimited, authn.CodeLocked, authn.CodeDelayed:
		return http.StatusTooManyRequests // 429
	case authn.CodeClientGone:
		return clientGone
	case authn.CodeUpstreamDown:
		return http.StatusBadGateway // 502
	case authn.CodeUnavailable, authn.CodeOverloaded:
		return http.StatusServiceUnavailable // 503
	case authn.CodeUpstreamSlow:
		return http.StatusGatewayTimeout // 504
	}
	return http.StatusInternalServerError // 500: authn.CodeInternal and whatever else
}

// oauthError is the error code of RFC 6749 section 5.2 for what went wrong at a token endpoint. The last two are defined
// by section 4.1.2.1 for another endpoint; clients know them, and there are no better ones.
func oauthError(code authn.Code) string {
	switch code {
	case authn.CodeUnsupportedGrantType:
		return "unsupported_grant_type"
	case authn.CodeInvalidClient:
		return "invalid_client"
	case authn.CodeInvalidGrant, authn.CodeAccountInactive, authn.CodeAccountUnverified, authn.CodeTooManySessions:
		return "invalid_grant"
	case authn.CodeRateLimited, authn.CodeLocked, authn.CodeDelayed, authn.CodeUnavailable, authn.CodeOverloaded:
		return "temporarily_unavailable"
	case authn.CodeInternal:
		return "server_error"
	}
	return "invalid_request"
}
