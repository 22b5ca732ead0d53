package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const password = "correct horse battery"

// user is somebody who can log in.
type user struct {
	name, email string
	roles       []string
	// header is the name as it stands in a header.
	header, groups string
}

// users are those of every example, beside the administrator of the first start.
func users() []user {
	return []user{
		{name: "alice", email: "alice@example.com", roles: []string{"staff", "reader"}, header: "alice", groups: "reader,staff"},
		{name: "root", email: "root@example.com", roles: []string{"admin"}, header: "root", groups: "admin"},
		{name: "zoë", email: "zoe@example.com", roles: []string{"100% é"}, header: "zo%C3%AB", groups: "100%25 %C3%A9"},
	}
}

// seed is what every authly starts from: the program, and a database with users.
type seed struct {
	binary   string
	database string
}

func newSeed(t *testing.T) *seed {
	t.Helper()
	folder := t.TempDir()
	s := &seed{binary: filepath.Join(folder, "authly"), database: filepath.Join(folder, "seed.db")}
	if out, err := exec.Command("go", "build", "-o", s.binary, "../cmd/authly").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/authly: %v\n%s", err, out)
	}
	first := s.start(t, s.database, "nginx/authly.yaml")
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users() {
		args := []string{"user", "create", u.name, "--config", "nginx/authly.yaml", "--email", u.email, "--password-hash", string(hash)}
		for _, role := range u.roles {
			args = append(args, "--role", role)
		}
		cmd := exec.Command(s.binary, args...)
		cmd.Env = environment("AUTHLY_STORE_URL=sqlite://" + s.database)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("authly user create %s: %v\n%s", u.name, err, out)
		}
	}
	first.process.stop() // a stopped authly leaves one file behind
	return s
}

// authly is a running authly.
type authly struct {
	process     *process
	main, authz string // addresses
}

// start runs authly with an example's configuration, on addresses of its own and the given database.
func (s *seed) start(t *testing.T, database, config string) *authly {
	t.Helper()
	cmd := exec.Command(s.binary, "--config", config)
	cmd.Env = environment(
		"AUTHLY_STORE_URL=sqlite://"+database,
		"AUTHLY_SERVER_ADDRESS=127.0.0.1:0",
		"AUTHLY_SERVER_AUTHZ_ADDRESS=127.0.0.1:0",
		"AUTHLY_SERVER_OPS_ADDRESS=127.0.0.1:0",
		"AUTHLY_PASSWORDS_BCRYPT_COST=4",
		"AUTHLY_ADMIN_PASSWORD="+password,
		"AUTHLY_LOG_FORMAT=json",
	)
	a := &authly{process: startProcess(t, cmd)}
	addresses := a.listening(t)
	a.main, a.authz = addresses["server.address"], addresses["server.authz_address"]
	return a
}

// startExample is start with a copy of the seed's database.
func (s *seed) startExample(t *testing.T, config string) *authly {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "authly.db")
	for _, suffix := range []string{"", "-wal", ".key"} {
		data, err := os.ReadFile(s.database + suffix)
		if suffix != "" && os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s.start(t, copied, config)
}

// logs waits until the log holds a text.
func (a *authly) logs(t *testing.T, text string) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(a.process.output.String(), text) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("authly does not log %s", text)
		}
	}
}

// listening waits until the log tells all addresses.
func (a *authly) listening(t *testing.T) map[string]string {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		found := map[string]string{}
		for line := range strings.Lines(a.process.output.String()) {
			var entry struct{ Msg, Listener, Address string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
				found[entry.Listener] = entry.Address
			}
		}
		if len(found) == 3 {
			return found
		}
		select {
		case <-tick.C:
		case <-a.process.ended:
			t.Fatalf("authly has ended:\n%s", a.process.output)
		case <-deadline:
			t.Fatalf("authly does not listen:\n%s", a.process.output)
		}
	}
}

// authly check has nothing to warn of in a configuration that people copy, such as a host that the session cookie never reaches.
func (s *seed) testWarnings(t *testing.T) {
	for _, folder := range []string{"nginx", "caddy", "haproxy", "traefik", "envoy", "sidecar", "spa"} {
		out, err := exec.Command(s.binary, "check", "--config", folder+"/authly.yaml", "--output", "json").Output()
		var report struct {
			Valid    bool
			Warnings []struct{ Key, Text string }
		}
		if err != nil || json.Unmarshal(out, &report) != nil || !report.Valid || len(report.Warnings) > 0 {
			t.Errorf("%s: %v %+v", folder, err, report)
		}
	}
}
