package headers_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// inside trusts 10.0.0.0/8 (written as an IPv4-mapped network), one IPv4 address and one IPv6 network.
func inside() headers.Trust {
	return headers.NewTrust([]netip.Prefix{
		netip.MustParsePrefix("::ffff:10.0.0.0/104"),
		netip.MustParsePrefix("192.0.2.7/32"),
		netip.MustParsePrefix("fd00:1::5/32"), // host bits are ignored
	})
}

// wantCode fails t unless err is an *authn.Error of the code, or nil where code is empty.
func wantCode(t *testing.T, err error, code authn.Code) {
	t.Helper()
	var got authn.Code
	if e, ok := errors.AsType[*authn.Error](err); ok {
		got = e.Code
	} else if err != nil {
		t.Fatalf("error %v is no *authn.Error", err)
	}
	if got != code {
		t.Fatalf("error code %q, want %q", got, code)
	}
}

func TestTrusts(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.0.0.1":          true,
		"10.255.255.255":    true,
		"::ffff:10.1.2.3":   true,
		"11.0.0.1":          false,
		"192.0.2.7":         true,
		"192.0.2.8":         false,
		"fd00:1:ffff::1":    true,
		"fd00:1::1%eth0":    true,
		"fd00:2::1":         false,
		"::10.0.0.1":        false, // the deprecated IPv4-compatible form is another address
		"64:ff9b::10.0.0.1": false,
	} {
		if got := inside().Trusts(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Trusts(%s) = %v, want %v", addr, got, want)
		}
	}
	everybody := headers.NewTrust([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")})
	if everybody.Trusts(netip.Addr{}) {
		t.Error("an unknown address is trusted")
	}
	if (headers.Trust{}).Trusts(netip.MustParseAddr("127.0.0.1")) {
		t.Error("the zero Trust trusts the loopback address")
	}
	if headers.NewTrust([]netip.Prefix{{}}).Trusts(netip.Addr{}) {
		t.Error("a zero prefix trusts the zero address")
	}
}

func TestClientFrom(t *testing.T) {
	trusted := strings.TrimSuffix(strings.Repeat("10.0.0.1,", 63), ",")
	for _, c := range []struct {
		name   string
		values []string
		want   string // "": unknown
	}{
		{"no value", nil, ""},
		{"one address", []string{"203.0.113.9"}, "203.0.113.9"},
		{"right-most untrusted", []string{"198.51.100.1, 203.0.113.9, 10.0.0.2, 192.0.2.7"}, "203.0.113.9"},
		{"loopback claimed by an outsider", []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"trusted address claimed by an outsider", []string{"10.0.0.99, 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"all trusted", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"several lines", []string{"198.51.100.1", "203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"several lines of lists", []string{"198.51.100.1, 198.51.100.2", "10.0.0.3,10.0.0.2"}, "198.51.100.2"},
		{"spaces and tabs", []string{" \t203.0.113.9\t , 10.0.0.2 "}, "203.0.113.9"},
		{"mapped", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"mapped trusted", []string{"203.0.113.9, ::ffff:10.0.0.1"}, "203.0.113.9"},
		{"mapped hexadecimal", []string{"::ffff:cb00:7109"}, "203.0.113.9"},
		{"IPv6", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6, long form", []string{"2001:0DB8:0:0:0:0:0:1"}, "2001:db8::1"},
		{"zone", []string{"fe80::1%eth0"}, "fe80::1"},
		{"zone in brackets with port", []string{"[fe80::1%eth0]:443"}, "fe80::1"},
		{"IPv4 with port", []string{"203.0.113.9:80"}, "203.0.113.9"},
		{"IPv6 with port", []string{"[2001:db8::1]:80"}, "2001:db8::1"},
		{"IPv6 in brackets", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"garbage left of the client is not reached", []string{"a, , 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"63 proxies", []string{"203.0.113.9," + trusted}, "203.0.113.9"},
		{"10 kB left of the client", []string{strings.Repeat("a", 10_000) + ",203.0.113.9"}, "203.0.113.9"},

		{"a", []string{"a"}, ""},
		{"empty", []string{""}, ""},
		{"space", []string{" "}, ""},
		{"only commas", []string{",,"}, ""},
		{"trailing comma", []string{"203.0.113.9,"}, ""},
		{"empty element", []string{"203.0.113.9,,10.0.0.2"}, ""},
		{"empty line", []string{"203.0.113.9", ""}, ""},
		{"empty line behind a proxy", []string{"203.0.113.9", "", "10.0.0.1"}, ""},
		{"garbage reached", []string{"203.0.113.9, a, 10.0.0.2"}, ""},
		{"garbage left of proxies only", []string{"a, 10.0.0.2"}, ""},
		{"unknown", []string{"unknown"}, ""},
		{"obfuscated", []string{"_hidden"}, ""},
		{"10 kB", []string{strings.Repeat("a", 10_000)}, ""},
		{"10 kB of spaces", []string{"203.0.113.9" + strings.Repeat(" ", 10_000)}, ""},
		{"10 kB of commas", []string{strings.Repeat(",", 10_000)}, ""},
		{"64 proxies", []string{"203.0.113.9,10.0.0.1," + trusted}, ""},
		{"more than 8 KiB in lines", []string{
			"203.0.113.9", "10.0.0.1" + strings.Repeat(" ", 4_100), "10.0.0.1" + strings.Repeat(" ", 4_100)}, ""},
		{"exactly 8 KiB and no more", []string{"203.0.113.9", "10.0.0.1" + strings.Repeat(" ", 8*1024-8)}, ""},
		{"the client within 8 KiB", []string{"203.0.113.9,10.0.0.1" + strings.Repeat(" ", 8*1024-20)}, "203.0.113.9"},
		{"the client not quite within 8 KiB", []string{"203.0.113.9,10.0.0.1" + strings.Repeat(" ", 8*1024-19)}, ""},
		{"a number", []string{"3405803785"}, ""},
		{"octal", []string{"0203.0.113.9"}, ""},
		{"three parts", []string{"203.0.9"}, ""},
		{"port without address", []string{":80"}, ""},
		{"port out of range", []string{"203.0.113.9:65536"}, ""},
		{"port that is none", []string{"203.0.113.9:http"}, ""},
		{"IPv4 in brackets", []string{"[203.0.113.9]"}, ""},
		{"open bracket", []string{"[2001:db8::1"}, ""},
		{"quoted", []string{`"203.0.113.9"`}, ""},
		{"for=", []string{"for=203.0.113.9"}, ""},
		{"semicolon", []string{"203.0.113.9; 10.0.0.1"}, ""},
		{"space for a comma", []string{"203.0.113.9 10.0.0.1"}, ""},
		{"network", []string{"203.0.113.0/24"}, ""},
		{"NUL", []string{"203.0.113.9\x00"}, ""},
		{"empty zone", []string{"fe80::1%"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want netip.Addr
			if c.want != "" {
				want = netip.MustParseAddr(c.want)
			}
			if got := headers.ClientFrom(inside(), c.values); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// parse reads a request as a server does, so that names get the spelling that a server gives them.
func parse(t *testing.T, peer, host string, lines ...string) *http.Request {
	t.Helper()
	raw := "GET / HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = peer
	return r
}

func TestOriginOfUntrustedPeer(t *testing.T) {
	lies := []string{"X-Forwarded-For: 127.0.0.1", "x-forwarded-for: 10.0.0.1", "X-Forwarded-Proto: https",
		"X-Forwarded-Host: inside.example.com", "Forwarded: for=127.0.0.1;host=inside.example.com;proto=https"}
	for _, c := range []struct{ peer, address string }{
		{"203.0.113.9:4711", "203.0.113.9"},
		{"[::ffff:203.0.113.9]:4711", "203.0.113.9"},
		{"[fe80::1%eth0]:4711", "fe80::1"},
		{"127.0.0.1:4711", "127.0.0.1"}, // nobody is trusted by being near
	} {
		o, err := inside().Origin(parse(t, c.peer, "App.Example.com.:8080", lies...))
		wantCode(t, err, "")
		addr := netip.MustParseAddr(c.address)
		if want := (headers.Origin{Peer: addr, Client: addr, Scheme: "http", Host: "app.example.com"}); o != want {
			t.Errorf("peer %s: got %+v, want %+v", c.peer, o, want)
		}
	}
	for _, peer := range []string{"", "@", "pipe"} {
		o, err := inside().Origin(parse(t, peer, "app.example.com", lies...))
		wantCode(t, err, "")
		if want := (headers.Origin{Scheme: "http", Host: "app.example.com"}); o != want {
			t.Errorf("peer %q: got %+v, want %+v", peer, o, want)
		}
	}

	r := parse(t, "203.0.113.9:4711", "app.example.com", "X-Forwarded-Proto: http")
	r.TLS = &tls.ConnectionState{}
	if o, err := inside().Origin(r); err != nil || o.Scheme != "https" {
		t.Errorf("over TLS: %+v, %v", o, err)
	}
	_, err := inside().Origin(parse(t, "203.0.113.9:4711", "user@example.com"))
	wantCode(t, err, authn.CodeBadRequestLine)
	_, err = inside().Origin(parse(t, "203.0.113.9:4711", "", "X-Forwarded-Host: app.example.com"))
	wantCode(t, err, authn.CodeBadRequestLine)
}

func TestOriginOfTrustedPeer(t *testing.T) {
	const client = "203.0.113.9"
	for _, c := range []struct {
		name                 string
		host                 string
		lines                []string
		client, scheme, seen string // client "": unknown; scheme "": refused
	}{
		{"nothing said", "app.example.com", nil, "10.0.0.1", "http", "app.example.com"},
		{"all said", "proxy.internal:80", []string{
			"X-Forwarded-For: 127.0.0.1, " + client, "X-Forwarded-Proto: https", "X-Forwarded-Host: App.Example.com:443"},
			client, "https", "app.example.com"},
		{"lines in two cases", "app.example.com", []string{"X-FORWARDED-FOR: 127.0.0.1", "x-forwarded-for: " + client}, client, "http", "app.example.com"},
		{"empty address", "app.example.com", []string{"X-Forwarded-For:"}, "", "http", "app.example.com"},
		{"a", "app.example.com", []string{"X-Forwarded-For: a"}, "", "http", "app.example.com"},
		{"a behind the client", "app.example.com", []string{"X-Forwarded-For: " + client + ", a"}, "", "http", "app.example.com"},
		{"10 kB", "app.example.com", []string{"X-Forwarded-For: " + strings.Repeat("1", 10_000)}, "", "http", "app.example.com"},
		{"zone", "app.example.com", []string{"X-Forwarded-For: fe80::1%eth0"}, "fe80::1", "http", "app.example.com"},
		{"other spellings say nothing", "app.example.com", []string{
			"X_Forwarded_For: " + client, "X.Forwarded.Proto: https", "X_Forwarded_Host: b.example.com", "Forwarded: for=" + client},
			"10.0.0.1", "http", "app.example.com"},
		{"WebSocket", "app.example.com", []string{"X-Forwarded-Proto: wss"}, "10.0.0.1", "https", "app.example.com"},
		{"plain WebSocket", "app.example.com", []string{"X-Forwarded-Proto: WS"}, "10.0.0.1", "http", "app.example.com"},
		{"scheme twice the same", "app.example.com", []string{"X-Forwarded-Proto: https, https", "X-Forwarded-Proto: HTTPS"}, "10.0.0.1", "https", "app.example.com"},
		{"host twice the same", "proxy", []string{"X-Forwarded-Host: app.example.com, APP.example.com:80"}, "10.0.0.1", "http", "app.example.com"},
		{"only the forwarded host is good", "", []string{"X-Forwarded-Host: app.example.com"}, "10.0.0.1", "http", "app.example.com"},

		{"two schemes in a line", "app.example.com", []string{"X-Forwarded-Proto: https, http"}, "", "", ""},
		{"two schemes in lines", "app.example.com", []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: https"}, "", "", ""},
		{"empty scheme", "app.example.com", []string{"X-Forwarded-Proto:"}, "", "", ""},
		{"empty scheme in a list", "app.example.com", []string{"X-Forwarded-Proto: https,"}, "", "", ""},
		{"another scheme", "app.example.com", []string{"X-Forwarded-Proto: ftp"}, "", "", ""},
		{"scheme with more", "app.example.com", []string{"X-Forwarded-Proto: https://"}, "", "", ""},
		{"two hosts", "app.example.com", []string{"X-Forwarded-Host: app.example.com, b.example.com"}, "", "", ""},
		{"two hosts in lines", "app.example.com", []string{"X-Forwarded-Host: a.example.com", "X-Forwarded-Host: b.example.com"}, "", "", ""},
		{"empty host", "app.example.com", []string{"X-Forwarded-Host:"}, "", "", ""},
		{"host with userinfo", "app.example.com", []string{"X-Forwarded-Host: a@b.example.com"}, "", "", ""},
		{"no host at all", "", nil, "", "", ""},
		{"a list as Host", "app.example.com,app.example.com", nil, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := inside().Origin(parse(t, "[::ffff:10.0.0.1]:4711", c.host, c.lines...))
			if c.scheme == "" {
				wantCode(t, err, authn.CodeBadRequestLine)
				if o != (headers.Origin{}) {
					t.Errorf("a refused request has the origin %+v", o)
				}
				return
			}
			wantCode(t, err, "")
			want := headers.Origin{Peer: netip.MustParseAddr("10.0.0.1"), PeerTrusted: true, Scheme: c.scheme, Host: c.seen}
			if c.client != "" {
				want.Client = netip.MustParseAddr(c.client)
			}
			if o != want {
				t.Errorf("got %+v, want %+v", o, want)
			}
		})
	}

	r := parse(t, "10.0.0.1:4711", "app.example.com")
	r.TLS = &tls.ConnectionState{}
	if o, err := inside().Origin(r); err != nil || o.Scheme != "https" {
		t.Errorf("a trusted peer over TLS that says nothing: %+v, %v", o, err)
	}
	r.Header["X-Forwarded-Host"] = []string{}
	_, err := inside().Origin(r)
	wantCode(t, err, authn.CodeBadRequestLine)
}
