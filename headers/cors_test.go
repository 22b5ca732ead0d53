package headers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func corsConfig(origins ...string) headers.CORSConfig {
	return headers.CORSConfig{
		AllowedOrigins:   origins,
		AllowedMethods:   []string{"GET", "POST", "PUT"},
		AllowedHeaders:   []string{"Authorization", "Content-Type"},
		ExposedHeaders:   []string{"X-Request-Id"},
		AllowCredentials: true,
		MaxAge:           10 * time.Minute,
	}
}

func newCORS(t *testing.T, cfg headers.CORSConfig) *headers.CORS {
	t.Helper()
	c, err := headers.NewCORS(cfg)
	if err != nil || c == nil {
		t.Fatalf("NewCORS: %v, %v", c, err)
	}
	return c
}

func TestCORSConfigValidate(t *testing.T) {
	for _, good := range []string{"https://app.example.com", "http://localhost:3000", "https://app.example.com:8443", "HTTPS://App.Example.com",
		"https://app.example.com:443", "https://*.example.com", "https://*.example.com:8443", "http://[::1]:3000", "http://127.0.0.1",
		"capacitor://localhost"} {
		wantCode(t, corsConfig(good).Validate(), "")
	}
	wantCode(t, headers.CORSConfig{}.Validate(), "")
	wantCode(t, headers.CORSConfig{AllowedOrigins: []string{"*"}}.Validate(), "")

	for _, bad := range []string{"", "null", "NULL", "app.example.com", "https://", "//app.example.com", "https:/app.example.com",
		"https://app.example.com/", "https://app.example.com/path", "https://app.example.com?x", "https://app.example.com#x",
		"https://user@app.example.com", "https://app.example.com:http", "https://app.example.com:0443", "https://app.example.com:0",
		"https://app.example.com, https://b.example.com", "https://bücher.de", " https://app.example.com", "ht tp://app.example.com",
		"http://*.example.com", "https://*", "https://*.", "https://*.com", "https://*.*.example.com", "https://app.*.com",
		"https://*example.com", "https://app*.example.com", "https://*.example.com/", "*.example.com", "*://app.example.com",
		"https://*.192.0.2.1", "https://*.[::1]", "*", "1http://a.example.com", "://a.example.com"} {
		cfg := corsConfig("https://app.example.com", bad)
		err := cfg.Validate()
		if err == nil {
			t.Errorf("the origin %q is accepted", bad)
			continue
		}
		wantCode(t, err, authn.CodeInvalidRequest)
		if c, err := headers.NewCORS(cfg); c != nil || err == nil {
			t.Errorf("%q: NewCORS gives %v, %v", bad, c, err)
		}
		if e := err.(*authn.Error); bad != "*" && e.Field != "allowed_origins" || len(bad) > 14 && strings.Contains(e.Error(), bad) {
			t.Errorf("%q: %v names %q", bad, err, e.Field)
		}
	}

	for field, cfg := range map[string]headers.CORSConfig{
		"allow_credentials": {AllowedOrigins: []string{"*"}, AllowCredentials: true},
		"allowed_origins":   {AllowedOrigins: []string{"*", "https://app.example.com"}},
		"allowed_methods":   {AllowedMethods: []string{"GET", "get"}},
		"allowed_headers":   {AllowedHeaders: []string{"X-A:"}},
		"exposed_headers":   {ExposedHeaders: []string{"X-A\r\nB"}},
		"max_age":           {MaxAge: -time.Second},
	} {
		err := cfg.Validate()
		wantCode(t, err, authn.CodeInvalidRequest)
		if got := err.(*authn.Error).Field; got != field {
			t.Errorf("the error names %s, want %s", got, field)
		}
	}
}

