package headers

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
)

// What is looked at of X-Forwarded-For, counted from its right end. Whoever is not found within that is unknown.
const (
	mostForwarders     = 64       // entries
	mostForwardedBytes = 8 * 1024 // bytes, commas and spaces included
)

// Trust knows the proxies whose X-Forwarded-* fields are believed. The zero value believes nobody.
type Trust struct {
	proxies []netip.Prefix
}

// NewTrust returns a Trust in the given networks. IPv4-mapped IPv6 networks (::ffff:10.0.0.0/104) count as the IPv4 networks
// that they are.
func NewTrust(proxies []netip.Prefix) Trust {
	t := Trust{proxies: make([]netip.Prefix, 0, len(proxies))}
	for _, p := range proxies {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		t.proxies = append(t.proxies, p.Masked())
	}
	return t
}

// Trusts reports whether addr is one of the proxies. An IPv4-mapped IPv6 address counts as the IPv4 address; a zone is not
// looked at. The zero Addr is nobody.
func (t Trust) Trusts(addr netip.Addr) bool {
	addr = plain(addr)
	return slices.ContainsFunc(t.proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Origin is where a request comes from and what it asks for, after it was settled whom to believe.
type Origin struct {
	Peer        netip.Addr // the other end of the connection; the zero Addr where that is no IP address
	PeerTrusted bool       // Peer is a trusted proxy
	Client      netip.Addr // who began the request; the zero Addr: not known
	Scheme      string     // "http" or "https", as the client used it
	Host        string     // as the client used it, see NormalizeHost
}

// Origin settles where a request comes from.
//
// An untrusted peer is the client itself, and the connection says the rest. A trusted peer is believed about the client
// (X-Forwarded-For, see ClientFrom; without the field the peer is the client), the scheme (X-Forwarded-Proto: http, https,
// ws or wss) and the host (X-Forwarded-Host); what it does not say is taken from the connection. Several values of one of
// the last two are good as long as they agree.
//
// The error is of CodeBadRequestLine: the host is missing or malformed, or a trusted proxy's word makes no sense.
func (t Trust) Origin(r *http.Request) (Origin, error) {
	o := Origin{Scheme: "http"}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		o.Peer = plain(peer.Addr())
	}
	o.Client = o.Peer
	o.PeerTrusted = t.Trusts(o.Peer)
	if r.TLS != nil {
		o.Scheme = "https"
	}
	if !o.PeerTrusted {
		host, err := NormalizeHost(r.Host)
		if err != nil {
			return Origin{}, err
		}
		o.Host = host
		return o, nil
	}
	if forwardedFor, ok := r.Header["X-Forwarded-For"]; ok {
		o.Client = ClientFrom(t, forwardedFor)
	}
	if values, ok := r.Header["X-Forwarded-Proto"]; ok {
		scheme, err := agreed(values, webScheme)
		if err != nil {
			return Origin{}, err
		}
		o.Scheme = scheme
	}
	host, err := NormalizeHost(r.Host)
	if values, ok := r.Header["X-Forwarded-Host"]; ok {
		host, err = agreed(values, NormalizeHost)
	}
	if err != nil {
		return Origin{}, err
	}
	o.Host = host
	return o, nil
}

// ClientFrom finds the client in the values of X-Forwarded-For, given that a trusted proxy sent them: read from the right,
// entries that are trusted proxies are skipped, and the first that is not is the client. Where all are trusted it is the
// left-most, since a trusted proxy wrote that too.
//
// An entry is an address, with or without a port ("192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"); zones
// are dropped. An entry that is anything else, once the walk reaches it, makes the client unknown: the zero Addr. So do
// missing values, and more than 64 entries or 8 KiB without an untrusted address.
func ClientFrom(t Trust, forwardedFor []string) netip.Addr {
	var client netip.Addr
	entries, left := 0, mostForwardedBytes
	for _, line := range slices.Backward(forwardedFor) {
		truncated := len(line) > left
		line = line[max(0, len(line)-left):]
		left -= len(line)
		for more := true; more; entries++ {
			comma := strings.LastIndexByte(line, ',')
			addr, ok := forwardedAddr(line[comma+1:])
			if !ok || entries == mostForwarders || truncated && comma < 0 {
				return netip.Addr{}
			}
			if client = addr; !t.Trusts(client) {
				return client
			}
			line, more = line[:max(0, comma)], comma >= 0
		}
	}
	return client
}

// forwardedAddr reads one entry of X-Forwarded-For.
func forwardedAddr(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	if addr, err := netip.ParseAddr(entry); err == nil {
		return plain(addr), true
	}
	if pair, err := netip.ParseAddrPort(entry); err == nil {
		return plain(pair.Addr()), true
	}
	if inside, ok := strings.CutPrefix(entry, "["); ok {
		inside, ok = strings.CutSuffix(inside, "]")
		if addr, err := netip.ParseAddr(inside); ok && err == nil && addr.Is6() {
			return plain(addr), true
		}
	}
	return netip.Addr{}, false
}

// plain makes addresses comparable: an IPv4-mapped address becomes the IPv4 address, and the zone goes.
func plain(addr netip.Addr) netip.Addr { return addr.WithZone("").Unmap() }

// webScheme reads a scheme as a proxy names it; WebSockets begin as requests of http and https (RFC 6455 section 3).
func webScheme(s string) (string, error) {
	switch strings.ToLower(s) {
	case "http", "ws":
		return "http", nil
	case "https", "wss":
		return "https", nil
	}
	return "", authn.Refuse(authn.CodeBadRequestLine, "The forwarded scheme is malformed")
}

// agreed reads every element of a field's comma-separated values and returns what they agree on.
func agreed(values []string, read func(string) (string, error)) (string, error) {
	agreement, first := "", true
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			s, err := read(strings.Trim(element, " \t"))
			if err != nil {
				return "", err
			}
			if !first && s != agreement {
				return "", authn.Refuse(authn.CodeBadRequestLine, "A forwarded header has two different values")
			}
			agreement, first = s, false
		}
	}
	if first {
		return read("")
	}
	return agreement, nil
}
