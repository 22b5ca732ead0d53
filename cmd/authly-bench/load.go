package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// load is what is sent to a server, again and again.
type load struct {
	requests [][]byte // as they stand on the wire, in turn
	status   int      // of every answer
	length   int      // of the body of every answer; 0: of any
	vary     int      // where each request has eight bytes that are others each time; 0: nowhere
}

// drive sends requests over some connections for a time: on each one, the next as soon as the last is answered. Connections
// stay open from one call to the next.
type drive struct {
	load
	wires []*wire
	turn  atomic.Uint64
}

func newDrive(address string, connections int, l load) *drive {
	d := &drive{load: l}
	for range connections {
		d.wires = append(d.wires, newWire(address))
	}
	return d
}

func (d *drive) close() {
	for _, w := range d.wires {
		w.close()
	}
}

// run returns how many requests were answered.
func (d *drive) run(ctx context.Context, length time.Duration) (requests int, err error) {
	var over atomic.Bool
	defer time.AfterFunc(length, func() { over.Store(true) }).Stop()
	defer context.AfterFunc(ctx, func() { over.Store(true) })()
	var work sync.WaitGroup
	counts, errs := make([]int, len(d.wires)), make([]error, len(d.wires))
	for i, w := range d.wires {
		work.Go(func() {
			for !over.Load() && errs[i] == nil {
				errs[i] = d.once(w)
				counts[i]++
			}
		})
	}
	work.Wait()
	for i := range d.wires {
		requests += counts[i]
		if err == nil {
			err = errs[i]
		}
	}
	if ctx.Err() != nil {
		return requests, ctx.Err()
	}
	return requests, err
}

// once sends the next request.
func (d *drive) once(w *wire) error {
	n := d.turn.Add(1)
	request := d.requests[n%uint64(len(d.requests))]
	if d.vary > 0 {
		request = d.another(w, request, n)
	}
	got, err := w.do(request)
	return errors.Join(err, d.check(w, got))
}

// check sees that an answer is the right one: what does not do its work may be as quick as it likes.
func (d *drive) check(w *wire, got heard) error {
	switch {
	case got.status == 0: // there is none
	case got.status != d.status:
		return fmt.Errorf("%s: status %d, want %d", w.address, got.status, d.status)
	case d.length > 0 && got.length != d.length:
		return fmt.Errorf("%s: %d bytes, want %d", w.address, got.length, d.length)
	}
	return nil
}

// another writes a number in the letters of base64url into a copy of the request.
func (d *drive) another(w *wire, request []byte, n uint64) []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	w.copied = append(w.copied[:0], request...)
	for i := range 8 {
		w.copied[d.vary+i] = letters[n>>(6*i)&63]
	}
	return w.copied
}
