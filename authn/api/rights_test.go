package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
)

// The columns of the matrix; the last is a registered client, which is nobody's user.
var callers = []string{"anonymous", "self", "other", "administrator", "client"}

// A matrixRow is a request, and what it is answered to each caller.
type matrixRow struct {
	method, path, body string
	statuses           [5]int // of callers
}

// matrix says what every endpoint answers to a caller who acts on the user self. SELF stands for that user, SESSION for a
// session of theirs, INVITATION for an invitation, ACCESS and REFRESH for its tokens, VERIFY, CONFIRM and RESET for tokens that were mailed to them, INVITED for one
// that was mailed to NEW@example.com, NEW for a name that nobody has. The body is one that the endpoint accepts, so that nothing but the caller decides.
var matrix = []matrixRow{
	{"POST", "/auth/token", grantOf("SELF", goodPassword), [5]int{200, 200, 200, 200, 200}},
	{"POST", "/auth/refresh", refreshOf("REFRESH"), [5]int{200, 200, 200, 200, 200}},
	{"POST", "/auth/logout", "", [5]int{401, 200, 200, 200, 401}},
	{"POST", "/auth/logout", `{"scope":"session"}`, [5]int{401, 200, 200, 200, 401}},
	{"GET", "/auth/sessions", "", [5]int{401, 200, 200, 200, 401}},
	{"DELETE", "/auth/sessions", "", [5]int{401, 200, 200, 200, 401}},
	{"DELETE", "/auth/sessions/SESSION", "", [5]int{401, 204, 404, 404, 401}},
	{"POST", "/auth/verify", object("token", "VERIFY"), [5]int{200, 200, 200, 200, 200}},
	{"POST", "/auth/verify/resend", object("email", "SELF@example.com"), [5]int{202, 202, 202, 202, 202}},
	{"POST", "/auth/email/confirm", object("token", "CONFIRM"), [5]int{200, 200, 200, 200, 200}},
	{"POST", "/auth/password/forgot", object("email", "SELF@example.com"), [5]int{202, 202, 202, 202, 202}},
	{"POST", "/auth/password/reset", object("token", "RESET", "password", "battery staple"), [5]int{200, 200, 200, 200, 200}},
	{"POST", "/auth/revoke", "token=ACCESS", [5]int{401, 401, 401, 401, 200}},
	{"POST", "/auth/introspect", "token=ACCESS", [5]int{401, 401, 401, 401, 200}},
	{"POST", "/users", registration("NEW", "NEW@example.com", goodPassword), [5]int{201, 201, 201, 201, 201}},
	{"GET", "/users", "", [5]int{401, 403, 403, 200, 401}},
	{"POST", "/users/invitations", object("email", "NEW@example.com"), [5]int{401, 403, 403, 201, 401}},
	{"GET", "/users/invitations", "", [5]int{401, 403, 403, 200, 401}},
	{"DELETE", "/users/invitations/INVITATION", "", [5]int{401, 403, 403, 204, 401}},
	{"POST", "/users/invitations/accept", object("token", "INVITED", "username", "NEW", "password", goodPassword), [5]int{201, 201, 201, 201, 201}},
	{"GET", "/users/me", "", [5]int{401, 200, 200, 200, 401}},
	{"GET", "/users/me/audit", "", [5]int{401, 200, 200, 200, 401}},
	{"GET", "/users/me/export", "", [5]int{401, 200, 200, 200, 401}},
	{"GET", "/users/SELF", "", [5]int{401, 200, 404, 200, 401}},
	{"PUT", "/users/SELF", object("username", "NEW"), [5]int{401, 200, 403, 200, 401}},
	{"PUT", "/users/SELF", `{"is_admin":true}`, [5]int{401, 403, 403, 200, 401}},
	{"PUT", "/users/SELF", `{"is_active":false}`, [5]int{401, 403, 403, 200, 401}},
	{"PUT", "/users/SELF", `{"is_verified":false}`, [5]int{401, 403, 403, 200, 401}},
	{"PUT", "/users/SELF", `{"roles":["admin"]}`, [5]int{401, 403, 403, 200, 401}},
	{"PUT", "/users/SELF", `{"roles":[]}`, [5]int{401, 403, 403, 200, 401}},
	{"PUT", "/users/SELF", `{"is_admin":false,"is_active":true,"is_verified":true,"roles":["editor"]}`, [5]int{401, 200, 403, 200, 401}},
	{"PUT", "/users/SELF", object("password", "battery staple"), [5]int{401, 400, 403, 200, 401}},
	{"DELETE", "/users/SELF", "", [5]int{401, 204, 403, 204, 401}},
	{"PUT", "/users/SELF", object("email", "NEW@example.com"), [5]int{401, 202, 403, 200, 401}},
	{"PUT", "/users/SELF/verify", "", [5]int{401, 403, 403, 200, 401}},
	{"PUT", "/users/SELF/unlock", "", [5]int{401, 403, 403, 200, 401}},
	{"GET", "/users/SELF/sessions", "", [5]int{401, 200, 404, 200, 401}},
	{"DELETE", "/users/SELF/sessions", "", [5]int{401, 200, 404, 200, 401}},
	{"DELETE", "/users/SELF/sessions/SESSION", "", [5]int{401, 204, 404, 204, 401}},
	{"GET", "/audit", "", [5]int{401, 403, 403, 200, 401}},
	{"GET", "/audit?format=csv", "", [5]int{401, 403, 403, 200, 401}},
	{"GET", "/health", "", [5]int{200, 200, 200, 200, 200}},
	{"GET", "/.well-known/jwks.json", "", [5]int{200, 200, 200, 200, 200}},
	{"GET", "/openapi.json", "", [5]int{200, 200, 200, 200, 200}},
	{"GET", "/docs", "", [5]int{200, 200, 200, 200, 200}},
	{"GET", "/docs/style.css", "", [5]int{200, 200, 200, 200, 200}},
}

