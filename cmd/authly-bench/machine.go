package main

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// machine says where and when something was measured.
type machine struct {
	Date      time.Time `json:"date"`
	Processor string    `json:"processor"`
	Cores     int       `json:"cores"`
	MemoryMiB int64     `json:"memory_mib"`
	Kernel    string    `json:"kernel"`
	Go        string    `json:"go"`
	Busy      string    `json:"load_average"` // before it began, over a minute: above nought others were at work
	Seconds   float64   `json:"seconds"`      // that it took
}

func newMachine() machine {
	return machine{
		Date: time.Now().UTC().Truncate(time.Second), Processor: processor(), Cores: runtime.NumCPU(),
		MemoryMiB: memory() >> 20, Kernel: kernel(), Go: runtime.Version(), Busy: busy(),
	}
}

func (m machine) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d cores of %s, %d MiB, %s, %s, load average %s before, took %.0f s\n",
		m.Date.Format(time.DateTime+" MST"), m.Cores, m.Processor, m.MemoryMiB, m.Kernel, m.Go, m.Busy, m.Seconds)
}
