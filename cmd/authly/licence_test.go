package main_test

import (
	"errors"
	"io/fs"
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

// moduleFolders lists the modules that packages need, those of the binary for an HSM too, with the folders of their sources. The standard library and Authly
// itself are left out.
func moduleFolders(t *testing.T, args ...string) map[string]string {
	t.Helper()
	list := exec.Command("go", append([]string{
		"list", "-tags", "pkcs11", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}",
	}, args...)...)
	list.Dir, list.Env = moduleRoot(t), append(os.Environ(), "CGO_ENABLED=1")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, folder, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			folders[name] = folder
		}
	}
	return folders
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
	shipped := moduleFolders(t, "./cmd/authly")
	used := moduleFolders(t, "-test", "./...")
	if len(shipped) < 10 || len(used) <= len(shipped) || shipped["modernc.org/sqlite"] == "" ||
		shipped["github.com/ThalesGroup/crypto11"] == "" || used["github.com/google/go-cmp"] == "" {
		t.Fatalf("the list of modules is not whole: %v and %v", shipped, used)
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
		case kind == "MPL-2.0" && shipped[name] != "":
			t.Errorf("%s: MPL-2.0 is for tests only, and the binary holds it", name)
		}
	}
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