// Every endpoint, asked by everybody. Each cell has users of its own, for most calls change something.
func TestRights(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{confirmEmail: true})
		for i, row := range matrix {
			for j, caller := range callers {
				t.Run(fmt.Sprintf("%s %s %s by %s", row.method, row.path, row.body, caller), func(t *testing.T) {
					cell := s.cell(t, row, i, caller)
					before := s.snapshot(t, cell.self)
					if got := s.do(t, cell.request).status; got != row.statuses[j] {
						t.Errorf("status %d, want %d", got, row.statuses[j])
					}
					if after := s.snapshot(t, cell.self); row.statuses[j] >= 400 && before != after {
						t.Errorf("refused, but the user changed from %s to %s", before, after)
					}
				})
			}
		}
	})
}

// cell is the request of a row by a caller, and the user on whom it acts.
type cell struct {
	request
	self authn.User
}

// cell makes what a row needs: users of its own, and what else its capitals stand for.
func (s *server) cell(t *testing.T, row matrixRow, i int, caller string) cell {
	t.Helper()
	suffix := fmt.Sprintf("-%d-%s", i, caller[:2])
	self := s.add(t, "self"+suffix, "editor")
	s.add(t, "other"+suffix)
	s.addAdmin(t, "administrator"+suffix)
	mine := s.login(t, "self"+suffix)
	req := request{method: row.method}
	switch caller {
	case "anonymous":
	case "client":
		req.header = http.Header{"Authorization": {basic(clientID, clientSecret)}}
	default:
		req.token = s.login(t, caller+suffix).Access
	}
	req.path = strings.NewReplacer("SELF", self.ID.String(), "SESSION", claim(t, mine.Access, "sid")).Replace(row.path)
	if strings.Contains(req.path, "INVITATION") {
		req.path = strings.ReplaceAll(req.path, "INVITATION", s.invite(t, "guest"+suffix).ID.String())
	}
	req.body = strings.NewReplacer("SELF", "self"+suffix, "NEW", "new"+suffix,
		"ACCESS", mine.Access, "REFRESH", mine.Refresh).Replace(row.body)
	for _, mailed := range []string{"VERIFY", "CONFIRM", "RESET", "INVITED"} {
		if strings.Contains(req.body, mailed) {
			req.body = strings.ReplaceAll(req.body, mailed, s.mail(t, mailed, self, "new"+suffix))
		}
	}
	if strings.HasPrefix(row.body, "token=") {
		req.contentType = "application/x-www-form-urlencoded"
	}
	return cell{req, self}
}

