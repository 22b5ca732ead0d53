package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// registration is the body of a registration.
func registration(name, email, password string) string {
	return object("username", name, "email", email, "password", password)
}

func TestRegister(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{publicURL: "https://login.example.com"})
		s.addAdmin(t, "root")
		a := s.call(t, "POST", "/users/", "", registration("Alice", "Alice@Example.com", goodPassword)).want(201)
		var got user
		a.into(&got)
		now := s.clock.Now().Format(time.RFC3339)
		want := user{ID: got.ID, Username: "alice", Email: "Alice@Example.com", CreatedAt: now, UpdatedAt: now, IsActive: true, Roles: []string{}}
		if !reflect.DeepEqual(got, want) || uuid.Validate(got.ID) != nil {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if loc := a.header.Get("Location"); loc != "https://login.example.com/users/"+got.ID {
			t.Errorf("Location %q", loc)
		}
		if bytes.Contains(a.body, []byte("$2")) || bytes.Contains(a.body, []byte("password")) {
			t.Errorf("the answer speaks of the password: %s", a.body)
		}
		s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).refused(403, "Account not verified")

		for _, c := range []struct{ name, body, detail, field string }{
			{"name taken", registration("alice", "a@example.com", goodPassword), "Username already registered", "username"},
			{"name taken in another case", registration("ALICE", "a@example.com", goodPassword), "Username already registered", "username"},
			{"email taken", registration("al", "alice@example.com", goodPassword), "Email already registered", "email"},
			{"email taken in another case", registration("al", "ALICE@EXAMPLE.COM", goodPassword), "Email already registered", "email"},
			{"no username", object("email", "a@example.com", "password", goodPassword), "Missing field: username", "username"},
			{"no email", object("username", "al", "password", goodPassword), "Missing field: email", "email"},
			{"no password", object("username", "al", "email", "a@example.com"), "Missing field: password", "password"},
			{"empty object", "{}", "Missing field: username", "username"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if p := s.call(t, "POST", "/users/", "", c.body).refused(400, c.detail); p.Field != c.field || p.Error != "" {
					t.Errorf("field %q, want %q; error %q", p.Field, c.field, p.Error)
				}
			})
		}
		for _, c := range []struct{ name, body, field string }{
			{"username empty", registration("", "a@example.com", goodPassword), "username"},
			{"username with @", registration("a@b", "a@example.com", goodPassword), "username"},
			{"username of 51 characters", registration(strings.Repeat("a", 51), "a@example.com", goodPassword), "username"},
			{"username with a space", registration("a b", "a@example.com", goodPassword), "username"},
			{"username with a line feed", registration("a\nb", "a@example.com", goodPassword), "username"},
			{"email without @", registration("al", "example.com", goodPassword), "email"},
			{"password of 7 characters", registration("al", "a@example.com", "1234567"), "password"},
			{"password of 73 bytes", registration("al", "a@example.com", strings.Repeat("p", 73)), "password"},
			{"SQL as email", registration("al", "'; DROP TABLE users; --", goodPassword), "email"},
		} {
			t.Run(c.name, func(t *testing.T) {
				a := s.call(t, "POST", "/users/", "", c.body)
				if p := a.problem(400); p.Field != c.field || !strings.Contains(p.Detail, c.field) {
					t.Errorf("field %q, detail %q, want %q named", p.Field, p.Detail, c.field)
				}
			})
		}
		for name, body := range map[string]string{
			"50 characters": registration(strings.Repeat("a", 50), "a50@example.com", goodPassword),
			"72 bytes":      registration("long", "long@example.com", strings.Repeat("p", 72)),
			"SQL as name":   registration("x';drop-table-users;--", "sql@example.com", goodPassword),
		} {
			t.Run(name, func(t *testing.T) { s.call(t, "POST", "/users", "", body).want(201) })
		}
	})
}

func TestRegistrationClosed(t *testing.T) {
	s := start(t, sqliteURL(t), options{closedRegistration: true})
	s.addAdmin(t, "root")
	body := registration("alice", "alice@example.com", goodPassword)
	s.call(t, "POST", "/users/", "", body).refused(403, "Registration is closed")
	s.call(t, "POST", "/users", "", body).refused(403, "Registration is closed")
	s.call(t, "POST", "/users", s.login(t, "root").Access, body).refused(403, "Registration is closed")
}

