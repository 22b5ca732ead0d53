package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/descoped/authly/store/pgserver"
)

// process is a server that runs, with the workers that it has started.
type process struct {
	pid   int
	alone bool // what it has started is not counted
}

// pids are those that count.
func (p *process) pids() ([]int, error) {
	if p.alone {
		return []int{p.pid}, nil
	}
	return family(p.pid)
}

// time returns the processor time that it has used.
func (p *process) time() (time.Duration, error) {
	pids, err := p.pids()
	if err != nil {
		return 0, err
	}
	return processorTime(pids)
}

// during returns the processor time that it uses while something is done.
func (p *process) during(do func() error) (time.Duration, error) {
	before, err := p.time()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := p.time()
	return after - before, err
}

// resident returns its memory in bytes, now and at most.
func (p *process) resident() (now, most int64, err error) {
	pids, err := p.pids()
	if err != nil {
		return 0, 0, err
	}
	return resident(pids)
}

// baseline starts this program once more as one of the servers that Authly is compared with, and returns its address and the
// other lines that it has said of itself. It ends with this process, however that ends.
func (s *stage) baseline(ctx context.Context, args ...string) (p *process, address string, said []string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", nil, err
	}
	cmd := exec.Command(self, append([]string{targetName}, args...)...) // #nosec G204 -- this program itself
	cmd.Stderr = s.log
	cmd.SysProcAttr = apart()
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", nil, err
	}
	s.atEnd(func() error { return errors.Join(lifeline.Close(), cmd.Wait()) })
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "" { // an empty line ends it
		said = append(said, lines.Text())
	}
	if len(said) == 0 {
		return nil, "", nil, fmt.Errorf("%s %s says nothing", targetName, strings.Join(args, " "))
	}
	return &process{pid: cmd.Process.Pid}, said[0], said[1:], ctx.Err()
}

// rival starts a server of somebody else, whose configuration is written for an address of the loopback interface, and returns
// when it takes connections there. Between the choice of a port and its use another process may take it: then it tries again.
func (s *stage) rival(ctx context.Context, write func(folder, address string) (*exec.Cmd, error)) (p *process, address string, err error) {
	for range 3 {
		if p, address, err = s.tryRival(ctx, write); err == nil || ctx.Err() != nil {
			break
		}
	}
	return p, address, err
}

func (s *stage) tryRival(ctx context.Context, write func(folder, address string) (*exec.Cmd, error)) (*process, string, error) {
	folder, err := os.MkdirTemp(s.folder, "rival-")
	if err != nil {
		return nil, "", err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	cmd, err := write(folder, address)
	if err != nil {
		return nil, "", err
	}
	said, err := os.Create(filepath.Join(folder, "said")) // #nosec G304 -- in a temporary folder
	if err != nil {
		return nil, "", err
	}
	defer said.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, said, said
	cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // however it ended
		close(ended)
	}()
	s.atEnd(func() error { return end(cmd, ended) })
	if err := accepts(ctx, address, ended); err != nil {
		text, _ := os.ReadFile(said.Name())
		return nil, "", fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, text)
	}
	return &process{pid: cmd.Process.Pid}, address, nil
}

// end stops a process, and the hard way if it does not heed.
func end(cmd *exec.Cmd, ended <-chan struct{}) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	<-ended
	return nil
}

// accepts returns when there are connections at the address.
func accepts(ctx context.Context, address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w", ctx.Err())
		case <-ended:
			return errors.New("it has ended by itself")
		case <-poll.C:
		}
	}
}

// freeAddress returns an address of the loopback interface where nobody listens just now.
func freeAddress() (string, error) {
	port, err := pgserver.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// discard reads to the end with few calls: who writes must not wait, and who measures needs the processors for other things.
func discard(r io.Reader) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 256<<10))
}
