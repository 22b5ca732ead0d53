package examples_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/descoped/authly/store/pgserver"
)

// process is a program that a test started.
type process struct {
	cmd    *exec.Cmd
	output *output
	ended  chan struct{} // closed when it has ended
}

// output collects what a program writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startProcess starts a program, which ends with the test at the latest.
func startProcess(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, output: new(output), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that workers can be ended with their master
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its output
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", cmd.Path, tail(p.output.String(), 4000))
		}
	})
	return p
}

// stop asks the program to end and sees that it does.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// freeze stops the program where it stands, its sockets open, and waits until all of it stands still.
func (p *process) freeze(t *testing.T) {
	t.Helper()
	pid := p.cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	deadline, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("the threads of %s: %v", p.cmd.Path, err)
		}
		running := slices.ContainsFunc(threads, func(path string) bool {
			stat, err := os.ReadFile(path)
			_, state, _ := strings.Cut(string(stat), ") ") // proc_pid_stat(5): the state follows the name
			return err == nil && !strings.HasPrefix(state, "T")
		})
		if !running {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not stop", p.cmd.Path)
		}
	}
}

// thaw lets the program go on.
func (p *process) thaw(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(p.cmd.Process.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// waitHTTP waits until the address answers HTTP, with any status but 404: Traefik answers before it knows its routes.
func (p *process) waitHTTP(t *testing.T, address string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := client.Get("http://" + address + "/"); err == nil {
			answer.Body.Close()
			if answer.StatusCode != http.StatusNotFound {
				return
			}
		}
		select {
		case <-tick.C:
		case <-p.ended:
			t.Fatalf("%s has ended:\n%s", p.cmd.Path, p.output)
		case <-deadline:
			t.Fatalf("%s does not answer:\n%s", p.cmd.Path, p.output)
		}
	}
}

// program finds an installed program. A missing one is a failure: what these tests prove cannot be proved without it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil { // Debian keeps servers where only root's PATH leads
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	if err != nil {
		t.Fatalf("%v; install the package %s (apt-get install %s)", err, name, name)
	}
	return path
}

// freeAddresses returns n loopback addresses that nobody listens on.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var addresses []string
	for len(addresses) < n {
		port, err := pgserver.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port)); !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// replaceAll replaces pairs in one pass and fails if one of the old texts is not there.
func replaceAll(t *testing.T, name, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s does not hold %s", name, pairs[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func tail(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return fmt.Sprintf("… %s", s[len(s)-max:])
}

// environment is the environment of this process with more set.
func environment(more ...string) []string { return append(os.Environ(), more...) }
