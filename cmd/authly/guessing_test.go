package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/descoped/authly/store/storetest"
)

// Replicas that share a Redis count logins together. While it is away each counts for itself, and both notice when it is back.
func TestReplicasShareLimits(t *testing.T) {
	t.Parallel()
	redis, storeURL := storetest.StartRedis(t), storetest.PostgresURL(t)
	var replicas []*authly
	for range 2 {
		replicas = append(replicas, start(t, storeURL, protectedEcho, "AUTHLY_LIMITS_BACKEND="+redis.Address,
			"AUTHLY_LIMITS_LOGIN={requests: 4, per: 1h}"))
	}
	// passed is how many of some logins, each of another name and sent to both replicas by turns, met no limit.
	passed := func(from string) (n int) {
		for i := range 14 {
			a := replicas[i%2]
			body := loginBody(fmt.Sprintf("%s%d", from, i), "not this one")
			answer := exchange(t, from, a.address["server.address"], requestBytes("POST", "/auth/token", "Host: a", "Connection: close",
				"Content-Type: application/json", "Content-Length: "+lengthOf(body))+body)
			switch {
			case answer.status == http.StatusUnauthorized:
				n++
			case answer.status != http.StatusTooManyRequests || answer.header.Get("Retry-After") == "" ||
				!strings.HasPrefix(answer.header.Get("RateLimit-Policy"), `"login-client";q=4;w=3600`) ||
				!strings.HasPrefix(answer.header.Get("RateLimit"), `"login-client";r=0;t=`):
				t.Errorf("%d %v", answer.status, answer.header)
			}
		}
		return n
	}
	shared := func(want string) func() bool {
		return func() bool {
			passed("127.0.0.99") // somebody has to ask for them to notice
			return replicas[0].metrics(t)["authly_limits_shared"] == want && replicas[1].metrics(t)["authly_limits_shared"] == want
		}
	}
	if n := passed("127.0.0.21"); n != 4 {
		t.Errorf("%d logins met no limit, want 4", n)
	}
	redis.Kill(t)
	eventually(t, "the replicas count for themselves", shared("0"))
	if n := passed("127.0.0.22"); n != 8 {
		t.Errorf("without Redis %d logins met no limit, want 4 at each replica", n)
	}
	redis.Start(t)
	eventually(t, "the replicas count together", shared("1"))
	if n := passed("127.0.0.23"); n != 4 {
		t.Errorf("with Redis again %d logins met no limit, want 4", n)
	}
	for i, a := range replicas {
		lines := a.stderr.String()
		if strings.Count(lines, "limits are not shared") != 1 || strings.Count(lines, "limits are shared again") != 1 {
			t.Errorf("replica %d does not say once that Redis was away, and once that it is back", i)
		}
		if strings.Contains(lines, strings.TrimSuffix(strings.TrimPrefix(redis.Address, "redis://:"), "@127.0.0.1")[:20]) {
			t.Errorf("the log of replica %d has the password of Redis", i)
		}
	}
}

// Failures make the next attempt wait and then lock the account, which its owner does not feel where they have signed in
// before; an administrator ends all of it.
func TestDelaysLocksAndUnlocking(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "lockout: {failures: 4, duration: 1h, max_duration: 2h}", "AUTHLY_LOCKOUT_MAX_DELAY=1h")
		try := func(status int, name, password string) reply {
			t.Helper()
			return g.must(t, status, "POST", "/auth/token", "", loginBody(name, password), "User-Agent", "a stranger's")
		}
		unlock := func() { g.must(t, http.StatusOK, "PUT", "/users/"+g.id["alice"]+"/unlock", g.admin.Access, "") }
		for round := range 2 {
			for _, name := range []string{"alice", "nobody" + fmt.Sprint(round)} {
				for range 3 {
					try(http.StatusUnauthorized, name, "not this one")
				}
				early := try(http.StatusTooManyRequests, name, passwordOf("alice"))
				if early.header.Get("Retry-After") != "1" || detailOf(t, early) != "Too many failed attempts. Try again later." {
					t.Errorf("%s: %v %s", name, early.header, early.body)
				}
			}
			unlock()
		}
		try(http.StatusOK, "alice", passwordOf("alice"))
		for range 3 {
			try(http.StatusUnauthorized, "alice", "not this one")
		}
		eventually(t, "the fourth is looked at", func() bool {
			return g.do(t, "POST", "/auth/token", "", loginBody("alice", "not this one"), "User-Agent", "another's").status == http.StatusUnauthorized
		})
		try(http.StatusOK, "alice", passwordOf("alice")) // from where she has signed in before
		g.must(t, http.StatusTooManyRequests, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice")), "User-Agent", "another's")
		unlock()
		g.must(t, http.StatusOK, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice")), "User-Agent", "another's")
		g.must(t, http.StatusForbidden, "PUT", "/users/"+g.id["alice"]+"/unlock", g.alice.Access, "")

		said := map[string]int{}
		for line := range strings.Lines(g.stderr.String()) {
			var entry struct {
				Event  string `json:"event"`
				UserID string `json:"user_id"`
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.UserID == g.id["alice"] {
				said[entry.Event]++
			}
		}
		if said["account_locked"] != 1 || said["account_unlocked"] != 3 || said["login_failed"] < 10 {
			t.Errorf("the log says of alice: %v", said)
		}
	})
}
