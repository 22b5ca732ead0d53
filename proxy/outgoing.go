package proxy

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// rewrite makes the request that the upstream gets of ReverseProxy. It runs after ReverseProxy has removed what belongs to the
// client's connection, and has put back what belongs to an upgrade.
func (u *upstream) rewrite(pr *httputil.ProxyRequest) {
	p, out := passageOf(pr.In.Context()), pr.Out
	h := make(http.Header, len(pr.In.Header)+len(p.answer)+16)
	u.outgoing(pr.In, p, func(name, value string) { h[name] = append(h[name], value) })
	for _, name := range [...]string{"Connection", "Upgrade"} {
		if values, ok := out.Header[name]; ok {
			h[name] = values
		}
	}
	out.Header = h
	p.webSocket = h["Upgrade"] != nil // serve and ReverseProxy let no other upgrade come this far

	u.setTarget(out, p.target)
	out.Host = ""
	if u.cfg.PreserveHost {
		out.Host = p.host
	}
	out.Trailer = p.body.trailer(u.door.cfg.Names.StripTrailer)
}

// stamps returns the headers that tell of an identity, which are made once for it.
func (d *Door) stamps(id *authn.Identity) *headers.Stamps {
	if id == nil {
		return d.anonymous
	}
	return id.Memo.Of(func() any { return d.cfg.Names.Stamps(id) }).(*headers.Stamps)
}

// setTarget makes the path and the query go out as they came in. An URL that is opaque is written as it stands; a Path would
// be encoded anew. The scheme and the address are the pool's choice.
func (u *upstream) setTarget(out *http.Request, t target) {
	out.URL = &url.URL{
		Opaque:     stripPrefix(t.rawPath, u.cfg.StripPrefix),
		RawQuery:   t.rawQuery,
		ForceQuery: t.hasQuery,
	}
}

// stripPrefix removes a prefix of whole segments from an unambiguous path as it stood on the wire, where the prefix may be
// encoded in any way, and returns the rest as it stood there. /api stripped from /api is /, and /api stripped from /apis is
// /apis. The rest begins with a slash and is made of segments of the path, so it is as unambiguous as the path was.
func stripPrefix(rawPath, prefix string) string {
	if prefix == "" {
		return rawPath
	}
	rest := rawPath
	for i := range len(prefix) {
		switch {
		case len(rest) >= 3 && rest[0] == '%' && unescaped(rest) == prefix[i]:
			rest = rest[3:]
		case rest != "" && rest[0] != '%' && rest[0] == prefix[i]:
			rest = rest[1:]
		default:
			return rawPath
		}
	}
	switch {
	case rest == "":
		return "/"
	case rest[0] == '/':
		return rest
	}
	return rawPath
}

// unescaped returns the byte that the valid escape at the start of s stands for.
func unescaped(s string) byte {
	b, err := url.PathUnescape(s[:3])
	if err != nil || len(b) != 1 {
		return 0
	}
	return b[0]
}

// isWebSocket reports whether a request asks, in the one way there is (RFC 6455 section 4.1), for a WebSocket. Every other
// upgrade is dropped: h2c would be a connection on which requests pass undecided.
func isWebSocket(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	return r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) && r.ProtoMajor == 1 && r.ContentLength == 0 &&
		len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket")
}

// keepsAuthorization reports whether the Authorization header is the application's own on a route. A bearer token is
// Authly's unless the route says that it reads none. Another scheme comes as far as here on public routes, and with a cookie.
func (u *upstream) keepsAuthorization(decision authn.Decision, c authn.Credentials) bool {
	if u == nil {
		return false
	}
	route, id := decision.Route, decision.Identity
	return u.cfg.PassAuthorization || route.IgnoreBearer ||
		c.Kind == authn.ForeignCredential && (route.Access == authn.AllowPublic || id != nil && id.Cookie != nil)
}
