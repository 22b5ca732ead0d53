package proxy

import (
	"slices"
	"time"
)

// take returns an idle connection that is as it was left, or nil.
func (d *direct) take() *link {
	for {
		d.mu.Lock()
		last := len(d.idle) - 1
		if last < 0 {
			d.mu.Unlock()
			return nil
		}
		l := d.idle[last]
		d.idle[last] = nil
		d.idle = d.idle[:last]
		d.mu.Unlock()
		if l.isQuiet() { // how long it was idle is the sweep's business
			return l
		}
		_ = l.conn.Close()
	}
}

// give takes a connection back that nobody uses any more.
func (d *direct) give(l *link) {
	l.since = time.Now()
	d.mu.Lock()
	if d.closed || len(d.idle) >= d.limits.links {
		d.mu.Unlock()
		_ = l.conn.Close()
		return
	}
	d.idle = append(d.idle, l)
	if !d.swept {
		d.swept = true
		d.sweepAfter(d.limits.idle)
	}
	d.mu.Unlock()
}

// sweepAfter has the connections closed that will have been idle for too long. The lock is held.
func (d *direct) sweepAfter(wait time.Duration) {
	if d.sweep == nil {
		d.sweep = time.AfterFunc(wait, d.closeExpired)
		return
	}
	d.sweep.Reset(wait)
}

func (d *direct) closeExpired() {
	now := time.Now()
	d.mu.Lock()
	expired := 0 // those that have been idle for longest come first
	for expired < len(d.idle) && now.Sub(d.idle[expired].since) >= d.limits.idle {
		expired++
	}
	old := slices.Clone(d.idle[:expired])
	d.idle = slices.Delete(d.idle, 0, expired)
	if d.swept = len(d.idle) > 0; d.swept {
		d.sweepAfter(d.limits.idle - now.Sub(d.idle[0].since))
	}
	d.mu.Unlock()
	for _, l := range old {
		_ = l.conn.Close()
	}
}

// close closes what is idle now, and each of the others when it is no longer used.
func (d *direct) close() {
	d.mu.Lock()
	idle := d.idle
	d.idle, d.closed = nil, true
	if d.sweep != nil {
		d.sweep.Stop()
	}
	d.mu.Unlock()
	for _, l := range idle {
		_ = l.conn.Close()
	}
}
