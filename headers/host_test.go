package headers_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func TestNormalizeHost(t *testing.T) {
	label := strings.Repeat("a", 50)
	longest := strings.Join([]string{label, label, label, label, label[:49]}, ".") // 253 bytes
	for in, want := range map[string]string{
		"example.com":       "example.com",
		"EXAMPLE.com":       "example.com",
		"example.com:8080":  "example.com",
		"example.com:65535": "example.com",
		"example.com:":      "example.com",
		"example.com.":      "example.com",
		"Example.COM.:443":  "example.com",
		"localhost":         "localhost",
		"app_1.internal":    "app_1.internal",
		"xn--bcher-kva.de":  "xn--bcher-kva.de",
		"192.0.2.1":         "192.0.2.1",
		"192.0.2.1:80":      "192.0.2.1",
		"[::1]":             "::1",
		"[::1]:8080":        "::1",
		"[2001:DB8:0:0::1]": "2001:db8::1",
		longest:             longest,
		longest + ".:80":    longest,
	} {
		got, err := headers.NormalizeHost(in)
		wantCode(t, err, "")
		if got != want {
			t.Errorf("NormalizeHost(%q) = %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{
		"", ".", ":", ":80", "..", "example.com..", "a..b", ".example.com", "user@example.com", "user:pw@example.com", "@",
		" example.com", "example.com ", "exam ple.com", "example.com\t", "example.com\x00", "example.com\r\nX: y", "\x7f",
		"bücher.de", "example。com", "ｅxample.com", "exa\u00admple.com", "example.com:http", "example.com:65536", "example.com:-1",
		"example.com:+80", "example.com:80:80", "example.com:99999999999999999999", "example.com/", "example.com/path",
		"http://example.com", `example.com\evil.com`, "example.com?x", "example.com#x", "example.com,evil.com", "*.example.com",
		"%65xample.com", "::1", "2001:db8::1", "2001:db8::1:80", "[::1", "::1]", "[]", "[::1]x", "[::1]80", "[::1]:http",
		"[::1]:65536", "[fe80::1%eth0]", "[fe80::1%25eth0]", "[192.0.2.1]", "[example.com]", "[[::1]]", "a" + longest,
	} {
		got, err := headers.NormalizeHost(in)
		if err == nil {
			t.Errorf("NormalizeHost(%q) = %q, want an error", in, got)
			continue
		}
		wantCode(t, err, authn.CodeBadRequestLine)
		if got != "" || len(in) > 2 && strings.Contains(err.Error(), in) {
			t.Errorf("NormalizeHost(%q) = %q, %v", in, got, err)
		}
	}
}

// What NormalizeHost lets through is in the form it promises, and giving it back changes nothing.
func FuzzNormalizeHost(f *testing.F) {
	for _, seed := range []string{"Example.com.:443", "[2001:DB8::1]:80", "192.0.2.1", "a..b", "user@host", "::1", "bücher.de",
		"[::ffff:192.0.2.1]", "h:", "[fe80::1%25eth0]", "\x00", "a.:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		host, err := headers.NormalizeHost(in)
		if err != nil {
			return
		}
		if host == "" || host != strings.ToLower(host) || strings.ContainsAny(host, " @/\\?#%[],") || strings.HasSuffix(host, ".") {
			t.Fatalf("NormalizeHost(%q) = %q", in, host)
		}
		authority := host
		if strings.Contains(host, ":") {
			if addr, err := netip.ParseAddr(host); err != nil || addr.String() != host {
				t.Fatalf("NormalizeHost(%q) = %q, no canonical address", in, host)
			}
			authority = "[" + host + "]"
		}
		for _, again := range []string{authority, authority + ":443", strings.ToUpper(authority)} {
			if got, err := headers.NormalizeHost(again); err != nil || got != host {
				t.Fatalf("NormalizeHost(%q) = %q, but of %q it is %q, %v", in, host, again, got, err)
			}
		}
	})
}
