package headers_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func TestQuestion(t *testing.T) {
	for url, want := range map[string]string{
		"https://APP.example.com:8443/a%20b?c=d": "app.example.com /a%20b",
		"https://app.example.com":                "app.example.com /",
		"wss://app.example.com?x":                "app.example.com /",
		"/a?b":                                   "login.example.com /a",
		"//a":                                    "login.example.com //a", // for the gate to refuse
		"https://[2001:DB8::1]:8080/":            "2001:db8::1 /",
		"app.example.com/a":                      "url",
		"":                                       "url",
		"javascript:alert(1)":                    "url",
		"https://user:secret@app.example.com/":   "bad_request",
		"https:///a":                             "bad_request",
		"https://a..example.com/":                "bad_request",
		"https://app.example.com/a#b":            "ambiguous_path",
		"https://app.example.com/a b":            "bad_request",
		"https://app.example.com/a\r\nb":         "bad_request",
	} {
		asked, err := headers.Question("GET", url, "192.0.2.7", "https://login.example.com:8443/below")
		got := asked.Host + " " + asked.RawPath
		if e, ok := errors.AsType[*authn.Error](err); ok {
			if got = string(e.Code); e.Field != "" {
				got = e.Field
			}
			if strings.Contains(e.Detail, "secret") {
				t.Errorf("%s: the error repeats it", url)
			}
		}
		if got != want {
			t.Errorf("%q: %s, want %s", url, got, want)
		}
		if err == nil && (asked.Method != "GET" || asked.Client != netip.MustParseAddr("192.0.2.7")) {
			t.Errorf("%q: %+v", url, asked)
		}
	}
	if asked, err := headers.Question("GET", "/", "", "https://login.example.com"); err != nil || asked.Client.IsValid() {
		t.Errorf("without an address: %+v, %v", asked, err)
	}
	_, err := headers.Question("GET", "/", "everywhere", "https://login.example.com")
	if e, ok := errors.AsType[*authn.Error](err); !ok || e.Field != "client" || strings.Contains(e.Detail, "everywhere") {
		t.Errorf("a client that is no address: %v", err)
	}
}

// Whatever is asked about becomes a request that the edge could have made, or a refusal.
func FuzzQuestion(f *testing.F) {
	f.Add("GET", "https://app.example.com/a?b", "192.0.2.7")
	f.Add("get", "//[::1]/%2e#", "fe80::1%eth0")
	f.Fuzz(func(t *testing.T, method, url, client string) {
		asked, err := headers.Question(method, url, client, "https://login.example.com")
		if err != nil {
			if _, ok := errors.AsType[*authn.Error](err); !ok {
				t.Fatalf("%T", err)
			}
			return
		}
		host, err := headers.NormalizeHost(asked.Host)
		if strings.Contains(asked.Host, ":") {
			host, err = headers.NormalizeHost("[" + asked.Host + "]")
		}
		if err != nil || host != asked.Host || !strings.HasPrefix(asked.RawPath, "/") || strings.ContainsAny(asked.RawPath, " #?\r\n") {
			t.Errorf("%q is read as %+v", url, asked)
		}
	})
}
