package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/store/storetest"
)

// injections are SQL as people put it into inputs.
func injections() []string {
	return []string{
		`' OR '1'='1`, `'; DROP TABLE users; --`, `" OR ""="`, `\' OR 1=1 --`, `admin'--`, `admin' /*`, `') OR ('1'='1`,
		`1; SELECT pg_sleep(10)`,
		`$1`, `$$`, `:name`, `?`, `@p1`, `%27%20OR%201=1`, `' UNION SELECT password_hash FROM users --`, `E'\''`, `-1`,
		`0x27`,
	}
}

// onEveryProtocol runs a test on both databases, on PostgreSQL also where the values stand in the statement's text.
func onEveryProtocol(t *testing.T, test func(t *testing.T, storeURL string)) {
	onBothDatabases(t, test)
	t.Run("postgres simple_protocol", func(t *testing.T) {
		u, err := url.Parse(storetest.PostgresURL(t))
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Set("default_query_exec_mode", "simple_protocol")
		u.RawQuery = query.Encode()
		test(t, u.String())
	})
}

// SQL in an input is text: it is kept as text or refused, finds nobody and changes nothing.
func TestSecuritySQL(t *testing.T) {
	t.Parallel()
	onEveryProtocol(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "lockout: {failures: 1000, duration: 1h}")
		before := g.must(t, http.StatusOK, "GET", "/users/", g.admin.Access, "").body
		for i, text := range injections() {
			t.Run(fmt.Sprintf("CVE-2024-27289 SQL %d in what finds nothing", i+1),
				func(t *testing.T) { g.findsNothing(t, text) })
		}
		if after := g.must(t, http.StatusOK, "GET", "/users/", g.admin.Access, "").body; after != before {
			t.Errorf("the users were\n%s\nand are\n%s", before, after)
		}
		for i, text := range injections() {
			t.Run(fmt.Sprintf("CVE-2022-24124 SQL %d in what is kept", i+1), func(t *testing.T) { g.isKept(t, text, i) })
		}
		g.wantAlive(t, true, map[string]string{"alice": g.alice.Access})
	})
}

func (g *guarded) findsNothing(t *testing.T, text string) {
	t.Helper()
	g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody(text, "not this one"))
	g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody(text+"@example.com", "not this one"))
	g.must(t, http.StatusUnauthorized, "POST", "/auth/token", "", loginBody("alice", text))
	g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, text))
	g.must(t, http.StatusUnauthorized, "GET", "/users/me", "x.y."+url.PathEscape(text), "")
	for _, name := range []string{"skip", "limit", "sort", "order", "filter", "username"} {
		for _, value := range []string{text, "1" + text} {
			g.must(t, http.StatusBadRequest, "GET", "/users/?"+name+"="+url.QueryEscape(value), g.admin.Access, "")
		}
	}
	id := "x" + strings.NewReplacer("%", "", "/", "", ";", "", "\\", "", "?", "").Replace(text)
	for _, method := range []string{"GET", "DELETE"} {
		g.must(t, http.StatusNotFound, method, "/users/"+url.PathEscape(id), g.admin.Access, "")
	}
	g.must(t, http.StatusNotFound, "PUT", "/users/"+url.PathEscape(id), g.admin.Access, `{"roles":["boss"]}`)
}

