package proxy

import (
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// rewrite makes the request that the upstream gets. It runs after ReverseProxy has removed the hop-by-hop headers and what
// the client named in Connection, so that nothing that is set here can be removed by the client.
func (u *upstream) rewrite(pr *httputil.ProxyRequest) {
	p, out := passageOf(pr.In.Context()), pr.Out
	x, h := exchangeOf(pr.In), pr.Out.Header
	names := u.door.cfg.Names

	u.setTarget(out, p.target)
	p.webSocket = h["Upgrade"] != nil // serve and ReverseProxy let no other upgrade come this far
	h.Del("Http2-Settings")           // belongs to an upgrade to h2c, and has no business here without Connection either (RFC 7540)

	names.Strip(h)
	headers.StripControl(h)
	host := setForwarding(h, pr.In, x.Origin)
	out.Host = ""
	if u.cfg.PreserveHost {
		out.Host = host
	}
	if !p.keepAuthorization {
		h.Del("Authorization")
	}
	stripOwnCookies(h)
	out.Trailer = p.body.trailer(names.StripTrailer)

	h.Set(requestIDHeader, x.ID)
	if p.identity != nil {
		u.door.stamps(p.identity).Set(h) // none for an anonymous caller: to some applications an empty name is a name
	}
	if p.assertion != "" {
		h.Set(headers.AssertionName, p.assertion)
	}
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

// setForwarding sets what the upstream is told of the way that the request came, and returns the host that was asked for as
// it was written. What an untrusted peer says about that is removed. A trusted one is kept to what the decision was made
// on: its X-Forwarded-For goes on with its own address behind, its X-Real-IP if it is the client that was decided on, and of
// the rest what describes the front proxy itself.
func setForwarding(h http.Header, in *http.Request, origin headers.Origin) (host string) {
	host = in.Host
	var forwardedFor []string
	kept := http.Header{}
	if origin.PeerTrusted {
		host = forwardedHost(in)
		forwardedFor = in.Header["X-Forwarded-For"]
		for _, name := range []string{"X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server"} {
			if values := h[name]; len(values) == 1 {
				kept[name] = values
			}
		}
		if h.Get("X-Real-Ip") != "" && origin.Client.IsValid() {
			kept.Set("X-Real-Ip", origin.Client.String())
		}
	}
	headers.StripForwarding(h)
	for name, values := range kept {
		h[name] = values
	}
	if origin.Peer.IsValid() {
		forwardedFor = append(forwardedFor[:len(forwardedFor):len(forwardedFor)], origin.Peer.String())
	}
	if len(forwardedFor) > 0 {
		h.Set("X-Forwarded-For", strings.Join(forwardedFor, ", "))
	}
	h.Set("X-Forwarded-Host", host)
	h.Set("X-Forwarded-Proto", origin.Scheme)
	return host
}

// forwardedHost returns the host that a trusted proxy says was asked for, as it is written: with its port, for applications
// that make links of it. That all its values are one host was checked when the origin was settled.
func forwardedHost(in *http.Request) string {
	said, _, _ := strings.Cut(in.Header.Get("X-Forwarded-Host"), ",")
	if said = textproto.TrimString(said); said != "" {
		return said
	}
	return in.Host
}

// isWebSocket reports whether a request asks, in the one way there is (RFC 6455 section 4.1), for a WebSocket. Every other
// upgrade is dropped: h2c would be a connection on which requests pass undecided.
func isWebSocket(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	return r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) && r.ProtoMajor == 1 && r.ContentLength == 0 &&
		len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket")
}

// keepsAuthorization reports whether the Authorization header is the application's own on a route. A bearer token is
// Authly's unless the route says that it reads none.
func (u *upstream) keepsAuthorization(route *authn.Route, c authn.Credentials) bool {
	if u == nil {
		return false
	}
	return u.cfg.PassAuthorization || route.IgnoreBearer || c.Kind == authn.ForeignCredential && route.Access == authn.AllowPublic
}
