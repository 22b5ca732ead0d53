package main_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// More logins than can be looked at in time: those that are too many are told so at once and count for nothing, and requests that
// show a token are answered as ever.
func TestSecurityFlood(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "lockout: {failures: 3, duration: 1h}\npasswords: {max_wait: 100ms}",
			"AUTHLY_PASSWORDS_BCRYPT_COST=9") // of names that do not exist; those that do have hashes of before
		var shed, looked atomic.Int64
		atOnce(120, func(i int) {
			answer := g.do(t, "POST", "/auth/token", "", loginBody(fmt.Sprint("nobody", i), "not this one"))
			switch {
			case answer.status == http.StatusUnauthorized:
				looked.Add(1)
			case answer.status == http.StatusServiceUnavailable && answer.header.Get("Retry-After") != "" &&
				strings.Contains(answer.body, `"code":"overloaded"`) && strings.Contains(answer.body, `"error":"temporarily_unavailable"`):
				shed.Add(1)
			default:
				t.Errorf("%d %s", answer.status, answer.body)
			}
			g.wantAlive(t, true, map[string]string{"boss": g.boss.Access})
		})
		if shed.Load() == 0 || looked.Load() == 0 {
			t.Errorf("%d were shed, %d looked at", shed.Load(), looked.Load())
		}
		metrics, err := http.Get("http://" + g.address["server.ops_address"] + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer metrics.Body.Close()
		text, err := io.ReadAll(metrics.Body)
		if err != nil || !strings.Contains(string(text), fmt.Sprintf("authly_password_shed_total %d\n", shed.Load())) ||
			!strings.Contains(string(text), "authly_password_waiting 0\n") {
			t.Errorf("the metrics do not tell of %d that were shed", shed.Load())
		}
		t.Run("who was shed has not guessed", func(t *testing.T) {
			statuses := make([]int, 60)
			atOnce(len(statuses), func(i int) {
				statuses[i] = g.do(t, "POST", "/auth/token", "", loginBody("nobody", "not this one")).status
			})
			looked := len(slices.DeleteFunc(slices.Clone(statuses), func(status int) bool { return status != http.StatusUnauthorized }))
			if looked > 3 || looked < 3 && slices.Contains(statuses, http.StatusTooManyRequests) {
				t.Errorf("%v: locked after %d passwords were looked at, want three", statuses, looked)
			}
		})
	})
}
