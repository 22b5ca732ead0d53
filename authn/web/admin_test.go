package web_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

const admin = prefix + "/auth/admin"

// adminPages are those that can be opened without more in their address.
func adminPages() []string {
	return []string{admin, admin + "/audit", admin + "/routes", admin + "/keys", admin + "/keys/access/replace"}
}

// Administration is for administrators: others are told so, and who is nobody is sent to sign in. Nothing is done for either.
func TestAdministrationIsForAdministrators(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	s.user(t, "alice", false)
	root, alice := s.signIn(t, "root"), s.signIn(t, "alice")
	for _, path := range adminPages() {
		s.ask(t, "GET", path, nil, "Cookie", root).says(t, 200, "</html>")
		a := s.ask(t, "GET", path, nil, "Cookie", alice)
		a.says(t, 403, "This page is not for you")
		for _, hidden := range []string{"login_failed", "EdDSA", "/static/"} {
			if strings.Contains(a.body, hidden) {
				t.Errorf("%s shows alice %s", path, hidden)
			}
		}
		if a := s.ask(t, "GET", path, nil); a.status != 303 || !strings.Contains(a.header.Get("Location"), "/auth/login?return=") {
			t.Errorf("%s answers nobody %d, to %s", path, a.status, a.header.Get("Location"))
		}
	}
	before := s.keys(t)
	for path, form := range map[string]url.Values{
		admin + "/keys": {"purpose": {"access"}}, admin + "/keys/access/replace": {}, admin + "/keys/" + before[0].ID + "/revoke": {},
	} {
		s.ask(t, "POST", path, form, "Cookie", alice).says(t, 403, "This page is not for you")
		if a := s.ask(t, "POST", path, form); a.status != 303 || !strings.Contains(a.header.Get("Location"), "/auth/login?posted=1&return=") {
			t.Errorf("%s answers nobody's form %d, to %s", path, a.status, a.header.Get("Location"))
		}
		s.ask(t, "POST", path, form, "Cookie", root, "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site").says(t, 403, "another page")
	}
	if after := s.keys(t); len(after) != len(before) || after[0].State != authn.KeyActive {
		t.Errorf("the keys are %v", after)
	}
}

// The first page shows how often people signed in, failed, and were locked out, to who sees and to who does not.
func TestFrontPage(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	alice := s.user(t, "alice", false)
	root := s.signIn(t, "root")
	hour := time.Now().UTC().Truncate(time.Hour)
	failed := authn.Event{
		At: hour.Add(-3*time.Hour + time.Minute), Kind: authn.EventLoginFailed, Outcome: authn.Failure, Reason: "invalid_grant",
		Actor: authn.Actor{Kind: authn.ActorAnonymous}, Subject: alice.ID, Count: 1200,
	}
	locked := authn.Event{At: hour.Add(-3 * time.Hour), Kind: authn.EventLocked, Outcome: authn.Success, Actor: authn.Actor{Kind: authn.ActorSystem}, Subject: alice.ID, Count: 1}
	old := failed
	old.At = hour.Add(-24 * time.Hour)
	s.trail.Record(t.Context(), failed, locked, old)

	a := s.ask(t, "GET", admin, nil, "Cookie", root)
	a.says(t, 200, `<strong>1,200</strong>`)
	a.says(t, 200, "Failed attempts in each of the last 24 hours: 1,200 in all, at most 1,200 in an hour")
	a.says(t, 200, `datetime="`+hour.Add(-3*time.Hour).Format(time.RFC3339)+`"`)
	if got := strings.Count(a.body, `class="bar"`); got != 3 {
		t.Errorf("%d bars, want one for each", got)
	}
	if got := strings.Count(a.body, `<th scope="row">`); got != 25 {
		t.Errorf("%d rows of numbers, want 24 hours and their sum", got)
	}
	if strings.Contains(a.body, "style=") || strings.Contains(a.body, "<script>") {
		t.Error("something is styled or run within the page")
	}
	for _, want := range []string{"Sign-in failed", "<code>login_failed</code>", "1,200 times", ">alice</a>", "Authly itself"} {
		a.says(t, 200, want)
	}
	s.ask(t, "GET", admin, nil, "Cookie", root, "Accept-Language", "de").says(t, 200, "Fehlversuche in jeder der letzten 24 Stunden: insgesamt 1.200,")
	since := regexp.MustCompile(`href="(/api/v1/auth/admin/audit\?kind=login_failed[^"]*)"`).FindStringSubmatch(a.body)
	if since == nil {
		t.Fatal("no way to the failures")
	}
	if got := s.ask(t, "GET", strings.ReplaceAll(since[1], "&amp;", "&"), nil, "Cookie", root).events(); got != 1 {
		t.Errorf("%d failures are behind the chart, want 1", got)
	}
}

