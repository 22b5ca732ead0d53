// Package hasher has passwords hashed by a second process of the same program, at the lowest priority.
//
// Hashing takes a quarter of a second of a processor's time each, and must not take it from requests that only show a token. What
// was tried, on two cores, with 64 clients that log in without pause at bcrypt cost 12 and 1,000 checks a second (the 99th percentile
// of a check; 0.35 to 0.55 ms without logins):
//
//	                                                   busy machine   quiet machine
//	goroutines, two at a time                          34 to 53 ms
//	threads of this process, nice 19, GOMAXPROCS + 2   11 ms
//	the same with SCHED_IDLE                           13 ms
//	a process of its own, nice 19                       7 to 9 ms     2.4 to 2.7 ms
//	the same with SCHED_IDLE                            8 to 9 ms     2.4 to 2.6 ms
//	nice 19, and gives way every 0.75 ms                              0.84 to 1.3 ms
//	SCHED_IDLE, and gives way every 0.2 ms                            0.74 ms
//	nice 19, and gives way every 0.05 ms                              0.59 to 0.81 ms
//
// In all of the last five logins took 0.93 to 1.05 of the time that was idle. The last is what is done here. Pinned to one processor, with
// all that asks it, it came to 1.2 ms (1.6 without giving way; 0.48 without logins), within a quota of one processor of two to 0.44 ms,
// of half a one to 0.66.
//
// Threads of low priority within the process are a trap: to collect garbage Go stops all of its threads, and one that hashes and
// to which the kernel gives no time, because another program wants the processor, stops as late as that. On the busy machine all
// else then stood still for 100 to 270 ms in the worst of a hundred collections, at nice 10, at 19 and with SCHED_IDLE alike;
// without hashing threads it was 1.6 ms. A process of its own is stopped by nobody's garbage but its own.
//
// Low priority is not enough. Linux (6.18, EEVDF) keeps account of the one or two percent that are due even to the lowest, and pays
// them whenever two threads of the others have met on a processor: then it runs who hashes, and looks again at its next tick, 4 ms
// later at 250 Hz. Who asks the kernel for others to run (sched_yield(2)) after each of bcrypt's 4,096 rounds ends that after
// a twentieth of a millisecond; with nobody waiting, the questions cost one percent. Argon2id has no such places; with it a check meets
// what stands in the middle of the table.
//
// Nice 19 is as good as SCHED_IDLE for the checks, and leaves logins a little of a processor that something else keeps busy all
// the time: with SCHED_IDLE nobody could log in there.
//
// Passwords go to the process through a pipe and nowhere else. It has no environment, opens nothing and ends when the pipe does,
// however the program that started it has ended.
package hasher
