// Package api is what programs talk to: the JSON endpoints that log people in and keep their accounts.
//
// The package translates and nothing more. A request is parsed once, strictly, into plain values; authn decides and acts;
// the outcome becomes JSON, or a problem document (RFC 9457) with the one status that its code has. Three pages hold what
// a reader looks for first:
//
//   - routes.go lists every endpoint: its method, its path, who may call it, what it takes, which function answers.
//   - status.go is the one table from authn.Code to HTTP status.
//   - openapi.json is the public description. A test holds it against the routes and against real answers, and the human
//     page at /docs is drawn from it, so that neither can fall behind.
//
// Bodies are read as the wire really is, not as it is usually meant: names of members compare with case, and what is
// unknown, repeated, null, of another type, not UTF-8 or trailing is refused. Two programs that read one body in two ways
// are how rights are gained; so there is one way. The form bodies of the token endpoints are the exception that RFC 6749
// section 3.2 makes: unknown parameters are ignored, so that every OAuth client library works.
package api
