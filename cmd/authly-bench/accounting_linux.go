package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns what processes have used of the processors since their start, all threads of theirs together, those
// that have ended included. It is the kernel's own accounting in nanoseconds: what clock_getcpuclockid(3) names.
func processorTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		const scheduled = 2 // CPUCLOCK_SCHED of the kernel: of a whole process, by the scheduler's count
		var t unix.Timespec
		if err := unix.ClockGettime(^int32(pid)<<3|scheduled, &t); err != nil { // #nosec G115 -- a process number has 22 bits
			return 0, fmt.Errorf("the processor time of process %d: %w", pid, err)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// resident returns how many bytes of memory processes have and at most had, as /proc tells (VmRSS, VmHWM).
func resident(pids []int) (now, most int64, err error) {
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, 0, err
		}
		now += kibibytes(string(status), "VmRSS:")
		most += kibibytes(string(status), "VmHWM:")
	}
	return now, most, nil
}

// kibibytes reads a line such as "VmRSS:  1234 kB".
func kibibytes(status, name string) int64 {
	_, rest, _ := strings.Cut(status, name)
	if fields := strings.Fields(rest); len(fields) > 0 {
		n, _ := strconv.ParseInt(fields[0], 10, 64)
		return n << 10
	}
	return 0
}

// family returns a process and its children, theirs and so on.
func family(pid int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	childrenOf := map[int][]int{}
	for _, file := range files {
		content, err := os.ReadFile(file) // #nosec G304 -- of /proc
		if err != nil {
			continue // it has ended
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		_, rest, _ := strings.Cut(string(content), ") ") // of the name, which may hold anything
		if fields := strings.Fields(rest); len(fields) > 1 {
			parent, _ := strconv.Atoi(fields[1])
			childrenOf[parent] = append(childrenOf[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, childrenOf[all[i]]...)
	}
	return all, nil
}

// allowFiles lets a running process open more files, as far as the kernel permits, and returns how many it then may.
func allowFiles(pid int, wanted uint64) (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		return 0, err
	}
	if limit.Cur >= wanted {
		return limit.Cur, nil
	}
	more := unix.Rlimit{Cur: wanted, Max: max(wanted, limit.Max)}
	if unix.Prlimit(pid, unix.RLIMIT_NOFILE, &more, nil) == nil {
		return wanted, nil
	}
	limit.Cur = min(wanted, limit.Max) // no right to raise the hard limit: up to that
	return limit.Cur, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil)
}

// kernel returns the name and version of the kernel.
func kernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}

// processor returns what the processors call themselves.
func processor() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(content), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimLeft(line, "\t :")
}

// memory returns how many bytes the machine has.
func memory() int64 {
	content, _ := os.ReadFile("/proc/meminfo")
	return kibibytes(string(content), "MemTotal:")
}

// busy returns how many processes wanted a processor in the last minute, in the mean.
func busy() string {
	content, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(content), " ")
	return first
}

// sleepUntil sleeps more exactly than time.Sleep, which wakes at whole milliseconds when nothing else is to be done.
func sleepUntil(t time.Time) {
	for {
		left := time.Until(t)
		if left <= 0 {
			return
		}
		span := unix.NsecToTimespec(int64(left))
		_ = unix.Nanosleep(&span, nil) // interrupted: again
	}
}

// portWhenConnected is the Control of a net.Dialer that has a local address: the port is chosen by what it is connected to, and
// not to be free of everything.
func portWhenConnected(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	return errors.Join(err, failed)
}

// apart makes a process to be started one that an interrupt at the terminal does not reach, and that ends when this one does,
// however that ends: so far as there is no orderly end, which stops it first.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