// Of many simultaneous registrations of one name exactly one is answered 201.
func TestRegisterAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		const n = 20
		statuses := make([]int, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				body := strings.NewReader(registration("alice", fmt.Sprintf("a%d@example.com", i), goodPassword))
				resp, err := http.Post(s.URL+"/users/", "application/json", body)
				if err != nil {
					return
				}
				resp.Body.Close()
				statuses[i] = resp.StatusCode
			})
		}
		wg.Wait()
		slices.Sort(statuses)
		want := append([]int{201}, slices.Repeat([]int{400}, n-1)...)
		slices.Sort(want)
		if !slices.Equal(statuses, want) {
			t.Errorf("the statuses are %v, want one 201 and else 400", statuses)
		}
	})
}

func TestReadUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		root := s.addAdmin(t, "root")
		alice, bob := s.add(t, "alice", "editor", "author"), s.add(t, "bob")
		asRoot, asAlice := s.login(t, "root").Access, s.login(t, "alice").Access

		var me user
		a := s.call(t, "GET", "/users/me", asAlice, "").want(200)
		a.into(&me)
		if me.ID != alice.ID.String() || !slices.Equal(me.Roles, []string{"author", "editor"}) || me.LastLogin == nil ||
			*me.LastLogin != s.clock.Now().Format(time.RFC3339) {
			t.Errorf("me is %s", a.body)
		}
		if cc := a.header.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("Cache-Control %q, want no-store", cc)
		}
		if s.last.Load().User != "alice" {
			t.Errorf("the exchange's user is %q, want alice", s.last.Load().User)
		}
		var got user
		s.call(t, "GET", "/users/"+bob.ID.String(), asRoot, "").want(200).into(&got)
		if got.Username != "bob" || got.LastLogin != nil {
			t.Errorf("got %+v, want bob, who never logged in", got)
		}
		s.call(t, "GET", "/users/"+alice.ID.String(), asAlice, "").want(200)
		s.call(t, "GET", "/users/"+bob.ID.String(), asAlice, "").refused(404, "User not found")
		s.call(t, "GET", "/users/"+uuid.NewString(), asRoot, "").refused(404, "User not found")

		for _, id := range []string{"1", "x", root.ID.String() + "0", strings.ToUpper(root.ID.String()[:35]) + "g",
			"%7B" + root.ID.String() + "%7D", "urn:uuid:" + root.ID.String(), strings.ReplaceAll(root.ID.String(), "-", ""),
			"'%20OR%201=1", strings.Repeat("9", 5000)} {
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				s.call(t, method, "/users/"+id, asRoot, bodyFor(method)).refused(404, "User not found")
				s.call(t, method, "/users/"+id, "", bodyFor(method)).refused(401, "Not authenticated")
			}
			s.call(t, "PUT", "/users/"+id+"/verify", asRoot, "").refused(404, "User not found")
		}
	})
}

func bodyFor(method string) string {
	if method == "PUT" {
		return "{}"
	}
	return ""
}

func TestListUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		for i := range 4 {
			s.clock.advance(time.Second)
			s.add(t, fmt.Sprintf("user%d", i))
		}
		asRoot, asUser := s.login(t, "root").Access, s.login(t, "user0").Access
		for query, want := range map[string][]string{
			"":                 {"root", "user0", "user1", "user2", "user3"},
			"?skip=1&limit=2":  {"user0", "user1"},
			"?limit=1":         {"root"},
			"?limit=100":       {"root", "user0", "user1", "user2", "user3"},
			"?skip=5":          {},
			"?skip=2147483647": {},
		} {
			for _, path := range []string{"/users/", "/users"} {
				var got []user
				s.call(t, "GET", path+query, asRoot, "").want(200).into(&got)
				names := []string{}
				for _, u := range got {
					names = append(names, u.Username)
				}
				if got == nil || !slices.Equal(names, want) {
					t.Errorf("%s: %v, want %v", path+query, names, want)
				}
			}
		}
		for query, field := range map[string]string{
			"?skip=-1": "skip", "?skip=x": "skip", "?skip=": "skip", "?skip=1.5": "skip", "?skip=%2B1": "skip", "?skip=0x1": "skip",
			"?skip=99999999999999999999": "skip", "?skip=1&skip=2": "skip", "?limit=0": "limit", "?limit=101": "limit",
			"?after=x": "after", "?after=&skip=0": "after", "?after=&after=": "after",
			"?limit=all": "limit", "?limit=1&limit=1": "limit", "?offset=1": "offset", "?Limit=1": "Limit", "?sort=id%3Bdrop": "sort",
		} {
			p := s.call(t, "GET", "/users/"+query, asRoot, "").problem(400)
			if p.Field != field || !strings.Contains(p.Detail, field) {
				t.Errorf("%s: field %q, detail %q, want %s named", query, p.Field, p.Detail, field)
			}
		}
		var followed []string
		for path := "/users/?limit=2"; path != ""; {
			a := s.call(t, "GET", path, asRoot, "").want(200)
			var got []user
			a.into(&got)
			for _, u := range got {
				followed = append(followed, u.Username)
			}
			_, query, _ := strings.Cut(a.header.Get("Link"), "/users/?")
			query, _, more := strings.Cut(query, `>; rel="next"`)
			if path = ""; more {
				path = "/users/?" + query
			}
		}
		if want := []string{"root", "user0", "user1", "user2", "user3"}; !slices.Equal(followed, want) {
			t.Errorf("following Link: %v, want %v", followed, want)
		}
		s.call(t, "GET", "/users/?after=", asUser, "").refused(403, "Not authorized to list users")
		s.call(t, "GET", "/users/?limit=1;skip=1", asRoot, "").refused(400, "Query decode error")
		s.call(t, "GET", "/users/?limit=%zz", asRoot, "").refused(400, "Query decode error")
		s.call(t, "GET", "/users/", asUser, "").refused(403, "Not authorized to list users")
		s.call(t, "GET", "/users/", "", "").refused(401, "Not authenticated")
	})
}

func TestSearchUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		for i := range 4 {
			s.clock.advance(time.Second)
			s.add(t, fmt.Sprintf("user%d", i), "editor")
		}
		asRoot, asUser := s.login(t, "root").Access, s.login(t, "user0").Access
		list := func(path string) (names []string, link string) {
			t.Helper()
			var got []user
			a := s.call(t, "GET", path, asRoot, "").want(200)
			a.into(&got)
			for _, u := range got {
				names = append(names, u.Username)
			}
			return names, a.header.Get("Link")
		}
		for query, want := range map[string][]string{
			"search=SER1":                       {"user1"},
			"search=%25":                        nil,
			"search=user&skip=1&limit=2":        {"user1", "user2"},
			"search=user&order=-username":       {"user3", "user2", "user1", "user0"},
			"role=editor&limit=1":               {"user0"},
			"admin=true":                        {"root"},
			"admin=false&order=-created":        {"user3", "user2", "user1", "user0"},
			"active=false":                      nil,
			"active=true&verified=true&limit=1": {"root"},
			"locked=true":                       nil,
			"locked=false&limit=1":              {"root"},
		} {
			if got, _ := list("/users/?" + query); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}
		following := regexp.MustCompile(`<[^>]*(/users/\?[^>]*)>; rel="(\w+)"`)
		pages, path := [][]string{}, "/users?search=user&role=editor&limit=2"
		for _, relation := range []string{"next", "prev", "next"} {
			names, link := list(path)
			pages = append(pages, names)
			for _, found := range following.FindAllStringSubmatch(link, -1) {
				if path = found[1]; found[2] != relation {
					t.Errorf("a link to %s, want one to %s", found[2], relation)
				}
			}
		}
		if want := [][]string{{"user0", "user1"}, {"user2", "user3"}, {"user0", "user1"}}; !reflect.DeepEqual(pages, want) {
			t.Errorf("the pages %v, want %v", pages, want)
		}
		for query, field := range map[string]string{
			"search=%00": "search", "search=a&search=b": "search", "active=yes": "active", "verified=": "verified", "admin=TRUE": "admin",
			"locked=1": "locked", "role=a,b": "role", "order=email": "order", "cursor=x": "cursor", "search=a&after=": "after", "Search=a": "Search",
		} {
			if p := s.call(t, "GET", "/users/?"+query, asRoot, "").problem(400); p.Field != field {
				t.Errorf("%s: field %q, want %s", query, p.Field, field)
			}
		}
		s.call(t, "GET", "/users/?search=user", asUser, "").refused(403, "Not authorized to list users")
		s.call(t, "GET", "/users/?search=user", "", "").refused(401, "Not authenticated")
	})
}

