package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The stories in testdata/script are told on the real binary, which is first in their PATH. Beside the usual commands they
// have:
//
//	status N PROGRAM ARGUMENTS…   run a program and demand this exit status
//	ready FILE                    wait until the server that logs into FILE is ready, and set BASE and OPS to its URLs
//	shown-once FILE               print and remember in PASSWORD the generated password in the greeting in FILE
//	absent TEXT FILE…             demand that no file holds the text
func TestScripts(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(path)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus, "ready": scriptReady, "shown-once": scriptShownOnce, "absent": scriptAbsent,
		},
	})
}

func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARGUMENTS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		ended, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready FILE")
	}
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		addresses := listening(ts.MkAbs(args[0]))
		if isReady(addresses["server.ops_address"]) {
			ts.Setenv("BASE", "http://"+addresses["server.address"])
			ts.Setenv("OPS", addresses["server.ops_address"])
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("the server is not ready; its log:\n%s", ts.ReadFile(args[0]))
		}
	}
}

// listening reads from a server's log where it listens.
func listening(file string) map[string]string {
	addresses := map[string]string{}
	log, err := os.Open(file)
	if err != nil {
		return addresses // not begun yet
	}
	defer log.Close()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct{ Msg, Listener, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			addresses[line.Listener] = line.Address
		}
	}
	return addresses
}

func isReady(opsAddress string) bool {
	if opsAddress == "" {
		return false
	}
	response, err := http.Get("http://" + opsAddress + "/readyz")
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func scriptShownOnce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shown-once FILE")
	}
	var found []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if _, after, ok := strings.Cut(line, "Its password is "); ok {
			password, _, _ := strings.Cut(after, " ")
			found = append(found, password)
		}
	}
	if len(found) != 1 || len(found[0]) < 20 || strings.Count(ts.ReadFile(args[0]), found[0]) != 1 {
		ts.Fatalf("%d generated passwords, want one of at least 20 characters, shown once", len(found))
	}
	ts.Setenv("PASSWORD", found[0])
	_, err := io.WriteString(ts.Stdout(), found[0]+"\n")
	ts.Check(err)
}

func scriptAbsent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || args[0] == "" {
		ts.Fatalf("usage: absent TEXT FILE…")
	}
	for _, file := range args[1:] {
		if strings.Contains(ts.ReadFile(file), args[0]) {
			ts.Fatalf("%s holds what it must not", file)
		}
	}
}
