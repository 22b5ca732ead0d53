package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
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
			_ = response.Body.Close()
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
