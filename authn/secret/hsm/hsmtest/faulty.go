package hsmtest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed testdata/faulty.c
var faultySource []byte

// Faulty is a token behind a module that fails as it is told.
type Faulty struct {
	*Token
	folder string
}

// NewFaulty makes a token behind such a module, which it compiles.
func NewFaulty(t testing.TB) *Faulty {
	t.Helper()
	f := &Faulty{Token: New(t), folder: t.TempDir()}
	source, module := filepath.Join(f.folder, "faulty.c"), filepath.Join(f.folder, "faulty.so")
	if err := os.WriteFile(source, faultySource, 0o600); err != nil {
		t.Fatal(err)
	}
	headers, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output()
	if err != nil {
		t.Fatal(err)
	}
	compile := exec.Command("gcc", "-shared", "-fPIC", "-Wall", "-I", strings.TrimSpace(string(headers)),
		fmt.Sprintf("-DREAL=%q", f.Module), "-o", module, source, "-ldl")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v: %s", err, out)
	}
	f.Module = module
	return f
}

// Environ is what the environment of a process must have that uses the token.
func (f *Faulty) Environ() []string { return append(f.Token.Environ(), "FAULTY_MODULE="+f.folder) }

// Fail has a function of the module return a code from now on; 0: it works again.
func (f *Faulty) Fail(t testing.TB, function string, code uint) {
	t.Helper()
	if code == 0 {
		f.remove(t, function)
		return
	}
	f.write(t, function, fmt.Sprintf("%x", code))
}

// FailOnce has it return a code once.
func (f *Faulty) FailOnce(t testing.TB, function string, code uint) {
	f.write(t, function+".once", fmt.Sprintf("%x", code))
}

// Failed reports whether that has happened.
func (f *Faulty) Failed(function string) bool {
	_, err := os.Stat(filepath.Join(f.folder, function+".once"))
	return err != nil
}

// Block has a function not return until Unblock.
func (f *Faulty) Block(t testing.TB, function string) { f.write(t, function+".block", "") }

// Unblock ends that.
func (f *Faulty) Unblock(t testing.TB, function string) { f.remove(t, function+".block") }

// Flags gives every token flags of CK_TOKEN_INFO beside its own.
func (f *Faulty) Flags(t testing.TB, flags uint) { f.write(t, "token_flags", fmt.Sprintf("%x", flags)) }

// Calls is how often a function was called.
func (f *Faulty) Calls(t testing.TB, function string) int {
	t.Helper()
	calls, err := os.ReadFile(filepath.Join(f.folder, function+".calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(calls)
}

// write puts a file in place, whole.
func (f *Faulty) write(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(f.folder, name)
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (f *Faulty) remove(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(f.folder, name)); err != nil {
		t.Fatal(err)
	}
}
