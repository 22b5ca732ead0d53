package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// audited says which events each row of the matrix leaves that is done, by its method, path and body. Rows that only read leave
// none, and are not here.
func audited() map[string]string {
	return map[string]string{
		"POST /auth/token " + grantOf("SELF", goodPassword):                                                         "login",
		"POST /auth/refresh " + refreshOf("REFRESH"):                                                                "", // not more than a token at work; its second use is told
		"POST /auth/logout ":                                                                                        "logout",
		`POST /auth/logout {"scope":"session"}`:                                                                     "logout",
		"DELETE /auth/sessions ":                                                                                    "session_revoked",
		"DELETE /auth/sessions/SESSION ":                                                                            "session_revoked",
		"POST /auth/verify " + object("token", "VERIFY"):                                                            "user_verified",
		"POST /auth/verify/resend " + object("email", "SELF@example.com"):                                           "verification_requested",
		"POST /auth/email/confirm " + object("token", "CONFIRM"):                                                    "email_changed user_verified",
		"POST /auth/password/forgot " + object("email", "SELF@example.com"):                                         "password_reset_requested",
		"POST /auth/password/reset " + object("token", "RESET", "password", "battery staple"):                       "password_changed",
		"POST /auth/revoke token=ACCESS":                                                                            "token_revoked",
		"POST /auth/introspect token=ACCESS":                                                                        "", // only asks
		"POST /users " + registration("NEW", "NEW@example.com", goodPassword):                                       "user_created",
		"POST /users/invitations " + object("email", "NEW@example.com"):                                             "user_invited",
		"DELETE /users/invitations/INVITATION ":                                                                     "invitation_withdrawn",
		"POST /users/invitations/accept " + object("token", "INVITED", "username", "NEW", "password", goodPassword): "user_created",
		"PUT /users/SELF " + object("username", "NEW"):                                                              "user_changed",
		`PUT /users/SELF {"is_admin":true}`:                                                                         "roles_changed",
		`PUT /users/SELF {"is_active":false}`:                                                                       "user_disabled",
		`PUT /users/SELF {"is_verified":false}`:                                                                     "user_changed",
		`PUT /users/SELF {"roles":["admin"]}`:                                                                       "roles_changed",
		`PUT /users/SELF {"roles":[]}`:                                                                              "roles_changed",
		`PUT /users/SELF {"is_admin":false,"is_active":true,"is_verified":true,"roles":["editor"]}`:                 "", // as it was
		"PUT /users/SELF " + object("password", "battery staple"):                                                   "password_changed",
		"PUT /users/SELF " + object("email", "NEW@example.com"):                                                     "email_change_requested",
		"DELETE /users/SELF ":                                                                                       "user_deleted",
		"PUT /users/SELF/verify ":                                                                                   "user_verified",
		"PUT /users/SELF/unlock ":                                                                                   "account_unlocked",
		"DELETE /users/SELF/sessions ":                                                                              "session_revoked",
		"DELETE /users/SELF/sessions/SESSION ":                                                                      "session_revoked",
	}
}

// Every endpoint that changes something leaves its event, and the matrix holds every endpoint of the description: who adds one must
// say here what it leaves.
func TestEveryChangeIsAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{confirmEmail: true})
		want := audited()
		for i, row := range matrix {
			if row.method == http.MethodGet {
				continue
			}
			name := row.method + " " + row.path + " " + row.body
			kinds, said := want[name]
			if !said {
				t.Errorf("%s: it is not said which events it leaves", name)
			}
			delete(want, name)
			caller := slices.IndexFunc(row.statuses[:], func(status int) bool { return status < 300 })
			cell := s.cell(t, row, i, callers[caller])
			s.prepare(t, row.path, cell.self)
			last := s.newest(t)
			s.do(t, cell.request).want(row.statuses[caller])
			var got []string
			for _, e := range s.since(t, last) {
				got = append(got, string(e.Kind))
				if e.From.Address.String() != "192.0.2.1" || e.From.RequestID == "" || e.Actor.Kind == "" || e.Outcome != authn.Success {
					t.Errorf("%s: by whom and from where is not told: %+v", name, e)
				}
			}
			if strings.Join(got, " ") != kinds {
				t.Errorf("%s leaves %q, want %q", name, strings.Join(got, " "), kinds)
			}
		}
		for name := range want {
			t.Errorf("%s is none of the matrix", name)
		}
		s.describedInMatrix(t)
	})
}

// prepare gives a user what the endpoint takes away.
func (s *server) prepare(t *testing.T, path string, self authn.User) {
	t.Helper()
	switch {
	case strings.HasSuffix(path, "/unlock"):
		s.call(t, "POST", "/auth/token", "", grantOf(self.Username, "wrong password")).want(401)
	case path == "/users/SELF/verify" || path == "/auth/verify/resend":
		no := false
		if _, err := s.accounts.Update(t.Context(), authn.Operator(), self.ID, authn.AccountUpdate{Verified: &no}, authn.Client{}); err != nil {
			t.Fatal(err)
		}
	case path == "/auth/sessions":
		s.login(t, self.Username) // for there is another one to end
	}
}

