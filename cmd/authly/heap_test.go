package main

import (
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"testing"
)

func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 1500, 1 << 20: 1500, 4 << 20: 1500, 16 << 20: 300, 32 << 20: 100, 63 << 20: 100, 64 << 20: 100, 1 << 40: 100,
	} {
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes: %d %%, want %d", live, got, want)
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
	if got := percentNow(); got != percentFor(0) {
		t.Errorf("at the beginning: %d %%, want %d", got, percentFor(0))
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
