package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/build/constraint"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// licences are the kinds that may be used, each with sentences that all of its texts have and no other kind has.
func licences() map[string][]string {
	return map[string][]string{
		"MIT": {
			"permission is hereby granted, free of charge, to any person obtaining a copy",
			"the above copyright notice and this permission notice",
			"the software is provided as is",
		},
		"BSD": {
			"redistribution and use in source and binary forms",
			"redistributions of source code must retain the above copyright",
			"redistributions in binary form must reproduce the above copyright",
		},
		"ISC": {
			"permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted",
		},
		"Apache-2.0": {"apache license version 2.0, january 2004", "grant of copyright license", "grant of patent license"},
		"MPL-2.0":    {"mozilla public license version 2.0", "secondary licenses"},
	}
}

// foreignTerms are words of licences that ask more of whoever passes the binary on.
func foreignTerms() []string {
	return []string{
		"gnu general public license", "gnu lesser general public license", "gnu library general public license",
		"gnu affero general public license", "server side public license", "business source license", "commons clause",
		"all advertising materials mentioning", "eclipse public license", "non-commercial", "noncommercial", "creative commons",
	}
}

// licenceOf recognises a text; "" is one that may not be used.
func licenceOf(text string) string {
	text = strings.NewReplacer(`"`, "", "and/or", "and").Replace(strings.ToLower(text))
	text = strings.Join(strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\r\n*#/", c) }), " ")
	kind := ""
	for name, sentences := range licences() {
		if slices.ContainsFunc(sentences, func(s string) bool { return !strings.Contains(text, s) }) {
			continue
		}
		kind = name
		break
	}
	if kind == "MPL-2.0" { // names the GNU licences as those that it can be combined with
		return kind
	}
	if slices.ContainsFunc(foreignTerms(), func(s string) bool { return strings.Contains(text, s) }) {
		return ""
	}
	return kind
}

// builds are the ways to build what ships: each build tag of the tree, and the systems that need other modules than Linux.
func builds() [][]string {
	return [][]string{{"GOOS=linux"}, {"GOOS=linux", "CGO_ENABLED=1", "GOFLAGS=-tags=pkcs11"}, {"GOOS=darwin"}, {"GOOS=windows"}}
}

// goOutput is what the go command says in the root of the tree.
func goOutput(t *testing.T, environ []string, args ...string) []byte {
	t.Helper()
	program := exec.Command("go", args...)
	program.Dir, program.Env = moduleRoot(t), append(os.Environ(), environ...)
	out, err := program.Output()
	if err != nil {
		ended, _ := errors.AsType[*exec.ExitError](err)
		t.Fatalf("go %v, %v: %v %s", args, environ, err, ended.Stderr)
	}
	return out
}

// shippedModules are those of which a program of the tree holds something, however it is built. The standard library and Authly
// itself are left out.
func shippedModules(t *testing.T) map[string]bool {
	t.Helper()
	modules := map[string]bool{}
	for _, build := range builds() {
		out := goOutput(t, build, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./cmd/...")
		for name := range strings.FieldsSeq(string(out)) {
			modules[name] = true
		}
	}
	return modules
}

// usedModules are all that programs, tests and tools need, whatever the build tags and the system, with the folders of their
// sources: what go.mod lists.
func usedModules(t *testing.T) map[string]string {
	t.Helper()
	folders := map[string]string{}
	modules := json.NewDecoder(bytes.NewReader(goOutput(t, nil, "mod", "download", "-json")))
	for {
		var module struct{ Path, Dir string }
		if err := modules.Decode(&module); errors.Is(err, io.EOF) {
			return folders
		} else if err != nil {
			t.Fatal(err)
		}
		folders[module.Path] = module.Dir
	}
}

// licenceFile is that of a module as a whole; files such as LICENSE-3RD-PARTY list what else lies in its repository.
func licenceFile(folder string) (string, error) {
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md", "LICENSE-MIT", "COPYING"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if !errors.Is(err, fs.ErrNotExist) {
			return string(text), err
		}
	}
	return "", errors.New("no licence file")
}

func TestLicences(t *testing.T) {
	t.Parallel()
	shipped, used := shippedModules(t), usedModules(t)
	// A list that is not whole would hold nothing against anybody: one of each kind, and each that ships is among those that are used.
	for _, name := range []string{"modernc.org/sqlite", "github.com/inconshreveable/mousetrap", "github.com/ThalesGroup/crypto11"} {
		if !shipped[name] {
			t.Errorf("%s is not among what ships, of which Windows needs the second alone and an HSM the third", name)
		}
	}
	for _, name := range append(slices.Collect(maps.Keys(shipped)), "github.com/google/go-cmp", "honnef.co/go/tools") {
		if used[name] == "" {
			t.Errorf("%s is not among what is used", name)
		}
	}
	for name, folder := range used {
		text, err := licenceFile(folder)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		switch kind := licenceOf(text); {
		case kind == "":
			t.Errorf("%s: its licence is none that may be used", name)
		case kind == "MPL-2.0" && shipped[name]:
			t.Errorf("%s: MPL-2.0 is for tests only, and a program holds it", name)
		}
	}
}

// A tag that builds knows nothing of could bring in what nobody has looked at.
func TestLicencesCoverBuildTags(t *testing.T) {
	systems := []string{"linux", "darwin", "freebsd", "windows", "unix", "amd64", "arm64", "cgo", "race", "js", "wasm", "ignore"}
	known := append(systems, "pkcs11")
	for _, file := range goFiles(t, moduleRoot(t)) {
		for _, tag := range buildTags(t, file.path) {
			if !slices.Contains(known, tag) && !strings.HasPrefix(tag, "goexperiment.") && !strings.HasPrefix(tag, "go1.") {
				t.Errorf("%s: builds does not know the build tag %s", file.path, tag)
			}
		}
	}
}

// buildTags are those that the constraint of a file names.
func buildTags(t *testing.T, path string) (tags []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), path))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !constraint.IsGoBuild(line) {
			continue
		}
		condition, err := constraint.Parse(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		condition.Eval(func(tag string) bool { tags = append(tags, tag); return false })
	}
	return tags
}

func TestLicenceOf(t *testing.T) {
	own, err := os.ReadFile(filepath.Join(moduleRoot(t), "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	mit := string(own)
	for name, tt := range map[string]struct{ text, want string }{
		"Authly's own":      {mit, "MIT"},
		"other line breaks": {strings.ReplaceAll(mit, "\n", "\r\n"), "MIT"},
		"half of it":        {mit[:len(mit)/2], ""},
		"with a clause":     {mit + "\nCommons Clause: you may not sell it.", ""},
		"advertising": {"Redistribution and use in source and binary forms, with or without modification, are permitted: " +
			"1. Redistributions of source code must retain the above copyright notice. 2. Redistributions in binary form must " +
			"reproduce the above copyright notice. 3. All advertising materials mentioning features must say so.", ""},
		"copyleft": {"GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007", ""},
		"mozilla":  {"Mozilla Public License Version 2.0 ... \"Secondary Licenses\" means the GNU General Public License", "MPL-2.0"},
		"none":     {"All rights reserved.", ""},
		"empty":    {"", ""},
	} {
		if got := licenceOf(tt.text); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