// invite invites somebody at NAME@example.com.
func (s *server) invite(t *testing.T, name string) authn.Invited {
	t.Helper()
	invited, err := s.accounts.Invite(t.Context(), authn.Operator(), authn.Invitation{Email: name + "@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return invited
}

// A new endpoint must be added to the matrix.
func TestRightsMatrixIsComplete(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	for _, rt := range api.RouteNames(s.api) {
		found := false
		for _, row := range matrix {
			if row.method == rt.Method && row.path == pathOf(rt.Pattern) {
				found = true
				who := "anyone"
				switch http.StatusUnauthorized {
				case row.statuses[1]: // self
					who = "client"
				case row.statuses[0]:
					who = "bearer or cookie"
				}
				if rt.Who != who {
					t.Errorf("%s %s: for %s in the table, for %s in the matrix", rt.Method, rt.Pattern, rt.Who, who)
				}
			}
		}
		if !found {
			t.Errorf("%s %s is not in the matrix", rt.Method, rt.Pattern)
		}
	}
}

// pathOf is a pattern as the matrix writes it.
func pathOf(pattern string) string {
	return strings.NewReplacer("/auth/sessions/{id}", "/auth/sessions/SESSION", "/users/invitations/{id}", "/users/invitations/INVITATION",
		"{id}", "SELF", "{session_id}", "SESSION").Replace(pattern)
}

// Members that would give a right, in spellings that a lenient reader takes for them: refused by name, and nothing is done.
func TestMassAssignment(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		self := s.add(t, "self", "editor")
		token := s.login(t, "self").Access
		before := s.snapshot(t, self)

		inRegistration := []string{"is_admin", "IS_ADMIN", "Is_Admin", "iſ_admin", "isAdmin", "admin", "roles", "Roles", "id", "ID",
			"password_hash", "PasswordHash", "is_verified", "is_active", "created_at", "last_login", "email_key", "__proto__"}
		for i, name := range inRegistration {
			body := fmt.Sprintf(`{"username":"new%d","email":"new%d@example.com","password":%q,%q:true}`, i, i, goodPassword, name)
			s.call(t, "POST", "/users/", "", body).refused(400, "Unknown field: "+name)
		}
		inUpdate := []string{"IS_ADMIN", "Is_Admin", "iſ_admin", "isAdmin", "admin", "Roles", "ROLES", "id", "ID", "password_hash",
			"PasswordHash", "IS_VERIFIED", "is_verified ", "created_at", "updated_at", "last_login", "email_key"}
		for _, name := range inUpdate {
			for _, token := range []string{token, s.login(t, "root").Access} {
				body := fmt.Sprintf(`{"email":"stolen@example.com",%q:true}`, name)
				s.call(t, "PUT", "/users/"+self.ID.String(), token, body).refused(400, "Unknown field: "+name)
			}
		}
		if after := s.snapshot(t, self); after != before {
			t.Errorf("the user changed from %s to %s", before, after)
		}
		users, err := s.accounts.List(t.Context(), authn.Operator(), 0, 100)
		if err != nil || len(users) != 2 {
			t.Errorf("there are %d users, want 2 (%v)", len(users), err)
		}
	})
}

// No visitor becomes administrator by being the first.
func TestFirstRegistrationIsNoAdministrator(t *testing.T) {
	s := start(t, sqliteURL(t), options{noVerification: true})
	var first user
	s.call(t, "POST", "/users/", "", registration("first", "first@example.com", goodPassword)).want(201).into(&first)
	if first.IsAdmin || len(first.Roles) != 0 {
		t.Errorf("the first user is %+v", first)
	}
	s.call(t, "GET", "/users/", s.login(t, "first").Access, "").refused(403, "Not authorized to list users")
}

// A right that was taken away is gone with the next request, whatever the token says.
func TestDemotionCountsAtOnce(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.addAdmin(t, "root")
	second := s.addAdmin(t, "second")
	asRoot, asSecond := s.login(t, "root").Access, s.login(t, "second").Access
	s.call(t, "GET", "/users/", asSecond, "").want(200)
	s.call(t, "PUT", "/users/"+second.ID.String(), asRoot, `{"is_admin":false}`).want(200)
	if status := s.call(t, "GET", "/users/", asSecond, "").status; !slices.Contains([]int{401, 403}, status) {
		t.Errorf("status %d for an administrator who is none any more", status)
	}
}

// snapshot is a user as the store has them, with the number of their sessions, in one line; "gone" if it does not.
func (s *server) snapshot(t *testing.T, u authn.User) string {
	t.Helper()
	now, err := s.store.UserByID(t.Context(), u.ID)
	if err != nil {
		return "gone"
	}
	sessions, err := s.store.ListSessions(t.Context(), u.ID, s.opts.sessions, s.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %s %v %v %v %v %d", now.Username, now.Email, now.PasswordHash, now.Active, now.Verified, now.Admin, now.Roles, len(sessions))
}
