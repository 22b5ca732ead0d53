package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetVariables takes variables out of the environment of this process: out of that which children inherit, and out of the memory
// in which the kernel has put it, which is what /proc/PID/environ shows and a core dump holds. Go and libc have no more use for
// that: Go has copied it before main began.
//
// The kernel itself is asked to write there, by process_vm_writev(2) to this very process. That needs no right, in contrast to
// prctl(PR_SET_MM), works also for a process that is not dumpable, in contrast to /proc/self/mem, and fails instead of
// crashing should the address not be what it is taken for.
//
// It is not done where there is nothing to forget, so that a system that refuses it need not be told of.
func forgetVariables(names []string) error {
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		_ = os.Unsetenv(name) // fails for names that no variable has
	}
	start, length, err := environmentBlock()
	if err != nil {
		return fmt.Errorf("where the environment of the process lies: %w", err)
	}
	block := make([]byte, length)
	defer clear(block)
	if err := atAddress(unix.ProcessVMReadv, start, block); err != nil {
		return fmt.Errorf("reading the environment of the process: %w", err)
	}
	for rest := block; len(rest) > 0; {
		variable, after, _ := bytes.Cut(rest, []byte{0})
		name, value, _ := bytes.Cut(variable, []byte("="))
		if len(value) > 0 && slices.Contains(names, string(name)) {
			at := start + uintptr(length-len(rest)+len(variable)-len(value))
			if err := atAddress(unix.ProcessVMWritev, at, make([]byte, len(value))); err != nil {
				return fmt.Errorf("writing to the environment of the process: %w", err)
			}
		}
		rest = after
	}
	return nil
}

// environmentBlock returns where the kernel has put the environment (proc_pid_stat(5), fields 50 and 51).
func environmentBlock() (start uintptr, length int, err error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, err
	}
	_, behindName, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ") // a name may hold anything
	fields := strings.Fields(behindName)                                                // from the third one
	if len(fields) < 49 {
		return 0, 0, errors.New("/proc/self/stat does not tell")
	}
	first, firstErr := strconv.ParseUint(fields[47], 10, 64)
	end, endErr := strconv.ParseUint(fields[48], 10, 64)
	if firstErr != nil || endErr != nil || first == 0 || end < first || end-first > 64<<20 {
		return 0, 0, errors.New("/proc/self/stat does not tell")
	}
	return uintptr(first), int(end - first), nil // #nosec G115 -- addresses of this process, and at most 64 MiB apart
}

// atAddress moves bytes between here and an address of this process.
func atAddress(move func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error), address uintptr, local []byte) error {
	if len(local) == 0 {
		return nil
	}
	here := unix.Iovec{Base: &local[0]}
	here.SetLen(len(local))
	n, err := move(os.Getpid(), []unix.Iovec{here}, []unix.RemoteIovec{{Base: address, Len: len(local)}}, 0)
	if err == nil && n != len(local) {
		err = errors.New("only a part of it can be reached")
	}
	return err
}