// isKept puts the text wherever it may stand, reads it back, and logs in with it.
func (g *guarded) isKept(t *testing.T, text string, i int) {
	t.Helper()
	name, password := strings.ReplaceAll(strings.ToLower(text), " ", "."), text+" and more of it"
	if strings.Contains(name, "@") {
		name = strings.ReplaceAll(name, "@", "at")
	}
	body, _ := json.Marshal(map[string]string{"username": name, "email": fmt.Sprintf("i%d@example.com", i),
		"password": password}) // strings can be JSON
	answer := g.must(t, http.StatusCreated, "POST", "/users/", "", string(body))
	var user struct {
		ID, Username string
		Roles        []string
		IsAdmin      bool `json:"is_admin"`
	}
	if err := json.Unmarshal([]byte(answer.body), &user); err != nil || user.Username != name || user.IsAdmin ||
		len(user.Roles) != 0 {
		t.Fatalf("%v %s", err, answer.body)
	}
	roles, _ := json.Marshal(map[string]any{"roles": []string{text}, "is_verified": true}) // strings can be JSON
	answer = g.must(t, http.StatusOK, "PUT", "/users/"+user.ID, g.admin.Access, string(roles))
	if err := json.Unmarshal([]byte(answer.body), &user); err != nil || len(user.Roles) != 1 || user.Roles[0] != text {
		t.Errorf("%v %s", err, answer.body)
	}
	pair := g.login(t, name, password)
	g.refused(t, gateways()[0], attempt{target: "/admin/x", lines: []string{bearerLine(pair.Access)}},
		http.StatusForbidden)
	g.passed(t, gateways()[0], attempt{lines: []string{bearerLine(pair.Access)}})
	g.must(t, http.StatusNoContent, "DELETE", "/users/"+user.ID, pair.Access, "")
}

// Text that a database or a reader behind could cut or mangle is refused by name, the same on every database.
func TestSecurityTexts(t *testing.T) {
	t.Parallel()
	onEveryProtocol(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		for how, text := range map[string]string{
			"NUL": `\u0000`, "NUL inside": `a\u0000b`, "lone high surrogate": `\ud800`, "lone low surrogate": `\udc00`,
			"surrogates exchanged": `\udc00\ud800`,
			"invalid UTF-8":        "\xff", "overlong NUL": "\xc0\x80", "surrogate in UTF-8": "\xed\xa0\x80",
			"beyond Unicode": "\xf4\x90\x80\x80",
		} {
			for _, field := range []string{"username", "email", "password"} {
				t.Run(how+" in "+field, func(t *testing.T) {
					values := map[string]string{"username": "texty", "email": "texty@example.com",
						"password": "a long password"}
					values[field] += text
					body := `{"username":"` + values["username"] + `","email":"` + values["email"] + `","password":"` + values["password"] + `"}`
					g.blames(t, field, g.must(t, http.StatusBadRequest, "POST", "/users/", "", body))
					g.blames(t, field,
						g.must(t, http.StatusBadRequest, "PUT", "/users/"+g.id["alice"], g.alice.Access,
							`{"`+field+`":"`+values[field]+`"}`))
				})
			}
			t.Run(how+" in a login", func(t *testing.T) {
				g.must(t, http.StatusBadRequest, "POST", "/auth/token", "",
					`{"grant_type":"password","username":"alice`+text+`","password":"x"}`)
				g.must(t, http.StatusBadRequest, "POST", "/auth/token", "",
					`{"grant_type":"password","username":"alice","password":"`+passwordOf("alice")+text+`"}`)
				g.must(t, http.StatusBadRequest, "PUT", "/users/"+g.id["alice"], g.admin.Access,
					`{"roles":["boss`+text+`"]}`)
			})
		}
		for how, text := range map[string]string{"NUL": "%00", "invalid UTF-8": "%ff", "line feed": "%0a",
			"surrogate in UTF-8": "%ed%a0%80"} {
			t.Run(how+" in an id", func(t *testing.T) {
				g.must(t, http.StatusBadRequest, "GET", "/users/"+text, g.admin.Access, "")
				g.must(t, http.StatusBadRequest, "GET", "/users/"+g.id["alice"]+text, g.admin.Access, "")
			})
			t.Run(how+" in a form", func(t *testing.T) {
				answer := g.do(t, "POST", "/auth/token", "", "grant_type=password&username=alice"+text+"&password=x",
					"Content-Type", "application/x-www-form-urlencoded")
				if answer.status != http.StatusBadRequest && (answer.status != http.StatusUnauthorized || text != "%0a") {
					t.Errorf("%d %s", answer.status, answer.body)
				}
			})
		}
		g.login(t, "alice", passwordOf("alice"))
		g.must(t, http.StatusCreated, "POST", "/users/", "",
			`{"username":"t\u00e9xty","email":"texty@example.com","password":"a \ud83d\ude00 password"}`)
	})
}

