package storetest

import (
	"bufio"
	"crypto/rand"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/descoped/authly/store/pgserver"
)

// Redis is a Redis or Valkey server of a test, on a port of its own of the loopback address, that keeps nothing on disk.
type Redis struct {
	Address string // redis://:PASSWORD@127.0.0.1:PORT

	port     int
	password string
	process  *exec.Cmd
	ended    chan error
}

// StartRedis starts a server that ends with the test.
func StartRedis(t *testing.T) *Redis {
	t.Helper()
	port, err := pgserver.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r := &Redis{port: port, password: rand.Text()}
	r.Address = "redis://:" + r.password + "@127.0.0.1:" + strconv.Itoa(r.port)
	r.Start(t)
	t.Cleanup(func() { r.Kill(t) })
	return r
}

// Start starts the server, anew after Kill: on the same port, and with nothing in it.
func (r *Redis) Start(t *testing.T) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if program, err = exec.LookPath("valkey-server"); err != nil {
			t.Fatalf("neither redis-server nor valkey-server is installed: %v", err)
		}
	}
	r.process = exec.Command(program, "-") // the configuration comes by standard input: arguments can be read by others
	r.process.Stdin = strings.NewReader("bind 127.0.0.1\nport " + strconv.Itoa(r.port) + "\nrequirepass " + r.password +
		"\nsave \"\"\nappendonly no\ndir " + t.TempDir() + "\n")
	said, err := r.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	r.ended = make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				ready <- true
			}
		}
		r.ended <- r.process.Wait()
	}()
	select {
	case <-ready:
	case err := <-r.ended:
		r.process = nil
		t.Fatalf("the Redis server ended: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the Redis server does not get ready")
	}
}

// Kill ends the server as a crash would, and waits until it has ended.
func (r *Redis) Kill(t *testing.T) {
	t.Helper()
	if r.process == nil {
		return
	}
	r.signal(t, syscall.SIGKILL)
	<-r.ended
	r.process = nil
}

// Freeze makes the server take connections and answer nothing, until Thaw.
func (r *Redis) Freeze(t *testing.T) { r.signal(t, syscall.SIGSTOP) }

// Thaw lets it answer again.
func (r *Redis) Thaw(t *testing.T) { r.signal(t, syscall.SIGCONT) }

func (r *Redis) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := r.process.Process.Signal(s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}
