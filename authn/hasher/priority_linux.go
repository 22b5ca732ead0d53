package hasher

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// lowest is the nice value of those who get what everybody else leaves.
const lowest = 19

// lowerPriority gives the whole process the lowest priority. On Linux each thread has its own, and a new one has that of the
// thread that makes it: so it is done until no thread is found that has another.
func lowerPriority() error {
	for changed := true; changed; {
		changed = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				continue
			}
			// The system call answers 20 - nice. A thread that has ended meanwhile needs nothing.
			if has, err := unix.Getpriority(unix.PRIO_PROCESS, id); err != nil || has == 20-lowest {
				continue
			}
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, lowest); err != nil {
				return err
			}
			changed = true
		}
	}
	return nil
}

// giveWay lets who waits for this processor run first. Priority alone is not enough: for the little that is due even to the lowest, the
// kernel takes the processor from others, and gives it back only at its next tick, up to 4 ms later (10 ms at 100 Hz).
func giveWay() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
