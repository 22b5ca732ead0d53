package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const ownerRole = "authly" // of the databases that tests get: no superuser, nothing but what it owns

// server is a PostgreSQL server that lives as long as this process.
type server struct {
	port     int
	password string // of both roles
	folder   string
	lifeline *os.File // the server stops when this end of a pipe closes, and that happens however the process ends
}

func (s *server) url(role string) *url.URL {
	return &url.URL{
		Scheme: "postgres", User: url.UserPassword(role, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/postgres", RawQuery: "sslmode=disable",
	}
}

// startServer starts a server. Between the choice of a port and its use another process may take it: then it tries again.
func startServer() (s *server, err error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	for range 3 {
		if s, err = newServer(bin); err == nil {
			break
		}
	}
	return s, err
}

// newServer makes a cluster in a temporary folder and starts a server on it.
func newServer(bin string) (*server, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "authly-postgres-")
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder, password: rand.Text()}
	if err := s.initialize(bin, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := s.start(bin, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

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

// initialize makes the cluster.
func (s *server) initialize(bin string, as *syscall.Credential) error {
	passwordFile := filepath.Join(s.folder, "password")
	if err := os.WriteFile(passwordFile, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if as != nil {
		for _, path := range []string{s.folder, passwordFile} {
			if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
				return err
			}
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", s.data(), "-U", "postgres", "--pwfile", passwordFile,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir = s.folder
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Remove(passwordFile)
}

func (s *server) data() string { return filepath.Join(s.folder, "data") }

// supervise is a shell script: it runs the server, and when the pipe at descriptor 3 closes, ends it at once (what it holds is
// worth nothing any more). When the server has ended, for whatever reason, it removes the folder.
const supervise = `"$@" 3<&- & server=$!
{ read -r _ <&3; kill -QUIT $server; } & watcher=$!
wait $server; kill $watcher 2>/dev/null; rm -rf "$PWD"`

// start runs the server and waits until it answers.
func (s *server) start(bin string, as *syscall.Credential) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.port = port
	watched, lifeline, err := os.Pipe() // both ends are closed in other children: only this process holds the lifeline
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		return errors.Join(err, watched.Close(), lifeline.Close())
	}
	supervisor := exec.Command("/bin/sh", "-c", supervise, "sh", filepath.Join(bin, "postgres"), "-D", s.data(),
		"-p", strconv.Itoa(port), "-k", s.folder, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB", "-c", "jit=off")
	supervisor.Dir = s.folder
	supervisor.ExtraFiles, supervisor.Stdout, supervisor.Stderr = []*os.File{watched}, log, log
	supervisor.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true} // an interrupt at the terminal is not for it
	err = supervisor.Start()
	err = errors.Join(err, watched.Close())
	if err == nil {
		ended := make(chan error, 1)
		go func() { ended <- supervisor.Wait() }()
		err = s.await(ended)
	}
	if err != nil {
		out := make([]byte, 4096)
		n, _ := log.ReadAt(out, 0) // helps if it can be had; the file itself may be gone
		return errors.Join(fmt.Errorf("starting PostgreSQL: %w\n%s", err, out[:n]), lifeline.Close(), log.Close())
	}
	s.lifeline = lifeline
	return log.Close()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// await waits until the server takes connections, and makes the role that owns databases. It fails if the server ends.
func (s *server) await(ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres").String())
		if err == nil {
			// The password is of letters and digits alone.
			_, err = conn.Exec(ctx, `CREATE ROLE `+ownerRole+` LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '`+s.password+`'`)
			return errors.Join(err, conn.Close(ctx))
		}
		select {
		case <-ctx.Done():
			return err
		case <-ended:
			return errors.New("the server ended by itself")
		case <-poll.C:
		}
	}
}
