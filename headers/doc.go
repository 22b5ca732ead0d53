// Package headers is the vocabulary of the wire: whom to believe, what to take away, what to put on.
//
// A header field is a claim, and anybody can write one. So this package answers three questions, each in a few small
// functions that work on plain http.Header values and remember nothing:
//
//   - Whom to believe? A Trust holds the proxies whose word about the client's address, scheme and host counts; everybody
//     else's word is dropped and the connection itself speaks (Origin). Host names, methods, request targets and
//     credentials are read once here, in one strict way (NormalizeHost, CheckMethod, SplitTarget, Credentials).
//   - What to take away? Names that an application behind Authly could take for an identity, for the word of a proxy or
//     for an order to read the request differently. An application that reads its headers through CGI, WSGI or PHP cannot
//     tell X_Forwarded_User from X-Forwarded-User, so names are compared the way such a reader would: without case, and
//     with every character that is no letter and no digit counted as a dash.
//   - What to put on? The identity of the caller (IdentityNames), the security headers (Security, on unrolled/secure) and
//     the CORS headers (CORS, on rs/cors).
//
// Exchange is the one record per request that is made at the edge, filled on the way and read by the access log.
package headers