// describedInMatrix fails for every operation of the description that the matrix does not call.
func (s *server) describedInMatrix(t *testing.T) {
	t.Helper()
	for path, item := range s.contract.doc.Paths.Map() {
		for method := range item.Operations() {
			if !slices.ContainsFunc(matrix, func(row matrixRow) bool { return row.method == method && row.path == pathOf(path) }) {
				t.Errorf("%s %s is not in the matrix", method, path)
			}
		}
	}
}

// newest is the id of the last event.
func (s *server) newest(t *testing.T) int64 {
	t.Helper()
	events, err := s.store.ListEvents(t.Context(), authn.EventFilter{}, authn.EventPlace{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	for _, e := range events {
		last = max(last, e.ID)
	}
	return last
}

// since is the events behind an id, in the order in which they were kept.
func (s *server) since(t *testing.T, last int64) []authn.Event {
	t.Helper()
	s.trail.Flush(t.Context(), true)
	events, err := s.store.ListEvents(t.Context(), authn.EventFilter{}, authn.EventPlace{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	events = slices.DeleteFunc(events, func(e authn.Event) bool { return e.ID <= last })
	slices.SortFunc(events, func(a, b authn.Event) int { return int(a.ID - b.ID) })
	return events
}

// Every credential that is refused leaves an event that says which and why, and none that anybody typed.
func TestEveryRefusedCredentialIsAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		alice := s.add(t, "alice")
		pair := s.login(t, "alice")
		spent := s.login(t, "alice").Refresh
		s.call(t, "POST", "/auth/refresh", "", refreshOf(spent)).want(200)
		const noToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		form := func(id, secret string) func() answer {
			return func() answer {
				return s.do(t, request{
					method: "POST", path: "/auth/introspect", contentType: "application/x-www-form-urlencoded", body: "token=x",
					header: http.Header{"Authorization": {basic(id, secret)}},
				})
			}
		}
		post := func(method, path, token, body string) func() answer {
			return func() answer { return s.call(t, method, path, token, body) }
		}
		for name, c := range map[string]struct {
			send func() answer
			want string // status, kind, reason, subject, details
		}{
			"a wrong password":      {post("POST", "/auth/token", "", grantOf("alice", "hunter2 mistyped")), "401 login_failed invalid_grant alice map[]"},
			"a name that is none":   {post("POST", "/auth/token", "", grantOf("hunter2", "hunter2 mistyped")), "401 login_failed invalid_grant nobody map[]"},
			"a spent refresh token": {post("POST", "/auth/refresh", "", refreshOf(spent)), "401 refresh_reused invalid_grant alice map[tokens:3]"},
			"a wrong current password": {
				post("PUT", "/users/"+alice.ID.String(), pair.Access, object("password", "battery staple", "current_password", "hunter2 mistyped")),
				"403 login_failed invalid_grant alice map[check:password_change]",
			},
			"a wrong client secret": {form(clientID, "hunter2 mistyped"), "401 client_refused invalid_client nobody map[client_id:" + clientID + "]"},
			"no such client":        {form("hunter2", clientSecret), "401 client_refused invalid_client nobody map[]"},
			"a bad verification":    {post("POST", "/auth/verify", "", object("token", noToken)), "400 mail_token_refused invalid_request nobody map[mail:verification]"},
			"a bad confirmation":    {post("POST", "/auth/email/confirm", "", object("token", noToken)), "400 mail_token_refused invalid_request nobody map[mail:email_change]"},
			"a bad reset": {
				post("POST", "/auth/password/reset", "", object("token", noToken, "password", "battery staple")),
				"400 mail_token_refused invalid_request nobody map[mail:password_reset]",
			},
			"a bad invitation": {
				post("POST", "/users/invitations/accept", "", object("token", noToken, "username", "x", "password", "battery staple")),
				"400 mail_token_refused invalid_request nobody map[mail:invitation]",
			},
			"a reset for nobody":        {post("POST", "/auth/password/forgot", "", object("email", "hunter2@example.com")), "202 password_reset_requested not_found nobody map[]"},
			"a resend to the verified":  {post("POST", "/auth/verify/resend", "", object("email", "alice@example.com")), "202 verification_requested verified alice map[]"},
			"a resend for nobody at it": {post("POST", "/auth/verify/resend", "", object("email", "hunter2@example.com")), "202 verification_requested not_found nobody map[]"},
		} {
			last := s.newest(t)
			a := c.send()
			events := s.since(t, last)
			if len(events) != 1 {
				t.Errorf("%s: %d events, want one: %+v", name, len(events), events)
				continue
			}
			e, about := events[0], "nobody"
			if e.Subject == alice.ID {
				about = "alice"
			}
			if got := fmt.Sprint(a.status, " ", e.Kind, " ", e.Reason, " ", about, " ", e.Details); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
			if e.Outcome != authn.Failure || e.From.Address.String() != "192.0.2.1" {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if told := s.log.String(); strings.Contains(told, "hunter2") {
			t.Errorf("the log repeats what was typed:\n%s", told)
		}
	})
}
