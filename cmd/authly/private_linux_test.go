package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user without rights, for tests that root runs: root may read everything.
const nobody = 65534

// asNobody has a process run by a user without rights, if root runs the test, in its folder and from a copy of the program there.
func (a *authly) asNobody(t *testing.T) *syscall.Credential {
	t.Helper()
	folder := a.process.Dir
	program, err := os.ReadFile(a.process.Path)
	if err != nil {
		t.Fatal(err)
	}
	a.process.Path = filepath.Join(folder, "authly")
	if err := os.WriteFile(a.process.Path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		return nil
	}
	for path := range map[string]bool{folder: true, filepath.Join(folder, "config.yaml"): true} {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Dir(folder), 0o711); err != nil {
		t.Fatal(err)
	}
	a.process.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return a.process.SysProcAttr.Credential
}

// mayRead reports whether somebody can read a file of a process, and what was said if not.
func mayRead(t *testing.T, as *syscall.Credential, pid int, file string) (bool, string) {
	t.Helper()
	cmd := exec.Command("head", "-c", "1", fmt.Sprintf("/proc/%d/%s", pid, file))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

// childOf returns a process that another one has started.
func childOf(t *testing.T, pid int) (child int) {
	t.Helper()
	eventually(t, "the process has a child", func() bool {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			text, _ := os.ReadFile(task) // a thread may have ended
			if n, _ := fmt.Sscan(string(text), &child); n == 1 {
				return true
			}
		}
		return false
	})
	return child
}

// Another process of the same user cannot look into the server, nor into the process that is shown passwords, and no crash writes
// their memory to a file. Everything works all the same for a user without rights, to whom most of its own /proc is closed then.
func TestMemoryIsPrivate(t *testing.T) {
	a := prepare(t, "sqlite://authly.db", protectedEcho, "AUTHLY_PASSWORDS_BCRYPT_COST=8")
	as := a.asNobody(t)
	a.spawn(t)
	a.awaitReady(t)
	if err := os.Remove(a.process.Path); err != nil { // then it starts what hashes from /proc/self/exe
		t.Fatal(err)
	}
	a.login(t, "admin", adminPassword)
	for _, complaint := range []string{"memory of this process", "passwords are hashed in this process", "has no lower priority"} {
		if strings.Contains(a.stderr.String(), complaint) {
			t.Errorf("something could not be done, the log says: %s", complaint)
		}
	}
	if locked := lockedMemory(t, a.process.Process.Pid); locked == 0 && !strings.Contains(a.stderr.String(), "RLIMIT_MEMLOCK") {
		t.Error("no page is locked, and the log does not say why")
	}
	other := exec.Command("cat")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); _ = other.Wait() }()
	for _, file := range []string{"environ", "maps"} {
		eventually(t, "another program's /proc can be read", func() bool { ok, _ := mayRead(t, as, other.Process.Pid, file); return ok })
		for what, pid := range map[string]int{"server": a.process.Process.Pid, "hasher": childOf(t, a.process.Process.Pid)} {
			if ok, said := mayRead(t, as, pid, file); ok || !strings.Contains(said, "Permission denied") && os.Getuid() == 0 {
				t.Errorf("another process may read %s of the %s: %s", file, what, said)
			}
			if limit := coreLimit(t, pid); limit != "0 0" {
				t.Errorf("the %s may write core dumps of %s bytes", what, limit)
			}
		}
	}
}

// lockedMemory returns how many KiB of a process are never swapped out.
func lockedMemory(t *testing.T, pid int) (kibibytes int) {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(content), "VmLck:")
	if _, err := fmt.Sscan(rest, &kibibytes); !found || err != nil {
		t.Fatalf("no such number: %s", content)
	}
	return kibibytes
}

// coreLimit returns the limits of a process for the size of core dumps, soft and hard.
func coreLimit(t *testing.T, pid int) string {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(content), "Max core file size")
	fields := strings.Fields(rest)
	if !found || len(fields) < 2 {
		t.Fatalf("no such limit: %s", content)
	}
	return fields[0] + " " + fields[1]
}
