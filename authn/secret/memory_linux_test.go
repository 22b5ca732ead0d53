package secret_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sys/unix"

	"github.com/descoped/authly/authn/secret"
)

// childVariable says what this test is to do when it is run by itself, in a process whose memory is looked at.
const childVariable = "AUTHLY_TEST_CHILD"

// child runs a function of this test in a process of its own and returns what that has written. The test calls it first of all.
func child(t *testing.T, argument string, do func(argument string, out io.Writer) error) (output string) {
	t.Helper()
	if mine, isChild := os.LookupEnv(childVariable); isChild {
		if err := do(mine, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), childVariable+"="+argument)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return string(out)
}

// lockedBytes is how many bytes of this process are locked.
func lockedBytes() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), "VmLck:")
	number, _, hasUnit := strings.Cut(strings.TrimSpace(rest), " kB")
	if !found || !hasUnit {
		return 0, errors.New("the status says nothing of locked memory")
	}
	n, err := strconv.Atoi(number)
	return n << 10, err
}

// Many small secrets share locked pages, large ones have their own, and all are given back.
func TestPagesAreLocked(t *testing.T) {
	type counts struct{ None, Small, Large, Released, Closed int }
	out := child(t, "", func(_ string, out io.Writer) error {
		var c counts
		var errs []error
		count := func(to *int) {
			n, err := lockedBytes()
			*to = n
			errs = append(errs, err)
		}
		m := secret.NewMemory(nil)
		count(&c.None)
		var all []secret.Bytes
		for range 256 {
			all = append(all, m.Random(64))
		}
		count(&c.Small)
		all = append(all, m.Random(40_000))
		count(&c.Large)
		for _, b := range all {
			b.Release()
		}
		count(&c.Released)
		m.Close()
		count(&c.Closed)
		runtime.KeepAlive(all)
		return errors.Join(append(errs, json.NewEncoder(out).Encode(c))...)
	})
	var got counts
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	large := (40_000 + page - 1) / page * page
	if want := (counts{0, 16 << 10, 16<<10 + large, 16 << 10, 0}); page == 4096 && got != want {
		t.Errorf("locked: %+v, want %+v", got, want)
	}
}

