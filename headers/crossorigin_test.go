package headers_test

import (
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// What pages of other origins have a browser send with its cookies is refused if it could change something.
func TestSameOrigin(t *testing.T) {
	s, err := headers.NewSameOrigin("https://login.example.com:9443", headers.CORSConfig{
		AllowedOrigins: []string{"https://spa.example.com", "https://*.example.net"}, AllowCredentials: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	const host = "app.example.com"
	for name, c := range map[string]struct {
		method, host string
		lines        []string
		refused      bool
	}{
		"a form of its own":                   {"POST", host, []string{"Sec-Fetch-Site: same-origin", "Origin: https://" + host}, false},
		"a form of its own without a name":    {"POST", host, []string{"Sec-Fetch-Site: same-origin", "Origin: null"}, false},
		"typed by the user":                   {"POST", host, []string{"Sec-Fetch-Site: none"}, false},
		"another site":                        {"POST", host, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, true},
		"another site without a name":         {"POST", host, []string{"Sec-Fetch-Site: cross-site", "Origin: null"}, true},
		"another site, no Origin":             {"POST", host, []string{"Sec-Fetch-Site: cross-site"}, true},
		"a neighbour":                         {"DELETE", host, []string{"Sec-Fetch-Site: same-site", "Origin: https://other.example.com"}, true},
		"an allowed origin":                   {"PUT", host, []string{"Sec-Fetch-Site: same-site", "Origin: https://spa.example.com"}, false},
		"an allowed wildcard":                 {"PATCH", host, []string{"Sec-Fetch-Site: cross-site", "Origin: https://a.example.net"}, false},
		"looks like an allowed one":           {"PUT", host, []string{"Sec-Fetch-Site: cross-site", "Origin: https://spa.example.com.evil.test"}, true},
		"the login page":                      {"POST", host, []string{"Sec-Fetch-Site: same-site", "Origin: https://login.example.com:9443"}, false},
		"the login page over http":            {"POST", host, []string{"Sec-Fetch-Site: cross-site", "Origin: http://login.example.com"}, true},
		"an older browser, its own":           {"POST", host, []string{"Origin: https://" + host}, false},
		"an older browser, its own port":      {"POST", host + ":8443", []string{"Origin: https://" + host + ":8443"}, false},
		"an older browser, port dropped":      {"POST", host, []string{"Origin: https://" + host + ":9443"}, false},
		"an older browser, no such port":      {"POST", host, []string{"Origin: https://" + host + ":8443"}, true},
		"an older browser, without TLS":       {"POST", host, []string{"Origin: http://" + host}, true},
		"an older browser, login, no TLS":     {"POST", host, []string{"Origin: http://login.example.com:9443"}, true},
		"an older browser, the login page":    {"POST", host, []string{"Origin: https://login.example.com:9443"}, false},
		"an older browser, another port":      {"POST", host + ":1", []string{"Origin: https://" + host + ":8443"}, true},
		"an older browser, another site":      {"POST", host, []string{"Origin: https://evil.test"}, true},
		"an older browser, null":              {"POST", host, []string{"Origin: null"}, true},
		"an older browser, two origins":       {"POST", host, []string{"Origin: https://" + host, "Origin: https://evil.test"}, true},
		"no browser":                          {"POST", host, nil, false},
		"reading":                             {"GET", host, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, false},
		"reading, HEAD":                       {"HEAD", host, []string{"Sec-Fetch-Site: cross-site"}, false},
		"a WebSocket of another site":         {"GET", host, []string{"Upgrade: websocket", "Origin: https://evil.test"}, true},
		"a WebSocket of a neighbour":          {"GET", host, []string{"Sec-WebSocket-Key: x", "Sec-Fetch-Site: same-site", "Origin: https://other.example.com"}, true},
		"a WebSocket by the mode":             {"GET", host, []string{"Sec-Fetch-Mode: websocket", "Sec-Fetch-Site: cross-site"}, true},
		"a WebSocket by the version":          {"GET", host, []string{"Sec-WebSocket-Version: 13", "Origin: https://evil.test"}, true},
		"a WebSocket of its own":              {"GET", host, []string{"Upgrade: websocket", "Origin: https://" + host}, false},
		"a WebSocket of no browser":           {"GET", host, []string{"Upgrade: websocket"}, false},
		"a method that HTTP does not know":    {"LOCK", host, []string{"Sec-Fetch-Site: cross-site"}, true},
		"the method GET in lower case is one": {"get", host, []string{"Sec-Fetch-Site: cross-site"}, true},
	} {
		if got := s.Refuses(c.method, c.host, headerOf(c.lines...)); got != c.refused {
			t.Errorf("%s: %v, want %v", name, got, c.refused)
		}
	}
	evil := headerOf("Sec-Fetch-Site: cross-site")
	if s.FromAnotherOrigin(authn.Credentials{}, "POST", host, evil) || !s.FromAnotherOrigin(authn.Credentials{Kind: authn.CookieCredential}, "POST", host, evil) {
		t.Error("it is about requests with a cookie")
	}
	without, err := headers.NewSameOrigin("https://login.example.com", headers.CORSConfig{AllowedOrigins: []string{"https://spa.example.com"}})
	if err != nil || !without.Refuses("POST", host, headerOf("Origin: https://spa.example.com")) {
		t.Errorf("an origin that may not send cookies does: %v", err)
	}
}
