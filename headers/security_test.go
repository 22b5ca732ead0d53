package headers_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/headers"
)

// plainSet are the default headers of an answer of Authly's own over http.
func plainSet() http.Header {
	return http.Header{
		"X-Content-Type-Options": {"nosniff"}, "X-Frame-Options": {"DENY"}, "Content-Security-Policy": {"default-src 'self'"},
		"Referrer-Policy": {"strict-origin-when-cross-origin"}, "X-Xss-Protection": {"1; mode=block"},
	}
}

// answer runs Own around a handler that answers status and returns the headers of the answer.
func answer(s *headers.Security, scheme string, status int) http.Header {
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(headers.WithExchange(r.Context(), &headers.Exchange{Origin: headers.Origin{Scheme: scheme}}))
	w := httptest.NewRecorder()
	s.Own(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })).ServeHTTP(w, r)
	return w.Result().Header
}

func TestOwnOnEveryStatus(t *testing.T) {
	s := headers.NewSecurity(headers.DefaultSecurityConfig())
	https := plainSet()
	https["Strict-Transport-Security"] = []string{"max-age=31536000"}
	for _, status := range []int{200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 503} {
		for scheme, want := range map[string]http.Header{"http": plainSet(), "https": https, "": plainSet()} {
			if diff := cmp.Diff(want, answer(s, scheme, status)); diff != "" {
				t.Errorf("%d over %q (-want +got):\n%s", status, scheme, diff)
			}
		}
	}
}

// On a real connection, the headers are also on the answers that net/http's own helpers write.
func TestOwnOnTheWire(t *testing.T) {
	s := headers.NewSecurity(headers.DefaultSecurityConfig())
	server := httptest.NewServer(s.Own(http.NotFoundHandler()))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusNotFound {
		t.Fatalf("status %d, %v", res.StatusCode, err)
	}
	for name, want := range plainSet() {
		if diff := cmp.Diff(want, res.Header[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOwnMayBeChanged(t *testing.T) {
	s := headers.NewSecurity(headers.DefaultSecurityConfig())
	change := s.Own(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Add("Referrer-Policy", "no-referrer")
		w.Header().Del("X-Frame-Options")
	}))
	want := plainSet()
	want["Content-Security-Policy"] = []string{"default-src 'none'"}
	want["Referrer-Policy"] = []string{"strict-origin-when-cross-origin", "no-referrer"}
	delete(want, "X-Frame-Options")
	w := httptest.NewRecorder()
	change.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(plainSet(), answer(s, "http", 200)); diff != "" {
		t.Errorf("one handler changed the next answer (-want +got):\n%s", diff)
	}
}

// Each value can be changed and turned off alone.
func TestOwnValues(t *testing.T) {
	for _, c := range []struct {
		header string
		set    func(*headers.SecurityConfig, string)
		value  string // "": there is no other value than the default
	}{
		{"X-Content-Type-Options", func(c *headers.SecurityConfig, v string) { c.ContentTypeOptions = v }, ""},
		{"X-Frame-Options", func(c *headers.SecurityConfig, v string) { c.FrameOptions = v }, "SAMEORIGIN"},
		{"Content-Security-Policy", func(c *headers.SecurityConfig, v string) { c.ContentSecurityPolicy = v }, "default-src 'none'; report-uri /r%20s"},
		{"Referrer-Policy", func(c *headers.SecurityConfig, v string) { c.ReferrerPolicy = v }, "no-referrer, strict-origin"},
		{"X-Xss-Protection", func(c *headers.SecurityConfig, v string) { c.XSSProtection = v }, "0"},
		{"Strict-Transport-Security", func(c *headers.SecurityConfig, v string) { c.StrictTransportSecurity = v }, "max-age=60; includeSubDomains; preload"},
		{"Strict-Transport-Security", func(c *headers.SecurityConfig, v string) { c.StrictTransportSecurity = v }, "max-age=0"},
	} {
		for _, value := range slices.Compact([]string{"", c.value}) {
			cfg := headers.DefaultSecurityConfig()
			want := answer(headers.NewSecurity(cfg), "https", 200)
			c.set(&cfg, value)
			wantCode(t, cfg.Validate(), "")
			want.Del(c.header)
			if value != "" {
				want.Set(c.header, value)
			}
			if diff := cmp.Diff(want, answer(headers.NewSecurity(cfg), "https", 200)); diff != "" {
				t.Errorf("%s: %q (-want +got):\n%s", c.header, value, diff)
			}
		}
	}
	if got := answer(headers.NewSecurity(headers.SecurityConfig{}), "https", 200); len(got) != 0 {
		t.Errorf("all turned off, and still %v", got)
	}
}

func TestMerge(t *testing.T) {
	cfg := headers.DefaultSecurityConfig()
	upstream := http.Header{
		"X-Frame-Options": {"SAMEORIGIN"}, "Referrer-Policy": {""}, "Content-Type": {"text/html"},
		"X-Content-Type-Options": {"nosniff"},
	}
	want := upstream.Clone()
	want.Set("X-XSS-Protection", "1; mode=block")

	h := upstream.Clone()
	headers.NewSecurity(cfg).Merge(h, false)
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("over http, without a policy for applications (-want +got):\n%s", diff)
	}

	want.Set("Strict-Transport-Security", "max-age=31536000")
	want.Set("Content-Security-Policy", "frame-ancestors 'none'")
	cfg.UpstreamContentSecurityPolicy = "frame-ancestors 'none'"
	h = upstream.Clone()
	s := headers.NewSecurity(cfg)
	for range 2 {
		s.Merge(h, true)
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("over https, with one (-want +got):\n%s", diff)
		}
	}

	own := http.Header{"Content-Security-Policy": {"default-src *", "img-src *"}, "Strict-Transport-Security": {"max-age=1"}}
	s.Merge(own, true)
	if diff := cmp.Diff([]string{"default-src *", "img-src *"}, own["Content-Security-Policy"]); diff != "" {
		t.Errorf("the application's policy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"max-age=1"}, own["Strict-Transport-Security"]); diff != "" {
		t.Errorf("the application's transport security (-want +got):\n%s", diff)
	}
	if got := answer(s, "http", 200).Get("Content-Security-Policy"); got != "default-src 'self'" {
		t.Errorf("the policy for applications is on Authly's own answers: %q", got)
	}
}

func TestNoSecurity(t *testing.T) {
	var s *headers.Security
	h := http.Header{}
	s.Merge(h, true)
	if len(h) != 0 || len(answer(s, "https", 200)) != 0 {
		t.Error("a nil Security does something")
	}
}