func TestAllows(t *testing.T) {
	c := newCORS(t, corsConfig("https://App.Example.com:443", "http://localhost:3000", "https://*.apps.example.com", "http://[::1]:3000",
		"https://*.tools.example.com:8443"))
	for _, origin := range []string{"https://app.example.com", "http://localhost:3000", "https://a.apps.example.com",
		"https://a.b.apps.example.com", "http://[::1]:3000", "https://a.tools.example.com:8443"} {
		if !c.Allows(origin) {
			t.Errorf("%s is refused", origin)
		}
	}
	for _, origin := range []string{
		"", "null", "*", "https://", "app.example.com",
		"http://app.example.com", "https://app.example.com:8443", "https://app.example.com:443", "https://app.example.com:",
		"HTTPS://app.example.com", "https://APP.example.com", "https://app.example.com.", "https://app.example.com/", "https://app.example.com ",
		"https://app.example.com.evil.test", "https://evil.test/app.example.com", "https://app.example.com@evil.test",
		"https://evil-app.example.com", "https://appxexample.com", "https://xapp.example.com", "https://app.example.co",
		"https://app.example.com, https://evil.test", "https://app.example.com\x00.evil.test", "https://app.example.com%2eevil.test",
		"http://localhost", "http://localhost:30000", "http://localhost:3000.evil.test", "https://localhost:3000", "http://localhost:03000",
		"https://apps.example.com", "https://.apps.example.com", "https://aapps.example.com", "https://evil.test/.apps.example.com",
		"https://evil.test#.apps.example.com", "https://evil.test:80@a.apps.example.com", "http://a.apps.example.com",
		"https://a.apps.example.com:8443", "https://a.apps.example.com.evil.test", "https://a..apps.example.com",
		"https://a.tools.example.com", "https://tools.example.com:8443", "http://[0::1]:3000", "http://::1:3000", "https://äpp.example.com",
	} {
		if c.Allows(origin) {
			t.Errorf("%q is allowed", origin)
		}
	}
	everybody := newCORS(t, headers.CORSConfig{AllowedOrigins: []string{"*"}})
	if !everybody.Allows("https://evil.test") || !everybody.Allows("null") {
		t.Error(`"*" is not everybody`)
	}
}

// send runs a request through the handler and returns the answer, and whether next was asked.
func send(c *headers.CORS, method string, h http.Header) (*http.Response, bool) {
	asked := false
	r := httptest.NewRequest(method, "/", nil)
	r.Header = h
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Accept")
	c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = true
		w.WriteHeader(http.StatusTeapot)
	})).ServeHTTP(w, r)
	return w.Result(), asked
}

func preflight(origin, method, fields string) http.Header {
	h := http.Header{"Origin": {origin}, "Access-Control-Request-Method": {method}}
	if fields != "" {
		h.Set("Access-Control-Request-Headers", fields)
	}
	return h
}

func TestPreflight(t *testing.T) {
	c := newCORS(t, corsConfig("https://app.example.com"))
	const good = "https://app.example.com"
	for _, r := range []struct {
		origin, method, fields string
		allowed                bool
	}{
		{good, "PUT", "authorization,content-type", true},
		{good, "GET", "", true},
		{good, "DELETE", "", false},
		{good, "put", "", false},
		{good, "PUT", "x-other", false},
		{"https://evil.test", "PUT", "", false},
		{"https://app.example.com.evil.test", "PUT", "", false},
		{"null", "PUT", "", false},
	} {
		res, asked := send(c, "OPTIONS", preflight(r.origin, r.method, r.fields))
		if asked || res.StatusCode != http.StatusNoContent {
			t.Errorf("%v: status %d, next asked: %v", r, res.StatusCode, asked)
		}
		want := http.Header{"Vary": {"Accept", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}}
		if r.allowed {
			want.Set("Access-Control-Allow-Origin", r.origin)
			want.Set("Access-Control-Allow-Methods", r.method)
			want.Set("Access-Control-Allow-Credentials", "true")
			want.Set("Access-Control-Max-Age", "600")
			if r.fields != "" {
				want.Set("Access-Control-Allow-Headers", r.fields)
			}
		}
		if diff := cmp.Diff(want, res.Header); diff != "" {
			t.Errorf("%v (-want +got):\n%s", r, diff)
		}
	}
}

