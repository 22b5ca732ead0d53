package main

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"slices"
	"strings"
	"sync"
)

// heapFloor is up to where the heap may grow before garbage is collected, in bytes. Go's usual rule, when it has doubled, has a
// small heap collected a dozen times a second under load, for the sake of a few megabytes.
const heapFloor = 64 << 20

// floorFor is the floor where so many bytes of memory may be taken, 0 for any number: a quarter of them at most. The program
// itself takes as much, and who has given it little wants it to live with that.
func floorFor(limit uint64) uint64 {
	if limit == 0 {
		return heapFloor
	}
	return min(heapFloor, limit/4)
}

// collector tells the garbage collector after each collection when the next one is due: when the heap has doubled, as ever, but
// not before it has reached the floor.
type collector struct {
	floor   uint64
	mu      sync.Mutex
	percent int
	usual   int // what it was before
	over    bool
}

// keepHeapFloor lets the heap grow until the returned function is called. It does nothing where the operator has set GOGC. A
// GOMEMLIMIT holds in any case: the runtime collects as often as it takes.
func keepHeapFloor(environ []string) (stop func()) {
	if slices.ContainsFunc(environ, func(set string) bool { return strings.HasPrefix(set, "GOGC=") }) {
		return func() {}
	}
	c := &collector{floor: floorFor(memoryLimit(os.ReadFile))}
	c.percent = percentFor(c.floor, 0, 0)
	c.usual = debug.SetGCPercent(c.percent)
	c.await()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.over = true
		debug.SetGCPercent(c.usual)
	}
}

// percentFor is by how much a heap that holds so many bytes which are in use may grow to reach the floor. The runtime takes the
// percentage of them and of the roots, which are the stacks and the variables: with thousands of WebSockets the stacks are more
// than the heap.
func percentFor(floor, live, roots uint64) int {
	const least = 4 << 20 // what the runtime counts an emptier heap for
	live = max(live, least)
	return int(max(100, (floor-min(live, floor))*100/(live+roots))) // #nosec G115 -- a percentage of some thousands
}

// await has adjust called when the next collection is over, which finds that nobody holds its token any more.
func (c *collector) await() {
	token := new([2]uintptr) // as large as it must be not to share its block with others
	runtime.AddCleanup(token, func(c *collector) { c.adjust() }, c)
}

func (c *collector) adjust() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	found := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	runtimemetrics.Read(found)
	live, roots := found[0].Value.Uint64(), found[1].Value.Uint64()+found[2].Value.Uint64()
	// Each change stops the program for a moment: what would hardly make a difference stays.
	if percent := percentFor(c.floor, live, roots); percent < c.percent*9/10 || percent > c.percent*10/9 {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
	c.await()
}
