package authn

import (
	"errors"
	"time"
)

// A Code says what went wrong in words that programs can rely on. Every code has one HTTP status, given by the table in
// authn/api; the forward-auth endpoints and the access log carry the code itself as the reason.
type Code string

// The codes. The comment of each names the situation, not the status.
const (
	CodeInvalidRequest       Code = "invalid_request"        // a field is missing, malformed or unknown
	CodeUnsupportedGrantType Code = "unsupported_grant_type" // grant_type is none that the endpoint serves
	CodeInvalidGrant         Code = "invalid_grant"          // wrong name or password, or a refresh token that does not live
	CodeInvalidCredentials   Code = "invalid_token"          // a credential was sent and is not good
	CodeInvalidClient        Code = "invalid_client"         // a registered client did not prove who it is
	CodeNoCredentials        Code = "no_credentials"         // no credential was sent where one is needed
	CodeForbidden            Code = "forbidden"              // the caller is known and may not
	CodeAccountInactive      Code = "account_inactive"       // right password, account disabled
	CodeAccountUnverified    Code = "account_unverified"     // right password, email address not verified
	CodeNotFound             Code = "not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeConflict             Code = "conflict"          // the state of the store forbids it, such as removing the last administrator
	CodeChanged              Code = "changed_meanwhile" // somebody else has changed it since the caller has looked
	CodeTooLarge             Code = "content_too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeRateLimited          Code = "rate_limited"
	CodeLocked               Code = "account_locked"    // too many failures; the password was not looked at
	CodeDelayed              Code = "attempt_too_early" // too soon after a failure; the password was not looked at
	CodeTooManySessions      Code = "too_many_sessions" // right password, and the policy refuses one more session
	CodeOverloaded           Code = "overloaded"        // too many passwords wait to be looked at; this one was not
	CodeUnavailable          Code = "unavailable"       // the store, or the HSM that signs, does not answer
	CodeInternal             Code = "internal"          // anything unknown; the cause is only in the log

	// What the decision refuses with, beside the codes above.
	CodeAmbiguousPath  Code = "ambiguous_path"      // the path could be read in two ways
	CodeBadMethod      Code = "bad_method"          // CONNECT, TRACE or no method token at all
	CodeBadRequestLine Code = "bad_request"         // host, target or a forwarded header is missing or malformed
	CodeNoRoute        Code = "no_route"            // no route matches: denied
	CodeUntrustedPeer  Code = "untrusted_peer"      // a forward-auth question from an address that is not a trusted proxy
	CodeUpstreamDown   Code = "upstream_down"       // the application does not answer
	CodeUpstreamSlow   Code = "upstream_timeout"    // the application did not answer in time
	CodeClientGone     Code = "client_gone"         // the client hung up before the answer
	CodeOriginRefused  Code = "cross_origin_denied" // a cross-origin request that CORS does not allow would change state
)

// Error is the one error type that leaves authn. Detail is safe to show to a client: it never holds a secret, nor the value
// that was refused. The cause, if any, is for the log alone.
type Error struct {
	Code       Code
	Detail     string
	Field      string        // the offending member of the request, empty where none is to blame
	RetryAfter time.Duration // greater than zero where trying again later can help
	Limits     []Level       // of CodeRateLimited: the limits that the request counted against
	LoginURL   string        // where a person can sign in, where that can help; else empty
	Cause      error         // never shown to a client
}

// Error returns the code and the client-safe detail, never the cause: an Error may be logged anywhere.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Refuse returns an Error of the given code with a client-safe detail.
func Refuse(code Code, detail string) *Error { return &Error{Code: code, Detail: detail} }

// RefuseField returns a CodeInvalidRequest error that names the field to blame.
func RefuseField(field, detail string) *Error {
	return &Error{Code: CodeInvalidRequest, Field: field, Detail: detail}
}

// Fault wraps an error whose text is not for clients. A Fault of ErrUnavailable is CodeUnavailable, of an *Error is that
// error, of anything else CodeInternal.
func Fault(cause error) *Error {
	if e, ok := errors.AsType[*Error](cause); ok {
		return e
	}
	if errors.Is(cause, ErrUnavailable) {
		return &Error{Code: CodeUnavailable, Detail: "Service unavailable", Cause: cause, RetryAfter: time.Second}
	}
	return &Error{Code: CodeInternal, Detail: "Internal server error", Cause: cause}
}

// What a store answers. The methods of the store interfaces say which of these each may return; any other error is a fault
// of the database, wrapped so that errors.Is(err, ErrUnavailable) tells a lost connection or a timeout.
var (
	ErrUserNotFound      = errors.New("user not found")
	ErrUserInactive      = errors.New("user is inactive")
	ErrUsernameTaken     = errors.New("username is taken")
	ErrEmailTaken        = errors.New("email is taken")
	ErrLastAdministrator = errors.New("the last administrator must stay")
	ErrTokenNotFound     = errors.New("token not found")
	ErrTokenSpent        = errors.New("token is spent, revoked or expired")
	ErrTokenReused       = errors.New("token was used before: its session has ended")
	ErrSessionNotFound   = errors.New("session not found")
	ErrTooManySessions   = errors.New("too many sessions")
	ErrKeyNotFound       = errors.New("key not found")
	ErrKeyRevoked        = errors.New("the key that signed is revoked or removed")
	ErrKeySealed         = errors.New("a signing key cannot be opened")
	ErrNoMasterKey       = errors.New("sealed with a master key that is not at hand")
	ErrFeedReset         = errors.New("the cursor means nothing to this database")
	ErrStale             = errors.New("the row has changed meanwhile")
	ErrChanged           = errors.New("the user has changed since they were looked at")
	ErrUnavailable       = errors.New("the store is unavailable")
)
