package proxy_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// limitsOf are the two fields that tell of limits, of an answer that says something.
func limitsOf(a *answer) [2][]string {
	return [2][]string{a.Header.Values("RateLimit-Policy"), a.Header.Values("RateLimit")}
}

// Who is let through is told which limit they are nearest to; who is refused for another reason too. Nobody is told of limits that
// there are not.
func TestRateLimitOfTheGateway(t *testing.T) {
	now := time.Now()
	g := newGateway(t, gatewayConfig{
		general: authn.Limit{Requests: 10, Per: time.Minute}, now: func() time.Time { return now },
		routes: []authn.Route{
			{Name: "narrow", Paths: []string{"/narrow/*"}, Access: authn.AllowPublic, Limit: authn.Limit{Requests: 3, Per: time.Minute}},
			{Name: "mine", Paths: []string{"/mine/*"}, Access: authn.AllowAuthenticated, Limit: authn.Limit{Requests: 2, Per: time.Hour}, LimitByUser: true},
			{Name: "rest", Paths: []string{"/*"}, Access: authn.AllowAuthenticated},
		},
	})
	for i, c := range []struct {
		path, token   string
		status        int
		policy, limit string
	}{
		{"/narrow/x", "", 200, `"route-narrow";q=3;w=60`, `"route-narrow";r=2`},
		{"/mine/x", "alice", 200, `"route-mine";q=2;w=3600`, `"route-mine";r=1`},
		{"/mine/x", "alice", 200, `"route-mine";q=2;w=3600`, `"route-mine";r=0;t=1800`},
		{"/mine/x", "admin", 200, `"route-mine";q=2;w=3600`, `"route-mine";r=1`},
		{"/x", "alice", 200, `"general";q=10;w=60`, `"general";r=5`},
		{"/x", "", 401, `"general";q=10;w=60`, `"general";r=4`},
		{"/auth/x", "", 200, `"general";q=10;w=60`, `"general";r=3`},
		{"/%2e", "", 400, `"general";q=10;w=60`, `"general";r=2`},
		{"/mine/x", "alice", 429, `"general";q=10;w=60, "route-mine";q=2;w=3600`, `"general";r=1, "route-mine";r=0;t=1800`},
		{"/narrow/x", "", 200, `"general";q=10;w=60`, `"general";r=0;t=6`},
		{"/narrow/x", "", 429, `"general";q=10;w=60, "route-narrow";q=3;w=60`, `"general";r=0;t=6, "route-narrow";r=1`},
	} {
		a := g.get(t, c.path, c.token)
		if got, want := limitsOf(a), [2][]string{{c.policy}, {c.limit}}; a.StatusCode != c.status || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
			t.Errorf("request %d, %s: %d %q, want %d %q", i+1, c.path, a.StatusCode, got, c.status, want)
		}
	}
	free := newGateway(t, gatewayConfig{})
	for path, status := range map[string]int{"/public/x": 200, "/x": 401, "/auth/x": 200} {
		if a := free.get(t, path, ""); a.StatusCode != status || len(limitsOf(a)[0])+len(limitsOf(a)[1]) > 0 {
			t.Errorf("without limits %s: %d %q", path, a.StatusCode, limitsOf(a))
		}
	}
}

// An application that has limits of its own goes on telling of them, and is told nothing of Authly's.
func TestRateLimitOfApplications(t *testing.T) {
	for name, asked := range map[string]string{
		"directly":              request("GET", "/public/x", ""),
		"by way of the library": request("POST", "/public/x", "", "Content-Length: 1") + "x",
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, gatewayConfig{general: authn.Limit{Requests: 10, Per: time.Minute}})
			g.upstream.answers("HTTP/1.1 200 OK\r\nRateLimit: \"app\";r=7\r\nRateLimit-Policy: \"app\";q=9;w=1\r\nContent-Length: 2\r\n\r\nok")
			a := g.raw(t, asked)
			want := [2][]string{{`"app";q=9;w=1`, `"general";q=10;w=60`}, {`"app";r=7`, `"general";r=9`}}
			if got := limitsOf(a); a.StatusCode != 200 || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
				t.Errorf("%d %q, want %q", a.StatusCode, got, want)
			}
			if got := g.upstream.only(t).lines("RateLimit"); len(got) > 0 {
				t.Errorf("the application was told %q", got)
			}
		})
	}
}

// A permission ends at the front proxy, which might hand on what it says: it says nothing of limits.
func TestRateLimitIsInNoPermission(t *testing.T) {
	for _, tongue := range tongues() {
		rig := newAuthzRig(t, authzConfig{general: authn.Limit{Requests: 1, Per: time.Hour}})
		allowed := rig.ask(t, tongue, authzAsked{target: "/public/1"})
		if allowed.StatusCode != http.StatusOK || allowed.Header.Get("RateLimit")+allowed.Header.Get("RateLimit-Policy") != "" {
			t.Errorf("%s: allowed with %v", tongue.name, allowed.Header)
		}
		refused := rig.ask(t, tongue, authzAsked{target: "/public/1"})
		if got := refused.Header.Get("RateLimit"); !strings.HasPrefix(got, `"general";r=0;t=`) {
			t.Errorf("%s: refused with %q", tongue.name, got)
		}
		_, _ = io.Copy(io.Discard, refused.Body)
	}
}
