package main_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/authn/mail/mailtest"
)

// secretOf is a secret for access tokens that no other version has.
func secretOf(version int) string {
	return fmt.Sprintf("the access secret of version %d, of these tests", version)
}

// signsAnew waits until a server signs with another key than that of a pair, and returns what it signs then.
func (a *authly) signsAnew(t *testing.T, before tokens) tokens {
	t.Helper()
	var pair tokens
	eventually(t, "the new secret signs", func() bool {
		pair = a.login(t, "admin", adminPassword)
		return kidOf(t, pair.Access) != kidOf(t, before.Access)
	})
	return pair
}

// reloads returns the events of reloads, the newest first.
func (a *authly) reloads(t *testing.T) []map[string]any {
	t.Helper()
	var events []map[string]any
	for line := range strings.Lines(a.run(t, 0, "audit", "--kind", "configuration_reloaded", "--output", "json")) {
		var e struct {
			Outcome, Reason string
			Details         map[string]any
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		e.Details["outcome"], e.Details["reason"] = e.Outcome, e.Reason
		events = append(events, e.Details)
	}
	return events
}

// A changed secret is taken up without a restart, however its file is replaced: it signs at once, and what the one before has signed
// is good for as long as ever. What is no secret is refused, and the server goes on. All of it is an event of the audit trail, and none
// of it holds a secret.
func TestSecretsAreTakenUp(t *testing.T) {
	type place struct {
		environ []string
		put     func(t *testing.T, secret string)
	}
	t.Parallel()
	for name, make := range map[string]func(t *testing.T, folder string) place{
		"mounted folder": func(t *testing.T, folder string) place {
			return place{[]string{"AUTHLY_SECRETS={provider: file, path: " + folder + "}"}, func(t *testing.T, secret string) {
				mountSecrets(t, folder, map[string]string{"JWT_SECRET_KEY": secret + "\n", "jwt-refresh-secret-key": refreshSecret})
			}}
		},
		"JSON file put in its place": func(t *testing.T, folder string) place {
			path := filepath.Join(folder, "secrets.json")
			return place{[]string{"AUTHLY_SECRETS={provider: file, path: " + path + "}"}, func(t *testing.T, secret string) {
				writeFile(t, path+".new", fmt.Appendf(nil, `{"JWT_SECRET_KEY": %q, "JWT_REFRESH_SECRET_KEY": %q}`, secret, refreshSecret))
				if err := os.Rename(path+".new", path); err != nil {
					t.Fatal(err)
				}
			}}
		},
		"file of a variable overwritten": func(t *testing.T, folder string) place {
			path := filepath.Join(folder, "secret")
			return place{[]string{"JWT_SECRET_KEY_FILE=" + path, "JWT_REFRESH_SECRET_KEY=" + refreshSecret}, func(t *testing.T, secret string) {
				writeFile(t, path, []byte(secret))
			}}
		},
		"file behind a link": func(t *testing.T, folder string) place {
			path, elsewhere := filepath.Join(folder, "secret"), filepath.Join(t.TempDir(), "real")
			return place{[]string{"JWT_SECRET_KEY_FILE=" + path, "JWT_REFRESH_SECRET_KEY=" + refreshSecret}, func(t *testing.T, secret string) {
				writeFile(t, elsewhere, []byte(secret))
				_ = os.Symlink(elsewhere, path) // it is there the second time
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := make(t, t.TempDir())
			p.put(t, secretOf(1))
			a := start(t, sqliteURL(t), protectedEcho, p.environ...)
			first := a.login(t, "admin", adminPassword)
			p.put(t, secretOf(2))
			second := a.signsAnew(t, first)
			a.isIn(t, "signed before", first, true)
			a.isIn(t, "refreshed", a.refreshed(t, first.Refresh), true)
			p.put(t, "changeme")
			eventually(t, "the log says why it is refused", func() bool { return strings.Contains(a.stderr.String(), "is a published example") })
			p.put(t, secretOf(3)[:12])
			eventually(t, "the log says that it is too short", func() bool { return strings.Contains(a.stderr.String(), "it may be half written") })
			if last := a.login(t, "admin", adminPassword); kidOf(t, last.Access) != kidOf(t, second.Access) {
				t.Error("a published example, or a half written secret signs")
			}
			if m := a.metrics(t); m["authly_configuration_current"] != "0" || m[`authly_configuration_reloads_total{outcome="failure"}`] == "0" || m[`authly_configuration_reloads_total{outcome="success"}`] != "1" {
				t.Errorf("metrics: %v", m)
			}
			p.put(t, secretOf(3))
			third := a.signsAnew(t, second)
			for _, pair := range []tokens{first, second, third} {
				a.isIn(t, "of all three secrets", pair, true)
			}
			eventually(t, "the metrics tell", func() bool { return a.metrics(t)["authly_configuration_current"] == "1" })
			events := a.reloads(t)
			if n := len(events); n < 3 || events[0]["outcome"] != "success" || events[0]["keys"] != "tokens.secret_key" || events[n-1]["outcome"] != "success" ||
				!slices.ContainsFunc(events, func(e map[string]any) bool {
					return e["outcome"] == "failure" && e["keys"] == "tokens.secret_key" && e["reason"] == "invalid_request"
				}) {
				t.Errorf("events: %v", events)
			}
			for _, text := range []string{a.stderr.String(), fmt.Sprint(events)} {
				if strings.Contains(text, "the access secret of") || strings.Contains(text, "changeme") || strings.Contains(text, refreshSecret) {
					t.Errorf("a secret is told: %s", text)
				}
			}
		})
	}
}

// mountSecrets puts files into a folder as Kubernetes does: into a folder of their own, to which a link leads that is replaced.
func mountSecrets(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	version, err := os.MkdirTemp(folder, "..version-")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		writeFile(t, filepath.Join(version, name), []byte(content))
		_ = os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)) // it is there the second time
	}
	link := filepath.Join(folder, "..data")
	before, _ := os.Readlink(link) // nothing the first time
	if err := os.Symlink(filepath.Base(version), link+"_tmp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+"_tmp", link); err != nil {
		t.Fatal(err)
	}
	if before != "" {
		if err := os.RemoveAll(filepath.Join(folder, before)); err != nil {
			t.Fatal(err)
		}
	}
}