// events is how many events a page of the trail shows.
func (a answer) events() int { return strings.Count(a.body, "<summary>Details</summary>") }

// Everything that the trail can be searched by is in the form, and names do in place of ids.
func TestAuditFilters(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	alice := s.user(t, "alice", false)
	cookie := s.signIn(t, "root")
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	one := authn.Event{
		At: at, Kind: authn.EventRequestDenied, Outcome: authn.Failure, Reason: "forbidden", Actor: authn.Actor{Kind: authn.ActorUser, ID: alice.ID.String()},
		Session: uuid.New(), From: authn.Client{Address: netip.MustParseAddr("198.51.100.7"), UserAgent: "curl/8", RequestID: "request-7"},
		Count: 1, Details: authn.Details{authn.DetailPath: "/secret/plans"},
	}
	other := authn.Event{At: at.Add(time.Hour), Kind: authn.EventClientRefused, Outcome: authn.Failure, Reason: "invalid_client", Actor: authn.Actor{Kind: authn.ActorClient, ID: "billing"}, Count: 1}
	s.trail.Record(t.Context(), one, other)
	for query, want := range map[string]int{
		"until=2026-02-01":                            2,
		"until=2026-02-01&kind=request_denied":        1,
		"kind=request_denied&kind=client_refused":     2,
		"kind=request_denied,client_refused&kind=":    2,
		"since=2026-01-31+12:30&until=2026-02-01":     1,
		"since=2026-01-31T12:30&until=2026-02-01":     1,
		"until=2026-01-31T12:00:00Z":                  0,
		"actor=alice":                                 1,
		"actor=user:ALICE@example.com":                1,
		"actor=user:" + alice.ID.String():             1,
		"actor=client:billing":                        1,
		"actor=client":                                1,
		"user=alice":                                  1, // that the account was made
		"user=+alice@example.com+":                    1,
		"user=" + alice.ID.String() + "&outcome=":     1,
		"user=" + uuid.NewString():                    0,
		"client=198.51.100.0/24":                      1,
		"client=198.51.100.7&outcome=failure":         1,
		"client=198.51.100.7&outcome=success":         0,
		"request_id=request-7":                        1,
		"session=" + one.Session.String():             1,
		"country=de":                                  0,
		"said=key_revoked&nonsense=1&kind=logout":     0,
		"kind=request_denied&cursor=&session=&actor=": 1,
	} {
		a := s.ask(t, "GET", admin+"/audit?"+query, nil, "Cookie", cookie)
		if a.status != 200 || a.events() != want {
			t.Errorf("%s: %d with %d events, want %d", query, a.status, a.events(), want)
		}
	}
	for query, field := range map[string]string{
		"kind=nonsense": "", "user=nobody": "user", "actor=nobody": "actor", "client=x": "client", "country=Germany": "country", "session=x": "session",
		"since=yesterday": "since", "until=2026-13-01": "until", "outcome=perhaps": "outcome", "cursor=x": "", "client=1&client=2": "client",
		"request_id=" + strings.Repeat("x", 129): "request_id", "user=%00": "user", "cursor=x&cursor=y": "", "user=%ff": "user",
	} {
		a := s.ask(t, "GET", admin+"/audit?"+query, nil, "Cookie", cookie)
		a.says(t, 400, `id="wrong" role="alert"`)
		if field != "" && !regexp.MustCompile(`id="`+field+`" [^>]*aria-invalid="true" aria-describedby="wrong`).MatchString(a.body) {
			t.Errorf("%s: the field is not the one that is wrong:\n%s", query, a.body)
		}
	}
	a := s.ask(t, "GET", admin+"/audit?kind=request_denied&actor=alice", nil, "Cookie", cookie)
	for _, want := range []string{
		"Request denied", "<code>request_denied</code>", "Not allowed", "<code>forbidden</code>", "/secret/plans", "curl", "198.51.100.7", "2026-01-31T12:00:00Z",
		`id="kind-request_denied" name="kind" type="checkbox" value="request_denied" checked`, `value="alice"`,
		`href="/api/v1/auth/admin/audit/file?actor=user%3A` + alice.ID.String() + `&amp;format=csv&amp;kind=request_denied"`,
	} {
		a.says(t, 200, want)
	}
	s.ask(t, "GET", admin+"/audit?kind=request_denied", nil, "Cookie", cookie, "Accept-Language", "de").says(t, 200, "Anfrage abgewiesen <code>request_denied</code>")
}