// Where the limit is used up, everything works, and the log says so once.
func TestPagesMayNotBeLocked(t *testing.T) {
	out := child(t, "", func(_ string, out io.Writer) error {
		if err := dropToNobody(); err != nil {
			return err
		}
		limit := unix.Rlimit{Cur: 20 << 10, Max: 20 << 10}
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
			return err
		}
		var log bytes.Buffer
		m := secret.NewMemory(slog.New(slog.NewTextHandler(&log, nil)))
		var all []secret.Bytes
		for i := range 2000 {
			all = append(all, m.Copy([]byte(strconv.Itoa(i))))
		}
		for i, b := range all {
			if err := b.Use(func(material []byte) error {
				if string(material) != strconv.Itoa(i) {
					return fmt.Errorf("secret %d is %q", i, material)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		n, err := lockedBytes()
		fmt.Fprintf(out, "%d\n%s", n, &log)
		m.Close()
		return err
	})
	locked, log, _ := strings.Cut(out, "\n")
	if locked != "16384" || strings.Count(log, "\n") != 1 || !strings.Contains(log, "RLIMIT_MEMLOCK") {
		t.Errorf("locked: %s bytes; the log:\n%s", locked, log)
	}
}

// dropToNobody gives up the rights of root, for which there are no limits.
func dropToNobody() error {
	if os.Getuid() != 0 {
		return nil
	}
	return errors.Join(unix.Setgroups(nil), unix.Setresgid(65534, 65534, 65534), unix.Setresuid(65534, 65534, 65534))
}

// The pages of material are not dumped, not inherited, and have a page on either side that nobody may touch.
func TestPagesAreKeptOut(t *testing.T) {
	m := secret.NewMemory(nil)
	t.Cleanup(m.Close)
	var flags []string
	var before, after string
	err := m.Random(32).Use(func(material []byte) error {
		at := fmt.Sprintf("%p", &material[0])
		address, err := strconv.ParseUint(at[2:], 16, 64)
		if err != nil {
			return err
		}
		flags, before, after, err = mappingOf(address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"lo", "dd", "wf"} { // locked, not dumped, wiped by a fork: proc_pid_smaps(5)
		if !slices.Contains(flags, flag) {
			t.Errorf("the flags of the pages are %v, without %s", flags, flag)
		}
	}
	if before != "---p" || after != "---p" {
		t.Errorf("beside them: %s and %s", before, after)
	}
}

// mappingOf returns the flags of what is mapped at an address, and the rights of what is mapped before and behind.
func mappingOf(address uint64) (flags []string, before, after string, err error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, "", "", err
	}
	defer f.Close()
	last, inside, behind := "", false, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if m, ok := parseMapping(fields); ok {
			if inside {
				return flags, before, m.rights, nil
			}
			if inside = m.start <= address && address < m.end; inside {
				before = last
			}
			last = m.rights
		} else if inside && fields[0] == "VmFlags:" {
			flags = fields[1:]
		}
	}
	return nil, "", "", fmt.Errorf("it is not mapped: %v", behind)
}

type mapping struct {
	start, end uint64
	rights     string
}

func parseMapping(fields []string) (m mapping, ok bool) {
	from, to, isRange := strings.Cut(fields[0], "-")
	if !isRange || len(fields) < 2 {
		return mapping{}, false
	}
	var errs [2]error
	m.start, errs[0] = strconv.ParseUint(from, 16, 64)
	m.end, errs[1] = strconv.ParseUint(to, 16, 64)
	m.rights = fields[1]
	return m, errors.Join(errs[:]...) == nil
}

// What a process has read, used and released is nowhere in its memory. What it has not released is, or the
// search would be worth nothing.
func TestReleasedIsNowhere(t *testing.T) {
	folder := t.TempDir()
	if isChild := os.Getenv(childVariable); isChild == "" {
		for _, name := range []string{"released", "kept"} {
			writeSecret(t, folder, name)
		}
	}
	out := child(t, folder, searchAfterUse)
	var found map[string]int
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if found["released"] != 0 || found["kept"] == 0 {
		t.Errorf("pieces that were found: %v", found)
	}
}

// What a function has on its stack is there until another one needs the place, unless it is called by Do.
func TestStackIsOverwritten(t *testing.T) {
	folder := t.TempDir()
	if isChild := os.Getenv(childVariable); isChild == "" {
		for _, name := range []string{"with Do", "without"} {
			writeSecret(t, folder, name)
		}
	}
	out := child(t, folder, searchStacks)
	var found map[string]int
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if found["with Do"] != 0 || found["without"] == 0 {
		t.Errorf("pieces that were found: %v", found)
	}
}

// searchStacks has two goroutines put a secret on their stacks, which then wait while those are searched.
func searchStacks(folder string, out io.Writer) error {
	debug.SetGCPercent(-1) // a collection could shrink the stack of one of them, and leave a copy
	m := secret.NewMemory(nil)
	over := make(chan struct{})
	var errs []error
	var leaving sync.WaitGroup
	for name, call := range map[string]func(func()){"with Do": secret.Do, "without": func(f func()) { f() }} {
		ready := make(chan error)
		leaving.Go(func() {
			b, err := m.ReadFile(filepath.Join(folder, name), 100)
			useErr := b.Use(func(material []byte) error {
				call(func() { putOnStack(material) })
				return nil
			})
			b.Release()
			ready <- errors.Join(err, useErr)
			<-over
		})
		errs = append(errs, <-ready)
	}
	found := map[string]int{}
	for _, name := range []string{"with Do", "without"} {
		errs = append(errs, searchFor(folder, name, found))
	}
	close(over)
	leaving.Wait()
	return errors.Join(append(errs, json.NewEncoder(out).Encode(found))...)
}

// putOnStack has a secret below what calls have used before and will use.
//
//go:noinline
func putOnStack(material []byte) {
	var room [4 << 10]byte
	copy(room[:], material)
	runtime.KeepAlive(&room)
}

// mask is put over what is searched for, so that the search does not find that.
const mask = 0x5a

const pieceBytes = 16

// writeSecret writes a secret, and the same under the mask.
func writeSecret(t *testing.T, folder, name string) {
	t.Helper()
	random := make([]byte, 3*pieceBytes/2)
	rand.Read(random)
	material := []byte(hex.EncodeToString(random)) // less than a block of a hash, which keeps that until there is more
	masked := bytes.Clone(material)
	for i := range masked {
		masked[i] ^= mask
	}
	path := filepath.Join(folder, name)
	if err := errors.Join(os.WriteFile(path, material, 0o600), os.WriteFile(path+".masked", masked, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// searchAfterUse reads the two secrets, uses both, releases one, and writes how many pieces of each are found in the process.
func searchAfterUse(folder string, out io.Writer) error {
	m := secret.NewMemory(nil)
	found := map[string]int{}
	var errs []error
	for _, name := range []string{"released", "kept"} {
		b, err := m.ReadFile(filepath.Join(folder, name), 100)
		errs = append(errs, err, use(m, b))
		if name == "released" {
			b.Release()
		}
		defer b.Release()
	}
	for range 3 { // what runtime/secret erases
		runtime.GC()
	}
	for _, name := range []string{"released", "kept"} {
		errs = append(errs, searchFor(folder, name, found))
	}
	return errors.Join(append(errs, json.NewEncoder(out).Encode(found))...)
}

// searchFor searches this process for a secret of a folder.
func searchFor(folder, name string, found map[string]int) error {
	masked, err := os.ReadFile(filepath.Join(folder, name+".masked"))
	if err != nil {
		return err
	}
	found[name], err = searchMemory(masked)
	return err
}

// use does with a secret what Authly does: it signs and verifies tokens, derives keys, seals and opens.
func use(m *secret.Memory, b secret.Bytes) error {
	return b.Use(func(material []byte) error {
		var errs []error
		for _, method := range []*jwt.SigningMethodHMAC{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
			secret.Do(func() {
				signature, err := method.Sign("text", material)
				errs = append(errs, err, method.Verify("text", signature, material))
			})
		}
		master, err := m.Master(material)
		if err != nil {
			return err
		}
		wrapped, err := master.Wrap(context.Background(), []byte("data key"), "bound")
		_, unwrapErr := master.Unwrap(context.Background(), wrapped, "bound")
		return errors.Join(append(errs, err, unwrapErr, m.SealAndOpen(bytes.Clone(material[:32])))...)
	})
}

// searchMemory counts where pieces of a masked secret stand in the memory of this process. What it reads it reads into a buffer that
// is mapped by itself, and left out.
func searchMemory(masked []byte) (found int, err error) {
	const size = 1 << 20
	page := os.Getpagesize()
	all, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, unix.Munmap(all)) }()
	buffer := all[page : page+size]
	maps, mapsErr := os.ReadFile("/proc/self/maps")
	memory, memErr := os.Open("/proc/self/mem")
	if err := errors.Join(unix.Mprotect(buffer, unix.PROT_READ|unix.PROT_WRITE), mapsErr, memErr); err != nil {
		return 0, err
	}
	defer memory.Close()
	searched, own := uint64(0), fmt.Sprintf("%x-", &buffer[0])
	for line := range strings.Lines(string(maps)) {
		m, ok := parseMapping(strings.Fields(line))
		ofKernel := strings.Contains(line, "[v") // [vvar], [vsyscall]: it cannot be read
		if !ok || m.rights[0] != 'r' || ofKernel || strings.HasPrefix(line, own) {
			continue
		}
		for at := m.start; at < m.end; {
			n, err := memory.ReadAt(buffer[:min(size, m.end-at)], int64(at))
			searched += uint64(n)
			found += count(buffer[:n], masked)
			if at += uint64(n); err != nil {
				at = (at/uint64(page) + 1) * uint64(page) // this one cannot be read
			} else if at < m.end {
				at -= pieceBytes - 1
			}
		}
	}
	if searched < size {
		return 0, fmt.Errorf("no more than %d bytes could be searched", searched)
	}
	return found, nil
}

// count goes by the first byte of a piece, of which there are many: a whole one would be in the registers and so perhaps on the stack.
func count(text, masked []byte) (found int) {
	for piece := range slices.Chunk(masked, pieceBytes) {
		for rest := text; ; {
			at := bytes.IndexByte(rest, piece[0]^mask)
			if at < 0 || len(rest)-at < pieceBytes {
				break
			}
			n := 1
			for n < pieceBytes && rest[at+n]^mask == piece[n] {
				n++
			}
			if n == pieceBytes {
				found++
			}
			rest = rest[at+1:]
		}
	}
	return found
}
