package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// limits is what an answer says of them.
func (a answer) limits() string {
	return fmt.Sprint(a.status, " ", a.header.Get("RateLimit-Policy"), " ", a.header.Get("RateLimit"))
}

// Whoever is let through the limits is told how near they are to that of their network, whatever else the answer is; and not what is
// left of those by name, by which strangers would learn who exists and which names are one account's.
func TestAnswersTellOfLimits(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		four := authn.Limit{Requests: 4, Per: time.Minute}
		story := func(name, email string, exists bool) (told []string) {
			s := start(t, open(t), options{limit: authn.Limit{Requests: 9, Per: time.Minute}, pairLimit: four, mailLimit: four, registrationLimit: four})
			if exists {
				s.add(t, "alice")
			}
			for _, name := range []string{name, email, name} {
				told = append(told, s.call(t, "POST", "/auth/token", "", grantOf(name, "wrong password")).limits())
			}
			for range 2 {
				told = append(told, s.call(t, "POST", "/auth/password/forgot", "", object("email", email)).limits())
				told = append(told, s.call(t, "POST", "/auth/verify/resend", "", object("email", email)).limits())
			}
			return told
		}
		want := []string{
			`401 "login-client";q=9;w=60 "login-client";r=8`, `401 "login-client";q=9;w=60 "login-client";r=7`, `401 "login-client";q=9;w=60 "login-client";r=6`,
			`202 "mail-client";q=4;w=60 "mail-client";r=3`, `202 "mail-client";q=4;w=60 "mail-client";r=2`,
			`202 "mail-client";q=4;w=60 "mail-client";r=1`, `202 "mail-client";q=4;w=60 "mail-client";r=0;t=15`,
		}
		for name, exists := range map[string]bool{"who exists": true, "who does not": false} {
			if diff := cmp.Diff(want, story("alice", "alice@example.com", exists)); diff != "" {
				t.Errorf("asked about %s (-want +got):\n%s", name, diff)
			}
		}

		s := start(t, open(t), options{limit: authn.Limit{Requests: 90, Per: time.Minute}, registrationLimit: four})
		s.add(t, "bob")
		for _, c := range []struct{ method, path, body, want string }{
			{"POST", "/auth/token", grantOf("bob", goodPassword), `200 "login-client";q=90;w=60 "login-client";r=89`},
			{"POST", "/users/", registration("carol", "carol@example.com", goodPassword), `201 "registration";q=4;w=60 "registration";r=3`},
			{"POST", "/users/", registration("bob", "another@example.com", goodPassword), `400 "registration";q=4;w=60 "registration";r=2`},
			{"POST", "/auth/token", `{}`, `400  `}, // no login, and no limit spent
			{"GET", "/health", "", `200  `},
		} {
			if got := s.call(t, c.method, c.path, "", c.body).limits(); got != c.want {
				t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
			}
		}
		for range 5 {
			s.call(t, "POST", "/auth/token", "", grantOf("bob", "wrong password")).want(401)
		}
		if got := s.call(t, "POST", "/auth/token", "", grantOf("bob", goodPassword)).limits(); got != `429  ` {
			t.Errorf("locked: %s, want nothing of limits that are not the reason", got)
		}
	})
}
