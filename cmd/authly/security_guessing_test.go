package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// withoutID is an answer as far as it could tell something: the request's own id and the header of the time taken out.
func withoutID(t *testing.T, answer reply) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(answer.body), &body); err != nil {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	delete(body, "request_id")
	header := answer.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length", "Retry-After", "RateLimit"} {
		header.Del(name)
	}
	return fmt.Sprint(answer.status, body, headerText(header))
}

// Who does not know the password learns nothing from the answer: not whether there is such a user, nor how they are.
func TestSecurityLoginAnswers(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "lockout: {failures: 3, duration: 1h}")
		path, _ := g.newcomer(t, "disabled")
		g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"is_active":false}`)
		g.must(t, http.StatusCreated, "POST", "/users/", "",
			`{"username":"unverified","email":"unverified@example.com","password":"`+passwordOf("unverified")+`"}`)
		names := map[string]string{
			"unknown": "nobody", "wrong": "alice", "disabled": "disabled", "unverified": "unverified",
			"unknown email":  "nobody@example.com",
			"wrong by email": "bare@example.com", "no name at all": "", "no possible name": "a b\u00adc",
			"a long name": strings.Repeat("x", 5000),
		}
		var usual, locked string
		for attempt := range 4 {
			for _, how := range slices.Sorted(maps.Keys(names)) {
				t.Run(fmt.Sprintf("CVE-2026-32595 %s, attempt %d", how, attempt+1), func(t *testing.T) {
					got := withoutID(t, g.do(t, "POST", "/auth/token", "", loginBody(names[how], "not this one")))
					want := &usual
					if attempt == 3 {
						want = &locked
					}
					if *want == "" {
						*want = got
					}
					if got != *want {
						t.Errorf("%s\nwant %s", got, *want)
					}
				})
			}
		}
		if !strings.HasPrefix(usual, "401 ") || !strings.HasPrefix(locked, "429 ") {
			t.Errorf("the answers are %s and %s", usual, locked)
		}
		g.login(t, "boss", passwordOf("boss"))
	})
}

// Only who knows the password is told why it does not help.
func TestSecurityLoginWithTheRightPassword(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	path, _ := g.newcomer(t, "disabled")
	g.must(t, http.StatusOK, "PUT", path, g.admin.Access, `{"is_active":false}`)
	g.must(t, http.StatusCreated, "POST", "/users/", "",
		`{"username":"unverified","email":"unverified@example.com","password":"`+passwordOf("unverified")+`"}`)
	for name, detail := range map[string]string{"disabled": "Account is deactivated",
		"unverified": "Account not verified"} {
		t.Run(name, func(t *testing.T) {
			answer := g.must(t, http.StatusForbidden, "POST", "/auth/token", "", loginBody(name, passwordOf(name)))
			if got := detailOf(t, answer); got != detail {
				t.Errorf("%q", got)
			}
		})
	}
}

// All spellings of one name count together, and while they are locked no path and no password gets in.
func TestSecurityLock(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "lockout: {failures: 5, duration: 1h}")
		spellings := []string{"alice", "ALICE", "\uff21\uff4c\uff49\uff43\uff45", "Alice@Example.com",
			"alice@\uff45xample.com"}
		for i, name := range spellings {
			t.Run(fmt.Sprintf("CVE-2025-24806 spelling %d counts", i+1), func(t *testing.T) {
				g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody(name, "not this one"))
			})
		}
		for i, name := range append(spellings, "alice@example.com", "aLiCe") {
			t.Run(fmt.Sprintf("CVE-2026-7820 the right password during a lock, spelling %d", i+1), func(t *testing.T) {
				g.must(t, http.StatusTooManyRequests, "POST", "/auth/token", "", loginBody(name, passwordOf("alice")))
				form := url.Values{"grant_type": {"password"}, "username": {name}, "password": {passwordOf("alice")}}
				g.must(t, http.StatusTooManyRequests, "POST", "/auth/token", "", form.Encode(), "Content-Type",
					"application/x-www-form-urlencoded")
			})
		}
		for how, name := range map[string]string{"space": "alice ", "soft hyphen": "ali\u00adce",
			"zero width": "ali\u200bce", "line feed": "alice\n", "dotless i": "al\u0131ce"} {
			t.Run("CVE-2025-24806 no name of hers: "+how, func(t *testing.T) {
				g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody(name, passwordOf("alice")))
			})
		}
		t.Run("CVE-2026-7820 a password change during a lock", func(t *testing.T) {
			g.must(t, http.StatusTooManyRequests, "PUT", "/users/"+g.id["alice"], g.alice.Access,
				`{"password":"another password","current_password":"`+passwordOf("alice")+`"}`)
		})
		t.Run("lock as a weapon: who is logged in stays so", func(t *testing.T) {
			g.wantAlive(t, true, map[string]string{"alice": g.alice.Access})
			g.alice = g.refreshed(t, g.alice.Refresh)
		})
		t.Run("CVE-2026-7820 current passwords are guesses too", func(t *testing.T) {
			for range 5 {
				g.must(t, http.StatusForbidden, "PUT", "/users/"+g.id["bare"], g.bare.Access,
					`{"password":"another password","current_password":"not this one"}`)
			}
			g.must(t, http.StatusTooManyRequests, "POST", "/auth/token", "", loginBody("bare", passwordOf("bare")))
		})
		t.Run("CVE-2026-35597 guesses side by side are all counted", func(t *testing.T) {
			looked := make([]bool, 40)
			atOnce(len(looked), func(i int) {
				looked[i] = g.do(t, "POST", "/auth/token", "",
					loginBody("boss", "not this one")).status == http.StatusUnauthorized
			})
			if n := len(slices.DeleteFunc(looked, func(b bool) bool { return !b })); n != 5 {
				t.Errorf("%d passwords were looked at, want 5", n)
			}
		})
	})
}

// A lock ends by itself, and failures that a success came between do not add up.
func TestSecurityLockEnds(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "lockout: {failures: 3, duration: 1s}")
	for range 3 { // twice wrong and then right
		for range 2 {
			g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody("alice", "not this one"))
		}
		g.login(t, "alice", passwordOf("alice"))
	}
	for range 3 {
		g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody("alice", "not this one"))
	}
	g.must(t, http.StatusTooManyRequests, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice")))
	eventually(t, "the lock ends", func() bool {
		return g.do(t, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice"))).status == http.StatusOK
	})
}

// The address that is limited is the peer's, or what the trusted proxy says; never what a client says.
func TestSecurityLoginLimit(t *testing.T) {
	t.Parallel()
	g := guard(t, sqliteURL(t), "", "AUTHLY_LIMITS_LOGIN={requests: 3, per: 1h}", "AUTHLY_LOCKOUT_FAILURES=1000")
	login := func(t *testing.T, from, name string, lines ...string) reply {
		t.Helper()
		body := loginBody(name, "not this one")
		lines = append([]string{"Host: login.example.com", "Content-Type: application/json",
			"Content-Length: " + lengthOf(body)}, lines...)
		return exchange(t, from, g.address["server.address"], requestBytes("POST", "/auth/token", lines...)+body)
	}
	t.Run("by name, from many networks", func(t *testing.T) {
		for i := range 5 {
			want := http.StatusUnauthorized
			if i >= 3 {
				want = http.StatusTooManyRequests
			}
			if answer := login(t, proxyAddress, "victim",
				fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i+1)); answer.status != want {
				t.Errorf("login %d: %d, want %d", i+1, answer.status, want)
			}
		}
	})
	t.Run("X-Forwarded-For of a stranger", func(t *testing.T) {
		for i := range 6 {
			want := http.StatusUnauthorized
			if i >= 3 {
				want = http.StatusTooManyRequests
			}
			address := fmt.Sprintf("198.51.100.%d", 100+i)
			answer := login(t, strangerAddress, fmt.Sprintf("name%d", i), "X-Forwarded-For: "+address,
				"X-Real-IP: "+address, "True-Client-IP: "+address,
				"CF-Connecting-IP: "+address, "X-Client-IP: "+address, "Forwarded: for="+address)
			if answer.status != want {
				t.Errorf("login %d: %d, want %d", i+1, answer.status, want)
			}
			if want == http.StatusTooManyRequests &&
				(answer.header.Get("Retry-After") == "" || answer.header.Get("RateLimit-Policy") == "") {
				t.Errorf("login %d: %v", i+1, answer.header)
			}
		}
	})
	t.Run("X-Forwarded-For to the left of the real one", func(t *testing.T) {
		for i := range 5 {
			want := http.StatusUnauthorized
			if i >= 3 {
				want = http.StatusTooManyRequests
			}
			answer := login(t, proxyAddress, fmt.Sprintf("left%d", i),
				fmt.Sprintf("X-Forwarded-For: 198.51.100.%d, 203.0.113.1", 50+i))
			if answer.status != want {
				t.Errorf("login %d: %d, want %d", i+1, answer.status, want)
			}
		}
	})
	t.Run("IPv6 addresses of one network", func(t *testing.T) {
		for i := range 5 {
			want := http.StatusUnauthorized
			if i >= 3 {
				want = http.StatusTooManyRequests
			}
			answer := login(t, proxyAddress, fmt.Sprintf("six%d", i), fmt.Sprintf("X-Forwarded-For: 2001:db8::%x", i+1))
			if answer.status != want {
				t.Errorf("login %d: %d, want %d", i+1, answer.status, want)
			}
		}
	})
	t.Run("somebody else is let in", func(t *testing.T) {
		if answer := login(t, "127.0.0.3", "other"); answer.status != http.StatusUnauthorized {
			t.Errorf("%d", answer.status)
		}
	})
}

// The general limit is mounted in front of every endpoint, every route and every dialect.
func TestSecurityGeneralLimit(t *testing.T) {
	t.Parallel()
	g := guard(t, sqliteURL(t), "limits: {general: {requests: 3, per: 1h}}")
	type asked struct{ method, target string }
	endpoints := []asked{
		{"POST", "/auth/token"}, {"POST", "/auth/refresh"}, {"POST", "/auth/logout"}, {"POST", "/users/"},
		{"POST", "/users"}, {"GET", "/users"},
		{"GET", "/users/me"}, {"GET", "/users/x"}, {"PUT", "/users/x"}, {"DELETE", "/users/x"},
		{"PUT", "/users/x/verify"}, {"GET", "/health"},
		{"GET", "/.well-known/jwks.json"}, {"GET", "/openapi.json"}, {"GET", "/docs"}, {"GET", "/auth/nothing"},
		{"OPTIONS", "/users/me"},
		{"GET", "/public/x"}, {"GET", "/closed/x"}, {"GET", "/admin/x"}, {"GET", "/api/x"}, {"OPTIONS", "/public/x"},
	}
	ask := func(t *testing.T, from string, a asked) int {
		t.Helper()
		return exchange(t, from, g.address["server.address"],
			requestBytes(a.method, a.target, "Host: app.example.com", "Connection: close", "Content-Length: 0")).status
	}
	for i := range 3 {
		if status := ask(t, "127.0.0.9", asked{"GET", "/public/x"}); status != http.StatusOK {
			t.Fatalf("request %d: %d", i+1, status)
		}
	}
	for _, a := range endpoints {
		t.Run("limit on "+a.method+" "+a.target, func(t *testing.T) {
			if status := ask(t, "127.0.0.9", a); status != http.StatusTooManyRequests {
				t.Errorf("%d", status)
			}
		})
	}
	for range 3 {
		g.passed(t, questions()[0], attempt{target: "/public/x", client: "198.51.100.1"})
	}
	for _, e := range entrances()[1:] { // the client is one and the same at all of them
		t.Run("limit on "+e.name, func(t *testing.T) {
			g.refused(t, e, attempt{target: "/public/x", client: "198.51.100.1"}, http.StatusTooManyRequests)
			g.passed(t, e, attempt{target: "/public/x", client: "198.51.101." + fmt.Sprint(len(e.name))})
		})
	}
	if status := ask(t, "127.0.0.10", asked{"GET", "/public/x"}); status != http.StatusOK {
		t.Errorf("somebody else: %d", status)
	}
}