// A trail is read page by page, with the filter kept.
func TestAuditPages(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	cookie := s.signIn(t, "root")
	var many []authn.Event
	for i := range 120 {
		many = append(many, authn.Event{At: time.Now().Add(time.Duration(-i) * time.Second), Kind: authn.EventLogout, Outcome: authn.Success, Actor: authn.Actor{Kind: authn.ActorSystem}, Count: 1})
	}
	s.trail.Record(t.Context(), many...)
	older := regexp.MustCompile(`href="([^"]*)">Next page</a>`)
	path, seen := admin+"/audit?kind=logout", []int{}
	for range 4 {
		a := s.ask(t, "GET", path, nil, "Cookie", cookie)
		a.says(t, 200, "</html>")
		seen = append(seen, a.events())
		if back := strings.Contains(a.body, ">First page</a>"); back != (len(seen) > 1) {
			t.Errorf("page %d has a way back: %v", len(seen), back)
		}
		next := older.FindStringSubmatch(a.body)
		if next == nil {
			break
		}
		path = strings.ReplaceAll(next[1], "&amp;", "&")
	}
	if fmt.Sprint(seen) != "[50 50 20]" {
		t.Errorf("pages of %v events", seen)
	}
}

// What strangers write into the trail is shown as they wrote it, and does nothing.
func TestHostileEvents(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	cookie := s.signIn(t, "root")
	mallory, err := s.accounts.Create(t.Context(), authn.Operator(), authn.NewAccount{
		Registration: authn.Registration{Username: "<img/src=x>", Email: "mallory@example.com", Password: password}, Verified: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.explain(t, cookie, "GET", "/app/x", "mallory@example.com", "").says(t, 200, "<dd>&lt;img/src=x&gt;</dd>")
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	s.trail.Record(t.Context(), authn.Event{
		At: time.Now(), Kind: evil, Outcome: authn.Failure, Reason: evil, Actor: authn.Actor{Kind: authn.ActorClient, ID: evil}, Count: 1,
		From: authn.Client{UserAgent: evil, RequestID: evil}, Details: authn.Details{authn.DetailPath: evil, authn.Detail(evil): evil}, Subject: mallory.ID,
	})
	for _, path := range []string{admin, admin + "/audit", admin + "/audit?actor=" + url.QueryEscape("client:"+evil), admin + "/audit?user=" + url.QueryEscape(evil)} {
		a := s.ask(t, "GET", path, nil, "Cookie", cookie)
		if a.status != http.StatusOK && a.status != http.StatusBadRequest || strings.Contains(a.body, "<script>") || strings.Contains(a.body, "<img") {
			t.Errorf("%s: %d\n%s", path, a.status, a.body)
		}
		if !strings.Contains(a.body, "&lt;script&gt;") {
			t.Errorf("%s does not show it", path)
		}
	}
}
