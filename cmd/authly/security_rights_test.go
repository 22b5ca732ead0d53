package main_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// account is a user as an answer shows one.
type account struct {
	ID, Username, Email string
	IsActive            bool `json:"is_active"`
	IsVerified          bool `json:"is_verified"`
	IsAdmin             bool `json:"is_admin"`
	Roles               []string
}

// look returns a user as the administrator sees them.
func (g *guarded) look(t *testing.T, id string) account {
	t.Helper()
	var a account
	answer := g.must(t, http.StatusOK, "GET", "/users/"+id, g.admin.Access, "")
	if err := json.Unmarshal([]byte(answer.body), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// privileges are members by which people would help themselves to rights.
func privileges() map[string]string {
	return map[string]string{
		"CVE-2026-27899 is_admin": `"is_admin":true`, "CVE-2026-27899 IS_ADMIN": `"IS_ADMIN":true`,
		"CVE-2026-27899 Is_Admin":               `"Is_Admin":true`,
		"CVE-2026-27899 is_admin with a long s": "\"i\u017f_admin\":true",
		"CVE-2026-27899 is_admin escaped":       `"is\u005fadmin":true`,
		"CVE-2026-27899 isAdmin":                `"isAdmin":true`, "CVE-2026-27899 admin": `"admin":true`,
		"CVE-2026-27899 superuser":        `"is_superuser":true`,
		"CVE-2026-27899 is_admin as text": `"is_admin":"true"`, "CVE-2026-27899 is_admin as a number": `"is_admin":1`,
		"CVE-2026-27899 is_admin twice": `"is_admin":false,"is_admin":true`,
		"roles":                         `"roles":["boss"]`, "roles in capitals": `"ROLES":["boss"]`, "roles as text": `"roles":"boss"`,
		"groups":                     `"groups":["boss"]`,
		"id":                         `"id":"6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a10"`,
		"password_hash":              `"password_hash":"$2a$04$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`,
		"CVE-2026-27946 is_verified": `"is_verified":true`, "CVE-2026-27946 IS_VERIFIED": `"IS_VERIFIED":true`,
		"CVE-2026-27946 verified": `"email_verified":true`,
		"created_at":              `"created_at":"2000-01-01T00:00:00Z"`, "last_login": `"last_login":null`,
		"a nested user": `"user":{"is_admin":true}`,
		"prototype":     `"__proto__":{"is_admin":true}`, "null": `"is_admin":null`,
	}
}

// Nobody gives themselves a right: not when they register, not when they change themselves, by no spelling of its name.
func TestSecurityMassAssignment(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		g.id["unverified"] = g.registered(t, "unverified")
		unverified := g.look(t, g.id["unverified"])
		alice := g.look(t, g.id["alice"])
		i := 0
		for name, member := range privileges() {
			t.Run(name, func(t *testing.T) {
				i++
				rest := fmt.Sprintf(`"username":"mass%d","email":"mass%d@example.com","password":"a long password"`, i, i)
				for _, body := range []string{"{" + rest + "," + member + "}", "{" + member + "," + rest + "}"} {
					g.must(t, http.StatusBadRequest, "POST", "/users/", "", body)
					g.must(t, http.StatusBadRequest, "POST", "/users/", g.alice.Access, body)
				}
				for _, body := range []string{"{" + member + "}", `{"username":"alice",` + member + "}"} {
					if answer := g.do(t, "PUT", "/users/"+g.id["alice"], g.alice.Access,
						body); answer.status != http.StatusBadRequest && answer.status != http.StatusForbidden {
						if !strings.Contains(name, "verified") ||
							answer.status != http.StatusOK { // she is, and may repeat it
							t.Errorf("%s: %d %s", body, answer.status, answer.body)
						}
					}
				}
				if after := g.look(t, g.id["alice"]); fmt.Sprint(after) != fmt.Sprint(alice) {
					t.Errorf("alice is %v and was %v", after, alice)
				}
			})
		}
		if after := g.look(t, g.id["unverified"]); fmt.Sprint(after) != fmt.Sprint(unverified) || after.IsVerified {
			t.Errorf("%v", after)
		}
		t.Run("CVE-2026-27946 a new email is not verified by its owner", func(t *testing.T) {
			g.must(t, http.StatusForbidden, "PUT", "/users/"+g.id["alice"], g.alice.Access,
				`{"email":"new@example.com","is_verified":false}`)
			g.must(t, http.StatusOK, "PUT", "/users/"+g.id["alice"], g.alice.Access,
				`{"email":"new@example.com","is_verified":true}`)
			if after := g.look(t, g.id["alice"]); after.IsVerified || after.Email != "new@example.com" {
				t.Errorf("%v", after)
			}
			g.must(t, http.StatusForbidden, "PUT", "/users/"+g.id["alice"], g.alice.Access, `{"is_verified":true}`)
			g.must(t, http.StatusForbidden, "PUT", "/users/"+g.id["alice"]+"/verify", g.alice.Access, "")
		})
		t.Run("done rightly", func(t *testing.T) {
			g.must(t, http.StatusOK, "PUT", "/users/"+g.id["bare"], g.admin.Access,
				`{"is_admin":true,"roles":["boss"],"is_verified":true}`)
			if after := g.look(t, g.id["bare"]); !after.IsAdmin || len(after.Roles) != 1 {
				t.Errorf("%v", after)
			}
		})
	})
}

