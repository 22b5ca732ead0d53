package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	adminRole = "postgres"
	ownerRole = "authly" // no superuser, nothing but what it owns
)

// Config says how the server works. The zero value is for tests.
type Config struct {
	// Durable commits are synced to disk before they are answered, as where data is worth something. Else they are not, which
	// is quick and does not change what a client sees.
	Durable bool

	// Folder is where the server's temporary folder is made. Empty: in memory, where there is enough of it, and else where
	// temporary files are; what is to be durable is never in memory.
	Folder string

	TLS    *TLS   // nil: no connection is encrypted
	Access string // lines of pg_hba.conf that count before its own: each role by its password
}

// place returns where the temporary folder is to be made, "" being where temporary files are.
func (c Config) place() string {
	if c.Folder != "" || c.Durable {
		return c.Folder
	}
	return inMemory()
}

// Server is a PostgreSQL server that lives at most as long as this process.
type Server struct {
	config   Config
	port     int
	password string // of both roles
	folder   string
	lifeline *os.File // the server stops when this end of a pipe closes, and that happens however the process ends
	exited   chan struct{}
}

// Admin returns the URL of a superuser, on a database that is not to be used.
func (s *Server) Admin() *url.URL { return s.url(adminRole) }

// Owner returns the URL of the role that databases are made for.
func (s *Server) Owner() *url.URL { return s.url(ownerRole) }

func (s *Server) url(role string) *url.URL {
	return &url.URL{
		Scheme: "postgres", User: url.UserPassword(role, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/postgres", RawQuery: "sslmode=disable",
	}
}

// Close ends the server at once and returns when it and its folder are gone.
func (s *Server) Close() error {
	err := s.lifeline.Close()
	<-s.exited
	return errors.Join(err, os.RemoveAll(s.folder)) // whom it ran as may not be allowed to
}

// Start starts a server. Between the choice of a port and its use another process may take it: then it tries again.
func Start(config Config) (s *Server, err error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	for range 3 {
		if s, err = newServer(config, bin); err == nil {
			break
		}
	}
	return s, err
}

// newServer makes a cluster in a temporary folder and starts a server on it.
func newServer(config Config, bin string) (*Server, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(config.place(), "authly-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{config: config, folder: folder, password: rand.Text(), exited: make(chan struct{})}
	if err := s.initialize(bin, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := s.start(bin, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

// initialize makes the cluster.
func (s *Server) initialize(bin string, as *syscall.Credential) error {
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
	return errors.Join(os.Remove(passwordFile), s.admit(), s.config.TLS.write(s.folder, as))
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// supervise is a shell script: it runs the server, and when the pipe at descriptor 3 closes, ends it at once (what it holds is
// worth nothing any more) with the signal that $0 names. When the server has ended, for whatever reason, it removes the folder.
const supervise = `"$@" 3<&- & server=$!
{ read -r _ <&3; kill -"$0" $server; } & watcher=$!
wait $server; kill $watcher 2>/dev/null; rm -rf "$PWD"`

// start runs the server and waits until it answers.
func (s *Server) start(bin string, as *syscall.Credential) error {
	port, err := FreePort()
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
	arguments := []string{"-c", supervise, "QUIT", filepath.Join(bin, "postgres"), "-D", s.data(),
		"-p", strconv.Itoa(port), "-k", s.folder, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300",
		"-c", "shared_buffers=32MB", "-c", "jit=off"}
	arguments = append(arguments, s.config.TLS.arguments(s.folder)...)
	if !s.config.Durable {
		arguments = append(arguments, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	supervisor := exec.Command("/bin/sh", arguments...)
	supervisor.Dir = s.folder
	supervisor.ExtraFiles, supervisor.Stdout, supervisor.Stderr = []*os.File{watched}, log, log
	supervisor.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true} // an interrupt at the terminal is not for it
	err = supervisor.Start()
	err = errors.Join(err, watched.Close())
	if err == nil {
		go func() {
			_ = supervisor.Wait() // however it ended
			close(s.exited)
		}()
		err = s.await()
	}
	if err != nil {
		out := make([]byte, 4096)
		n, _ := log.ReadAt(out, 0) // helps if it can be had; the file itself may be gone
		return errors.Join(fmt.Errorf("starting PostgreSQL: %w\n%s", err, out[:n]), lifeline.Close(), log.Close())
	}
	s.lifeline = lifeline
	return log.Close()
}

// await waits until the server takes connections, and makes the role that owns databases. It fails if the server ends.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.Admin().String())
		if err == nil {
			// The password is of letters and digits alone.
			_, err = conn.Exec(ctx, `CREATE ROLE `+ownerRole+` LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '`+s.password+`'`)
			return errors.Join(err, conn.Close(ctx))
		}
		select {
		case <-ctx.Done():
			return err
		case <-s.exited:
			return errors.New("the server ended by itself")
		case <-poll.C:
		}
	}
}
