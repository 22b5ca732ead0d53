package hasher_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/hasher"
)

// This test is also the program that hashes.
const argument = "hash-for-a-test"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == argument {
		workers, err := strconv.Atoi(os.Args[2])
		if err == nil {
			err = hasher.Serve(os.Stdin, os.Stdout, workers)
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// start returns a Hasher of this program, and what it logs.
func start(t *testing.T, command ...string) (*hasher.Hasher, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if command == nil {
		command = []string{self, argument}
	}
	log := new(bytes.Buffer)
	h := hasher.New(hasher.Config{Command: command, Workers: 2, Log: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(func() { h.Close() })
	return h, log
}

const password = "correct horse"

// costly is the least work that is not done on the spot.
func costly(t *testing.T, typed string) authn.PasswordWork {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 8)
	if err != nil {
		t.Fatal(err)
	}
	return authn.PasswordWork{Prepared: typed, Against: string(hash), Besides: []string{"$2$04$"}}
}

// children are the processes that this one has started and that have not ended.
func children(t *testing.T) (ids []int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads of this process: %v", err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // a thread may have ended
		for _, field := range strings.Fields(string(text)) {
			id, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

func TestAnotherProcessHashes(t *testing.T) {
	h, log := start(t)
	right, wrong := costly(t, password), costly(t, password+"x")
	var work sync.WaitGroup
	for range 8 {
		for want, w := range map[bool]authn.PasswordWork{true: right, false: wrong} {
			work.Go(func() {
				if r, err := h.Do(t.Context(), w); err != nil || r.Right != want {
					t.Errorf("right: %v, %v, want %v", r.Right, err, want)
				}
			})
		}
	}
	work.Wait()
	for name, w := range map[string]authn.PasswordWork{
		"bcrypt":   {Prepared: password, Algorithm: authn.Bcrypt, BcryptCost: 8},
		"argon2id": {Prepared: password, Algorithm: authn.Argon2id, Argon2id: authn.Argon2Params{Memory: 8 << 10, Iterations: 1, Parallelism: 2}},
	} {
		made, err := h.Do(t.Context(), w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := h.Do(t.Context(), authn.PasswordWork{Prepared: password, Against: made.Hash})
		if err != nil || !again.Right {
			t.Errorf("%s: the new hash is not one of the password: %v", name, err)
		}
	}
	if _, err := h.Do(t.Context(), authn.PasswordWork{Prepared: strings.Repeat("x", 73), Algorithm: authn.Bcrypt, BcryptCost: 8}); err == nil {
		t.Error("what cannot be hashed has been")
	}
	one := children(t)
	if len(one) != 1 {
		t.Fatalf("processes %v, want one", one)
	}
	everyThreadIsLow(t, one[0])
	if environ, err := os.ReadFile("/proc/" + strconv.Itoa(one[0]) + "/environ"); err != nil || len(environ) > 0 {
		t.Errorf("it has an environment of %d bytes, %v", len(environ), err)
	}
	if err := h.Close(); err != nil || len(children(t)) > 0 {
		t.Errorf("after the end: processes %v, %v", children(t), err)
	}
	if _, err := h.Do(t.Context(), right); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("after the end: %v", err)
	}
	if log.Len() > 0 {
		t.Errorf("it complains: %s", log)
	}
}

func everyThreadIsLow(t *testing.T, process int) {
	t.Helper()
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(process) + "/task")
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads, %v", len(threads), err)
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())
		if value, err := unix.Getpriority(unix.PRIO_PROCESS, id); err != nil || 20-value != 19 {
			t.Errorf("a thread has the nice value %d, %v", 20-value, err)
		}
	}
}

// Cheap work is not worth a process.
func TestCheapWorkIsDoneHere(t *testing.T) {
	h, _ := start(t)
	r, err := h.Do(t.Context(), authn.PasswordWork{Prepared: password, Algorithm: authn.Bcrypt, BcryptCost: 4})
	if err != nil || r.Hash == "" || len(children(t)) > 0 {
		t.Errorf("%v; processes %v", err, children(t))
	}
}

// A process that dies is replaced, and no login fails for it.
func TestItIsStartedAgain(t *testing.T) {
	h, log := start(t)
	w := costly(t, password)
	for range 3 {
		if r, err := h.Do(t.Context(), w); err != nil || !r.Right {
			t.Fatalf("%v, %v", r.Right, err)
		}
		one := children(t)
		if len(one) != 1 {
			t.Fatalf("processes %v, want one", one)
		}
		if err := unix.Kill(one[0], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	// Signals that are sent to all processes of a service are none to it: answers may be wanted yet.
	if _, err := h.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if said := strings.Count(log.String(), "has ended, another one takes its place"); said != 3 {
		t.Errorf("three have ended, and it says so %d times: %s", said, log)
	}
	before := children(t)
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		if err := unix.Kill(before[0], signal); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := h.Do(t.Context(), w); err != nil || !r.Right || children(t)[0] != before[0] {
		t.Errorf("after a signal to end: %v, %v", r.Right, err)
	}
}

// Where there can be no other process this one does the work, and says so once.
func TestNoOtherProcess(t *testing.T) {
	for name, command := range map[string][]string{
		"none":                  {"/no/such/program"},
		"one that does nothing": {"/bin/true"},
	} {
		t.Run(name, func(t *testing.T) {
			h, log := start(t, command...)
			for range 3 {
				if r, err := h.Do(t.Context(), costly(t, password)); err != nil || !r.Right {
					t.Errorf("%v, %v", r.Right, err)
				}
			}
			if got := strings.Count(log.String(), "\n"); got != 1 || !strings.Contains(log.String(), "level=WARN") {
				t.Errorf("it says: %s", log)
			}
		})
	}
}

// That no other process could be started once, since there was no memory say, does not last.
func TestAnotherProcessIsTriedAgain(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	h := hasher.New(hasher.Config{
		Command: []string{program, argument}, Workers: 1, Log: slog.New(slog.DiscardHandler), Pause: time.Nanosecond,
	})
	t.Cleanup(func() { h.Close() })
	w := costly(t, password)
	for want := range 2 {
		if r, err := h.Do(t.Context(), w); err != nil || !r.Right || len(children(t)) != want {
			t.Fatalf("%v, %v, processes %v, want %d", r.Right, err, children(t), want)
		}
		if want == 0 {
			if err := os.Symlink(self, program); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A process that somebody has stopped goes on when it is needed.
func TestItGoesOn(t *testing.T) {
	h, _ := start(t)
	w := costly(t, password)
	if _, err := h.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	one := children(t)
	if err := unix.Kill(one[0], unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if r, err := h.Do(t.Context(), w); err != nil || !r.Right || !slices.Equal(children(t), one) {
		t.Errorf("%v, %v, processes %v, want %v", r.Right, err, children(t), one)
	}
}

// It ends with who has started it, also if that is killed.
func TestItEndsWithItsPipe(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, argument, "1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}

// Where the processors are rationed it takes no more than its part, so that the kernel stops nobody, and goes on all the same.
func TestQuota(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const quota = 0.5
	h := hasher.New(hasher.Config{Command: []string{self, argument}, Workers: 2, Quota: quota, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { h.Close() })
	w := costly(t, password)
	w.Besides = []string{"$2$10$"}
	if _, err := h.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	one := children(t)[0]
	began, before := time.Now(), used(t, one)
	// Somebody has it go on all the time, as who waits for an answer does from time to time.
	going := time.NewTicker(20 * time.Millisecond)
	over := make(chan struct{})
	var meddling, work sync.WaitGroup
	meddling.Go(func() {
		for {
			select {
			case <-going.C:
				_ = unix.Kill(one, unix.SIGCONT)
			case <-over:
				return
			}
		}
	})
	for range 12 {
		work.Go(func() {
			if r, err := h.Do(t.Context(), w); err != nil || !r.Right {
				t.Errorf("%v, %v", r.Right, err)
			}
		})
	}
	work.Wait()
	took, processor := time.Since(began), used(t, one)-before
	going.Stop()
	close(over)
	meddling.Wait()
	// The second summand is what it may have taken too much before it was stopped: on a busy machine that is late.
	if most := time.Duration(quota*float64(took)) + 300*time.Millisecond; processor > most {
		t.Errorf("%v of a processor in %v, want at most %v", processor, took, most)
	}
	if processor < 100*time.Millisecond {
		t.Errorf("%v of a processor: the test sees nothing", processor)
	}
}

// used is the processor time of a process.
func used(t *testing.T, process int) time.Duration {
	t.Helper()
	var spent unix.Timespec
	if err := unix.ClockGettime(^int32(process)<<3|2, &spent); err != nil {
		t.Fatal(err)
	}
	return time.Duration(spent.Nano())
}
