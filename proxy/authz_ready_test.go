package proxy_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// An answer whose lines were ready is the answer that net/http makes of a map of headers: in every dialect, for whoever asks,
// and whatever the outcome.
func TestAuthzReadyAnswersAreTheUsual(t *testing.T) {
	assert := func(audience string, id *authn.Identity, method, host string) (string, error) {
		return "assertion." + audience + "." + id.Username, nil
	}
	ready, usual := newAuthzRig(t, authzConfig{assert: assert}), newAuthzRig(t, authzConfig{assert: assert, usual: true})
	for _, tongue := range tongues() {
		t.Run(tongue.name, func(t *testing.T) {
			seen := map[int]int{}
			for _, token := range []string{"", "alice", "root", "zoe", "bare", "crowd", "down", "unknown"} {
				for _, target := range []string{"/public/1", "/app/1", "/admin/1", "/told/1", "/closed/1", "/nowhere", "//1"} {
					for _, a := range []authzAsked{
						{}, {scheme: "http"}, {host: "-"}, {method: "HEAD"}, {method: "get"}, {extra: []string{"X-Request-Id: given"}},
						{extra: []string{"Connection: close"}}, {extra: []string{"Content-Length: 3", "", "abc"}},
					} {
						a.token, a.target = token, target
						got := ready.ask(t, tongue, a)
						if diff := cmp.Diff(sameEachTime(t, usual.ask(t, tongue, a)), sameEachTime(t, got)); diff != "" {
							t.Errorf("%+v: (-usual +ready):\n%s", a, diff)
						}
						seen[got.StatusCode]++
					}
				}
			}
			if seen[http.StatusOK] < 50 || seen[http.StatusUnauthorized] < 20 || seen[http.StatusForbidden] < 20 {
				t.Errorf("statuses %v: want some of each", seen)
			}
		})
	}
}

// sameEachTime is an answer without what is another each time.
func sameEachTime(t *testing.T, answer *http.Response) map[string]any {
	t.Helper()
	answer.Header.Del("Date")
	id := answer.Header.Get("X-Request-Id")
	if len(id) == 32 {
		answer.Header.Set("X-Request-Id", "made")
	}
	return map[string]any{"status": answer.Status, "header": answer.Header, "length": answer.ContentLength, "close": answer.Close}
}
