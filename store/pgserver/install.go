package pgserver

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// findPostgres returns the folder that holds initdb and postgres, of the newest version if there are several.
func findPostgres() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(resolved), "postgres")); err == nil {
				return filepath.Dir(resolved), nil
			}
		}
	}
	newest, version := "", 0.0
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*"} {
		folders, _ := filepath.Glob(pattern) // the patterns are well-formed
		for _, folder := range folders {
			if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
				continue
			}
			digits := strings.Trim(folder, "/abcdefghijklmnopqrstuvwxyz-")
			if v, err := strconv.ParseFloat(digits, 64); newest == "" || err == nil && v > version {
				newest, version = folder, v
			}
		}
	}
	if newest == "" {
		return "", errors.New("initdb is not installed: install the package postgresql " +
			"(apt-get install postgresql), or name a server in AUTHLY_TEST_POSTGRES_URL")
	}
	return newest, nil
}

// unprivileged returns whom PostgreSQL is to run as: nil for the user of this process, and another one if that is root, as
// whom PostgreSQL refuses to run.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}