// A secret that goes is more likely a slip than meant: the one in use stays, until a restart.
func TestSecretThatGoes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "JWT_SECRET_KEY"), []byte(secretOf(1)))
	a := start(t, sqliteURL(t), protectedEcho, "AUTHLY_SECRETS={provider: file, path: "+folder+"}")
	pair := a.login(t, "admin", adminPassword)
	removeFiles(t, filepath.Join(folder, "JWT_SECRET_KEY"))
	eventually(t, "the log says that it is gone", func() bool { return strings.Contains(a.stderr.String(), "tokens.secret_key: is gone") })
	if next := a.login(t, "admin", adminPassword); kidOf(t, next.Access) != kidOf(t, pair.Access) {
		t.Error("another key signs")
	}
	writeFile(t, filepath.Join(folder, "JWT_SECRET_KEY"), []byte(secretOf(2)))
	a.isIn(t, "when there is another", a.signsAnew(t, pair), true)
	a.isIn(t, "of the one that went", pair, true)
}

// A previous secret that is too short and was not in use may be half written: it verifies nothing, then or after it is whole.
func TestPreviousSecretThatIsHalfWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "JWT_SECRET_KEY"), []byte("short-one-in-use"))
	a := start(t, sqliteURL(t), protectedEcho, "AUTHLY_SECRETS={provider: file, path: "+folder+"}")
	pair := a.login(t, "admin", adminPassword)
	writeFile(t, filepath.Join(folder, "JWT_SECRET_KEY_PREVIOUS"), []byte("half-wri"))
	eventually(t, "the log says that it is short", func() bool {
		return strings.Contains(a.stderr.String(), "tokens.secret_key_previous: is shorter than 32 bytes")
	})
	writeFile(t, filepath.Join(folder, "JWT_SECRET_KEY_PREVIOUS"), []byte("short-one-in-use"))
	writeFile(t, filepath.Join(folder, "JWT_SECRET_KEY"), []byte(secretOf(2)))
	a.isIn(t, "when there is another", a.signsAnew(t, pair), true)
	a.isIn(t, "of the short one that was in use", pair, true)
}