func TestUpdateUser(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		alice, bob := s.add(t, "alice", "editor"), s.add(t, "bob")
		asRoot, asAlice := s.login(t, "root").Access, s.login(t, "alice").Access
		path := "/users/" + alice.ID.String()

		s.clock.advance(time.Minute)
		var before, after user
		s.call(t, "GET", path, asAlice, "").want(200).into(&before)
		s.call(t, "PUT", path, asAlice, "{}").want(200).into(&after)
		before.UpdatedAt, after.UpdatedAt = "", ""
		if !reflect.DeepEqual(before, after) {
			t.Errorf("an empty update made %+v of %+v", after, before)
		}
		s.call(t, "PUT", path, asAlice, object("username", "Alicia")).want(200).into(&after)
		if after.Username != "alicia" || !after.IsVerified {
			t.Errorf("renamed to %+v", after)
		}
		s.call(t, "PUT", path, asAlice, object("email", "alicia@example.com")).want(200).into(&after)
		if after.Email != "alicia@example.com" || after.IsVerified {
			t.Errorf("a new address leaves %+v", after)
		}
		s.call(t, "PUT", path, asRoot, `{"is_verified":true,"roles":["b","a","b"]}`).want(200).into(&after)
		if !after.IsVerified || !slices.Equal(after.Roles, []string{"a", "b"}) {
			t.Errorf("an administrator's update leaves %+v", after)
		}
		s.call(t, "PUT", path, asAlice, `{"is_active":true,"is_verified":true,"is_admin":false,"roles":["a","b"]}`).want(200)

		s.call(t, "PUT", path, asAlice, object("username", "BOB")).refused(400, "Username already taken")
		s.call(t, "PUT", path, asAlice, object("email", "Bob@example.com")).refused(400, "Email already registered")
		s.call(t, "PUT", "/users/"+bob.ID.String(), asAlice, "{}").refused(403, "Not authorized to update this user")
		s.call(t, "PUT", "/users/"+uuid.NewString(), asRoot, "{}").refused(404, "User not found")
		s.call(t, "PUT", path, "", "{}").refused(401, "Not authenticated")
		s.call(t, "PUT", path, asAlice, object("username", "a b")).problem(400)
	})
}

func TestChangePassword(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		alice := s.add(t, "alice")
		here, elsewhere := s.login(t, "alice"), s.login(t, "alice")
		path := "/users/" + alice.ID.String()
		const fresh = "battery staple"

		p := s.call(t, "PUT", path, here.Access, object("password", fresh)).problem(400)
		if p.Field != "current_password" || p.Detail != "Missing field: current_password" {
			t.Errorf("field %q, detail %q", p.Field, p.Detail)
		}
		s.call(t, "PUT", path, here.Access, object("password", fresh, "current_password", "wrong")).
			refused(403, "Current password is incorrect")
		s.call(t, "GET", "/users/me", elsewhere.Access, "").want(200)
		s.call(t, "PUT", path, here.Access, object("password", fresh, "current_password", goodPassword)).want(200)

		s.call(t, "GET", "/users/me", here.Access, "").want(200)
		s.call(t, "GET", "/users/me", elsewhere.Access, "").refused(401, "Could not validate credentials")
		s.call(t, "POST", "/auth/refresh", "", refreshOf(elsewhere.Refresh)).refused(401, "Token is invalid or expired")
		s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).refused(401, "Incorrect username or password")
		s.call(t, "POST", "/auth/token", "", grantOf("alice", fresh)).want(200)

		s.call(t, "PUT", path, s.login(t, "root").Access, object("password", goodPassword)).want(200)
		s.call(t, "GET", "/users/me", here.Access, "").refused(401, "Could not validate credentials")
		s.login(t, "alice")
	})
}

