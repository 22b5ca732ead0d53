package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The program starts itself as the servers that it compares with: here that is this test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == targetName {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	status := m.Run()
	if path, err := authlyBinary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

// authlyBinary is the program under measurement, built once for the tests that are not about building it.
var authlyBinary = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "authly-binary-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "authly")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/descoped/authly/cmd/authly").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// built is the path of authlyBinary.
func built(t *testing.T) string {
	t.Helper()
	path, err := authlyBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// bench runs a measurement and returns its report.
func bench(t *testing.T, args ...string) report {
	t.Helper()
	var r report
	status := runs(t, &r, args...)
	if r.Passed != (status == 0) {
		t.Errorf("exit status %d of a report that says passed: %v", status, r.Passed)
	}
	return r
}

// runs runs the program and reads what it prints. It fails unless everything that was started has ended.
func runs(t *testing.T, into any, args ...string) (status int) {
	t.Helper()
	var stdout bytes.Buffer
	stderr := newLog(t)
	leavesNothing(t, func() { status = run(t.Context(), append(args, "--output", "json"), &stdout, stderr) })
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		said, _ := os.ReadFile(stderr.Name())
		t.Fatalf("status %d, %v:\n%s\n%s", status, err, stdout.String(), said)
	}
	return status
}

// newLog is a file, as a program has one: those that it starts write to it too.
func newLog(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// leavesNothing fails if there are processes or files after something was done that were not before.
func leavesNothing(t *testing.T, do func()) {
	t.Helper()
	folder := temporary(t)
	t.Setenv("TMPDIR", folder)
	before := children(t)
	do()
	if after := children(t); !slices.Equal(after, before) {
		t.Errorf("processes %v are left of %v", after, before)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

// temporary is a folder that everybody can reach: PostgreSQL may run as somebody else.
func temporary(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "bench-")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(folder) })
		err = os.Chmod(folder, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// children are the processes that this one has started and that have not ended, and theirs.
func children(t *testing.T) []int {
	t.Helper()
	parents := map[int]int{}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		_, rest, _ := strings.Cut(string(content), ") ") // of the name, which may hold anything
		if fields := strings.Fields(rest); len(fields) > 1 {
			parents[id], _ = strconv.Atoi(fields[1])
		}
	}
	var found []int
	for id := range parents {
		for up := parents[id]; up != 0; up = parents[up] {
			if up == os.Getpid() {
				found = append(found, id)
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

func (r report) count(name string) int64 {
	for _, c := range r.Counts {
		if c.Name == name {
			return c.Count
		}
	}
	return -1
}

// The times depend on the machine and what else it does, and so nothing is said about them here.
func TestRevocation(t *testing.T) {
	for _, notifications := range []string{"on", "off"} {
		t.Run("notifications "+notifications, func(t *testing.T) {
			revocations := 2 * len(kinds())
			r := bench(t, "revocation", "--binary", built(t), "--revocations", fmt.Sprint(revocations), "--rate", "200", "--concurrency", "1",
				"--notifications", notifications, "--poll-interval", "200ms")
			if got := r.count("revocations"); got != int64(revocations) {
				t.Errorf("%d revocations, want %d", got, revocations)
			}
			if got := r.count("requests"); got < int64(20*revocations) {
				t.Errorf("%d requests", got)
			}
			for _, name := range []string{"requests with neither answer", "revocations without effect", "tokens accepted at the end"} {
				if got := r.count(name); got != 0 {
					t.Errorf("%s: %d", name, got)
				}
			}
			for _, k := range kinds() {
				if !slices.ContainsFunc(r.Figures, func(f figure) bool { return strings.HasSuffix(f.Name, ": "+k.name) && f.Count == 2 }) {
					t.Errorf("%s was not measured twice: %v", k.name, r.Figures)
				}
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for args, want := range map[string]int{
		"":                              0,
		"--help":                        0,
		"revocation --help":             0,
		"unknown":                       2,
		"revocation more":               2,
		"revocation --unknown":          2,
		"revocation --output xml":       2,
		"revocation --revocations 0":    2,
		"revocation --notifications no": 2,
		"revocation --binary /no/such":  1,
		"check --rounds 0":              2,
		"check --slice 1ms":             2,
		"check --connections 0":         2,
		"check --algorithms none":       2,
		"latency --rate 1":              2,
		"flood --rate 1":                2,
		"flood --clients 0":             2,
		"streams --sockets 0":           2,
		"growth --stores mysql":         2,
		"all --but no":                  2,
		"target no":                     2,
	} {
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), strings.Fields(args), &stdout, &stderr); got != want || (want != 0) != strings.Contains(stderr.String(), "authly-bench: ") {
			t.Errorf("%q: status %d, want %d: %s", args, got, want, stderr.String())
		}
	}
}
