package main_test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// sizeLimit lets the process write no file beyond a size, as on a disk that is full at that moment. A size of 0 lifts the limit.
func (a *authly) sizeLimit(t *testing.T, size int64) {
	t.Helper()
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if size > 0 {
		limit.Cur = uint64(size)
	}
	if err := unix.Prlimit(a.process.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
}

// The disk is full in the midst of a logout, a little later each time: it fails and leaves everything as it was, until the
// disk has room for all of it.
func TestLogoutOnFullDisk(t *testing.T) {
	t.Parallel()
	storeURL := sqliteURL(t)
	a := start(t, storeURL, protectedEcho)
	db, _ := sqlOf(t, storeURL)
	a.register(t, a.login(t, "admin", adminPassword), "alice", passwordOf("alice"))
	for name, end := range endings(t) {
		t.Run(name, func(t *testing.T) {
			failed := 0
			for room := int64(1); ; room += 1500 { // a page of the log takes 4120 bytes
				pair := a.login(t, "alice", passwordOf("alice"))
				execute(t, db, `PRAGMA wal_checkpoint(TRUNCATE)`) // what is written next is at the beginning of the log
				a.sizeLimit(t, room)
				answer := end(a, pair)
				a.sizeLimit(t, 0)
				alive := a.endedOrNot(t, answer, pair)
				if answer.status/100 == 2 {
					break
				}
				if failed++; !alive {
					t.Errorf("a logout that failed with %d bytes of room has ended the session", room)
				}
			}
			if failed < 3 {
				t.Errorf("the disk was full %d times", failed)
			}
		})
	}
}
