// Package proxy is the door: the one place where a request from outside meets the decision and, if it may pass, the
// application.
//
// There are two ways through. As a gateway (Gateway) the door is a reverse proxy: it reads a request, asks authn.Gate, and
// forwards it to the upstream of the route with the caller's identity in headers. As a forward-auth target (ForwardAuth,
// and /authz/ on the gateway) it only answers whether another proxy may forward a request.
//
// Three promises hold on every way:
//
//   - Nothing is decided here. The path, the host, the method and the credentials are parsed once, at the edge, into an
//     authn.Request; what comes back is obeyed.
//   - What was decided is what is forwarded. The path and the query go out byte for byte as they came in, on a connection
//     that is framed anew, never in the client's own framing.
//   - The identity headers that an application sees were written here. They are removed in every spelling and stamped on
//     the outgoing request, after the headers that a client can name in Connection are gone.
//
// What is let through is tied to the session that it came with for as long as it lasts (stream.go): when that ends, an answer
// is cut off and a WebSocket closed.
//
// A request's way through the gateway is written down in one function, Door.Gateway. What concerns a single application
// (addresses, timeouts, health) is in the upstream files. Two ways lead to an application: a request without a body to one
// that speaks HTTP/1.1 without TLS is passed on directly (pass.go, direct.go), all others by httputil.ReverseProxy and
// http.Transport. What goes out and what comes back is the same on both, and a test holds them to that.
package proxy
