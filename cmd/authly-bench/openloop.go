package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// schedule sends requests at fixed times, whatever becomes of the ones before, over as many connections as there are. The time
// of an answer counts from when its request should have been sent: one that had to wait for a connection has taken that long,
// as it has for whoever wanted it (what is left out by counting from the sending is known as coordinated omission).
func (d *drive) schedule(ctx context.Context, rate int, length time.Duration) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	total := int(length.Seconds() * float64(rate))
	due := make(chan time.Time, total) // never blocks
	latencies, errs := make([][]time.Duration, len(d.wires)), make([]error, len(d.wires))
	var work sync.WaitGroup
	for i, w := range d.wires {
		work.Go(func() {
			for at := range due {
				if errs[i] = d.once(w); errs[i] != nil {
					cancel()
					return
				}
				latencies[i] = append(latencies[i], time.Since(at))
			}
		})
	}
	start, every := time.Now().Add(time.Millisecond), time.Second/time.Duration(rate)
	for n := range total {
		at := start.Add(time.Duration(n) * every)
		sleepUntil(at)
		if ctx.Err() != nil {
			break
		}
		due <- at
	}
	close(due)
	work.Wait()
	var all []time.Duration
	for i := range d.wires {
		if errs[i] != nil {
			return nil, errs[i]
		}
		all = append(all, latencies[i]...)
	}
	slices.Sort(all)
	return all, ctx.Err()
}