func TestActualRequest(t *testing.T) {
	c := newCORS(t, corsConfig("https://app.example.com"))
	allowed := http.Header{
		"Vary":                             {"Accept", "Origin"},
		"Access-Control-Allow-Origin":      {"https://app.example.com"},
		"Access-Control-Allow-Credentials": {"true"},
		"Access-Control-Expose-Headers":    {"X-Request-Id"},
	}
	bare := http.Header{"Vary": {"Accept", "Origin"}}
	good := http.Header{"Origin": {"https://app.example.com"}}
	for name, r := range map[string]struct {
		method string
		h      http.Header
		want   http.Header
	}{
		"allowed":                         {"GET", good, allowed},
		"allowed, changing":               {"PUT", good, allowed},
		"allowed, plain OPTIONS":          {"OPTIONS", good, allowed},
		"method not allowed":              {"DELETE", good, bare},
		"no origin":                       {"GET", http.Header{}, bare},
		"empty origin":                    {"GET", http.Header{"Origin": {""}}, bare},
		"foreign":                         {"GET", http.Header{"Origin": {"https://evil.test"}}, bare},
		"null":                            {"GET", http.Header{"Origin": {"null"}}, bare},
		"other case":                      {"GET", http.Header{"Origin": {"https://APP.example.com"}}, bare},
		"two origins":                     {"GET", http.Header{"Origin": {"https://app.example.com", "https://evil.test"}}, bare},
		"OPTIONS of no browser":           {"OPTIONS", http.Header{"Access-Control-Request-Method": {"PUT"}}, bare},
		"two requested methods":           {"OPTIONS", http.Header{"Origin": good["Origin"], "Access-Control-Request-Method": {"PUT", "GET"}}, bare},
		"a preflight's field on a GET":    {"GET", preflight("https://app.example.com", "PUT", ""), allowed},
		"a preflight with two origins":    {"OPTIONS", http.Header{"Origin": {"a", "b"}, "Access-Control-Request-Method": {"PUT"}}, bare},
		"a preflight with an empty field": {"OPTIONS", preflight("https://app.example.com", "", ""), bare},
	} {
		res, asked := send(c, r.method, r.h)
		if !asked || res.StatusCode != http.StatusTeapot {
			t.Errorf("%s: status %d, next asked: %v", name, res.StatusCode, asked)
		}
		if diff := cmp.Diff(r.want, res.Header); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	everybody := newCORS(t, headers.CORSConfig{AllowedOrigins: []string{"*"}})
	res, _ := send(everybody, "GET", http.Header{"Origin": {"https://evil.test"}})
	if diff := cmp.Diff(http.Header{"Vary": {"Accept", "Origin"}, "Access-Control-Allow-Origin": {"*"}}, res.Header); diff != "" {
		t.Errorf("everybody (-want +got):\n%s", diff)
	}
}

// An empty list means nobody, though to the library it means everybody.
func TestNoCORS(t *testing.T) {
	cfg := corsConfig()
	c, err := headers.NewCORS(cfg)
	if c != nil || err != nil {
		t.Fatalf("NewCORS without origins: %v, %v", c, err)
	}
	if c.Allows("https://app.example.com") || c.Allows("") {
		t.Error("a nil CORS allows an origin")
	}
	for _, method := range []string{"GET", "OPTIONS"} {
		res, asked := send(c, method, preflight("https://app.example.com", "PUT", ""))
		if diff := cmp.Diff(http.Header{"Vary": {"Accept"}}, res.Header); diff != "" || !asked {
			t.Errorf("%s: next asked: %v (-want +got):\n%s", method, asked, diff)
		}
	}
	if refused(t, c, "POST", "app.example.com", headers.Origin{}, http.Header{"Origin": {"https://evil.test"}}) {
		t.Error("a nil CORS refuses")
	}
}

// refused reports whether RefuseForeign keeps a request from next, and checks that it is one or the other.
func refused(t *testing.T, c *headers.CORS, method, host string, origin headers.Origin, h http.Header) bool {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	r.Host, r.Header = host, h
	r = r.WithContext(headers.WithExchange(r.Context(), &headers.Exchange{Origin: origin}))
	asked := false
	var refusal error
	c.RefuseForeign(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }),
		func(_ http.ResponseWriter, _ *http.Request, err error) { refusal = err },
	).ServeHTTP(httptest.NewRecorder(), r)
	if asked == (refusal != nil) {
		t.Fatalf("next asked: %v, refusal: %v", asked, refusal)
	}
	if refusal != nil {
		wantCode(t, refusal, authn.CodeOriginRefused)
	}
	return refusal != nil
}

