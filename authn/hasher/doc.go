// Package hasher has passwords hashed by a second process of the same program, at the lowest priority.
//
// Hashing takes a quarter of a second of a processor's time each, and must not take it from requests that only show a token. What
// was tried, on two cores, with 64 clients that log in without pause at bcrypt cost 12 and 1,000 checks a second, while other
// programs kept the machine busy (the 99th percentile of a check):
//
//	goroutines, two at a time                          34 to 53 ms
//	threads of this process, nice 19, GOMAXPROCS + 2   11 ms
//	the same with SCHED_IDLE                           13 ms
//	a process of its own, nice 19                       7 to 9 ms
//	the same with SCHED_IDLE                            8 to 9 ms
//
// Threads of low priority within the process are a trap: to collect garbage Go stops all of its threads, and one that hashes and
// to which the kernel gives no time, because another program wants the processor, stops as late as that. On the busy machine all
// else then stood still for 100 to 270 ms in the worst of a hundred collections, at nice 10, at 19 and with SCHED_IDLE alike;
// without hashing threads it was 1.6 ms. A process of its own is stopped by nobody's garbage but its own, and the kernel takes
// the processor from it whenever anybody else wants one.
//
// Nice 19 is as good as SCHED_IDLE for the checks (a thread that wakes up on a processor that hashes runs after 0.1 ms at the 99th
// percentile with either), and leaves logins a little of a processor that something else keeps busy all
// the time: with SCHED_IDLE nobody could log in there.
//
// Passwords go to the process through a pipe and nowhere else. It has no environment, opens nothing and ends when the pipe does,
// however the program that started it has ended.
package hasher