// SIGHUP has the configuration read anew with its own file: what can be is taken up, what cannot waits for a restart, and a mistake
// changes nothing.
func TestHangup(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		configuration := func(client, level, secret string) string {
			hash, err := bcrypt.GenerateFromPassword([]byte(client), 4)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("clients: [{id: billing, secret_hash: %q}]\nlog: {level: %s}\ntokens: {secret_key: %q}\n%s", hash, level, secret, protectedEcho)
		}
		a := start(t, storeURL, configuration("the first", "info", secretOf(1)))
		file := filepath.Join(a.process.Dir, "config.yaml")
		pair := a.login(t, "admin", adminPassword)
		asks := func(secret string) int {
			return a.do(t, "POST", "/auth/introspect", "", url.Values{"token": {pair.Access}}.Encode(), "Content-Type", "application/x-www-form-urlencoded",
				"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("billing:"+secret))).status
		}
		if status := asks("the first"); status != http.StatusOK {
			t.Fatalf("the client is answered %d", status)
		}
		writeFile(t, file, []byte(configuration("the second", "loud", secretOf(2))))
		a.signal(t, syscall.SIGHUP)
		eventually(t, "the log says what is wrong", func() bool { return strings.Contains(a.stderr.String(), "config.yaml:2:14: log.level: is none of") })
		if status := asks("the first"); status != http.StatusOK {
			t.Errorf("after a mistake the client is answered %d", status)
		}
		writeFile(t, file, []byte(configuration("the second", "warn", secretOf(2))))
		a.signal(t, syscall.SIGHUP)
		a.signsAnew(t, pair)
		if first, second := asks("the first"), asks("the second"); first != http.StatusUnauthorized || second != http.StatusOK {
			t.Errorf("the secrets of the client are answered %d and %d", first, second)
		}
		a.isIn(t, "signed before", pair, true)
		eventually(t, "the trail tells", func() bool { return len(a.reloads(t)) == 2 })
		if e := a.reloads(t); e[0]["keys"] != "tokens.secret_key,clients" || e[0]["restart"] != "log.level" || e[1]["outcome"] != "failure" || e[1]["keys"] != "log.level" {
			t.Errorf("events: %v", e)
		}
		if !strings.Contains(a.stderr.String(), `"restart_needed":["log.level"]`) {
			t.Error("the log does not say what needs a restart")
		}
	})
}

// The password of the mail server is one of the secrets that are taken up; where the database is waits for a restart.
func TestMailPasswordIsTakenUp(t *testing.T) {
	t.Parallel()
	box := mailtest.Start(t, mailOptions())
	good := "smtp://authly:" + url.QueryEscape(mailPassword) + "@" + box.Address()
	file := filepath.Join(t.TempDir(), "mail-url")
	writeFile(t, file, []byte("smtp://authly:wrong@"+box.Address()))
	environ := slices.DeleteFunc(mailEnviron(box), func(set string) bool { return strings.HasPrefix(set, "AUTHLY_MAIL_URL=") })
	a := start(t, sqliteURL(t), protectedEcho, append(environ, "AUTHLY_MAIL_URL_FILE="+file)...)
	admin := a.login(t, "admin", adminPassword)
	invite := func(address string) {
		t.Helper()
		a.must(t, 201, "POST", "/users/invitations", admin.Access, `{"email":"`+address+`"}`)
	}
	invite("ann@example.com")
	eventually(t, "the mail server refuses the password", func() bool { return a.metric(t, "authly_mail_failed_total") > 0 })
	writeFile(t, file, []byte(good))
	eventually(t, "the new password is taken up", func() bool { return len(a.reloads(t)) == 1 })
	invite("ben@example.com")
	box.NextTo(t, "ben@example.com")
	if e := a.reloads(t)[0]; e["keys"] != "mail.url" || e["restart"] != nil {
		t.Errorf("the event: %v", e)
	}
	writeFile(t, file, []byte("log:"))
	eventually(t, "that is told", func() bool { return len(a.reloads(t)) == 2 })
	if e := a.reloads(t)[0]; e["keys"] != nil || e["restart"] != "mail.url" || e["outcome"] != "success" {
		t.Errorf("the event: %v", e)
	}
	invite("cid@example.com")
	box.NextTo(t, "cid@example.com")
}