func TestRefuseForeign(t *testing.T) {
	c := newCORS(t, corsConfig("https://app.example.com"))
	here := headers.Origin{Scheme: "https", Host: "login.example.com"}
	behind := headers.Origin{Scheme: "https", Host: "login.example.com", PeerTrusted: true}
	for _, r := range []struct {
		name    string
		host    string
		origin  headers.Origin
		values  []string
		site    string
		refused bool
	}{
		{"no origin", "login.example.com", here, nil, "", false},
		{"same origin", "login.example.com", here, []string{"https://login.example.com"}, "", false},
		{"same origin, port given twice", "login.example.com:8443", here, []string{"https://login.example.com:8443"}, "", false},
		{"same origin, the scheme's own port", "login.example.com:443", here, []string{"https://login.example.com"}, "", false},
		{"same origin, the browser says so", "login.example.com", here, []string{"http://login.example.com"}, "same-origin", false},
		{"behind a proxy that drops the port", "login.example.com", behind, []string{"https://login.example.com:8443"}, "", false},
		{"behind a proxy that has another name", "authly.internal:8080", behind, []string{"https://login.example.com"}, "", false},
		{"allowed", "login.example.com", here, []string{"https://app.example.com"}, "", false},
		{"allowed, cross-site", "login.example.com", here, []string{"https://app.example.com"}, "cross-site", false},

		{"foreign", "login.example.com", here, []string{"https://evil.test"}, "", true},
		{"foreign that claims to be of this site", "login.example.com", here, []string{"https://evil.test"}, "same-origin", true},
		{"look-alike", "login.example.com", here, []string{"https://login.example.com.evil.test"}, "", true},
		{"other scheme", "login.example.com", here, []string{"http://login.example.com"}, "", true},
		{"other scheme behind a proxy", "login.example.com", behind, []string{"http://login.example.com"}, "", true},
		{"other port", "login.example.com", here, []string{"https://login.example.com:8443"}, "", true},
		{"other port here", "login.example.com:8443", here, []string{"https://login.example.com"}, "", true},
		{"same host, the browser says another port", "login.example.com", behind, []string{"https://login.example.com:8443"}, "same-site", true},
		{"same host, the browser says another site", "login.example.com", here, []string{"https://login.example.com"}, "cross-site", true},
		{"other case", "login.example.com", here, []string{"https://LOGIN.example.com"}, "", true},
		{"with a path", "login.example.com", here, []string{"https://login.example.com/"}, "", true},
		{"null", "login.example.com", here, []string{"null"}, "", true},
		{"null of a page without referrer, the browser says so", "login.example.com", here, []string{"null"}, "same-origin", false},
		{"null of a sandboxed frame", "login.example.com", here, []string{"null"}, "cross-site", true},
		{"null of the same site", "login.example.com", here, []string{"null"}, "same-site", true},
		{"null and something else", "login.example.com", here, []string{"null", "https://evil.test"}, "same-origin", true},
		{"empty", "login.example.com", here, []string{""}, "", true},
		{"two the same", "login.example.com", here, []string{"https://login.example.com", "https://login.example.com"}, "", true},
		{"no origin at all", "login.example.com", here, []string{"login.example.com"}, "", true},
		{"a list", "login.example.com", here, []string{"https://login.example.com https://evil.test"}, "", true},
		{"nothing known of here", "", headers.Origin{}, []string{"https://login.example.com"}, "", true},
	} {
		t.Run(r.name, func(t *testing.T) {
			h := http.Header{}
			if r.values != nil {
				h["Origin"] = r.values
			}
			if r.site != "" {
				h.Set("Sec-Fetch-Site", r.site)
			}
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "PROPPATCH"} {
				if got := refused(t, c, method, r.host, r.origin, h); got != r.refused {
					t.Errorf("%s: refused %v, want %v", method, got, r.refused)
				}
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				if refused(t, c, method, r.host, r.origin, h) {
					t.Errorf("%s changes nothing and is refused", method)
				}
			}
		})
	}

	everybody := newCORS(t, headers.CORSConfig{AllowedOrigins: []string{"*"}})
	for origin, want := range map[string]bool{"https://evil.test": false, "null": false, "evil": true, "": true} {
		if got := refused(t, everybody, "POST", "login.example.com", here, http.Header{"Origin": {origin}}); got != want {
			t.Errorf("everybody allowed, %q: refused %v, want %v", origin, got, want)
		}
	}
}

func TestStripCORS(t *testing.T) {
	h := http.Header{
		"Access-Control-Allow-Origin": {"*"}, "access-control-allow-credentials": {"true"}, "Access-Control-Anything": {""},
		"Access-Control": {"a"}, "Vary": {"Origin"}, "Content-Type": {"text/html"},
	}
	headers.StripCORS(h)
	want := http.Header{"Access-Control": {"a"}, "Vary": {"Origin"}, "Content-Type": {"text/html"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
