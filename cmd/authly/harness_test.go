package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/descoped/authly/store/storetest"
)

// binary is the program under test, built once from this tree, with the tags of the tests.
var binary = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "authly-binary-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "authly")
	if out, err := exec.Command("go", "build", "-tags", binaryTags, "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests that run beside each other wait for other processes more than they compute.
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue && runtime.GOMAXPROCS(0) < 4 {
		_ = parallel.Value.Set("4")
	}
	status := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

// adminPassword is that of the administrator of every server under test.
const adminPassword = "the administrator's own"

// onBothDatabases runs a test on SQLite and on a real PostgreSQL. The URL given to it is of an empty database.
func onBothDatabases(t *testing.T, test func(t *testing.T, storeURL string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.PostgresURL(t)) })
}

func sqliteURL(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "authly.db") }

// authly is a running server: the real binary as a process of its own.
type authly struct {
	process *exec.Cmd
	base    string            // URL of server.address
	address map[string]string // host:port of each listener, by its key
	stdout  *safeBuffer
	stderr  *safeBuffer
	exited  chan struct{} // closed when the process has ended
}

// start runs the binary with a configuration on free loopback ports and waits until it is ready. What environ holds comes
// after the harness's own settings and wins over them; on PostgreSQL a master key is among these, unless it is in an HSM. The process is killed when the test ends, if it still runs.
func start(t *testing.T, storeURL, configuration string, environ ...string) *authly {
	t.Helper()
	a := launch(t, storeURL, configuration, environ...)
	a.awaitReady(t)
	return a
}

// launch starts the process without waiting for it to serve.
func launch(t *testing.T, storeURL, configuration string, environ ...string) *authly {
	t.Helper()
	a := prepare(t, storeURL, configuration, environ...)
	a.spawn(t)
	return a
}

// prepare is launch without the start.
func prepare(t *testing.T, storeURL, configuration string, environ ...string) *authly {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &authly{
		process: exec.Command(path, "serve"), address: map[string]string{},
		stdout: new(safeBuffer), stderr: new(safeBuffer), exited: make(chan struct{}),
	}
	a.process.Dir = folder
	a.process.Env = append(os.Environ(),
		"AUTHLY_SERVER_ADDRESS=127.0.0.1:0", "AUTHLY_SERVER_OPS_ADDRESS=127.0.0.1:0", "AUTHLY_STORE_URL="+storeURL,
		"AUTHLY_PASSWORDS_BCRYPT_COST=4", "AUTHLY_ADMIN_PASSWORD="+adminPassword, "AUTHLY_LOG_FORMAT=json",
		"AUTHLY_LIMITS_LOGIN={requests: 0, per: 1m}", "AUTHLY_LIMITS_REGISTRATION={requests: 0, per: 1m}", "AUTHLY_LOCKOUT_MAX_DELAY=0s")
	given := strings.Join(environ, " ")
	if !strings.HasPrefix(storeURL, "sqlite:") && !strings.Contains(given, "MASTER_KEY") && !strings.Contains(given, "KEYS_PKCS11_MODULE") {
		a.process.Env = append(a.process.Env, "AUTHLY_MASTER_KEY="+masterKey)
	}
	a.process.Env = append(a.process.Env, environ...)
	a.process.Stdout, a.process.Stderr = a.stdout, a.stderr
	a.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return a
}

func (a *authly) spawn(t *testing.T) {
	t.Helper()
	if err := a.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = a.process.Wait()
		close(a.exited)
	}()
	t.Cleanup(func() {
		_ = a.process.Process.Kill()
		<-a.exited
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", a.stdout, a.stderr)
		}
	})
}

// awaitReady reads the addresses from the log and asks for readiness until it is there.
func (a *authly) awaitReady(t *testing.T) {
	t.Helper()
	wanted := strings.Count(strings.Join(a.process.Env, "\n"), "AUTHLY_SERVER_AUTHZ_ADDRESS=127") + 2
	eventually(t, "the server listens", func() bool {
		a.readAddresses()
		return len(a.address) >= wanted || a.ended()
	})
	if a.ended() {
		t.Fatalf("the server ended:\n%s\n%s", a.stdout, a.stderr)
	}
	a.base = "http://" + a.address["server.address"]
	eventually(t, "the server is ready", func() bool {
		response, err := http.Get("http://" + a.address["server.ops_address"] + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func (a *authly) readAddresses() {
	lines := bufio.NewScanner(strings.NewReader(a.stderr.String()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Msg, Listener, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			a.address[line.Listener] = line.Address
		}
		if _, said, ok := strings.Cut(lines.Text(), "msg=listening listener="); ok { // with AUTHLY_LOG_FORMAT=text
			if fields := strings.Fields(said); len(fields) > 1 {
				a.address[fields[0]] = strings.TrimPrefix(fields[1], "address=")
			}
		}
	}
}

func (a *authly) ended() bool {
	select {
	case <-a.exited:
		return true
	default:
		return false
	}
}

// await waits until the process has ended and returns its exit status.
func (a *authly) await(t *testing.T) int {
	t.Helper()
	select {
	case <-a.exited:
	case <-time.After(20 * time.Second):
		t.Fatal("the process does not end")
	}
	return a.process.ProcessState.ExitCode()
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request that has to be answered. Its body is JSON unless contentType says otherwise.
func (a *authly) do(t *testing.T, method, path, token, body string, header ...string) reply {
	t.Helper()
	answer, err := a.send(t.Context(), method, path, token, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// send is do for a server that may have gone.
func (a *authly) send(ctx context.Context, method, path, token, body string, header ...string) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
		request.Header.Set(header[i], header[i+1])
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(content)}, err
}

// tokens is the answer to a login.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func (a *authly) login(t *testing.T, username, password string) tokens {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {username}, "password": {password}}
	answer := a.do(t, "POST", "/auth/token", "", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var pair tokens
	if answer.status != http.StatusOK || json.Unmarshal([]byte(answer.body), &pair) != nil {
		t.Fatalf("login of %s: %d %s", username, answer.status, answer.body)
	}
	return pair
}

// register makes a verified user and returns its id.
func (a *authly) register(t *testing.T, admin tokens, username, password string) string {
	t.Helper()
	body := fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":%q}`, username, username, password)
	answer := a.do(t, "POST", "/users/", "", body)
	var user struct{ ID string }
	if answer.status != http.StatusCreated || json.Unmarshal([]byte(answer.body), &user) != nil {
		t.Fatalf("registration of %s: %d %s", username, answer.status, answer.body)
	}
	if answer := a.do(t, "PUT", "/users/"+user.ID+"/verify", admin.Access, ""); answer.status != http.StatusOK {
		t.Fatalf("verification of %s: %d %s", username, answer.status, answer.body)
	}
	return user.ID
}

// eventually polls a condition of another process, which has no other way to tell.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// safeBuffer is a buffer that a process writes to while a test reads it.
type safeBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
