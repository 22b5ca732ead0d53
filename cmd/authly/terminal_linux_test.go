package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with a program on it.
type terminal struct {
	keyboard *os.File // where a person types; what is shown is read from it too
	device   *os.File
	screen   *safeBuffer
	program  *exec.Cmd
	exited   chan struct{}
}

// onTerminal starts the binary at a terminal of its own.
func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{screen: new(safeBuffer), program: exec.Command(path, args...), exited: make(chan struct{})}
	term.open(t)
	term.program.Dir = t.TempDir()
	term.program.Env = append(os.Environ(), "AUTHLY_PASSWORDS_BCRYPT_COST=4")
	term.program.Stdin, term.program.Stdout, term.program.Stderr = term.device, term.device, term.device
	term.program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.program.Start(); err != nil {
		t.Fatal(err)
	}
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		piece := make([]byte, 4096)
		for {
			n, err := term.keyboard.Read(piece)
			_, _ = term.screen.Write(piece[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		_ = term.program.Wait()
		close(term.exited)
	}()
	t.Cleanup(func() {
		_ = term.program.Process.Kill()
		<-term.exited
		term.device.Close()
		term.keyboard.Close()
		<-shown
	})
	return term
}

func (term *terminal) open(t *testing.T) {
	t.Helper()
	var err error
	if term.keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	number := 0
	control(t, term.keyboard, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		var err error
		number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	if term.device, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
}

// control runs a function on the descriptor of a file, which stays one that can be closed while it is read.
func control(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil || inner != nil {
		t.Fatal(err, inner)
	}
}

// echoes reports whether the terminal shows what is typed.
func (term *terminal) echoes(t *testing.T) bool {
	t.Helper()
	on := false
	control(t, term.device, func(fd int) error {
		state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			on = state.Lflag&unix.ECHO != 0
		}
		return err
	})
	return on
}

// typeAt waits for a prompt and for the end of the echo, and types.
func (term *terminal) typeAt(t *testing.T, prompt, keys string) {
	t.Helper()
	eventually(t, "the prompt "+prompt, func() bool {
		return strings.HasSuffix(term.screen.String(), prompt) && !term.echoes(t)
	})
	if _, err := term.keyboard.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the program's end and demands its exit status, the echo back, and what the screen says at last.
func (term *terminal) ends(t *testing.T, status int, last string) {
	t.Helper()
	eventually(t, "the program ends", func() bool {
		select {
		case <-term.exited:
			return true
		default:
			return false
		}
	})
	if got := term.program.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status %d, want %d", got, status)
	}
	eventually(t, "the screen says "+last, func() bool {
		return regexp.MustCompile(last + `\r\n$`).MatchString(term.screen.String())
	})
	if !term.echoes(t) {
		t.Error("the terminal is left without echo")
	}
}

func TestHashAtTerminal(t *testing.T) {
	term := onTerminal(t, "hash")
	term.typeAt(t, "Password: ", "typed at a terminal\r")
	term.typeAt(t, "Again: ", "typed at a terminal\r")
	term.ends(t, 0, `\$2a\$04\$[./A-Za-z0-9]{53}`)
	screen := term.screen.String()
	if strings.Contains(screen, "typed") {
		t.Errorf("the screen shows the password: %q", screen)
	}
	hash := screen[strings.Index(screen, "$2a$"):]
	for password, want := range map[string]bool{"typed at a terminal": true, "typed at a terminal\n": false, "": false} {
		if err := bcrypt.CompareHashAndPassword([]byte(strings.TrimSpace(hash)), []byte(password)); (err == nil) != want {
			t.Errorf("the hash verifies %q: %v, want %v", password, err, want)
		}
	}
}

func TestHashOfTwoPasswords(t *testing.T) {
	term := onTerminal(t, "hash")
	term.typeAt(t, "Password: ", "typed at a terminal\r")
	term.typeAt(t, "Again: ", "typed at another one\r")
	term.ends(t, 1, "authly: the two passwords differ")
	if screen := term.screen.String(); strings.Contains(screen, "typed") || strings.Contains(screen, "$2a$") {
		t.Errorf("the screen shows %q", screen)
	}
}

// Who thinks better of it at the prompt has their terminal as it was.
func TestHashInterrupted(t *testing.T) {
	term := onTerminal(t, "hash")
	term.typeAt(t, "Password: ", "typed at\x03")
	term.ends(t, 1, "authly: interrupted")
}
