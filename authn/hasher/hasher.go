package hasher

import (
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/descoped/authly/authn"
)

// Config is what a Hasher needs; every field but Quota and Pause is required.
type Config struct {
	Command []string // that runs Serve with its standard input and output, and the number of workers as one more argument
	Workers int      // how much is hashed at a time
	Quota   float64  // how many processors all of this program may use, see the function; 0: as many as there are
	Log     *slog.Logger

	Pause time.Duration // in which no other process is tried to be started after that failed; 0: a minute
}

// Hasher has a second process, which it starts when there is something to do, and again when that has ended. It is safe for use
// by many goroutines.
type Hasher struct {
	cfg   Config
	slots chan struct{} // what is hashed, and as much that is at hand when a worker is done

	mu     sync.Mutex
	child  *child    // nil: none runs
	again  time.Time // when to try to start one, after that failed
	closed bool

	here authn.PasswordWorker
}

// question and answer are what goes through the pipes.
type question struct {
	ID   uint64
	Work authn.PasswordWork
}

type answer struct {
	ID     uint64
	Result authn.PasswordResult
	Failed bool
}

var (
	errEnded  = errors.New("the process that hashes passwords has ended")
	errClosed = errors.New("passwords are not hashed any more: the program ends")
	errNone   = errors.New("there is no process that hashes passwords")
	errWork   = errors.New("a password could not be hashed")
)

// New returns a Hasher. The caller closes it.
func New(cfg Config) *Hasher {
	return &Hasher{cfg: cfg, slots: make(chan struct{}, 2*cfg.Workers), here: authn.WorkHere()}
}

// Do is an authn.PasswordWorker. What is cheap is done on the spot, and so is everything while there can be no second process;
// the log then says so.
func (h *Hasher) Do(ctx context.Context, w authn.PasswordWork) (authn.PasswordResult, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return authn.PasswordResult{}, authn.Fault(fmt.Errorf("%w: waiting to hash a password: %w", authn.ErrUnavailable, ctx.Err()))
	}
	defer func() { <-h.slots }()
	if w.Cheap() {
		return h.here(ctx, w)
	}
	var err error
	for range 2 { // it may have ended since the last time
		var c *child
		if c, err = h.running(); err != nil {
			break
		}
		r, failed := c.ask(w)
		if err = failed; !errors.Is(err, errEnded) {
			return r, err
		}
	}
	if errors.Is(err, errNone) {
		return h.here(ctx, w)
	}
	return authn.PasswordResult{}, unavailable(err)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", authn.ErrUnavailable, err) }

// running returns the process, which it starts if there is none.
func (h *Hasher) running() (*child, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if h.child != nil && !h.child.ended() {
		return h.child, nil
	}
	if time.Now().Before(h.again) {
		return nil, errNone
	}
	if h.child != nil {
		h.cfg.Log.Warn("the process that hashes passwords has ended, another one takes its place")
		h.child.end() // what is left of it: there are never two
	}
	c, err := h.start()
	if err != nil {
		h.again = time.Now().Add(cmp.Or(h.cfg.Pause, time.Minute)) // there may be no memory for another one at the moment
		h.cfg.Log.Warn("passwords are hashed in this process, and slow down everything else, since no other can be started", "error", err)
		return nil, errNone
	}
	h.child = c
	return c, nil
}

func (h *Hasher) start() (*child, error) {
	// #nosec G204 -- this program itself
	cmd := exec.Command(h.cfg.Command[0], append(h.cfg.Command[1:], strconv.Itoa(h.cfg.Workers))...)
	cmd.Env = []string{} // it needs no secret of ours
	cmd.Dir, cmd.Stderr, cmd.SysProcAttr = "/", os.Stderr, bound()
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	from := gob.NewDecoder(out)
	var ready answer
	if err := from.Decode(&ready); err != nil {
		return nil, errors.Join(err, in.Close(), cmd.Wait())
	}
	if ready.Failed {
		h.cfg.Log.Warn("the process that hashes passwords has no lower priority than this one, and slows it down")
	}
	c := &child{
		process: cmd.Process, in: in, to: gob.NewEncoder(in), asked: map[uint64]chan answer{},
		woken: make(chan struct{}, 1), over: make(chan struct{}),
	}
	go func() {
		c.listen(from)
		_ = cmd.Wait() // how it ended changes nothing
		close(c.over)
	}()
	if h.cfg.Quota > 0 {
		go c.pace(h.cfg.Quota)
	}
	return c, nil
}

// Close ends the process and waits for it; what it has begun fails.
func (h *Hasher) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.child == nil {
		return nil
	}
	h.child.end()
	return nil
}
