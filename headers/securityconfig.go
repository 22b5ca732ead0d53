package headers

import (
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
)

// SecurityConfig holds the value of each security header. The empty string turns a header off.
type SecurityConfig struct {
	ContentTypeOptions      string // X-Content-Type-Options: "nosniff" is the only value there is
	FrameOptions            string // X-Frame-Options: DENY or SAMEORIGIN
	ContentSecurityPolicy   string // on Authly's own answers; without nonces
	ReferrerPolicy          string
	XSSProtection           string // X-XSS-Protection
	StrictTransportSecurity string // RFC 6797 section 6.1: "max-age=SECONDS[; includeSubDomains][; preload]"; over https alone

	// UpstreamContentSecurityPolicy is added to proxied answers that have no policy. It is apart from the one above, which
	// would break most applications.
	UpstreamContentSecurityPolicy string
}

// DefaultSecurityConfig returns the values that are used where nothing is configured.
func DefaultSecurityConfig() SecurityConfig {
	return SecurityConfig{
		ContentTypeOptions:      "nosniff",
		FrameOptions:            "DENY",
		ContentSecurityPolicy:   "default-src 'self'",
		ReferrerPolicy:          "strict-origin-when-cross-origin",
		XSSProtection:           "1; mode=block",
		StrictTransportSecurity: "max-age=31536000",
	}
}

// Validate refuses values that a browser would not understand, and so would not protect anybody, and values that cannot
// stand in a header. The error names the configuration key and never repeats the value.
func (c SecurityConfig) Validate() error {
	for _, v := range []struct{ field, value string }{
		{"content_type_options", c.ContentTypeOptions},
		{"frame_options", c.FrameOptions},
		{"content_security_policy", c.ContentSecurityPolicy},
		{"referrer_policy", c.ReferrerPolicy},
		{"xss_protection", c.XSSProtection},
		{"strict_transport_security", c.StrictTransportSecurity},
		{"upstream_content_security_policy", c.UpstreamContentSecurityPolicy},
	} {
		for i := range len(v.value) {
			if b := v.value[i]; b < ' ' || b >= 0x7f {
				return authn.RefuseField(v.field, "Only printable ASCII can stand in a header")
			}
		}
		if v.value != "" && strings.Trim(v.value, " ") == "" {
			return authn.RefuseField(v.field, "A value of spaces says nothing; the empty value turns the header off")
		}
	}
	return c.validateMeaning()
}

func (c SecurityConfig) validateMeaning() error {
	if c.ContentTypeOptions != "" && c.ContentTypeOptions != "nosniff" {
		return authn.RefuseField("content_type_options", "Expected nosniff, or nothing to turn it off")
	}
	if f := strings.ToUpper(c.FrameOptions); f != "" && f != "DENY" && f != "SAMEORIGIN" {
		return authn.RefuseField("frame_options", "Expected DENY or SAMEORIGIN, or nothing to turn it off")
	}
	if c.ReferrerPolicy != "" && !isReferrerPolicy(c.ReferrerPolicy) {
		return authn.RefuseField("referrer_policy", "Expected one or more policies of the Referrer Policy standard, with commas between")
	}
	if x := c.XSSProtection; x != "" && x != "0" && x != "1" && !strings.HasPrefix(x, "1;") {
		return authn.RefuseField("xss_protection", `Expected 0, 1 or "1; mode=block", or nothing to turn it off`)
	}
	if _, ok := parseTransportSecurity(c.StrictTransportSecurity); !ok {
		return authn.RefuseField("strict_transport_security", `Expected "max-age=SECONDS", and then includeSubDomains and preload if wanted`)
	}
	if hasNonce(c.ContentSecurityPolicy) {
		return authn.RefuseField("content_security_policy", "Nonces are not served")
	}
	if hasNonce(c.UpstreamContentSecurityPolicy) {
		return authn.RefuseField("upstream_content_security_policy", "Nonces are not served")
	}
	return nil
}

func isReferrerPolicy(s string) bool {
	for policy := range strings.SplitSeq(s, ",") {
		switch strings.ToLower(strings.Trim(policy, " ")) {
		case "no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin",
			"strict-origin", "strict-origin-when-cross-origin", "unsafe-url":
		default:
			return false
		}
	}
	return true
}

// hasNonce reports whether unrolled/secure would put a nonce into the policy. The values are computed once, and a nonce
// that is used twice is worth nothing.
func hasNonce(policy string) bool {
	return strings.Contains(policy, "$NONCE") || strings.Contains(policy, "%[1]s")
}

// transportSecurity is a parsed Strict-Transport-Security.
type transportSecurity struct {
	present             bool
	seconds             int64
	subdomains, preload bool
}

func parseTransportSecurity(s string) (t transportSecurity, ok bool) {
	if s == "" {
		return t, true
	}
	t.seconds = -1
	for directive := range strings.SplitSeq(strings.ToLower(s), ";") {
		name, value, _ := strings.Cut(strings.Trim(directive, " "), "=")
		switch {
		case name == "max-age" && t.seconds < 0:
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return transportSecurity{}, false
			}
			t.seconds = int64(seconds)
		case name == "includesubdomains" && value == "" && !t.subdomains:
			t.subdomains = true
		case name == "preload" && value == "" && !t.preload:
			t.preload = true
		default:
			return transportSecurity{}, false
		}
	}
	t.present = t.seconds >= 0
	return t, t.present
}
