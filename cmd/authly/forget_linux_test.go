package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Secrets that a server got from its environment are not there any more when it listens: not for who may look at /proc/PID/environ,
// nor for the process that it starts, nor in the report of a crash. They work, and all else of the environment is as it was.
func TestSecretsLeaveTheEnvironment(t *testing.T) {
	secrets := map[string]string{
		"JWT_SECRET_KEY": accessSecret, "JWT_REFRESH_SECRET_KEY": refreshSecret, "AUTHLY_MASTER_KEY": masterKey,
		"JWT_SECRET_KEY_PREVIOUS": "the secret before of this very test", "REFERRED_TO": "the-limits-password-of-this-test",
	}
	var environ []string
	for name, value := range secrets {
		environ = append(environ, name+"="+value)
	}
	environ = append(environ, "AUTHLY_PASSWORDS_BCRYPT_COST=10", "AUTHLY_TOKENS_ISSUER=https://issuer.example.com", "NOT_OF_AUTHLY=stays as it is")
	a := start(t, sqliteURL(t), "limits: {backend: \"redis://:${REFERRED_TO}@127.0.0.1:1\"}\n"+protectedEcho, environ...)
	pair := a.login(t, "admin", adminPassword)
	a.isIn(t, "signed with a secret of the environment", pair, true)
	for what, id := range map[string]int{"server": a.process.Process.Pid, "hasher": a.child(t)} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", id))
		if os.IsPermission(err) {
			continue // of a process that cannot be looked into nobody but root sees it
		}
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range secrets {
			if strings.Contains(string(content), value) {
				t.Errorf("%s is in the environment of the %s", name, what)
			}
		}
		if strings.Contains(string(content), adminPassword) {
			t.Errorf("the administrator's password is in the environment of the %s", what)
		}
		for _, other := range []string{"AUTHLY_TOKENS_ISSUER=https://issuer.example.com\x00", "NOT_OF_AUTHLY=stays as it is\x00", "JWT_SECRET_KEY=\x00", "AUTHLY_LOG_FORMAT=json\x00"} {
			if what == "server" && !strings.Contains(string(content), other) {
				t.Errorf("%q is not in the environment of the server", other)
			}
		}
	}
	if log := a.stderr.String(); strings.Contains(log, "still to be seen") {
		t.Errorf("it says that they are: %s", log)
	}
	a.signal(t, syscall.SIGQUIT) // Go then reports as at a crash
	a.await(t)
	report := a.stderr.String()
	if !strings.Contains(report, "SIGQUIT") || !strings.Contains(report, "goroutine ") {
		t.Fatalf("there is no report of a crash: %s", report)
	}
	for name, value := range secrets {
		if strings.Contains(report, value) {
			t.Errorf("%s is in the report of a crash", name)
		}
	}
}

// child returns the process that the server has started.
func (a *authly) child(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		stat, _ := os.ReadFile(file) // a process may have ended
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(a.process.Process.Pid) {
			id, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
	}
	t.Fatal("the server has no child")
	return 0
}
