package headers

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// The fields that tell of limits (draft-ietf-httpapi-ratelimit-headers-10), in the form in which net/http keeps names. Both are
// lists of strings with parameters (RFC 9651).
const (
	rateLimit       = "Ratelimit"
	rateLimitPolicy = "Ratelimit-Policy"
)

// IsRateLimit reports whether a field tells of limits: a list to which everybody on the way may add. The name is in canonical form.
func IsRateLimit(name string) bool { return name == rateLimit || name == rateLimitPolicy }

// TellLimits names limits that a request counted against: what each allows, what is left, and when there will be more. Without
// any it changes nothing.
func TellLimits(h http.Header, levels ...authn.Level) {
	if len(levels) == 0 {
		return
	}
	var policies, left []string
	for _, l := range levels {
		policies = append(policies, fmt.Sprintf(`%q;q=%d;w=%s`, l.Name, l.Limit.Requests, Seconds(l.Limit.Per)))
		now := fmt.Sprintf(`%q;r=%d`, l.Name, l.Remaining)
		if l.Wait > 0 {
			now += ";t=" + Seconds(l.Wait)
		}
		left = append(left, now)
	}
	h[rateLimitPolicy], h[rateLimit] = []string{strings.Join(policies, ", ")}, []string{strings.Join(left, ", ")}
}

// TellStrictest names the limit that a request which was let through came nearest to. Whoever keeps to that one keeps to the others
// for now. Without any it changes nothing.
func TellStrictest(h http.Header, levels []authn.Level) {
	if len(levels) == 0 {
		return
	}
	strictest := levels[0]
	for _, l := range levels[1:] {
		if l.Remaining < strictest.Remaining || l.Remaining == strictest.Remaining && l.Wait > strictest.Wait {
			strictest = l
		}
	}
	TellLimits(h, strictest)
}

// HushLimits takes back what TellLimits has told: of a refusal that has another reason.
func HushLimits(h http.Header) {
	delete(h, rateLimit)
	delete(h, rateLimitPolicy)
}

// Seconds writes a duration in whole seconds, rounded up, at least one: a client that waits so long has waited enough.
func Seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
