package headers_test

import (
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func TestSecurityConfigValidate(t *testing.T) {
	wantCode(t, headers.DefaultSecurityConfig().Validate(), "")
	wantCode(t, headers.SecurityConfig{}.Validate(), "")
	for field, c := range map[string]struct {
		set       func(*headers.SecurityConfig, string)
		good, bad []string
	}{
		"content_type_options": {func(c *headers.SecurityConfig, v string) { c.ContentTypeOptions = v },
			[]string{"nosniff"}, []string{"sniff", "NoSniff", "nosniff, nosniff", " nosniff"}},
		"frame_options": {func(c *headers.SecurityConfig, v string) { c.FrameOptions = v },
			[]string{"DENY", "deny", "SAMEORIGIN"}, []string{"DENNY", "ALLOW-FROM https://example.com", "DENY, SAMEORIGIN"}},
		"content_security_policy": {func(c *headers.SecurityConfig, v string) { c.ContentSecurityPolicy = v },
			[]string{"default-src 'none'", "img-src a%20b"}, []string{"script-src $NONCE", "script-src %[1]s"}},
		"upstream_content_security_policy": {func(c *headers.SecurityConfig, v string) { c.UpstreamContentSecurityPolicy = v },
			[]string{"frame-ancestors 'self'"}, []string{"script-src $NONCE"}},
		"referrer_policy": {func(c *headers.SecurityConfig, v string) { c.ReferrerPolicy = v },
			[]string{"no-referrer", "No-Referrer, origin"}, []string{"no-refferer", "origin,", "origin origin"}},
		"xss_protection": {func(c *headers.SecurityConfig, v string) { c.XSSProtection = v },
			[]string{"0", "1", "1; mode=block"}, []string{"2", "on", "10"}},
		"strict_transport_security": {func(c *headers.SecurityConfig, v string) { c.StrictTransportSecurity = v },
			[]string{"max-age=0", "max-age=31536000", "Max-Age=1; INCLUDESUBDOMAINS", "includeSubDomains; max-age=1;preload"},
			[]string{"31536000", "max-age", "max-age=", "max-age=-1", "max-age=1y", "max-age=99999999999", "includeSubDomains",
				"max-age=1; max-age=2", "max-age=1; includeSubdomain", "max-age=1, preload", "max-age=1; preload; preload", "max-age=1;"}},
	} {
		for _, v := range c.good {
			cfg := headers.DefaultSecurityConfig()
			c.set(&cfg, v)
			wantCode(t, cfg.Validate(), "")
		}
		for _, v := range append(c.bad, c.good[0]+"\r\nSet-Cookie: a=b", c.good[0]+"\n", c.good[0]+"\x00", c.good[0]+"ü", "\t", " ") {
			cfg := headers.DefaultSecurityConfig()
			c.set(&cfg, v)
			err := cfg.Validate()
			if err == nil {
				t.Errorf("%s: %q is accepted", field, v)
				continue
			}
			wantCode(t, err, authn.CodeInvalidRequest)
			if e := err.(*authn.Error); e.Field != field || strings.Contains(e.Error(), "Set-Cookie") {
				t.Errorf("%s: %q gives %v for %s", field, v, err, e.Field)
			}
		}
	}
}
