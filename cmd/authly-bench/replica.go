package main

import (
	"bufio"
	"bytes"
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
	base string // URL of server.address
	ops  string // host:port of server.ops_address
}

// replicaConfig says how a replica runs.
type replicaConfig struct {
	configuration string   // YAML
	environ       []string // beside that of this process
}

// start runs a replica on free ports of the loopback address and returns when it is ready.
func (s *stage) start(ctx context.Context, cfg replicaConfig) (*replica, error) {
	binary, err := s.program(ctx)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(s.folder, "replica-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(cfg.configuration), 0o600); err != nil {
		return nil, err
	}
	process := exec.Command(binary, "serve")
	process.Dir = folder
	process.Env = append(os.Environ(), "AUTHLY_SERVER_ADDRESS=127.0.0.1:0", "AUTHLY_SERVER_OPS_ADDRESS=127.0.0.1:0",
		"AUTHLY_LOG_FORMAT=json", "AUTHLY_SERVER_SHUTDOWN_TIMEOUT=5s")
	process.Env = append(process.Env, cfg.environ...)
	log, err := process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	listening, read := follow(log)
	s.atEnd(func() error { return stop(process, read) })
	return await(ctx, listening)
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

// follow reads a log to its end, and hands out what is not routine while somebody listens.
func follow(log io.Reader) (<-chan logLine, <-chan struct{}) {
	lines, read := make(chan logLine, 64), make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)
		scanner := bufio.NewScanner(log)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			if bytes.Contains(scanner.Bytes(), []byte(`"msg":"request"`)) {
				continue // thousands of them
			}
			var line logLine
			if json.Unmarshal(scanner.Bytes(), &line) != nil {
				line.Msg = scanner.Text()
			}
			select {
			case lines <- line:
			default:
			}
		}
		_, _ = io.Copy(io.Discard, log) // a line that is too long ends the scanner, and must not stop the replica
	}()
	return lines, read
}

// await returns when the replica has said where it listens and is ready.
func await(ctx context.Context, lines <-chan logLine) (*replica, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var r replica
	said := ""
	for r.base == "" || r.ops == "" {
		select {
		case line, ok := <-lines:
			switch {
			case !ok:
				return nil, fmt.Errorf("authly serve has ended: %s", said)
			case line.Listener == "server.address":
				r.base = "http://" + line.Address
			case line.Listener == "server.ops_address":
				r.ops = line.Address
			}
			said = line.Msg
		case <-ctx.Done():
			return nil, fmt.Errorf("authly serve does not listen: %w", ctx.Err())
		}
	}
	return &r, r.awaitReady(ctx)
}

func (r *replica) awaitReady(ctx context.Context) error {
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
		case <-ctx.Done():
			return fmt.Errorf("authly serve does not become ready: %w", ctx.Err())
		case <-poll.C:
		}
	}
}