// Wrong current passwords count like failed logins: the endpoint is no second door to guess at.
func TestChangePasswordLocks(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	alice := s.add(t, "alice")
	session := s.login(t, "alice")
	path := "/users/" + alice.ID.String()
	for range 5 {
		s.call(t, "PUT", path, session.Access, object("password", "battery staple", "current_password", "wrong")).problem(403)
	}
	a := s.call(t, "PUT", path, session.Access, object("password", "battery staple", "current_password", goodPassword))
	if p := a.problem(429); p.Code != "account_locked" || a.header.Get("Retry-After") != "300" {
		t.Errorf("code %q, Retry-After %q", p.Code, a.header.Get("Retry-After"))
	}
	s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).problem(429)
	s.clock.advance(5*time.Minute + time.Second)
	s.call(t, "PUT", path, session.Access, object("password", "battery staple", "current_password", goodPassword)).want(200)
}

func TestCurrentPasswordNotRequired(t *testing.T) {
	s := start(t, sqliteURL(t), options{noCurrentPassword: true})
	alice := s.add(t, "alice")
	s.call(t, "PUT", "/users/"+alice.ID.String(), s.login(t, "alice").Access, object("password", "battery staple")).want(200)
	s.call(t, "POST", "/auth/token", "", grantOf("alice", "battery staple")).want(200)
}

func TestDeleteUser(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		alice, bob := s.add(t, "alice"), s.add(t, "bob")
		asRoot, asAlice, ofBob := s.login(t, "root").Access, s.login(t, "alice").Access, s.login(t, "bob")

		s.call(t, "DELETE", "/users/"+bob.ID.String(), "", "").refused(401, "Not authenticated")
		s.call(t, "DELETE", "/users/"+bob.ID.String(), asAlice, "").refused(403, "Not authorized to delete this user")
		a := s.call(t, "DELETE", "/users/"+bob.ID.String(), asRoot, "").want(204)
		if len(a.body) != 0 {
			t.Errorf("204 with a body: %s", a.body)
		}
		s.call(t, "GET", "/users/me", ofBob.Access, "").refused(401, "Could not validate credentials")
		s.call(t, "DELETE", "/users/"+bob.ID.String(), asRoot, "").refused(404, "User not found")
		s.call(t, "DELETE", "/users/"+alice.ID.String(), asAlice, "").want(204)
		s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).refused(401, "Incorrect username or password")
	})
}

func TestVerifyUser(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.addAdmin(t, "root")
		s.add(t, "bob")
		asRoot, asBob := s.login(t, "root").Access, s.login(t, "bob").Access
		var alice user
		s.call(t, "POST", "/users/", "", registration("alice", "alice@example.com", goodPassword)).want(201).into(&alice)
		path := "/users/" + alice.ID + "/verify"

		s.call(t, "PUT", path, "", "").refused(401, "Not authenticated")
		s.call(t, "PUT", path, asBob, "").refused(403, "Not authorized to verify this user")
		s.call(t, "PUT", "/users/"+uuid.NewString()+"/verify", asRoot, "").refused(404, "User not found")
		s.call(t, "POST", "/auth/token", "", grantOf("alice", goodPassword)).refused(403, "Account not verified")
		var got user
		s.call(t, "PUT", path, asRoot, "").want(200).into(&got)
		if !got.IsVerified || got.ID != alice.ID {
			t.Errorf("got %+v", got)
		}
		s.call(t, "PUT", path, asRoot, "{}").want(200)
		s.login(t, "alice")
	})
}

func TestLastAdministrator(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		root := s.addAdmin(t, "root")
		asRoot := s.login(t, "root").Access
		path := "/users/" + root.ID.String()
		for _, body := range []string{`{"is_admin":false}`, `{"is_active":false}`} {
			if p := s.call(t, "PUT", path, asRoot, body).problem(409); p.Code != "conflict" {
				t.Errorf("code %q", p.Code)
			}
		}
		s.call(t, "DELETE", path, asRoot, "").problem(409)
		s.addAdmin(t, "second")
		s.call(t, "PUT", path, asRoot, `{"is_admin":false}`).want(200)
		s.call(t, "GET", "/users/", asRoot, "").refused(403, "Not authorized to list users")
	})
}