// registered registers somebody whom nobody verifies.
func (g *guarded) registered(t *testing.T, name string) string {
	t.Helper()
	body := fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":%q}`, name, name, passwordOf(name))
	var a account
	if err := json.Unmarshal([]byte(g.must(t, http.StatusCreated, "POST", "/users/", "", body).body), &a); err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// Every endpoint, asked by everybody.
func TestSecurityRights(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		const none = "6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a10"
		alice, path := "/users/"+g.id["alice"], "/users/"
		cases := []struct {
			method, path, body                   string
			anonymous, self, other, roles, admin int // roles: a user with a role, which is no right here
		}{
			{"GET", "/health", "", 200, 200, 200, 200, 200},
			{"GET", "/.well-known/jwks.json", "", 200, 200, 200, 200, 200},
			{"GET", "/openapi.json", "", 200, 200, 200, 200, 200},
			{"GET", "/docs", "", 200, 200, 200, 200, 200},
			{"GET", "/users/me", "", 401, 200, 200, 200, 200},
			{"GET", "/users/", "", 401, 403, 403, 403, 200},
			{"GET", "/users", "", 401, 403, 403, 403, 200},
			{"GET", "/users/?skip=1&limit=1", "", 401, 403, 403, 403, 200},
			{"GET", alice, "", 401, 200, 404, 404, 200},
			{"HEAD", alice, "", 401, 200, 404, 404, 200},
			{"GET", path + none, "", 401, 404, 404, 404, 404},
			{"GET", path + "1", "", 401, 404, 404, 404, 404},
			{"GET", path + strings.ToUpper(none), "", 401, 404, 404, 404, 404},
			{"PUT", alice, `{"username":"alice"}`, 401, 200, 403, 403, 200},
			{"PUT", alice, `{"roles":["staff","writer"]}`, 401, 200, 403, 403, 200},
			{"PUT", alice, `{"is_active":false}`, 401, 403, 403, 403, 0},
			{"PUT", alice, `{"is_admin":true}`, 401, 403, 403, 403, 0},
			{"PUT", alice, `{"roles":["boss"]}`, 401, 403, 403, 403, 0},
			{"PUT", alice, `{"password":"another password"}`, 401, 400, 403, 403, 0},
			{"PUT", path + none, `{"username":"x"}`, 401, 403, 403, 403, 404},
			{"PUT", path + none, `{}`, 401, 403, 403, 403, 404},
			{"PUT", alice + "/verify", "", 401, 403, 403, 403, 200},
			{"PUT", path + none + "/verify", "", 401, 403, 403, 403, 404},
			{"PUT", path + "me", `{"username":"x"}`, 401, 404, 404, 404, 404},
			{"DELETE", path + "me", "", 401, 404, 404, 404, 404},
			{"DELETE", path + none, "", 401, 403, 403, 403, 404},
			{"DELETE", alice, "", 401, 0, 403, 403, 0},
			{"DELETE", path, "", 405, 405, 405, 405, 405},
			{"POST", alice, "{}", 405, 405, 405, 405, 405},
			{"PATCH", alice, "{}", 405, 405, 405, 405, 405},
			{"POST", "/auth/logout", "", 401, 0, 0, 0, 0},
			{"GET", "/auth/logout", "", 405, 405, 405, 405, 405},
			{"GET", "/auth/token", "", 405, 405, 405, 405, 405},
			{"GET", "/auth/nothing", "", 404, 404, 404, 404, 404},
			{"GET", "/users/me/x", "", 404, 404, 404, 404, 404},
			{"POST", "/users/register", "{}", 405, 405, 405, 405, 405},
			{"GET", "/authz/traefik/x", "", 404, 404, 404, 404, 404},
		}
		for _, c := range cases {
			t.Run(strings.ReplaceAll(c.method+" "+c.path+" "+c.body, g.id["alice"], "{id}"), func(t *testing.T) {
				for who, asked := range map[string]struct {
					token  string
					status int
				}{
					"anonymous": {"", c.anonymous}, "self": {g.alice.Access, c.self}, "other": {g.bare.Access, c.other},
					"with a role": {g.boss.Access, c.roles}, "administrator": {g.admin.Access, c.admin},
				} {
					if asked.status == 0 {
						continue // it would change what the next ones are asked about; see the other tests
					}
					if answer := g.do(t, c.method, c.path, asked.token, c.body); answer.status != asked.status {
						t.Errorf("%s: %d %s, want %d", who, answer.status, answer.body, asked.status)
					}
				}
			})
		}
		if after := g.look(t, g.id["alice"]); after.IsAdmin || !after.IsActive ||
			strings.Join(after.Roles, ",") != "staff,writer" {
			t.Errorf("%v", after)
		}
	})
}

