package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What is forgotten is not in what a child inherits, and all else is.
func TestForgetVariables(t *testing.T) {
	t.Setenv("AUTHLY_TEST_SECRET", "a secret")
	t.Setenv("AUTHLY_TEST_SECRET_NOT", "no secret")
	if err := forgetVariables([]string{"AUTHLY_TEST_SECRET", "AUTHLY_TEST_UNSET", "no variable=", ""}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("env").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "=a secret") }) || !slices.Contains(lines, "AUTHLY_TEST_SECRET_NOT=no secret") {
		t.Errorf("a child inherits %q", lines)
	}
	if _, ok := os.LookupEnv("AUTHLY_TEST_SECRET"); ok {
		t.Error("it is still there")
	}
	if err := forgetVariables(nil); err != nil {
		t.Errorf("of none: %v", err)
	}
}