// blames checks that a problem names the field.
func (g *guarded) blames(t *testing.T, field string, answer reply) {
	t.Helper()
	var problem struct{ Field string }
	if err := json.Unmarshal([]byte(answer.body), &problem); err != nil || problem.Field != field {
		t.Errorf("%s does not blame %s", answer.body, field)
	}
}

// Of a hundred who want one name at once, one gets it.
func TestSecurityOneName(t *testing.T) {
	t.Parallel()
	onEveryProtocol(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		for what, body := range map[string]func(i int) string{
			"username": func(i int) string {
				return `{"username":"wanted","email":"wanted%d@example.com","password":"a long password"}`
			},
			"email": func(i int) string {
				return `{"username":"mail%d","email":"wanted@example.com","password":"a long password"}`
			},
			"username in different spelling": func(i int) string {
				return `{"username":"` + []string{"Twin", "tWIN", "\uff34win",
					"twin"}[i%4] + `","email":"twin%d@example.com","password":"a long password"}`
			},
		} {
			t.Run("a hundred registrations of one "+what, func(t *testing.T) {
				statuses := make([]int, 100)
				atOnce(len(statuses), func(i int) {
					statuses[i] = g.do(t, "POST", "/users/", "", strings.Replace(body(i), "%d", fmt.Sprint(i), 1)).status
				})
				slices.Sort(statuses)
				if statuses[0] != http.StatusCreated || statuses[1] != http.StatusBadRequest ||
					statuses[99] != http.StatusBadRequest {
					t.Errorf("%v", statuses)
				}
			})
		}
	})
}

// A username that is an email address, and an email address that differs in its spelling alone.
func TestSecurityNamesOfOthers(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		register := func(username, email string) reply {
			body, _ := json.Marshal(map[string]string{"username": username, "email": email,
				"password": "a long password"}) // strings can be JSON
			return g.do(t, "POST", "/users/", "", string(body))
		}
		for name, c := range map[string]struct{ username, email, field string }{
			"username that is somebody's email":       {"alice@example.com", "n1@example.com", "username"},
			"username that is an email":               {"new@example.com", "n2@example.com", "username"},
			"username with a full-width @":            {"alice\uff20example.com", "n3@example.com", "username"},
			"username in capitals":                    {"ALICE", "n4@example.com", "username"},
			"username in full width":                  {"\uff41lice", "n5@example.com", "username"},
			"CVE-2025-24806 username with space":      {"alice ", "n6@example.com", "username"},
			"CVE-2025-24806 username and soft hyphen": {"ali\u00adce", "n7@example.com", "username"},
			"CVE-2025-24806 username and zero width":  {"ali\u200bce", "n8@example.com", "username"},
			"username with a direction mark":          {"\u202ealice", "n9@example.com", "username"},
			"email in capitals":                       {"n10", "ALICE@Example.COM", "email"},
			"email in full width":                     {"n11", "\uff41lice@example.com", "email"},
			"email with a display name":               {"n12", "x <alice@example.com>", "email"},
			"email with a comment":                    {"n13", "alice(x)@example.com", "email"},
			"email in quotes":                         {"n14", `"alice"@example.com`, "email"},
			"email with a line feed":                  {"n15", "n15@example.com\nbcc: x@example.com", "email"},
			"two emails":                              {"n16", "n16@example.com,alice@example.com", "email"},
		} {
			t.Run(name, func(t *testing.T) {
				answer := register(c.username, c.email)
				if answer.status != http.StatusBadRequest {
					t.Errorf("%d %s", answer.status, answer.body)
				}
				g.blames(t, c.field, answer)
			})
		}
		t.Run("the email of somebody else by an update", func(t *testing.T) {
			g.must(t, http.StatusBadRequest, "PUT", "/users/"+g.id["bare"], g.bare.Access,
				`{"email":"Alice@example.com"}`)
			g.must(t, http.StatusBadRequest, "PUT", "/users/"+g.id["bare"], g.bare.Access, `{"username":"ALICE"}`)
			g.must(t, http.StatusOK, "PUT", "/users/"+g.id["bare"], g.bare.Access, `{"email":"bare2@example.com"}`)
		})
		if answer := register("newcomer", "newcomer@example.com"); answer.status != http.StatusCreated {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	})
}
