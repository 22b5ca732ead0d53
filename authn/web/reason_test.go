package web

import (
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func TestWaitInWords(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		0: "in a moment", -time.Second: "in a moment", time.Millisecond: "in 1 second", time.Second: "in 1 second",
		1500 * time.Millisecond: "in 2 seconds", time.Minute: "in 1 minute", 65 * time.Second: "in 1 minute and 5 seconds",
		5 * time.Minute: "in 5 minutes", 59*time.Minute + 59*time.Second + time.Millisecond: "in 1 hour",
		2*time.Hour + time.Second: "in 2 hours and 1 second",
	} {
		if got := inWords(wait); got != want {
			t.Errorf("%v: %q, want %q", wait, got, want)
		}
	}
}

// A person is told what to do, and of an account no more than who knows its password may know.
func TestReasons(t *testing.T) {
	locked := reasonOf(&authn.Error{Code: authn.CodeLocked, RetryAfter: 5 * time.Minute})
	delayed := reasonOf(&authn.Error{Code: authn.CodeDelayed, RetryAfter: 5 * time.Minute})
	limited := reasonOf(&authn.Error{Code: authn.CodeRateLimited, RetryAfter: 5 * time.Minute})
	if locked != delayed || locked != limited || !strings.Contains(locked, "in 5 minutes") {
		t.Errorf("%q, %q, %q", locked, delayed, limited)
	}
	for _, code := range []authn.Code{
		authn.CodeInvalidGrant, authn.CodeAccountUnverified, authn.CodeAccountInactive, authn.CodeUnavailable, authn.CodeOverloaded, authn.CodeInternal,
	} {
		if got := reasonOf(&authn.Error{Code: code, Detail: "detail"}); strings.Contains(got, "etail") || !strings.HasSuffix(got, ".") {
			t.Errorf("%s: %q", code, got)
		}
	}
	if got := reasonOf(authn.RefuseField("password", "Type your password")); got != "Type your password." {
		t.Errorf("%q", got)
	}
}
