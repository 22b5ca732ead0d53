package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// reasonOf tells a person why they are not signed in. It says no more of an account than who knows its password may know: see
// Logins.Login.
func reasonOf(e *authn.Error) string {
	switch e.Code {
	case authn.CodeInvalidGrant:
		return "The name or the password is not right. Look for typing errors and for Caps Lock."
	case authn.CodeLocked, authn.CodeDelayed, authn.CodeRateLimited:
		return "There were too many attempts. Try again " + inWords(e.RetryAfter) + "."
	case authn.CodeAccountUnverified:
		return "Your email address is not confirmed yet. Open the link in the mail that you were sent, then sign in."
	case authn.CodeAccountInactive:
		return "Your account is closed. Ask the people who run this site."
	case authn.CodeUnavailable, authn.CodeOverloaded, authn.CodeInternal:
		return "That did not work, and it is not your fault. Try again " + inWords(e.RetryAfter) + "."
	}
	return sentence(e.Detail)
}

// inWords says when to try again, such as "in 4 minutes and 5 seconds".
func inWords(wait time.Duration) string {
	if wait <= 0 {
		return "in a moment"
	}
	left := max(time.Second, (wait + time.Second - 1).Truncate(time.Second)) // who has waited so long has waited enough
	var parts []string
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		n := left / unit.length
		left -= n * unit.length
		switch {
		case n == 1:
			parts = append(parts, "1 "+unit.name)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	return "in " + strings.Join(parts, " and ")
}
