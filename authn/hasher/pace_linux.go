package hasher

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A quota knows no priorities: when a container has used its own for a period of, as a rule, 100 ms, all of it stands still until
// the next one, checks included. So while there is work the process that hashes is stopped whenever both processes together have
// used more than paceShare of the quota, looked at every paceEvery, and goes on when they have not. Two processors' worth of
// hashing with a quota of one was throttled in most periods without that, and checks took up to 180 ms.
const (
	paceEvery = 5 * time.Millisecond
	paceShare = 0.85
)

// pace holds the child to its share of so many processors, from when it is woken until there is no more work, again and again.
func (c *child) pace(quota float64) {
	for {
		select {
		case <-c.woken:
		case <-c.over:
			return
		}
		c.paceWork(quota * paceShare)
	}
}

func (c *child) paceWork(share float64) {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	last, used := time.Now(), c.used()
	spare, stopped := time.Duration(0), false
	for {
		select {
		case <-tick.C:
		case <-c.over:
			return
		}
		now, usedNow := time.Now(), c.used()
		spare += time.Duration(float64(now.Sub(last))*share) - (usedNow - used)
		spare = min(spare, paceEvery) // what was not used is lost, as it is with the kernel
		last, used = now, usedNow
		done := c.idle()
		switch stop := spare < 0 && !done; {
		case stop: // each time: somebody may have had it go on, see await
			_ = c.process.Signal(syscall.SIGSTOP) // one that has ended needs none
			stopped = true
		case stopped:
			c.proceed()
			stopped = false
		}
		if done {
			return
		}
	}
}

// used is the processor time that this process and the child have used.
func (c *child) used() time.Duration {
	const scheduled = 2 // CPUCLOCK_SCHED of the kernel: of a whole process, see clock_getcpuclockid(3)
	var ours, theirs unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ours)
	_ = unix.ClockGettime(^int32(c.process.Pid)<<3|scheduled, &theirs) // #nosec G115 -- a process number has 22 bits; one that has ended uses nothing
	return time.Duration(ours.Nano() + theirs.Nano())
}

// proceed has a child go on that is stopped; one that has ended needs nothing.
func (c *child) proceed() { _ = c.process.Signal(syscall.SIGCONT) }

// bound makes the child end with the thread that starts it, and so with this process, however it ends: one that is stopped does
// not notice that its pipe has. If the thread alone ends, another child is started.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
