package api_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// eventsPage is the answer of the trail.
type eventsPage struct {
	Events []struct {
		ID        int64
		Kind      string
		Actor     string
		ActorID   string `json:"actor_id"`
		UserID    string `json:"user_id"`
		SessionID string `json:"session_id"`
		Client    string `json:"client_address"`
		Agent     string `json:"user_agent"`
		RequestID string `json:"request_id"`
	}
	Next *string
}

func (s *server) trailPage(t *testing.T, token, path string) eventsPage {
	t.Helper()
	var page eventsPage
	if err := json.Unmarshal(s.call(t, "GET", path, token, "").want(200).body, &page); err != nil {
		t.Fatal(err)
	}
	return page
}

func (p eventsPage) kinds() string {
	var kinds []string
	for _, e := range p.Events {
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

func TestAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		alice := s.add(t, "alice")
		s.addAdmin(t, "root")
		root := s.login(t, "root").Access
		mine := s.login(t, "alice")
		s.call(t, "POST", "/auth/token", "", grantOf("alice", "wrong password")).want(401)
		s.call(t, "DELETE", "/users/"+alice.ID.String()+"/sessions", root, "").want(200)
		self := s.login(t, "alice").Access
		sid := claim(t, mine.Access, "sid")

		about := "/audit?user=" + alice.ID.String()
		if got := s.trailPage(t, root, about).kinds(); got != "login session_revoked login_failed login user_created" {
			t.Errorf("about alice: %s", got)
		}
		for query, want := range map[string]string{
			"&kind=login_failed":                      "login_failed",
			"&kind=login,login_failed":                "login login_failed login",
			"&outcome=failure":                        "login_failed",
			"&actor=user:" + alice.ID.String():        "login login",
			"&actor=anonymous":                        "login_failed",
			"&actor=operator":                         "user_created",
			"&session=" + sid:                         "login",
			"&client=127.0.0.0/8":                     "", // the harness knows no addresses
			"&since=2100-01-01T00:00:00Z":             "",
			"&until=2100-01-01T00:00:00Z&kind=logout": "",
			"&limit=2":                                "login session_revoked",
		} {
			if got := s.trailPage(t, root, about+query).kinds(); got != want {
				t.Errorf("about alice and %s: %q, want %q", query, got, want)
			}
		}

		own := s.trailPage(t, self, "/users/me/audit")
		if got := own.kinds(); got != "login session_revoked login_failed login user_created" {
			t.Errorf("alice is shown %s", got)
		}
		if e := own.Events[1]; e.Actor != "administrator" || e.ActorID+e.SessionID+e.Client+e.Agent+e.RequestID != "" {
			t.Errorf("alice is shown of an administrator %+v", e)
		}
		for path, field := range map[string]string{
			"/audit?kind=logins": "kind", "/audit?user=alice": "user", "/audit?client=x": "client", "/audit?limit=0": "limit",
			"/audit?limit=1001": "limit", "/audit?limit=1&limit=2": "limit", "/audit?cursor=x": "cursor", "/audit?format=xml": "format",
			"/audit?since=now": "since", "/audit?users=x": "users", "/audit?skip=1": "skip", "/audit?format=csv&cursor=x": "cursor",
			"/audit?outcome=": "outcome",
		} {
			p := s.call(t, "GET", path, root, "").problem(400)
			if p.Field != field {
				t.Errorf("%s: field %q, want %q", path, p.Field, field)
			}
		}
		for _, name := range []string{"user", "actor", "session", "client", "request_id"} {
			s.call(t, "GET", "/users/me/audit?"+name+"="+alice.ID.String(), self, "").want(400)
		}
	})
}

// A page stays as it is while events arrive, and the last one says that it is.
func TestAuditPages(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		for i := range 5 {
			s.add(t, fmt.Sprintf("user%d", i))
		}
		root := s.login(t, "root").Access
		all := s.trailPage(t, root, "/audit").Events
		path, seen := "/audit?limit=3", []int64{}
		for range 10 {
			page := s.trailPage(t, root, path)
			for _, e := range page.Events {
				seen = append(seen, e.ID)
			}
			if page.Next == nil {
				break
			}
			path = "/audit?limit=3&cursor=" + url.QueryEscape(*page.Next)
			s.login(t, "root")
		}
		var want []int64
		for _, e := range all {
			want = append(want, e.ID)
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What is exported is all there is; no spreadsheet runs it, and no line ends early.
func TestAuditExport(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.addAdmin(t, "root")
	root := s.login(t, "root").Access
	agents := []string{"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\ttab", "\rreturn", "plain, \"quoted\"\nnext line", "", "bot (X11; Linux)", "bot;=1+1; \"@A0\";-"}
	for _, agent := range agents {
		e := authn.DeniedEvent(nil, authn.Client{UserAgent: agent}, s.clock.Now(), "forbidden", nil)
		for range 150 {
			s.trail.Record(t.Context(), e)
		}
	}
	for name, header := range map[string]http.Header{"format=csv": nil, "": {"Accept": {"text/html, text/csv;q=0.9"}}} {
		a := s.do(t, request{method: "GET", path: "/audit?" + name, token: root, header: header})
		if got := a.header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename=authly-audit-2") || !strings.HasSuffix(got, "Z.csv") {
			t.Errorf("Content-Disposition: %s", got)
		}
		rows, err := csv.NewReader(strings.NewReader(string(a.want(200).body))).ReadAll()
		if err != nil || len(rows) < 1+len(agents)*150 {
			t.Fatalf("%d rows, error %v", len(rows), err)
		}
		place := slices.Index(rows[0], "user_agent")
		seen := map[string]bool{}
		for _, row := range rows[1:] {
			seen[row[place]] = true
			for _, cell := range row {
				if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) {
					t.Fatalf("a spreadsheet runs %q", cell)
				}
			}
		}
		for _, agent := range agents[:6] {
			if !seen["'"+agent] {
				t.Errorf("%q is not there behind an apostrophe", agent)
			}
		}
		for _, agent := range []string{agents[6], agents[8]} {
			if !seen[agent] {
				t.Errorf("%q is not there as it was", agent)
			}
		}
		if want := "bot;'=1+1; \"'@A0\";'-"; !seen[want] { // as cells end where commas are decimal points
			t.Errorf("%q is not there", want)
		}
	}
	a := s.do(t, request{method: "GET", path: "/audit?limit=1100", token: root})
	a.want(400)
	a = s.do(t, request{method: "GET", path: "/audit?limit=7", token: root, header: http.Header{"Accept": {"application/x-ndjson"}}})
	lines := strings.Split(strings.TrimSuffix(string(a.want(200).body), "\n"), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if len(lines) != 7 || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%d lines of %s, want 7", len(lines), a.header.Get("Content-Type"))
	}
	s.do(t, request{method: "HEAD", path: "/audit?format=csv", token: root}).want(200)
	if got := string(s.do(t, request{method: "GET", path: "/audit?format=csv&kind=logout", token: root}).want(200).body); strings.Count(got, "\n") != 1 {
		t.Errorf("an export of nothing: %q", got)
	}
}
