package headers_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/descoped/authly/headers"
)

// served is a table of routes: app.example.com is named, whatever.example.org is by a wildcard, /any/ is for any host.
func served(host, path string) (named, ok bool) {
	named = host == "app.example.com" || host == "login.example.com" || strings.HasSuffix(host, ".example.org")
	return named, strings.HasPrefix(path, "/any/") || named && !strings.HasPrefix(path, "/closed")
}

func returnsTo(t *testing.T, publicURL string, domains ...string) *headers.ReturnAddresses {
	t.Helper()
	a, err := headers.NewReturnAddresses(publicURL, domains, served)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestReturnAddressesThatAreGood(t *testing.T) {
	a := returnsTo(t, "https://login.example.com:8443", "example.com")
	for address, want := range map[string]string{
		"https://app.example.com:/":                      "https://app.example.com/",
		"https://app.example.com/":                       "https://app.example.com/",
		"https://app.example.com":                        "https://app.example.com/",
		"https://app.example.com?a=b":                    "https://app.example.com/?a=b",
		"https://app.example.com#top":                    "https://app.example.com/#top",
		"https://app.example.com/a%20b/%C3%A9?c=d%2f&e=": "https://app.example.com/a%20b/%C3%A9?c=d%2f&e=",
		"https://app.example.com/?":                      "https://app.example.com/?",
		"https://app.example.com/#/spa/view?x=1":         "https://app.example.com/#/spa/view?x=1",
		"https://app.example.com/?next=//evil.test":      "https://app.example.com/?next=//evil.test",
		"https://app.example.com/?a=b\\c|d{e}":           "https://app.example.com/?a=b\\c|d{e}",
		"https://APP.example.com./x":                     "https://app.example.com/x",
		"https://app.example.com:443/x":                  "https://app.example.com/x",
		"https://app.example.com:8443/x":                 "https://app.example.com:8443/x",
		"https://deep.down.example.org/x":                "https://deep.down.example.org/x",
		"https://other.example.com/any/x":                "https://other.example.com/any/x",
		"/x?y#z":                                         "https://login.example.com:8443/x?y#z",
		"/":                                              "https://login.example.com:8443/",
		"/@evil.test":                                    "https://login.example.com:8443/@evil.test",
		"/x:y":                                           "https://login.example.com:8443/x:y",
	} {
		location, origin, ok := a.Accept(address)
		if !ok || location != want || !strings.HasPrefix(location, origin+"/") {
			t.Errorf("%q: %q %q %v, want %q", address, location, origin, ok, want)
		}
	}
	other := returnsTo(t, "https://login.example.com", "example.com", "example.net")
	for address, want := range map[string]bool{ // of a domain that browsers are handed over to, with routes for any host
		"https://app.example.net/any/x": true, "https://example.net/any/x?y#z": true, "http://app.example.net/any/x": false,
		"https://app.example.net/x": false, "https://notexample.net/any/x": false, "https://app.example.net:81/any/x": false,
		"https://app.example.net@evil.test/any/x": false, "https://app.example.net.evil.test/any/x": false,
	} {
		if _, _, ok := other.Accept(address); ok != want {
			t.Errorf("%q: %v, want %v", address, ok, want)
		}
	}
	if _, _, ok := returnsTo(t, "http://localhost:8080").Accept("http://localhost:8080/any/x"); !ok {
		t.Error("in the clear, where everything is")
	}
}

// tricks are addresses that some program or other has taken for one of its own.
func tricks() []string {
	return []string{
		"", " ", "//evil.test", "//evil.test/any/x", "///evil.test", "////evil.test", "/\\evil.test", "\\\\evil.test", "\\/evil.test",
		"/\\/evil.test", "/\t/evil.test", "/\n/evil.test", "\t//evil.test", " //evil.test", "\x00//evil.test", "\u00a0//evil.test",
		"/%09/evil.test", "/%2f/evil.test", "/%5cevil.test", "/%2f%2fevil.test", "/./evil.test", "/..//evil.test", "/.//evil.test", "/a/..//evil.test",
		"/;@evil.test", "/%00", "/\u3002evil.test", "／／evil.test", "https:evil.test", "https:/evil.test", "https:///evil.test", "https:\\\\evil.test",
		"https:app.example.com", "https:/app.example.com", "https:///app.example.com/", "https:\\\\app.example.com/", "https:/\\app.example.com",
		"https://evil.test", "https://evil.test/", "https://evil.test/any/x", "http://evil.test", "HTTPS://evil.test", "hTTps://app.example.com/",
		"https://evil.test/https://app.example.com/", "https://evil.test?https://app.example.com/", "https://evil.test#https://app.example.com/",
		"https://evil.test\\.app.example.com/", "https://evil.test\\@app.example.com/", "https://evil.test%2f.app.example.com/",
		"https://app.example.com@evil.test/", "https://app.example.com:x@evil.test/", "https://user@app.example.com/", "https://user:pass@app.example.com/",
		"https://@app.example.com/", "https://:@app.example.com/", "https://app.example.com%40evil.test/", "https://app.example.com\\@evil.test/",
		"https://app.example.com&@evil.test#/", "https://app.example.com;@evil.test/", "https://evil.test;.app.example.com/", "https://evil.test,app.example.com/",
		"https://app.example.com.evil.test/", "https://app.example.comevil.test/", "https://evilapp.example.com/", "https://evil.test.example.com.evil.test/",
		"https://example.org/", "https://.example.org/", "https://evil-example.org/", "https://xexample.org/", "https://a..example.org/",
		"https://app.example.com:80/", "https://app.example.com:8080/", "https://app.example.com:443x/", "https://app.example.com:0443/",
		"https://app.example.com:99999/", "https://app.example.com:8443:443/", "https://app.example.com:-1/", "https://app.example.com:%34%34%33/",
		"http://app.example.com/", "ws://app.example.com/", "wss://app.example.com/", "ftp://app.example.com/", "file:///etc/passwd", "view-source:https://app.example.com/",
		"javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)", " javascript:alert(1)", "javascript://app.example.com/%0aalert(1)",
		"javascript:https://app.example.com/", "data:text/html,<script>alert(1)</script>", "vbscript:x", "blob:https://app.example.com/x", "about:blank", "mailto:a@example.com",
		"filesystem:https://app.example.com/x", "app.example.com", "app.example.com/", "x", "./x", "../x", "?x", "#x", "x:y",
		"https://app.example.com/\r\nSet-Cookie: a=b", "/\r\nLocation: https://evil.test", "/%0d%0aLocation:x", "https://app.example.com/\x7f", "https://app.example.com/é",
		"https://app.example.com/ x", "https://app.example.com/x ", " https://app.example.com/", "\thttps://app.example.com/", "https://app\t.example.com/", "ht\ttps://app.example.com/",
		"https://app.example.com/<script>", "https://app.example.com/\"onclick", "https://app.example.com/`x", "https://app.example.com/?\x00", "https://app.example.com/#\n",
		"https://app。example。com/", "https://ａpp.example.com/", "https://app.exаmple.com/", "https://xn--app.example.com/", "https://app%2eexample.com/", "https://%61pp.example.com/",
		"https://[::1]/any/x", "https://[::ffff:127.0.0.1]/", "https://127.0.0.1/any/x", "https://0x7f.1/any/x", "https://2130706433/any/x", "https://localhost/any/x", "https://[app.example.com]/", "https://[::1%25eth0]/",
		"https://app.example.com/closed", "https://app.example.com/a/../closed", "https://app.example.com/%63losed", "https://app.example.com//x", "https://app.example.com/a//b",
		"https://app.example.com/..", "https://app.example.com/%2e%2e/x", "https://app.example.com/a;b", "https://app.example.com/%", "https://app.example.com/%zz", "https://app.example.com/\\x",
		"https://other.example.com/x", "https://example.com.evil.test/any/x", "https://evilexample.com/any/x", "https://app.example.com" + strings.Repeat("/a", 3000),
	}
}

func TestReturnAddressesThatAreTricks(t *testing.T) {
	a := returnsTo(t, "https://login.example.com:8443", "example.com")
	for _, address := range tricks() {
		if location, _, ok := a.Accept(address); ok {
			t.Errorf("%q leads to %q", address, location)
		}
	}
	for _, address := range []string{"https://other.example.com/any/x", "https://example.com/any/x"} {
		if _, _, ok := returnsTo(t, "https://login.example.com").Accept(address); ok {
			t.Errorf("%q is a host that no route names and no cookie reaches", address)
		}
	}
}

// A browser is asked about everything that is accepted, and about all tricks put behind and between good addresses: what it goes to is
// what was accepted. Node reads addresses as browsers do (the URL standard).
func TestReturnAddressesAsABrowserReadsThem(t *testing.T) {
	a := returnsTo(t, "https://login.example.com:8443", "example.com")
	type answer struct{ Location, Origin string }
	var accepted []answer
	for _, trick := range append(tricks(), "/", "/x?y#z", "https://app.example.com/") {
		for _, address := range []string{trick, "/" + trick, "/x" + trick, "https://app.example.com" + trick, "https://app.example.com/" + trick, "https://app.example.com/?" + trick,
			"https:" + trick, "https://" + trick, "https://app.example.com/#" + trick, "https://" + trick + "app.example.com/", trick + "https://app.example.com/"} {
			if location, origin, ok := a.Accept(address); ok {
				accepted = append(accepted, answer{location, origin})
			}
		}
	}
	asked, err := json.Marshal(accepted)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", `
		const base = "https://login.example.com:8443/auth/login"
		const wrong = JSON.parse(require("fs").readFileSync(0)).filter(a => {
			const u = new URL(a.Location, base)
			return u.origin !== a.Origin || u.username || u.password || !/^https:/.test(u.href) ||
				!/(^|\.)example\.(com|org)$/.test(u.hostname) || new URL(u.href).pathname !== a.Location.slice(a.Origin.length).split(/[?#]/)[0]
		})
		console.log(JSON.stringify(wrong))`)
	node.Stdin = strings.NewReader(string(asked))
	out, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "[]" || len(accepted) < 100 {
		t.Errorf("of %d: %s", len(accepted), got)
	}
}
