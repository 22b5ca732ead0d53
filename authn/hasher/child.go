package hasher

import (
	"encoding/gob"
	"io"
	"os"
	"sync"
	"time"

	"github.com/descoped/authly/authn"
)

// child is the process that hashes, as seen from the one that has it hash.
type child struct {
	process *os.Process
	in      io.Closer
	woken   chan struct{} // holds one element when there is new work
	over    chan struct{} // closed when it has ended

	mu    sync.Mutex
	to    *gob.Encoder
	deaf  bool // it takes no more questions
	last  uint64
	asked map[uint64]chan answer // nil: it answers no more
}

// ask has work done. errEnded: it was not done, as far as is known.
func (c *child) ask(w authn.PasswordWork) (authn.PasswordResult, error) {
	heard := make(chan answer, 1)
	if !c.send(w, heard) {
		return authn.PasswordResult{}, errEnded
	}
	got, ok := c.await(heard)
	switch {
	case !ok:
		return authn.PasswordResult{}, errEnded
	case got.Failed:
		return authn.PasswordResult{}, errWork
	}
	return got.Result, nil
}

// await waits for an answer. Whoever has stopped the process and forgotten it must not keep everybody from logging in: it is told
// to go on from time to time. One that is stopped for what it uses is so for moments.
func (c *child) await(heard chan answer) (got answer, ok bool) {
	late := time.NewTicker(time.Second)
	defer late.Stop()
	for {
		select {
		case got, ok = <-heard:
			return got, ok
		case <-late.C:
			c.proceed()
		}
	}
}

func (c *child) send(w authn.PasswordWork, heard chan answer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		return false
	}
	c.last++
	c.asked[c.last] = heard
	if c.to.Encode(question{c.last, w}) != nil {
		c.deaf = true
		delete(c.asked, c.last)
		return false
	}
	select {
	case c.woken <- struct{}{}:
	default:
	}
	return true
}

// idle reports whether there is no work.
func (c *child) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.asked) == 0
}

// listen hands out the answers until there are no more.
func (c *child) listen(from *gob.Decoder) {
	for {
		var got answer
		err := from.Decode(&got)
		c.mu.Lock()
		if err != nil {
			for _, heard := range c.asked {
				close(heard)
			}
			c.asked = nil
			c.mu.Unlock()
			return
		}
		if heard := c.asked[got.ID]; heard != nil {
			heard <- got
			delete(c.asked, got.ID)
		}
		c.mu.Unlock()
	}
}

// end ends it and waits for that.
func (c *child) end() {
	_ = c.in.Close()     // it may have ended before
	_ = c.process.Kill() // it may be stopped, and what it does is for nobody
	<-c.over
}

func (c *child) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf || c.asked == nil
}
