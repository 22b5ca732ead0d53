package proxy

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/descoped/authly/headers"
)

// outgoing tells emit every header field of the request that the upstream gets but those that belong to the connection, each
// name in canonical form and its values in their order. What a client says passes the sieve; what Authly says comes after it,
// where nothing that the client names in Connection can remove it.
func (u *upstream) outgoing(in *http.Request, p *passage, emit func(name, value string)) {
	x, named := exchangeOf(in), connectionNames(in.Header)
	for name, values := range in.Header {
		fate := u.door.sieve.Fate(name)
		if fate == headers.Dropped || named != nil && named[name] {
			continue
		}
		if fate == headers.Judged {
			values = p.judge(name, values)
		}
		for _, value := range values {
			emit(name, value)
		}
	}
	if httpguts.HeaderValuesContainsToken(in.Header["Te"], "trailers") {
		emit("Te", "trailers") // to some applications (gRPC) it matters, and it is true
	}
	emitForwarding(in, named, p.host, x.Origin, emit)
	emit(requestIDHeader, x.ID)
	if p.identity != nil {
		u.door.stamps(p.identity).Each(emit) // none for an anonymous caller: to some applications an empty name is a name
	}
	if p.assertion != "" {
		emit(headers.AssertionName, p.assertion)
	}
}

// judge returns which values of a field pass.
func (p *passage) judge(name string, values []string) []string {
	switch {
	case name == "Cookie":
		return withoutOwnCookieLines(values)
	case name == "Authorization" && !p.keepAuthorization:
		return nil
	case name == "User-Agent" && len(values) > 1:
		return values[:1] // http.Transport sends the first
	}
	return values
}

// connectionNames returns the names that the client wants to be gone before the request goes on (RFC 9110 section 7.6.1), in
// canonical form. It is nil where there are none that are not gone anyway.
func connectionNames(h http.Header) map[string]bool {
	var named map[string]bool
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			switch option = textproto.TrimString(option); option {
			case "", "keep-alive", "Keep-Alive", "Upgrade", "TE":
				continue
			}
			if named == nil {
				named = map[string]bool{}
			}
			named[textproto.CanonicalMIMEHeaderKey(option)] = true
		}
	}
	return named
}

// emitForwarding tells what the upstream is told of the way that the request came. What an untrusted peer says about that is
// removed. A trusted one is kept to what the decision was made on: its X-Forwarded-For goes on with its own address behind,
// its X-Real-IP if it is the client that was decided on, and of the rest what describes the front proxy itself.
func emitForwarding(in *http.Request, named map[string]bool, host string, origin headers.Origin, emit func(name, value string)) {
	var forwardedFor []string
	if origin.PeerTrusted {
		forwardedFor = in.Header["X-Forwarded-For"]
		for _, name := range [...]string{"X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server"} {
			if values := in.Header[name]; len(values) == 1 && !named[name] {
				emit(name, values[0])
			}
		}
		if in.Header.Get("X-Real-Ip") != "" && !named["X-Real-Ip"] && origin.Client.IsValid() {
			emit("X-Real-Ip", origin.Client.String())
		}
	}
	if origin.Peer.IsValid() {
		forwardedFor = append(forwardedFor[:len(forwardedFor):len(forwardedFor)], origin.Peer.String())
	}
	if len(forwardedFor) > 0 {
		emit("X-Forwarded-For", strings.Join(forwardedFor, ", "))
	}
	emit("X-Forwarded-Host", host)
	emit("X-Forwarded-Proto", origin.Scheme)
}

// forwardedHost returns the host that was asked for as it is written, with its port, for applications that make links of it:
// to a trusted proxy, if it says so. That all its values are one host was checked when the origin was settled.
func forwardedHost(in *http.Request, origin headers.Origin) string {
	if !origin.PeerTrusted {
		return in.Host
	}
	said, _, _ := strings.Cut(in.Header.Get("X-Forwarded-Host"), ",")
	if said = textproto.TrimString(said); said != "" {
		return said
	}
	return in.Host
}
