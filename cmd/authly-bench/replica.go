package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// startLimit is how long a replica may take to become ready, and to stop.
const startLimit = 30 * time.Second

// replica is a running authly serve.
type replica struct {
	process
	base  string // URL of server.address
	authz string // host:port of server.authz_address, if there is one
	ops   string // host:port of server.ops_address
}

// replicaConfig says how a replica runs.
type replicaConfig struct {
	configuration string   // YAML
	environ       []string // beside that of this process
	quiet         bool     // it logs nothing below a warning
}

// installation is a folder with a configuration, in which authly runs.
type installation struct {
	stage   *stage
	binary  string
	folder  string
	environ []string
	replica replica // of one that does not say where it listens: where that is
}

// install prepares a replica on free ports of the loopback address.
func (s *stage) install(ctx context.Context, cfg replicaConfig) (*installation, error) {
	binary, err := s.program(ctx)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(s.folder, "replica-")
	if err != nil {
		return nil, err
	}
	i := &installation{stage: s, binary: binary, folder: folder, environ: os.Environ()}
	main, authz, ops := "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if cfg.quiet {
		for _, address := range []*string{&main, &authz, &ops} {
			if *address, err = freeAddress(); err != nil {
				return nil, err
			}
		}
		i.replica = replica{base: "http://" + main, authz: authz, ops: ops}
		i.environ = append(i.environ, "AUTHLY_LOG_LEVEL=warn")
	}
	i.environ = append(i.environ, "AUTHLY_SERVER_ADDRESS="+main, "AUTHLY_SERVER_AUTHZ_ADDRESS="+authz,
		"AUTHLY_SERVER_OPS_ADDRESS="+ops, "AUTHLY_LOG_FORMAT=json", "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=5s")
	i.environ = append(i.environ, cfg.environ...)
	return i, os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(cfg.configuration), 0o600)
}

// start runs a replica and returns when it is ready.
func (s *stage) start(ctx context.Context, cfg replicaConfig) (*replica, error) {
	i, err := s.install(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return i.serve(ctx)
}

// command is authly with these arguments.
func (i *installation) command(args ...string) *exec.Cmd {
	c := exec.Command(i.binary, args...)
	c.Dir, c.Env = i.folder, i.environ
	return c
}

// serve runs authly serve and returns when it is ready.
func (i *installation) serve(ctx context.Context) (*replica, error) {
	process := i.command("serve")
	log, err := process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	listening, read := follow(log)
	i.stage.atEnd(func() error { return stop(process, read) })
	r := i.replica
	r.pid = process.Process.Pid
	return &r, r.await(ctx, listening)
}

// stop ends a replica as an orchestrator does, and the hard way if that takes too long.
func stop(process *exec.Cmd, read <-chan struct{}) error {
	err := process.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(startLimit, func() { _ = process.Process.Kill() })
	defer late.Stop()
	<-read // the pipe must be read to its end before Wait closes it
	return errors.Join(err, process.Wait())
}

// logLine is what is read of a line of the log. A line that is no JSON is kept as its message.
type logLine struct {
	Level, Msg, Listener, Address string
}

// follow reads a log to its end, and hands out what it says until the last of its listeners is open.
func follow(log io.Reader) (<-chan logLine, <-chan struct{}) {
	lines, read := make(chan logLine, 64), make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)
		scanner := bufio.NewScanner(log)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			var line logLine
			if json.Unmarshal(scanner.Bytes(), &line) != nil {
				line.Msg = scanner.Text()
			}
			select {
			case lines <- line:
			default:
			}
			if line.Listener == "server.ops_address" {
				break
			}
		}
		discard(log)
	}()
	return lines, read
}

// await returns when the replica has said where it listens, unless that is known, and is ready.
func (r *replica) await(ctx context.Context, lines <-chan logLine) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	said := ""
	for r.base == "" || r.ops == "" {
		select {
		case line, ok := <-lines:
			switch {
			case !ok:
				return fmt.Errorf("authly serve has ended: %s", said)
			case line.Listener == "server.address":
				r.base = "http://" + line.Address
			case line.Listener == "server.authz_address":
				r.authz = line.Address
			case line.Listener == "server.ops_address":
				r.ops = line.Address
			}
			said = line.Msg
		case <-ctx.Done():
			return fmt.Errorf("authly serve does not listen: %w", ctx.Err())
		}
	}
	return r.awaitReady(ctx, lines)
}

func (r *replica) awaitReady(ctx context.Context, lines <-chan logLine) error {
	said := ""
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.ops+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case line, ok := <-lines:
			if !ok {
				return fmt.Errorf("authly serve has ended: %s", said)
			}
			said = line.Msg
		case <-ctx.Done():
			return fmt.Errorf("authly serve does not become ready: %w", ctx.Err())
		case <-poll.C:
		}
	}
}
