package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/descoped/authly/authn/geo/geotest"
)

// behindProxy lets tests say where a client is, as a front proxy would.
const behindProxy = "server: {trusted_proxies: [127.0.0.1]}\n" + protectedEcho

// places makes a file in which 192.0.2.0/24 is in a city of a country; farAway one in which 203.0.113.0/24 is in Sydney.
func places(t *testing.T, country, city string) string {
	t.Helper()
	return geotest.File(t, map[string]mmdbtype.Map{"192.0.2.0/24": geotest.City(country, city, 59.91, 10.75, 20)})
}

func farAway(t *testing.T) string {
	t.Helper()
	return geotest.File(t, map[string]mmdbtype.Map{"203.0.113.0/24": geotest.City("AU", "Sydney", -33.87, 151.21, 20)})
}

// loginFrom tries to log in from an address, with a program.
func (a *authly) loginFrom(t *testing.T, address, agent, username, password string) reply {
	t.Helper()
	return a.do(t, "POST", "/auth/token", "", loginBody(username, password), "X-Forwarded-For", address, "User-Agent", agent)
}

// placeOfLogin logs the administrator in from 192.0.2.7 and returns where the session says that is.
func (a *authly) placeOfLogin(t *testing.T) string {
	t.Helper()
	answer := a.loginFrom(t, "192.0.2.7", "curl/8.0", "admin", adminPassword)
	var pair tokens
	if answer.status != http.StatusOK || json.Unmarshal([]byte(answer.body), &pair) != nil {
		t.Fatalf("login: %d %s", answer.status, answer.body)
	}
	var sessions []struct {
		City, Country, Label string
		Current              bool
	}
	answer = a.do(t, "GET", "/auth/sessions", pair.Access, "")
	if err := json.Unmarshal([]byte(answer.body), &sessions); err != nil {
		t.Fatalf("sessions: %d %s", answer.status, answer.body)
	}
	for _, s := range sessions {
		if s.Current && s.Label == "curl" {
			return s.City + ", " + s.Country
		}
	}
	t.Fatalf("no current session with curl: %s", answer.body)
	return ""
}

// The file is read again when it is replaced, and one that is no good is not taken.
func TestGeoDatabaseReload(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		file := places(t, "NO", "Oslo")
		a := start(t, storeURL, behindProxy, "AUTHLY_GEO_DATABASE="+file)
		if got := a.placeOfLogin(t); got != "Oslo, NO" {
			t.Errorf("in %s", got)
		}
		if table := a.run(t, 0, "session", "list", "admin"); !strings.Contains(table, "PLACE") || !strings.Contains(table, "Oslo, NO") {
			t.Errorf("authly session list says\n%s", table)
		}
		if err := os.Rename(places(t, "SE", "Malmö"), file); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the renamed file", func() bool { return a.placeOfLogin(t) == "Malmö, SE" })
		good, err := os.ReadFile(places(t, "DK", "Aarhus"))
		if err != nil {
			t.Fatal(err)
		}
		refused := func() int { return strings.Count(a.stderr.String(), "geo database not reloaded, the one in use stays") }
		writeFile(t, file, good[:len(good)-40])
		eventually(t, "the log says that a broken file is not taken", func() bool { return refused() == 1 })
		removeFiles(t, file)
		eventually(t, "the log says that there is no file", func() bool { return refused() == 2 })
		if got := a.placeOfLogin(t); got != "Malmö, SE" {
			t.Errorf("after that in %s, want what was there before", got)
		}
		writeFile(t, file, good)
		eventually(t, "the overwritten file", func() bool { return a.placeOfLogin(t) == "Aarhus, DK" })
		a.command(t, "", "user", "show", "admin") // with a file or without
		removeFiles(t, file)
		a.command(t, "", "user", "show", "admin")
	})
}

func TestGeoDatabaseMistakes(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken.mmdb")
	writeFile(t, broken, []byte("192.0.2.0/24,NO,Oslo\n"))
	for _, file := range []string{broken, filepath.Join(t.TempDir(), "nowhere.mmdb"), t.TempDir()} {
		said := refusesToStart(t, sqliteURL(t), "geo.database: ", "AUTHLY_GEO_DATABASE="+file)
		if !strings.Contains(said, file) {
			t.Errorf("it does not say which file: %s", said)
		}
	}
}

// A sign-in with the right password that is refused for its risk looks to who tries it as a wrong password does.
func TestRiskySignInIsRefused(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		a := start(t, storeURL, behindProxy, "AUTHLY_GEO_DATABASE="+places(t, "NO", "Oslo")+", "+farAway(t), "AUTHLY_RISK_DENY_ABOVE=0.6")
		const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
		home := func(when, name string) {
			t.Helper()
			if got := a.loginFrom(t, "192.0.2.7", firefox, name, passwordOf(name)); got.status != http.StatusOK {
				t.Fatalf("%s at home, %s: %d %s", name, when, got.status, got.body)
			}
		}
		admin := a.login(t, "admin", adminPassword)
		for _, name := range []string{"alice", "bob"} {
			a.register(t, admin, name, passwordOf(name))
			home("the first time", name)
		}
		refused := 0
		for i := range 7 {
			wrong := a.loginFrom(t, "203.0.113.9", "curl/8.0", "bob", "not this one")
			denied := a.loginFrom(t, "203.0.113.9", "curl/8.0", "alice", passwordOf("alice"))
			if got, want := withoutID(t, denied), withoutID(t, wrong); got != want || len(denied.body) != len(wrong.body) {
				t.Errorf("attempt %d: the refusal is\n%s\nand a wrong password\n%s", i+1, got, want)
			}
			if denied.status == http.StatusUnauthorized {
				refused++
			}
		}
		if refused == 0 || refused == 7 {
			t.Errorf("%d of 7 are answered with 401, want first some and then a lock", refused)
		}
		a.command(t, "", "user", "unlock", "alice")
		home("after that", "alice")

		eventually(t, "the log tells of it", func() bool { return strings.Contains(a.stderr.String(), "unusual_sign_in") })
		told := a.stderr.String()
		if n := strings.Count(told, "unusual_sign_in"); n != 1 {
			t.Errorf("told %d times of one network within the hour", n)
		}
		for _, want := range []string{`"place":"Sydney, AU"`, `"device":"curl"`, `"denied":true`, `"reasons":["impossible_travel",`} {
			if !strings.Contains(told, want) {
				t.Errorf("the log has no %s", want)
			}
		}
	})
}
