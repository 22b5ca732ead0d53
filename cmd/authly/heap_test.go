package main

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"testing"
)

func TestPercentFor(t *testing.T) {
	for held, want := range map[[2]uint64]int{ // in use, roots
		{0, 0}: 1500, {1 << 20, 0}: 1500, {4 << 20, 0}: 1500, {16 << 20, 0}: 300, {32 << 20, 0}: 100, {63 << 20, 0}: 100, {64 << 20, 0}: 100,
		{1 << 40, 0}: 100, {0, 4 << 20}: 750, {4 << 20, 16 << 20}: 300, {16 << 20, 8 << 20}: 200, {16 << 20, 1 << 40}: 100,
	} {
		if got := percentFor(heapFloor, held[0], held[1]); got != want {
			t.Errorf("%d bytes in use, %d of roots: %d %%, want %d", held[0], held[1], got, want)
		}
	}
}

// The heap may grow while the server serves, by how much is settled by what is in use, and afterwards all is as it was.
func TestHeapFloor(t *testing.T) {
	usual := percentNow()
	defer debug.SetGCPercent(usual)
	keepHeapFloor([]string{"HOME=/", "GOGC=100"})()
	if got := percentNow(); got != usual {
		t.Errorf("with GOGC set: %d %%, want %d", got, usual)
	}
	stop := keepHeapFloor([]string{"HOME=/", "GOMEMLIMIT=1GiB"})
	if got := percentNow(); got != percentFor(floorFor(memoryLimit(os.ReadFile)), 0, 0) {
		t.Errorf("at the beginning: %d %%, want %d", got, percentFor(floorFor(memoryLimit(os.ReadFile)), 0, 0))
	}
	held := make([]byte, 2*heapFloor)
	eventuallyCollected(t, func() bool { return percentNow() == 100 })
	runtime.KeepAlive(held)
	stop()
	if got := percentNow(); got != usual {
		t.Errorf("afterwards: %d %%, want %d", got, usual)
	}
}

func percentNow() int {
	setting := []runtimemetrics.Sample{{Name: "/gc/gogc:percent"}}
	runtimemetrics.Read(setting)
	return int(setting[0].Value.Uint64())
}

func eventuallyCollected(t *testing.T, condition func() bool) {
	t.Helper()
	for range 1000 {
		runtime.GC()
		if condition() {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("the collector is not told")
}

// The stacks of thousands of goroutines do not make the heap grow beyond the floor.
func TestHeapFloorCountsStacks(t *testing.T) {
	usual := percentNow()
	defer debug.SetGCPercent(usual)
	defer keepHeapFloor(nil)()
	release := make(chan struct{})
	var deep sync.WaitGroup
	defer deep.Wait()
	defer close(release)
	ready := make(chan struct{})
	const goroutines = 1000
	for range goroutines {
		deep.Go(func() {
			var stack [32 << 10]byte
			stack[len(stack)-1] = 1
			ready <- struct{}{}
			<-release
			runtime.KeepAlive(&stack)
		})
	}
	for range goroutines {
		<-ready
	}
	goal := []runtimemetrics.Sample{{Name: "/gc/heap/goal:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/heap/live:bytes"}}
	eventuallyCollected(t, func() bool {
		runtimemetrics.Read(goal)
		stacks, live := goal[1].Value.Uint64(), goal[2].Value.Uint64()
		return stacks > 4<<20 && goal[0].Value.Uint64() < max(heapFloor, 2*live+stacks)*5/4
	})
}