// The first visitor is nobody in particular, on a server with an administrator and on one whose users are all gone but one.
func TestSecurityFirstVisitor(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		t.Run("CVE-2026-42221 the first to register", func(t *testing.T) {
			if first := g.look(t, g.id["alice"]); first.IsAdmin {
				t.Errorf("%v", first)
			}
			g.must(t, http.StatusForbidden, "GET", "/users/", g.alice.Access, "")
		})
		t.Run("CVE-2026-42221 the last administrator stays", func(t *testing.T) {
			for _, c := range []struct{ method, body string }{{"DELETE", ""}, {"PUT", `{"is_admin":false}`},
				{"PUT", `{"is_active":false}`}} {
				g.must(t, http.StatusConflict, c.method, "/users/"+g.id["admin"], g.admin.Access, c.body)
			}
		})
		t.Run("CVE-2026-42221 somebody else called admin", func(t *testing.T) {
			g.must(t, http.StatusOK, "PUT", "/users/"+g.id["alice"], g.admin.Access, `{"is_admin":true}`)
			g.must(t, http.StatusNoContent, "DELETE", "/users/"+g.id["admin"], g.admin.Access, "")
			id := g.registered(t, "admin")
			g.admin = g.alice
			if second := g.look(t, id); second.IsAdmin || second.IsVerified {
				t.Errorf("%v", second)
			}
		})
	})
}

// Closed registration is closed for everybody, on every path and in every form.
func TestSecurityRegistrationClosed(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guard(t, storeURL, "users: {registration: closed}")
		g.admin = g.login(t, "admin", adminPassword)
		body := `{"username":"late","email":"late@example.com","password":"a long password"}`
		form := "username=late&email=late@example.com&password=a+long+password"
		for name, c := range map[string]struct {
			path, body, token, kind string
			status                  int
		}{
			"with a slash": {"/users/", body, "", "", 403}, "without a slash": {"/users", body, "", "", 403},
			"escaped":             {"/%75sers", body, "", "", 403},
			"with a query":        {"/users?x=y", body, "", "", 403},
			"by an administrator": {"/users/", body, g.admin.Access, "", 403},
			"as a form":           {"/users/", form, "", "application/x-www-form-urlencoded", 415},
			"with two slashes":    {"//users", body, "", "", 400},
			"in capitals":         {"/USERS/", body, "", "", 401}, "below": {"/users/new", body, "", "", 405},
			"as an endpoint of auth": {"/auth/register", body, "", "", 415},
			"by the page":            {"/auth/register", form + "&again=a+long+password", "", "application/x-www-form-urlencoded", 403},
			"bad body":               {"/users/", "{", "", "", 400},
		} {
			t.Run("CVE-2024-49757 "+name, func(t *testing.T) {
				g.must(t, c.status, "POST", c.path, c.token, c.body, "Content-Type", cmp.Or(c.kind, "application/json"))
			})
		}
		g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody("late", "a long password"))
		if list := g.must(t, http.StatusOK, "GET", "/users/", g.admin.Access, "").body; strings.Contains(list, "late") {
			t.Errorf("%s", list)
		}
	})
}
